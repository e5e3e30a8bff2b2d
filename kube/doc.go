// Package kube connects to a Kubernetes API server and lists what is there, in
// pages of protobuf that are handed on item by item, so that memory does not
// grow with the cluster.
//
// It knows where credentials come from, what is worth trying again and when a
// list has to be taken up anew. It does not decode objects, judge them or
// decide what is read. It changes nothing on the server but by Create, Patch
// and Delete, which only inspections call. What may be read is asked in package
// permission, what was read is written down by package audit.
//
//	client, err := kube.Connect(options)
//	for page, err := range client.Pages(ctx, kube.Pods, kube.ListOptions{}) {
//		if err != nil {
//			return err // says what was listed and why it failed
//		}
//		for raw := range page.Items() {
//			err := pod.Unmarshal(raw)
//		}
//	}
package kube

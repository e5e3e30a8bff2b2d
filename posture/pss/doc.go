// Package pss judges pods by the Pod Security Standards, with the rules of
// k8s.io/pod-security-admission itself, every version of them: what it says is
// what the admission plugin of an API server says.
//
// The library's verdict is about a whole pod and names no fields. This package
// finds the containers and the fields behind it, reads the labels with which
// namespaces choose a level, and counts how far a namespace could be raised.
//
// It has no rules of its own, reads nothing from a cluster, and knows nothing
// of the exemptions and defaults in an API server's own configuration, which
// nobody can read from outside.
//
//	evaluator, err := pss.New()
//	version, err := pss.Version("v1.36.2") // of the server
//	for _, v := range evaluator.Evaluate(api.LevelRestricted, version, &pod.ObjectMeta, &pod.Spec) {
//		fmt.Println(v.Check, v.Container, v.Fields, v.Detail)
//	}
package pss

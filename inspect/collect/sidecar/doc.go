// Package sidecar looks into a running container from a sidecar container with
// our collector, which stands in the workload for good. It never puts one into
// a running pod: Inject changes a workload's YAML, and somebody applies that.
//
//	changed, err := sidecar.Inject(manifest, "app", sidecar.InjectOptions{Image: image})
//
//	c := sidecar.New(client, target, sidecar.Options{})
//	usage, err := c.Collect(ctx, plan, builder)
package sidecar

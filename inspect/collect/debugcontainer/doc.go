// Package debugcontainer looks into a running container from an ephemeral
// container beside it, which holds our collector and nothing else. It works
// where the target has no shell and no programs of any kind.
//
// The ephemeral container runs as the user and group that the kubelet reports
// for the target, with its capabilities, because the kernel shows it the
// target's files only then. Its entry stays in the pod's spec until the pod is
// replaced: nobody can remove it. So it is added only when that was confirmed,
// and only after the API server has said in a dry run that it would take it.
//
//	c := debugcontainer.New(client, target, debugcontainer.Options{Image: image, Confirmed: true})
//	defer c.Close(ctx)
//	usage, err := c.Collect(ctx, plan, builder)
package debugcontainer

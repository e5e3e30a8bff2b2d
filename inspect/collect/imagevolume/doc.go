// Package imagevolume reads the files of a container's image without touching
// the container: a pod of ours on the same node mounts the image read-only, and
// our collector in it reads them. What the container has changed since it
// started, its processes, mounts and sockets can't be seen this way.
//
// The pod keeps Pod Security's level restricted. It runs as an ordinary user,
// so files that only root may read are denied. It is deleted in every ending,
// and ends by itself if we don't live to see it.
//
//	c := imagevolume.New(client, target, imagevolume.Options{Namespace: "assay-system", Image: image})
//	defer c.Close(ctx)
//	usage, err := c.Collect(ctx, plan, builder)
package imagevolume

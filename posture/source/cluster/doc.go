// Package cluster is the source that reads a live cluster: pods, and the
// objects that hold pod templates, listed in pages of protobuf, several kinds at
// once, and put together namespace by namespace.
//
// Every list comes in the order of namespaces, so the kinds are merged like
// sorted files: when the next object of every kind is of a later namespace,
// a namespace is complete. Memory holds two or three pages of each kind,
// whatever the size of the cluster.
//
// What may not be read is said in coverage, and the rest goes on. The package
// never writes to the cluster and never reads Secrets or ConfigMaps.
//
//	src, err := cluster.New(client, cluster.Options{})
//	for item, err := range src.Items(ctx) {
//		...
//	}
package cluster

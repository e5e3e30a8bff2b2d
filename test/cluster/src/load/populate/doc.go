// Package populate fills an empty cluster with the objects of a busy one:
// Deployments with their ReplicaSets, StatefulSets, DaemonSets, CronJobs, Jobs,
// bare pods and what belongs to them, with the owners, statuses, annotations
// and managed fields that a real cluster's objects have. It writes them
// straight to etcd, in the form in which the API server stores them.
//
// The same seed gives the same objects. Nothing runs: it is for measuring
// readers, in a cluster whose controllers are not started ("up --bench").
//
//	report, err := populate.Run(ctx, etcdClient, populate.Options{Pods: 10000, Seed: 1})
package populate

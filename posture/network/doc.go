// Package network answers who can reach whom as far as declarations say so:
// which policies isolate a pod, which policies and Services select nothing,
// what an Ingress, Service or Gateway opens.
//
//	c := network.NewCluster()
//	c.Add(object)                    // ClusterNetworkPolicy and the like, untyped
//	s := c.Space("shop", labels)     // one namespace
//	s.AddPolicy(&policy)             // networking.k8s.io/v1
//	s.Isolation(network.Pod{Labels: labels}, network.Ingress)
//	s.See(pod)                       // of every pod there is, for Selected
//
// Selectors are evaluated as the API server does. It answers for the default:
// what happens to traffic that no rule singles out. It does not compute paths
// between two pods, and it can't know whether the cluster's network plugin
// enforces policies at all. What it can't understand (policies of other API
// groups, fields that it does not know) makes an answer Unknown, never Open.
//
// It reads nothing itself and asks no server.
package network

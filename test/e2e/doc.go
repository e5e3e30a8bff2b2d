// Package e2e holds the end-to-end tests: the program assay, as it is built,
// against a real Kubernetes with a real node (test/cluster). They prove what
// only the whole can show: verdicts that rest on what a kubelet reports, roles
// that are sufficient and no more, connections that break, a scan inside a pod.
//
// What a package can show by itself is tested there. Nothing here is a fake
// but the faults: a proxy that resets or holds what goes through it.
//
// The tests take the cluster from TEST_CLUSTER_KUBECONFIG, and skip where that
// is not set. With a cluster of their own, or with one that is up:
//
//	make test-e2e
//	test/cluster/run go test -count=1 ./test/e2e
//
// Every test works in namespaces of its own, which are gone at the end.
package e2e

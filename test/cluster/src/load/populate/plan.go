package populate

import "fmt"

// Options says how big the cluster is.
type Options struct {
	Pods       int
	Nodes      int    // 0: one for 100 pods
	Namespaces int    // 0: one for 200 pods
	Seed       uint64 // the same seed gives the same cluster
	Writers    int    // how many write at the same time; 0: 8
}

func (o *Options) setDefaults() {
	if o.Nodes == 0 {
		o.Nodes = max(1, o.Pods/100)
	}
	if o.Namespaces == 0 {
		o.Namespaces = max(1, o.Pods/200)
	}
	if o.Writers == 0 {
		o.Writers = 8
	}
}

// problem is what a scanner should find in a workload.
type problem string

const (
	noProblem problem = "none"
	latestTag problem = "latest-tag"   // the first container's image is ":latest"
	rootUser  problem = "root"         // the first container runs as root, and its status says so
	mayBeRoot problem = "root-unknown" // nobody says which user the first container runs as
)

var problems = []problem{latestTag, rootUser, mayBeRoot}

// workload is a thing to make: a top owner, and so many pods of it.
type workload struct {
	index     int
	kind      string
	namespace string
	name      string
	pods      int
	firstPod  int // the number of its first pod: gives nodes and addresses
	problem   problem
}

// daemonSets is how many pods each node has that are not an application's.
const daemonSets = 8

// kinds and how often, in percent, a workload is of them. DaemonSets come apart.
var kinds = []struct {
	kind    string
	percent int
	pods    []int // how many pods: one of these
}{
	{"Deployment", 64, []int{1, 1, 2, 2, 2, 3, 3, 4, 6, 10}},
	{"StatefulSet", 10, []int{1, 3, 3, 5}},
	{"CronJob", 12, []int{3}},
	{"Job", 3, []int{1, 1, 3}},
	{"Pod", 7, []int{1}},
	{"ReplicationController", 2, []int{1, 2}},
	{"PodTemplate", 2, []int{0}},
}

var (
	products = []string{"billing", "cart", "catalog", "checkout", "identity", "invoice", "ledger", "mail", "orders", "payments", "pricing", "profile", "reports", "search", "shipping", "stock"}
	roles    = []string{"api", "backend", "cache", "consumer", "frontend", "gateway", "scheduler", "sync", "web", "worker"}
)

// newPlan lists the workloads of a cluster: their pods are exactly o.Pods.
func newPlan(o Options) []workload {
	rng := newRand(o.Seed, 1)
	var plan []workload
	left := o.Pods
	add := func(kind, namespace string, pods int) {
		w := workload{index: len(plan), kind: kind, namespace: namespace, pods: min(pods, left), firstPod: o.Pods - left, problem: noProblem}
		w.name = fmt.Sprintf("%s-%s-%d", products[rng.IntN(len(products))], roles[rng.IntN(len(roles))], w.index)
		if rng.IntN(10) == 0 && kind != "PodTemplate" {
			w.problem = problems[rng.IntN(len(problems))]
		}
		left -= w.pods
		plan = append(plan, w)
	}
	for range daemonSets {
		if left >= 2*o.Nodes {
			add("DaemonSet", namespaceName(0), o.Nodes)
		}
	}
	for left > 0 {
		dice := rng.IntN(100)
		for _, k := range kinds {
			if dice -= k.percent; dice < 0 {
				add(k.kind, namespaceName(rng.IntN(o.Namespaces)), k.pods[rng.IntN(len(k.pods))])
				break
			}
		}
	}
	return plan
}

func namespaceName(i int) string { return fmt.Sprintf("load-%04d", i) }

// NodeName is the name of a fake node.
func NodeName(i int) string { return fmt.Sprintf("fake-%05d", i) }

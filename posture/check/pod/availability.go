package pod

import (
	"strconv"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/index"
)

// barePod fails where nothing makes a new pod when this one is gone.
//
// Fields: metadata.ownerReferences, metadata.annotations.
func barePod() *check.Check {
	return &check.Check{
		Rule: finding.Rule{
			ID: "bare-pod", Title: "Pod that nothing looks after", Severity: finding.Info,
			Description: "Nothing controls the pod: no Deployment, Job or the like. When its node fails, is drained, or runs short of memory, it is gone for good. " +
				"Nor does anything roll out a new image for it: such pods are easily forgotten, and then run old software for a long time.",
			Check: "A pod without an owner reference that controls it fails. Pods that a kubelet runs from a file of its node do not count, nor do PodTemplates, which make no pods by themselves.",
			Fix: "Let a Deployment, a StatefulSet, a DaemonSet or a Job make the pod:\n\n" +
				"    apiVersion: apps/v1\n    kind: Deployment\n    metadata:\n      name: cart\n    spec:\n      replicas: 2\n      selector:\n        matchLabels:\n          app: cart\n      template:\n        metadata:\n          labels:\n            app: cart\n        spec:\n          containers:\n          - name: app\n            image: registry.example/shop/cart:1.4.2\n",
			References: references("bare-pod", "concepts/workloads/pods/#working-with-pods"),
		},
		Fields:   []string{"metadata.ownerReferences", "metadata.annotations['kubernetes.io/config.mirror']"},
		JudgePod: judgeBarePod,
	}
}

func judgeBarePod(v check.View) check.Verdict {
	if _, mirror := v.Meta.Annotations[corev1.MirrorPodAnnotationKey]; mirror {
		return notApplicable(finding.Info, "The kubelet runs the pod from a file of its node, and looks after it.")
	}
	if v.Status == nil && v.Owner == "PodTemplate" {
		return notApplicable(finding.Info, "A PodTemplate makes no pods by itself.")
	}
	out := declared(v.Owner == "", finding.Info)
	if v.Brief {
		return out
	}
	out.Message = "Nothing makes a new pod when this one is gone, and nothing rolls out a new image for it."
	basis := finding.Basis{Evidence: finding.Declared, Field: "metadata.ownerReferences", Value: check.Unset}
	if v.Owner != "" {
		out.Message = "A " + v.Owner + " looks after the pod."
		basis.Field, basis.Value = "kind", v.Owner
		for i := range v.Meta.OwnerReferences {
			if v.Status != nil && v.Meta.OwnerReferences[i].Kind == v.Owner {
				basis.Field = "metadata.ownerReferences[" + strconv.Itoa(i) + "].kind"
			}
		}
	}
	out.Basis = []finding.Basis{basis}
	return out
}

// noTopologySpread fails where the copies of a pod may all stand on one node.
//
// Fields: spec.topologySpreadConstraints, spec.affinity.podAntiAffinity, and replicas.
func noTopologySpread() *check.Check {
	return &check.Check{
		Rule: finding.Rule{
			ID: "no-topology-spread", Title: "Copies of a pod may all stand on one node", Severity: finding.Info,
			Description: "Several copies of the pod are asked for, but nothing makes the scheduler keep them apart. It tries by itself, but they may well end up on one node, " +
				"and go down together with it.",
			Check: "Where more than one replica is asked for, topologySpreadConstraints or podAntiAffinity has to have an entry, whatever it says. DaemonSets and Jobs, and single pods, are not looked at.",
			Fix: "Spread the copies over nodes:\n\n" +
				"    spec:\n      topologySpreadConstraints:\n      - maxSkew: 1\n        topologyKey: kubernetes.io/hostname\n        whenUnsatisfiable: ScheduleAnyway\n        labelSelector:\n          matchLabels:\n            app: cart\n",
			References: references("no-topology-spread", "concepts/scheduling-eviction/topology-spread-constraints/"),
		},
		Fields:   []string{"spec.topologySpreadConstraints", "spec.affinity.podAntiAffinity", "spec.replicas"},
		JudgePod: judgeSpread,
	}
}

// replicated are the kinds of what keeps copies of a pod.
func replicated(owner string) bool {
	switch owner {
	case "Deployment", "ReplicaSet", "StatefulSet", "ReplicationController":
		return true
	}
	return false
}

func judgeSpread(v check.View) check.Verdict {
	if v.Replicas < 2 || !replicated(v.Owner) {
		return notApplicable(finding.Info, "No second copy is asked for here.")
	}
	constraints := len(v.Spec.TopologySpreadConstraints) > 0
	field, key := antiAffinity(v.Spec)
	out := declared(!constraints && field == "", finding.Info)
	if v.Brief {
		return out
	}
	switch {
	case constraints:
		out.Message = "Constraints spread the copies."
		out.Basis = []finding.Basis{v.InPod("topologySpreadConstraints[0].topologyKey", check.OrUnset(v.Spec.TopologySpreadConstraints[0].TopologyKey))}
	case field != "":
		out.Message = "Anti-affinity keeps copies apart."
		out.Basis = []finding.Basis{v.InPod(field, check.OrUnset(key))}
	default:
		out.Message = strconv.Itoa(int(v.Replicas)) + " copies are asked for, and nothing keeps them off one and the same node."
		out.Basis = []finding.Basis{v.InPod("topologySpreadConstraints", check.Unset), v.InPod(noAffinity(v.Spec), check.Unset)}
	}
	return out
}

// antiAffinity is the first entry of the pod's anti-affinity: the path of its
// topology key, empty where there is none, and the key.
func antiAffinity(spec *corev1.PodSpec) (field, key string) {
	if spec.Affinity == nil || spec.Affinity.PodAntiAffinity == nil {
		return "", ""
	}
	a := spec.Affinity.PodAntiAffinity
	if r := a.RequiredDuringSchedulingIgnoredDuringExecution; len(r) > 0 {
		return "affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey", r[0].TopologyKey
	}
	if p := a.PreferredDuringSchedulingIgnoredDuringExecution; len(p) > 0 {
		return "affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].podAffinityTerm.topologyKey", p[0].PodAffinityTerm.TopologyKey
	}
	return "", ""
}

// noAffinity is the path of what is missing, where antiAffinity finds nothing.
func noAffinity(spec *corev1.PodSpec) string {
	if spec.Affinity != nil && spec.Affinity.PodAntiAffinity != nil {
		return "affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution"
	}
	return "affinity.podAntiAffinity"
}

var budgetKind = schema.GroupKind{Group: "policy", Kind: "PodDisruptionBudget"}

// noDisruptionBudget fails where nothing keeps all copies of a pod from being
// evicted at once.
//
// Fields: the pods' labels and number, and spec.selector of PodDisruptionBudgets.
func noDisruptionBudget() *check.Check {
	return &check.Check{
		Rule: finding.Rule{
			ID: "no-disruption-budget", Title: "No disruption budget for copies of a pod", Severity: finding.Info,
			Description: "Several copies of the pod run, but no PodDisruptionBudget covers them. When nodes are drained, for an upgrade or to save cost, all copies may be evicted at once.",
			Check: "Where more than one replica is asked for (DaemonSets and Jobs aside), the selector of some PodDisruptionBudget of the namespace has to match the pod's labels. Selectors are evaluated as the API server does. " +
				"In files, a missing one may be in the cluster: then nothing is said.",
			Fix: "Say how many copies have to stay:\n\n" +
				"    apiVersion: policy/v1\n    kind: PodDisruptionBudget\n    metadata:\n      name: cart\n    spec:\n      maxUnavailable: 1\n      selector:\n        matchLabels:\n          app: cart\n",
			References: references("no-disruption-budget", "tasks/run-application/configure-pdb/"),
		},
		Fields: []string{"metadata.labels", "spec.replicas", "spec.selector"},
		Kinds:  []schema.GroupKind{budgetKind},
		Join:   joinBudget,
	}
}

type budgetsKey struct{}

// budgets files each selector under one of the labels that it wants, so that a
// pod is compared with few of them.
type budgets struct {
	byLabel map[[2]string][]budget
	rest    []budget
	broken  string // the name of one whose selector can't be read
}

type budget struct {
	name     string
	selector labels.Selector
}

func joinBudget(j *check.Joint) check.Verdict {
	const severity = finding.Info
	if j.Replicas < 2 || !replicated(j.Owner) {
		return notApplicable(severity, "There is no second copy.")
	}
	all := index.MemoOf(j.Namespace, budgetsKey{}, func() *budgets { return budgetsOf(j.Namespace) })
	out := declared(false, severity)
	if name := all.find(j.Labels); name != "" {
		out.Message = "The PodDisruptionBudget " + name + " covers the copies."
		out.Basis = []finding.Basis{{Evidence: finding.Declared, Field: "spec.selector", Value: "matches", Object: "PodDisruptionBudget/" + name}}
		return out
	}
	out.Basis = []finding.Basis{{Evidence: finding.Declared, Field: "spec.replicas", Value: strconv.Itoa(int(j.Replicas))}}
	switch {
	case all.broken != "":
		out.Status, out.Message = finding.Error, "The selector of PodDisruptionBudget "+all.broken+" can't be read, so nobody can say whether it covers the copies."
	case !j.Live:
		out.Status, out.Message = finding.NotReviewed, "No PodDisruptionBudget in the files covers the copies. The cluster that they are made for may have one."
	default:
		out.Status, out.Message = finding.Fail, "No PodDisruptionBudget covers the "+strconv.Itoa(int(j.Replicas))+" copies: when nodes are drained, all of them may go at once."
	}
	return out
}

func budgetsOf(n *index.Namespace) *budgets {
	all := &budgets{byLabel: map[[2]string][]budget{}}
	for _, o := range n.Objects(budgetKind) {
		pdb, ok := o.Object.(*policyv1.PodDisruptionBudget)
		if !ok || pdb.Spec.Selector == nil { // without a selector it covers nothing
			continue
		}
		s, err := metav1.LabelSelectorAsSelector(pdb.Spec.Selector)
		if err != nil {
			all.broken = pdb.Name
			continue
		}
		b := budget{pdb.Name, s}
		var best *[2]string
		for k, v := range pdb.Spec.Selector.MatchLabels {
			at := [2]string{k, v}
			if best == nil || len(all.byLabel[at]) < len(all.byLabel[*best]) {
				best = &at
			}
		}
		if best == nil {
			all.rest = append(all.rest, b)
		} else {
			all.byLabel[*best] = append(all.byLabel[*best], b)
		}
	}
	return all
}

// find names the first budget, by name, that covers pods with these labels.
func (all *budgets) find(set map[string]string) (found string) {
	try := func(some []budget) {
		for _, b := range some {
			if (found == "" || b.name < found) && b.selector.Matches(labels.Set(set)) {
				found = b.name
			}
		}
	}
	try(all.rest)
	for k, v := range set {
		try(all.byLabel[[2]string{k, v}])
	}
	return found
}

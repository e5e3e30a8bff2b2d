package gate

import (
	"maps"

	"github.com/kubeassay/assay/finding"
)

// Tally counts inspections as they come about, for the summary of a report and
// its exit code. The zero value is ready. It is not safe for use by several
// goroutines.
type Tally struct {
	summary                                 finding.Summary
	namespaces, workloads, pods, containers map[any]bool
	blind                                   bool
}

// Add counts one inspection, after its findings went through [Waivers.Apply].
func (t *Tally) Add(i *finding.Inspection) {
	if t.summary.Findings == nil {
		t.summary.Findings, t.summary.Checks, t.summary.Statuses = map[finding.Severity]int{}, map[string]int{}, map[finding.Status]int{}
		t.namespaces, t.workloads, t.pods, t.containers = map[any]bool{}, map[any]bool{}, map[any]bool{}, map[any]bool{}
	}
	type pod struct{ cluster, namespace, name, uid string }
	p := pod{i.Target.Cluster, i.Target.Namespace, i.Target.Pod, i.Target.UID}
	t.namespaces[[2]string{p.cluster, p.namespace}] = true
	t.pods[p] = true
	t.containers[struct {
		pod
		name string
	}{p, i.Target.Container}] = true
	if i.Workload != (finding.Workload{}) {
		t.workloads[i.Workload] = true
	}
	if i.Error != "" || len(i.Findings) == 0 {
		t.blind = true
	}
	for n := range i.Findings {
		t.add(&i.Findings[n])
	}
}

func (t *Tally) add(f *finding.Finding) {
	if f.Waiver != nil {
		t.summary.Waived++
		return
	}
	t.summary.Statuses[f.Status]++
	if f.Status != finding.Fail {
		return
	}
	t.summary.Findings[f.Severity]++
	t.summary.Checks[ruleOf(f)]++
}

// Summary returns what was counted. It is complete unless a container could
// not be inspected; what else was missing is for the caller to say.
func (t *Tally) Summary() finding.Summary {
	s := t.summary
	s.Findings, s.Checks, s.Statuses = maps.Clone(s.Findings), maps.Clone(s.Checks), maps.Clone(s.Statuses)
	if s.Findings == nil {
		s.Findings = map[finding.Severity]int{}
	}
	s.Namespaces, s.Workloads, s.Pods, s.Containers = len(t.namespaces), len(t.workloads), len(t.pods), len(t.containers)
	s.Complete = !t.blind
	return s
}

package assay

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/inspect/snapshot"
	"github.com/kubeassay/assay/posture/source"
	"github.com/kubeassay/assay/workload"
)

var seen = snapshot.Fact{State: snapshot.Present}

// process is one whose real, effective and saved user are these.
func process(pid int, uids ...uint32) snapshot.Process {
	p := snapshot.Process{PID: pid, Name: "app", Status: seen}
	copy(p.UID[:], uids)
	p.UID[3] = uids[1]
	return p
}

func evidence(fact snapshot.Fact, all ...snapshot.Process) *snapshot.Snapshot {
	b := snapshot.NewBuilder(snapshot.Limits{})
	b.SetTarget(snapshot.Target{Namespace: "shop", Pod: "cart-1", Container: "app", ImageID: "sha256:1"})
	b.SetProcesses(all, fact)
	return b.Snapshot()
}

func TestProcessOf(t *testing.T) {
	own := process(9, 0, 0, 0)
	own.Own = true
	hidden := process(2, 1000, 1000, 1000)
	hidden.Status = snapshot.Fact{State: snapshot.Denied, Detail: "permission denied"}
	cut := snapshot.Fact{State: snapshot.Truncated, Detail: "the time was over"}
	for name, tt := range map[string]struct {
		snap *snapshot.Snapshot
		pid  int
		uid  uint32
		all  int
		err  string
	}{
		"one":                                 {evidence(seen, process(1, 1000, 1000, 1000)), 1, 1000, 1, ""},
		"the first, in whatever order":        {evidence(seen, process(7, 8, 8, 8), process(1, 1000, 1000, 1000)), 1, 1000, 2, ""},
		"a later one that is root":            {evidence(seen, process(1, 1000, 1000, 1000), process(7, 0, 0, 0)), 7, 0, 2, ""},
		"one that can become root again":      {evidence(seen, process(1, 1000, 1000, 0)), 1, 0, 1, ""},
		"one that is root in effect":          {evidence(seen, process(1, 1000, 0, 1000)), 1, 0, 1, ""},
		"our own does not count":              {evidence(seen, process(1, 1000, 1000, 1000), own), 1, 1000, 1, ""},
		"only our own":                        {evidence(seen, own), 0, 0, 0, "no process of the container was seen"},
		"none was collected":                  {evidence(snapshot.Fact{State: snapshot.NotCollected, Detail: "only the image was seen"}), 0, 0, 0, "no process of the container was seen: not-collected, only the image was seen"},
		"root is enough, whatever is missing": {evidence(cut, process(1, 1000, 1000, 1000), hidden, process(3, 0, 0, 0)), 3, 0, 3, ""},
		"one that can't be seen":              {evidence(seen, process(1, 1000, 1000, 1000), hidden), 0, 0, 0, "not all of the container's processes could be seen"},
		"a list that is not whole":            {evidence(cut, process(1, 1000, 1000, 1000)), 0, 0, 0, "not all of the container's processes could be seen: truncated, the time was over"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := processOf(tt.snap)
			switch {
			case tt.err != "":
				if err == nil || err.Error() != tt.err {
					t.Errorf("%+v, %v; want %q", got, err, tt.err)
				}
			case err != nil:
				t.Error(err)
			case got.Process.PID != tt.pid || got.Process.UID != tt.uid || got.Processes != tt.all || got.Pod != "cart-1":
				t.Errorf("%+v", got)
			}
		})
	}
}

// podOf is a pod as Observe gets it.
func podOf(uid types.UID, change func(*corev1.Pod)) *corev1.Pod {
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: string(uid), UID: uid}}
	p.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "app", ImageID: "sha256:1", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}}
	if change != nil {
		change(p)
	}
	return p
}

// ask is what a scan asks about a pod.
func (s *Observations) ask(p *corev1.Pod) *workload.Observed {
	c := &workload.Container{Type: finding.Container}
	c.Name = "app"
	return s.Of(&source.Object{Meta: &p.ObjectMeta, Status: &p.Status}, c)
}

func owned(kind string, uid types.UID, revision string) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		yes := true
		p.OwnerReferences = []metav1.OwnerReference{{Kind: kind, Name: "x", UID: uid, Controller: &yes}}
		if revision != "" {
			p.Labels = map[string]string{"controller-revision-hash": revision}
		}
	}
}

// TestObservationsOf: what was seen of one pod holds for it, and for those that
// one owner has made of the same template and image; for no others.
func TestObservationsOf(t *testing.T) {
	for name, tt := range map[string]struct {
		seen, asked *corev1.Pod
		want        bool
	}{
		"the same pod":                   {podOf("a", nil), podOf("a", nil), true},
		"another pod without owner":      {podOf("a", nil), podOf("b", nil), false},
		"of one ReplicaSet":              {podOf("a", owned("ReplicaSet", "rs", "")), podOf("b", owned("ReplicaSet", "rs", "")), true},
		"of two":                         {podOf("a", owned("ReplicaSet", "rs", "")), podOf("b", owned("ReplicaSet", "new", "")), false},
		"of one Job":                     {podOf("a", owned("Job", "j", "")), podOf("b", owned("Job", "j", "")), true},
		"of one revision":                {podOf("a", owned("DaemonSet", "ds", "1")), podOf("b", owned("DaemonSet", "ds", "1")), true},
		"of two revisions":               {podOf("a", owned("StatefulSet", "ss", "1")), podOf("b", owned("StatefulSet", "ss", "2")), false},
		"of a revision that is unknown":  {podOf("a", owned("StatefulSet", "ss", "")), podOf("b", owned("StatefulSet", "ss", "")), false},
		"of an owner of an unknown kind": {podOf("a", owned("Gang", "g", "1")), podOf("b", owned("Gang", "g", "1")), false},
		"another image":                  {podOf("a", nil), podOf("a", func(p *corev1.Pod) { p.Status.ContainerStatuses[0].ImageID = "sha256:2" }), false},
		"it does not run":                {podOf("a", nil), podOf("a", func(p *corev1.Pod) { p.Status.ContainerStatuses[0].State = corev1.ContainerState{} }), false},
		"nothing is reported":            {podOf("a", nil), podOf("a", func(p *corev1.Pod) { p.Status.ContainerStatuses = nil }), false},
	} {
		t.Run(name, func(t *testing.T) {
			s := &Observations{all: map[place]workload.Observed{}}
			if err := s.add(evidence(seen, process(1, 1000, 1000, 1000)), tt.seen); err != nil {
				t.Fatal(err)
			}
			if got := s.ask(tt.asked); got != nil != tt.want || got != nil && got.Process.UID != 1000 {
				t.Errorf("%+v", got)
			}
		})
	}
}

// TestObservationsRoot: where several replicas were looked into, one that is
// root speaks for those that were not, whichever came first.
func TestObservationsRoot(t *testing.T) {
	root, user := evidence(seen, process(1, 0, 0, 0)), evidence(seen, process(1, 1000, 1000, 1000))
	for name, order := range map[string][]*snapshot.Snapshot{"root first": {root, user}, "root last": {user, root}} {
		t.Run(name, func(t *testing.T) {
			s := &Observations{all: map[place]workload.Observed{}}
			for i, snap := range order {
				if err := s.add(snap, podOf(types.UID(rune('a'+i)), owned("ReplicaSet", "rs", ""))); err != nil {
					t.Fatal(err)
				}
			}
			if got := s.ask(podOf("third", owned("ReplicaSet", "rs", ""))); got == nil || got.Process.UID != 0 {
				t.Errorf("another replica: %+v", got)
			}
			for i, snap := range order {
				want := uint32(1000)
				if snap == root {
					want = 0
				}
				if got := s.ask(podOf(types.UID(rune('a'+i)), owned("ReplicaSet", "rs", ""))); got == nil || got.Process.UID != want {
					t.Errorf("replica %d itself: %+v, want uid %d", i, got, want)
				}
			}
		})
	}
}

// TestObservationsShared: where containers share their processes, nobody knows whose they are.
func TestObservationsShared(t *testing.T) {
	yes := true
	for name, change := range map[string]func(*corev1.Pod){
		"with each other": func(p *corev1.Pod) { p.Spec.ShareProcessNamespace = &yes },
		"with their node": func(p *corev1.Pod) { p.Spec.HostPID = true },
	} {
		s := &Observations{all: map[place]workload.Observed{}}
		if err := s.add(evidence(seen, process(1, 0, 0, 0)), podOf("a", change)); err == nil || !strings.Contains(err.Error(), "share") || len(s.all) != 0 {
			t.Errorf("%s: %v, %v", name, err, s.all)
		}
	}
}

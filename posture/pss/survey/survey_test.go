package survey_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/pod-security-admission/api"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/index"
	"github.com/kubeassay/assay/posture/pss"
	"github.com/kubeassay/assay/posture/pss/survey"
	"github.com/kubeassay/assay/posture/source"
)

// given is a source that has everything in memory.
type given []any

func (g given) Items(context.Context) iter.Seq2[source.Item, error] {
	return func(yield func(source.Item, error) bool) {
		for _, x := range g {
			var item source.Item
			switch x := x.(type) {
			case error:
				yield(item, x)
				return
			case *corev1.Namespace:
				item = source.Item{Unjudged: true, Other: &index.Object{Object: x}}
			case finding.Coverage:
				item.Coverage = &x
			case finding.Problem:
				item.Problem = &x
			case string:
				item.NamespaceDone = x
			default:
				o := object(x)
				item.Object = &o
			}
			if !yield(item, nil) {
				return
			}
		}
	}
}

func object(x any) source.Object {
	switch x := x.(type) {
	case *corev1.Pod:
		return source.FromPod(x)
	case *appsv1.Deployment:
		return source.FromDeployment(x)
	case *appsv1.ReplicaSet:
		return source.FromReplicaSet(x)
	case *batchv1.Job:
		return source.FromJob(x)
	case *batchv1.CronJob:
		return source.FromCronJob(x)
	}
	panic(fmt.Sprintf("%T", x))
}

// spec is of a pod that baseline lets in, and on the host's ports not even that.
func spec(hostPort int32) corev1.PodSpec {
	return corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Ports: []corev1.ContainerPort{{ContainerPort: 80, HostPort: hostPort}}}}}
}

func meta(namespace, name string, owner ...metav1.OwnerReference) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: namespace, Name: name, UID: types.UID(namespace + "/" + name), OwnerReferences: owner}
}

func ownedBy(kind, namespace, name string) metav1.OwnerReference {
	return metav1.OwnerReference{APIVersion: "x/v1", Kind: kind, Name: name, UID: types.UID(namespace + "/" + name), Controller: new(true)}
}

func newSurvey(t *testing.T, o survey.Options) *survey.Survey {
	t.Helper()
	e, err := pss.New()
	if err != nil {
		t.Fatal(err)
	}
	if o.Latest == (api.Version{}) {
		o.Latest = api.MajorMinorVersion(1, 36)
	}
	if o.Keep == 0 {
		o.Keep = 100
	}
	return survey.New(e, o)
}

func read(t *testing.T, o survey.Options, items ...any) *survey.Survey {
	t.Helper()
	s := newSurvey(t, o)
	if err := s.Read(t.Context(), given(items)); err != nil {
		t.Fatal(err)
	}
	return s
}

// blockers are a line each: "Kind name pods template".
func blockers(s *survey.Standing) (all []string) {
	for _, b := range s.Blockers {
		all = append(all, fmt.Sprintf("%s %s %d %v", b.Kind, b.Name, b.Pods, b.Template))
	}
	return all
}

func TestWhatStandsInTheWayIsWhatAPersonEdits(t *testing.T) {
	zero := int32(0)
	template := func(port int32) corev1.PodTemplateSpec { return corev1.PodTemplateSpec{Spec: spec(port)} }
	s := read(t, survey.Options{Labels: map[string]map[string]string{"shop": nil, "empty": nil}},
		&appsv1.Deployment{ObjectMeta: meta("shop", "web"), Spec: appsv1.DeploymentSpec{Template: template(80)}},
		&appsv1.ReplicaSet{ObjectMeta: meta("shop", "web-1", ownedBy("Deployment", "shop", "web")), Spec: appsv1.ReplicaSetSpec{Template: template(80)}},
		// An old one, whose template nobody uses any more.
		&appsv1.ReplicaSet{ObjectMeta: meta("shop", "web-0", ownedBy("Deployment", "shop", "web")), Spec: appsv1.ReplicaSetSpec{Template: template(81), Replicas: &zero}},
		&appsv1.ReplicaSet{ObjectMeta: meta("shop", "rollout-0", ownedBy("Rollout", "shop", "rollout")), Spec: appsv1.ReplicaSetSpec{Template: template(81), Replicas: &zero}},
		&appsv1.ReplicaSet{ObjectMeta: meta("shop", "rollout-1", ownedBy("Rollout", "shop", "rollout")), Spec: appsv1.ReplicaSetSpec{Template: template(81)}},
		&batchv1.CronJob{ObjectMeta: meta("shop", "tidy"), Spec: batchv1.CronJobSpec{JobTemplate: batchv1.JobTemplateSpec{Spec: batchv1.JobSpec{Template: template(0)}}}},
		&batchv1.Job{ObjectMeta: meta("shop", "tidy-1", ownedBy("CronJob", "shop", "tidy")), Spec: batchv1.JobSpec{Template: template(0)}},
		&corev1.Pod{ObjectMeta: meta("shop", "web-1-a", ownedBy("ReplicaSet", "shop", "web-1")), Spec: spec(80)},
		&corev1.Pod{ObjectMeta: meta("shop", "web-1-b", ownedBy("ReplicaSet", "shop", "web-1")), Spec: spec(80)},
		&corev1.Pod{ObjectMeta: meta("shop", "rollout-1-a", ownedBy("ReplicaSet", "shop", "rollout-1")), Spec: spec(80)},
		&corev1.Pod{ObjectMeta: meta("shop", "static", metav1.OwnerReference{APIVersion: "v1", Kind: "Node", Name: "n", Controller: new(true)}), Spec: spec(80)},
		"shop",
	)
	all := s.Namespaces()
	if len(all) != 2 || all[0].Name != "empty" || all[0].CouldEnforce != api.LevelRestricted {
		t.Fatalf("%+v", all)
	}
	n := all[1]
	if n.Pods != 4 || n.Templates != 3 || n.CouldEnforce != api.LevelPrivileged || !s.Complete() {
		t.Errorf("%+v", n)
	}
	want := []string{"Deployment web 2 true", "ReplicaSet rollout-1 1 true", "Pod static 1 false"}
	if got := blockers(n.Next()); !slices.Equal(got, want) {
		t.Errorf("in the way: %v, want %v", got, want)
	}
	if n.Next().Level != api.LevelBaseline || n.Next().Pods != 4 || n.Next().Templates != 2 {
		t.Errorf("%+v", n.Next())
	}
}

func TestVersions(t *testing.T) {
	probed := func(ns string) *corev1.Pod {
		p := &corev1.Pod{ObjectMeta: meta(ns, "p"), Spec: spec(0)}
		p.Spec.Containers[0].LivenessProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Host: "10.0.0.1"}}}
		return p // since v1.34, baseline denies it
	}
	labels := map[string]map[string]string{
		"new": {api.EnforceLevelLabel: "privileged"},
		"old": {api.EnforceVersionLabel: "v1.30"},
		"far": {api.EnforceVersionLabel: "v1.99"},
	}
	judged := func(o survey.Options) string {
		o.Labels = labels
		var all []string
		for _, n := range read(t, o, probed("far"), probed("new"), probed("old"), probed("unlabelled")).Namespaces() {
			all = append(all, fmt.Sprintf("%s %s %s %s", n.Name, n.JudgedBy, n.CouldEnforce, strings.Join(n.Labels, " ")))
		}
		return strings.Join(all, "\n")
	}
	enforce := api.EnforceLevelLabel + "="
	version := " " + api.EnforceVersionLabel + "="
	for _, x := range []struct {
		name, want string
		o          survey.Options
	}{
		{"each its own", "far v1.36 privileged \nnew v1.36 privileged \nold v1.30 baseline " + enforce + "baseline\nunlabelled v1.36 privileged ", survey.Options{}},
		{
			"all the same", strings.ReplaceAll("far v1.33 baseline #\nnew v1.33 baseline #\nold v1.33 baseline #\nunlabelled v1.33 baseline ", "#", enforce+"baseline"+version+"v1.33"),
			survey.Options{Version: new(api.MajorMinorVersion(1, 33))},
		},
		{
			"the server's", "far v1.36 privileged \nnew v1.36 privileged \nold v1.36 privileged \nunlabelled v1.36 privileged ",
			survey.Options{Version: new(api.LatestVersion())},
		},
		{
			"an old server's", "far v1.29 baseline " + enforce + "baseline\nnew v1.29 baseline " + enforce + "baseline\nold v1.29 baseline " + enforce + "baseline\nunlabelled v1.29 baseline ",
			survey.Options{Latest: api.MajorMinorVersion(1, 29)},
		},
		{
			"one that the server does not have yet", "far v1.36 privileged \nnew v1.36 privileged \nold v1.36 privileged \nunlabelled v1.36 privileged ",
			survey.Options{Latest: api.MajorMinorVersion(1, 29), Version: new(api.MajorMinorVersion(1, 36))},
		},
	} {
		t.Run(x.name, func(t *testing.T) {
			if got := judged(x.o); got != x.want {
				t.Errorf("got\n%s\nwant\n%s", got, x.want)
			}
		})
	}
}

func TestNamespacesInFilesMayComeLate(t *testing.T) {
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop", Labels: map[string]string{
		api.EnforceLevelLabel: "privileged", api.EnforceVersionLabel: "v1.30",
	}}}
	pod := &corev1.Pod{ObjectMeta: meta("shop", "p"), Spec: spec(0)}
	n := read(t, survey.Options{}, pod, ns).Namespaces()[0]
	// It was judged by the latest before its own version was known, and says so.
	want := []string{api.EnforceLevelLabel + "=baseline", api.EnforceVersionLabel + "=latest"}
	if n.Enforces.String() != "privileged:v1.30" || n.JudgedBy != "v1.36" || !slices.Equal(n.Labels, want) {
		t.Errorf("%+v", n)
	}
	n = read(t, survey.Options{}, ns, pod).Namespaces()[0]
	if n.JudgedBy != "v1.30" || !slices.Equal(n.Labels, want[:1]) {
		t.Errorf("%+v", n)
	}
	// Nothing of it was read, so nothing is said about it.
	if all := read(t, survey.Options{Only: []string{"web"}}, ns).Namespaces(); len(all) != 0 {
		t.Errorf("%+v", all)
	}
	unnamed := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{GenerateName: "p-"}, Spec: spec(0)}
	all := read(t, survey.Options{}, unnamed).Namespaces()
	if len(all) != 1 || all[0].Name != "default" || all[0].Enforces != nil || all[0].Labels != nil || all[0].CouldEnforce != api.LevelBaseline {
		t.Errorf("%+v", all[0])
	}
}

func TestWhatCouldNotBeReadIsNotSaidToBeFine(t *testing.T) {
	labels := map[string]map[string]string{"shop": nil, "web": nil}
	for _, x := range []struct {
		scope string
		state finding.CoverageState
		// want is, of shop and web, whether the level is known and templates were read.
		shop, web string
		complete  bool
	}{
		{"cluster", finding.Forbidden, "unknown", "unknown", false},
		{"scan", finding.Unreadable, "unknown", "unknown", false},
		{"kind/pods", finding.Unreadable, "unknown", "unknown", false},
		{"kind/deployments.apps", finding.Forbidden, "pods", "pods", false},
		{"kind/namespaces", finding.Forbidden, "all", "all", false},
		{"kind/labels", finding.Forbidden, "all", "all", false},
		{"standards", finding.Unsupported, "all", "all", false},
		{"namespace/shop", finding.Forbidden, "unknown", "all", false},
		{"namespace/shop/pods/x", finding.Unreadable, "unknown", "all", false},
		{"namespace/shop/deployments.apps", finding.TimedOut, "pods", "all", false},
		{"namespace/shop/jobs.batch", finding.OwnerUnresolved, "pods", "all", true},
		{"namespace/shop/labels", finding.Forbidden, "all", "all", false},
		{"kind/pods", finding.Inconsistent, "all", "all", true},
	} {
		t.Run(x.scope+" "+string(x.state), func(t *testing.T) {
			s := read(t, survey.Options{Labels: labels}, finding.Coverage{Scope: x.scope, State: x.state})
			for i, want := range []string{x.shop, x.web} {
				n := s.Namespaces()[i]
				got := "all"
				switch {
				case n.CouldEnforce == "":
					got = "unknown"
				case n.TemplatesUnread:
					got = "pods"
				}
				if got != want || got == "unknown" && (n.Labels != nil || n.Next() != nil || n.Violated()) {
					t.Errorf("%s: %s, want %s: %+v", n.Name, got, want, n)
				}
			}
			if s.Complete() != x.complete {
				t.Errorf("complete: %v", s.Complete())
			}
		})
	}
	if s := read(t, survey.Options{}, finding.Problem{File: "x.yaml", Message: "broken"}); s.Complete() {
		t.Error("a broken document leaves it incomplete")
	}
	broken := errors.New("no connection")
	if err := newSurvey(t, survey.Options{}).Read(t.Context(), given{broken}); !errors.Is(err, broken) {
		t.Errorf("the source's error is %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := newSurvey(t, survey.Options{}).Read(ctx, given{}); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
}

func TestViolated(t *testing.T) {
	labels := map[string]map[string]string{"shop": {api.EnforceLevelLabel: "restricted"}, "typo": {api.EnforceLevelLabel: "base"}}
	s := read(t, survey.Options{Labels: labels, Keep: 1},
		&corev1.Pod{ObjectMeta: meta("shop", "p"), Spec: spec(0)}, &corev1.Pod{ObjectMeta: meta("typo", "p"), Spec: spec(0)})
	for _, n := range s.Namespaces() {
		if !n.Violated() || n.Labels != nil || n.Enforces.Level != api.LevelRestricted {
			t.Errorf("%+v", n)
		}
		if (n.Name == "typo") != (len(n.Problems) == 1) {
			t.Errorf("%s: problems %+v", n.Name, n.Problems)
		}
	}
	// One blocker is kept of all, the others are counted.
	a, b := s.Namespaces()[0].Restricted, s.Namespaces()[1].Restricted
	if len(a.Blockers)+len(b.Blockers) != 1 || a.More+b.More != 1 {
		t.Errorf("%+v, %+v", a, b)
	}
}

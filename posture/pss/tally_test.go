package pss_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/pod-security-admission/api"

	"github.com/kubeassay/assay/posture/pss"
)

func TestHighest(t *testing.T) {
	e := newEvaluator(t)
	privileged := plain()
	privileged.Spec.HostPID = true
	type one struct {
		template bool
		pod      *corev1.Pod
	}
	const pod, template = false, true
	for _, x := range []struct {
		name string
		pods []one
		want api.Level
	}{
		{"empty", nil, api.LevelRestricted},
		{"all hardened", []one{{pod, hardened()}, {template, hardened()}}, api.LevelRestricted},
		{"one plain pod", []one{{pod, hardened()}, {pod, plain()}}, api.LevelBaseline},
		{"one plain template", []one{{pod, hardened()}, {template, plain()}}, api.LevelBaseline},
		{"one on the host", []one{{pod, hardened()}, {pod, plain()}, {pod, privileged}}, api.LevelPrivileged},
	} {
		t.Run(x.name, func(t *testing.T) {
			tally := e.NewTally(pss.Newest(), new(10))
			for _, p := range x.pods {
				if p.template {
					tally.AddTemplate(pss.Subject{Kind: "Deployment", Name: "cart"}, &p.pod.ObjectMeta, &p.pod.Spec)
				} else {
					tally.AddPod(pss.Subject{Kind: "Pod", Name: "x"}, &p.pod.ObjectMeta, &p.pod.Spec)
				}
			}
			if got := tally.Highest(); got != x.want {
				t.Errorf("got %s, want %s", got, x.want)
			}
			if tally.Pods+tally.Templates != len(x.pods) {
				t.Errorf("%d pods, %d templates", tally.Pods, tally.Templates)
			}
		})
	}
}

func TestTallyNamesWhatStandsInTheWay(t *testing.T) {
	e := newEvaluator(t)
	tally := e.NewTally(pss.Newest(), new(3)) // web stands in the way of both levels
	web := pss.Subject{Kind: "Deployment", Name: "web"}
	port := func(p *corev1.Pod) *corev1.Pod { p.Spec.Containers[0].Ports[0].HostPort = 80; return p }
	for _, name := range []string{"web-1-c", "web-1-a", "web-1-b"} {
		p := port(hardened())
		p.Name = name
		tally.AddPod(web, &p.ObjectMeta, &p.Spec)
	}
	for _, name := range []string{"alone", "other", "good"} {
		p := hardened()
		p.Name, p.Spec.HostIPC = name, name != "good"
		tally.AddPod(pss.Subject{Kind: "Pod", Name: name}, &p.ObjectMeta, &p.Spec)
	}
	template := port(hardened())
	tally.AddTemplate(web, &template.ObjectMeta, &template.Spec)
	s := tally.Standing(api.LevelBaseline)
	if s.Pods != 5 || s.Templates != 1 || s.More != 1 || len(s.Blockers) != 2 {
		t.Fatalf("%+v", s)
	}
	if b := s.Blockers[0]; b.Subject != web || b.Pods != 3 || !b.Template || b.Denials[0].Check != "hostPorts" {
		t.Errorf("%+v", b)
	}
	want := []string{
		`existing pods in namespace "shop" violate the new PodSecurity enforce level "baseline:latest"`,
		"alone (and 1 other pod): host namespaces",
		"web-1-a (and 2 other pods): hostPort",
	}
	if diff := cmp.Diff(want, s.Warnings("shop", api.LatestVersion())); diff != "" {
		t.Error(diff)
	}
	if w := e.NewTally(pss.Newest(), new(0)).Standing(api.LevelRestricted).Warnings("shop", api.LatestVersion()); w != nil {
		t.Errorf("an empty namespace: %v", w)
	}
}

func TestATallyDoesNotGrowWithThePods(t *testing.T) {
	e := newEvaluator(t)
	tally := e.NewTally(pss.Newest(), new(5))
	p := plain()
	for i := range 2000 {
		p.Name = fmt.Sprintf("p%d", i)
		tally.AddPod(pss.Subject{Kind: "Pod", Name: p.Name}, &p.ObjectMeta, &p.Spec)
	}
	if s := tally.Standing(api.LevelRestricted); len(s.Blockers) != 5 || s.More != 1995 || s.Pods != 2000 {
		t.Errorf("%d kept, %d more, %d pods", len(s.Blockers), s.More, s.Pods)
	}
}

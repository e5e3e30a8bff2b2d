package cluster

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/kube"
)

// What is the same of all kubelets is said once.
func TestKubeletsThatAreAllAlike(t *testing.T) {
	for _, tt := range []struct {
		name   string
		answer http.HandlerFunc
		state  string
	}{
		{"forbidden", denies, "forbidden"},
		{"no real kubelets", http.NotFound, "not-reviewed"},
	} {
		s := newServer(t)
		k := newKubelet(t, tt.answer)
		for i := range 5 {
			s.node(fmt.Sprint("n", i), k)
		}
		got := readKubelets(t, s.client(t), Options{Kubelets: k.signs(t)})
		expect(t, tt.name, got.missed, "KubeletConfiguration: none of 5 kubelets told its configuration: the kubelet of node \"n0\"")
		expect(t, tt.name, got.gaps(), "kind/kubeletconfigurations.kubelet.config.k8s.io "+tt.state)
		if got.complete() != (tt.state == "not-reviewed") {
			t.Errorf("%s: complete is %v", tt.name, got.complete())
		}
	}
}

// Of many that say nothing, a few are named and the others counted; each is a gap.
func TestManyKubeletsSayNothing(t *testing.T) {
	s := newServer(t)
	k, good := newKubelet(t, denies), newKubelet(t, says(1))
	s.node("a", good)
	for i := range kubeletsNamed + 3 {
		s.node(fmt.Sprintf("n%02d", i), k)
	}
	got := readKubelets(t, s.client(t), Options{Kubelets: k.signs(t)})
	if len(got.missed) != kubeletsNamed+3 || len(got.coverage) != kubeletsNamed+1 || len(got.others) != 1 {
		t.Fatalf("%d gaps, %d lines of coverage, %v", len(got.missed), len(got.coverage), got.others)
	}
	got.says(t, "kind/kubeletconfigurations.kubelet.config.k8s.io", "3 more kubelets did not tell")
	if last := got.coverage[kubeletsNamed]; last.State != finding.Forbidden {
		t.Errorf("the others are %s", last.State)
	}
}

// Where no kubelet can be reached, not each of them is waited for.
func TestKubeletsInSilence(t *testing.T) {
	s := newServer(t)
	k := newKubelet(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	const nodes = 3 * enoughSilence
	for i := range nodes {
		s.node(fmt.Sprintf("n%02d", i), k)
	}
	client := s.client(t, func(o *kube.Options) { o.Overrides.Timeout = "100ms" })
	src, err := New(client, Options{Kubelets: k.signs(t), Others: []schema.GroupKind{kubeletGroupKind}})
	if err != nil {
		t.Fatal(err)
	}
	var all []kube.Kubelet
	for _, o := range s.chosen(&request{place: place{resource: kube.Nodes}}) {
		var n corev1.Node
		if err := n.Unmarshal(o.raw); err != nil {
			t.Fatal(err)
		}
		all = append(all, kubeletOf(&n))
	}
	answers, err := src.newReader(nil).askKubelets(t.Context(), all)
	if err != nil {
		t.Fatal(err)
	}
	if n := client.Stats().Total(); n < enoughSilence || n >= enoughSilence+kubeletsAtOnce {
		t.Errorf("%d of %d were asked", n, nodes)
	}
	if why := alike(answers); why == nil || kubeletState(answers[nodes-1].err) != finding.TimedOut || !strings.Contains(answers[nodes-1].err.Error(), "none of the first") {
		t.Errorf("%v, %v", why, answers[nodes-1].err)
	}
}

// One that answers breaks the silence: then all are asked.
func TestOneKubeletBreaksTheSilence(t *testing.T) {
	var s silence
	for range enoughSilence - 1 {
		s.heard(context.DeadlineExceeded)
	}
	if err := s.since("n"); err != nil {
		t.Error(err)
	}
	s.heard(context.DeadlineExceeded)
	if err := s.since("n"); err == nil || !kube.IsTimeout(err) {
		t.Error(err)
	}
	s.heard(nil)
	if err := s.since("n"); err != nil {
		t.Error(err)
	}
}

func TestStoppedWhileKubeletsAreRead(t *testing.T) {
	s := newServer(t)
	ctx, cancel := context.WithCancel(t.Context())
	k := newKubelet(t, func(_ http.ResponseWriter, r *http.Request) { cancel(); <-r.Context().Done() })
	s.node("a", k)
	src, err := New(s.client(t), Options{Kubelets: k.signs(t), Others: []schema.GroupKind{kubeletGroupKind}})
	if err != nil {
		t.Fatal(err)
	}
	var last error
	for item, err := range src.Items(ctx) {
		if item.Gap != nil {
			t.Errorf("an interruption is told as a gap: %s", item.Gap.Reason)
		}
		last = err
	}
	if last == nil {
		t.Error("no error")
	}
	k = newKubelet(t, says(1))
	s.node("b", k)
	if src, err = New(s.client(t), Options{Kubelets: k.signs(t), Others: []schema.GroupKind{kubeletGroupKind}}); err != nil {
		t.Fatal(err)
	}
	for item := range src.Items(t.Context()) {
		if item.Gap != nil || item.Other != nil {
			break // and nothing is left running, which the race detector and the server's Close would show
		}
	}
}

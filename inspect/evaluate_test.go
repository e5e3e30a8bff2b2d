package inspect

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/inspect/profile"
	"github.com/kubeassay/assay/inspect/snapshot"
)

// TestEvaluate: what a snapshot knows of its target is in the inspections.
func TestEvaluate(t *testing.T) {
	b := snapshot.NewBuilder(snapshot.Limits{})
	here := snapshot.Fact{State: snapshot.Present}
	b.Add(snapshot.Entry{Path: "/etc/motd", Meta: here, Mode: snapshot.ModeRegular | 0o644})
	b.SetContent("/etc/motd", []byte("go away"), here)
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	b.SetOrigin(snapshot.Origin{StartedAt: start, FinishedAt: start.Add(time.Second), Notes: []string{"a note"}})
	b.SetTarget(snapshot.Target{Namespace: "shop", Pod: "cart-1", PodUID: "u", Container: "app", ContainerID: "c", ContainerType: finding.Container,
		Image: "cart:1", ImageID: "registry.example/cart@sha256:" + strings.Repeat("a", 64), Node: "n"})
	two := []*profile.Profile{loadProfile(t, rules), loadProfile(t, chain)}
	all, err := Evaluate(t.Context(), b.Snapshot(), two)
	if err != nil || len(all) != 2 {
		t.Fatalf("%v, %d inspections", err, len(all))
	}
	i := all[0]
	if i.Target.ImageDigest != "sha256:"+strings.Repeat("a", 64) || i.Workload.String() != "Pod/cart-1" || i.Profile.Name != "rules" || i.StartedAt != start || len(i.Notes) != 1 || i.Used != nil {
		t.Errorf("%+v", i)
	}
	f := i.Findings[1]
	if f.Status != finding.Fail || f.Container != "app" || f.Pods != 1 || f.Targets[0].Pod != "cart-1" || f.Fingerprint == "" || f.Fingerprint == i.Findings[0].Fingerprint {
		t.Errorf("%+v", f)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Evaluate(ctx, b.Snapshot(), two); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "judging shop/cart-1/app by profile rules") {
		t.Error(err)
	}
}

func TestDigest(t *testing.T) {
	sum := "sha256:" + strings.Repeat("b", 64)
	for id, want := range map[string]string{"registry.example/x@" + sum: sum, sum: sum, "": "", "docker://odd": ""} {
		if got := digest(id); got != want {
			t.Errorf("%q: %q, want %q", id, got, want)
		}
	}
}

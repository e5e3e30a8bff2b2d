package posture

import (
	"testing"

	"github.com/kubeassay/assay/posture/source"
	"github.com/kubeassay/assay/workload"
)

// What was seen inside decides over what the kubelet reports and the spec
// declares, in both directions, and the weaker rungs stay visible.
func TestObservedDecides(t *testing.T) {
	cart := deployment("cart", "2")
	cartNew := replicaSet("cart-2", cart, "2")
	declaredRoot := deployment("cart", "2", withUser(0))
	both := []any{cart, cartNew, pod("a", ownedBy(cartNew), reports(0)), pod("b", ownedBy(cartNew), reports(0))}
	seen := func(pods map[string]uint32) func(*source.Object, *workload.Container) *workload.Observed {
		return func(o *source.Object, _ *workload.Container) *workload.Observed {
			uid, ok := pods[o.Meta.Name]
			if !ok {
				return nil
			}
			return &workload.Observed{Pod: "a", Process: workload.ObservedProcess{PID: 1, Name: "cart", UID: uid}, Processes: 3}
		}
	}
	const unset = `
		declared spec.template.spec.containers[0].securityContext.runAsNonRoot=unset
		declared spec.template.spec.containers[0].securityContext.runAsUser=unset`
	for _, tt := range []struct {
		name          string
		src           []any
		seen          map[string]uint32
		want, grounds string
	}{
		{
			"it starts as root and becomes another user", both, map[string]uint32{"a": 10001, "b": 10001},
			`Deployment/cart app: pass observed 2/2 a,b`,
			`observed /proc/1/status=uid 10001 of Pod/a in 2
			reported status.containerStatuses[0].user.linux.uid=0 of Pod/a in 2` + unset,
		},
		{
			"one of two was looked into: the other's report stands", both, map[string]uint32{"a": 10001},
			`Deployment/cart app: fail high reported 1/2 b`,
			`reported status.containerStatuses[0].user.linux.uid=0 of Pod/b in 2
			observed /proc/1/status=uid 10001 of Pod/a in 1` + unset,
		},
		{
			"a process that became root", []any{cart, cartNew, pod("a", ownedBy(cartNew), reports(10001))}, map[string]uint32{"a": 0},
			`Deployment/cart app: fail high observed 1/1 a`,
			`observed /proc/1/status=uid 0 of Pod/a in 1
			reported status.containerStatuses[0].user.linux.uid=10001 of Pod/a in 1` + unset,
		},
		{
			"a may that nobody reports on", []any{cart, cartNew, pod("a", ownedBy(cartNew))}, map[string]uint32{"a": 10001},
			`Deployment/cart app: pass observed 1/1 a`,
			`observed /proc/1/status=uid 10001 of Pod/a in 1` + unset,
		},
		{
			"declared for certain: the template stands",
			[]any{declaredRoot, cartNew, pod("a", ownedBy(cartNew), withUser(0), reports(0))}, map[string]uint32{"a": 10001},
			`Deployment/cart app: fail high declared 0/1`, ``,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := only(t, "run-as-root")
			o.Statuses, o.Observed = everyStatus, seen(tt.seen)
			got, _ := scanned(t, o, tt.src...)
			same(t, brief(got), tt.want)
			if tt.grounds != "" {
				same(t, grounds(got[0]), tt.grounds)
			}
		})
	}
}

package source

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestDeploymentRevisionIsSettled(t *testing.T) {
	tests := map[string]struct {
		generation, observed int64
		paused, want         bool
	}{
		"the controller has seen it":      {3, 3, false, true},
		"the controller is behind":        {4, 3, false, false},
		"paused: seen, but not made":      {3, 3, true, false},
		"from a file: nobody has seen it": {0, 0, false, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{
				Generation: tt.generation, Annotations: map[string]string{RevisionAnnotation: "2"},
			}}
			d.Spec.Paused = tt.paused
			d.Status.ObservedGeneration = tt.observed
			r := FromDeployment(d).Revision
			if r.Number != "2" || r.Settled != tt.want {
				t.Errorf("revision %+v, want number 2 and settled %v", r, tt.want)
			}
		})
	}
}

func TestDaemonSetCountsItsUpdatedPods(t *testing.T) {
	tests := map[string]struct {
		status appsv1.DaemonSetStatus
		want   bool
	}{
		"all updated":                {appsv1.DaemonSetStatus{ObservedGeneration: 2, CurrentNumberScheduled: 3, UpdatedNumberScheduled: 3}, true},
		"one is old":                 {appsv1.DaemonSetStatus{ObservedGeneration: 2, CurrentNumberScheduled: 3, UpdatedNumberScheduled: 2}, false},
		"one is where it should not": {appsv1.DaemonSetStatus{ObservedGeneration: 2, CurrentNumberScheduled: 3, UpdatedNumberScheduled: 3, NumberMisscheduled: 1}, false},
		"the controller is behind":   {appsv1.DaemonSetStatus{ObservedGeneration: 1, CurrentNumberScheduled: 3, UpdatedNumberScheduled: 3}, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d := &appsv1.DaemonSet{ObjectMeta: metav1.ObjectMeta{Generation: 2}, Status: tt.status}
			if got := FromDaemonSet(d).Revision.AllPods; got != tt.want {
				t.Errorf("AllPods is %v, want %v", got, tt.want)
			}
		})
	}
}

package posture

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/index"
	"github.com/kubeassay/assay/posture/source"
)

// things is a source of objects of one kind, in a cluster.
type things struct{ given }

func (things) Describe() source.Description {
	return source.Description{Live: true, Gives: func(schema.GroupKind) bool { return true }}
}

// Where one object could not be read, that object was not reviewed, and the
// verdicts about the others stand; but what is said of all of them together does not.
func TestOneObjectThatCouldNotBeRead(t *testing.T) {
	kind := schema.GroupKind{Group: "example.dev", Kind: "Thing"}
	thing := func(name string) *index.Object {
		return &index.Object{APIVersion: "example.dev/v1", Kind: "Thing", Object: &metav1.ObjectMeta{Name: name}}
	}
	alone := &check.Check{Rule: finding.Rule{ID: "alone", Severity: finding.Low}, Kinds: []schema.GroupKind{kind},
		JudgeObject: func(o *index.Object, _ *index.Index) check.Verdict {
			return check.Verdict{Status: finding.Fail, Severity: finding.Low, Evidence: finding.Declared, Message: "It is " + o.GetName() + "."}
		}}
	together := &check.Check{Rule: finding.Rule{ID: "together", Severity: finding.Low}, Kinds: []schema.GroupKind{kind},
		SurveyCluster: func(x *index.Index, yield check.Yield) {
			for _, o := range x.Objects(kind) {
				yield(o, check.Verdict{Status: finding.Fail, Severity: finding.Low, Evidence: finding.Declared, Message: "There are others."})
			}
		}}
	apart := &check.Check{Rule: finding.Rule{ID: "apart", Severity: finding.Low}, Kinds: []schema.GroupKind{{Group: "example.dev", Kind: "Other"}},
		JudgeObject: func(*index.Object, *index.Index) check.Verdict { panic("there is none") }}
	var k kept
	report, err := Scan(t.Context(), things{given{
		source.Item{Other: thing("a")},
		source.Item{
			Gap:      &index.Gap{Kind: kind, Reason: "nobody knows b", Object: thing("b")},
			Coverage: &finding.Coverage{Scope: "thing/b", State: finding.Unreadable, Detail: "nobody knows b"},
		},
		source.Item{Other: thing("c")},
	}}, Options{Checks: []*check.Check{alone, together, apart}, Statuses: everyStatus}, &k)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range k.findings {
		got = append(got, fmt.Sprintf("%s %s %s %s: %s", f.Check, f.Workload.Kind, f.Workload.Name, f.Status, f.Message))
		if f.Fingerprint == "" || f.Workload.Kind == "Thing" && f.Workload.APIVersion != "example.dev/v1" {
			t.Errorf("%+v", f)
		}
	}
	slices.Sort(got)
	same(t, strings.Join(got, "\n"), `
		alone Thing a fail: It is a.
		alone Thing b not-reviewed: Nobody knows b.
		alone Thing c fail: It is c.
		together Cluster cluster not-reviewed: Nobody knows b.
		together Thing a not-reviewed: Nobody knows b.
		together Thing c not-reviewed: Nobody knows b.`)
	if report.Summary.Complete || len(report.Coverage) != 1 {
		t.Errorf("complete is %v, with %v", report.Summary.Complete, report.Coverage)
	}
}

func TestMissingSingleObjects(t *testing.T) {
	x := index.New()
	kind := schema.GroupKind{Kind: "Thing"}
	in := func(namespace, name string) *index.Object {
		return &index.Object{APIVersion: "v1", Kind: "Thing", Object: &metav1.ObjectMeta{Namespace: namespace, Name: name}}
	}
	x.Miss(index.Gap{Kind: kind, Namespace: "shop", Reason: "one", Object: in("shop", "a")})
	x.Miss(index.Gap{Kind: kind, Namespace: "shop", Reason: "two", Object: in("shop", "b")})
	for namespace, want := range map[string]string{"": "one", "shop": "one", "web": ""} {
		if reason, ok := x.Missing(kind, namespace); reason != want || ok != (want != "") {
			t.Errorf("in %q: %q, %v", namespace, reason, ok)
		}
	}
	x.Miss(index.Gap{Kind: kind, Namespace: "web", Reason: "three"})
	if reason, ok := x.Missing(kind, "web"); reason != "three" || !ok {
		t.Error(reason, ok)
	}
	x.Miss(index.Gap{Kind: kind, Reason: "four"})
	if reason, ok := x.Missing(kind, "shop"); reason != "four" || !ok {
		t.Error(reason, ok)
	}
	if gaps := x.Gaps(); len(gaps) != 4 || gaps[0].Reason != "four" || gaps[1].Object == nil || gaps[3].Namespace != "web" {
		t.Errorf("%+v", gaps)
	}
}

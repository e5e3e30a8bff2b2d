package profile_test

import (
	"testing"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/inspect/snapshot"
)

// A path that was asked for, and of which nothing could be learned, may not be
// there: it is no offender, and no proof that there is none.
func TestPathsOfWhichNothingIsKnownAreNoOffenders(t *testing.T) {
	b := snapshot.NewBuilder(snapshot.Limits{})
	present := snapshot.Fact{State: snapshot.Present}
	b.Add(snapshot.Entry{Path: "/", Meta: present, Mode: snapshot.ModeDir | 0o755, Listing: present})
	b.Add(snapshot.Entry{Path: "/app", Meta: present, Mode: snapshot.ModeDir | 0o755})
	b.Add(snapshot.Entry{Path: "/app/key", Meta: snapshot.Fact{State: snapshot.Failed, Detail: "the answer broke off"}})
	s := b.Snapshot()
	for _, test := range []string{`none: files("/app/*")`, `none: files("/*/key")`, `none: tree("/app").entries`} {
		if f, _ := judge(t, s, test); f.Status == finding.Fail || f.Status == finding.Pass {
			t.Errorf("%s: %s: %s", test, f.Status, f.Message)
		}
	}
}

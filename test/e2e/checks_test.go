package e2e

import (
	"bufio"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/check/builtin"
)

// fewest is how many checks must have failed something and passed something on
// the API server.
const fewest = 90

// wide are the flags for all checks, also those that are off by default, but not
// those of kubelets: there may be no node.
func wide() []string {
	ids := builtin.IDs(slices.DeleteFunc(builtin.All(), func(c *check.Check) bool { return c.OptIn == check.ReadKubelet }))
	return []string{"--checks", strings.Join(ids, ","), "--" + check.ReadSecrets, "--" + check.ReadConfigMaps}
}

// TestChecks puts the fixtures of all checks into the cluster, and scans it with
// exactly the permissions that --plan prints, and the same objects as files. The
// verdicts must be those that the checks' own tests want. It has the cluster for
// itself: some fixtures give rights to everybody, or stand in everybody's way.
func TestChecks(t *testing.T) {
	c := start(t)
	fixtures, left := readFixtures(t, c.run)
	c.define(t, c.kindsUnknown(t, fixtures))
	t.Cleanup(func() { c.awaitGone(t, planNamespace) }) // other tests make it again
	c.namespace(t, planNamespace, "pod-security.kubernetes.io/enforce=restricted")

	all := &outcome{failed: map[string]bool{}, passed: map[string]bool{}}
	refused := map[string]string{}
	t.Run("in the whole cluster", func(t *testing.T) {
		account, granted := c.grantPlan(t, wide()...)
		calls := 0
		for _, fixtures := range worlds(fixtures) {
			w := &world{c: c, fixtures: fixtures, refused: refused}
			t.Cleanup(func() { w.remove(t) }) // where it is cut off
			w.create(t)
			live, report := verdictsOf(t, c.assay(t, flags(scanAll, wide(), account.flags())...).exits(t, 0))
			w.remove(t)
			wantComplete(t, report, true)
			wantGaps(t, report)
			calls += report.Access.APICalls
			files, report := verdictsOf(t, c.assay(t, flags(scanAll, wide(), []string{w.files(t)})...).exits(t, 0))
			wantComplete(t, report, true)
			all.add(live)
			for _, f := range w.standing() {
				compare(t, f, live, files)
			}
		}
		wantExactly(t, account, calls, granted)
	})
	checkRefused(t, refused)
	t.Run("in one namespace", func(t *testing.T) {
		// The pods of the first world are still there.
		namespace := "e2e-" + c.run + "-" + inPods
		args := append([]string{"-n", namespace}, wide()...)
		account, granted := c.grantPlan(t, args...)
		first := c.assay(t, flags(scanAll, args, account.flags())...).exits(t, 0)
		live, report := verdictsOf(t, first)
		wantComplete(t, report, true)
		wantExactly(t, account, report.Access.APICalls, granted)
		again := c.assay(t, flags(scanAll, args, account.flags())...).exits(t, 0)
		if d := cmp.Diff(findingsOf(first), findingsOf(again)); d != "" {
			t.Errorf("two scans of the same objects differ:\n%s", d)
		}
		seen := 0
		for _, f := range (&world{fixtures: fixtures, refused: refused}).standing() {
			for a, want := range f.want {
				if a.namespace != namespace || differs[f.file] != "" {
					continue
				}
				seen++
				if got := live[f.check.ID][a]; !got.same(want) {
					t.Errorf("%s (%s): %v is %v, want %v", f.file, f.id, a, got, want)
				}
			}
		}
		if seen == 0 {
			t.Error("nothing was compared")
		}
	})
	both := all.both()
	t.Logf("%d fixtures for the cluster, %d of them refused by the server, %d not for a cluster; %d of %d checks have failed and passed there",
		len(fixtures), len(refused), len(left), len(both), len(builtin.All()))
	if len(both) < fewest {
		t.Errorf("only %d checks have failed and passed in the cluster, want %d", len(both), fewest)
	}
	for _, c := range builtin.All() {
		if (elsewhere[c.ID] != "" || c.OptIn == check.ReadKubelet) == slices.Contains(both, c.ID) {
			t.Errorf("%s has failed %v, passed %v in the cluster; known to be so because %q", c.ID, all.failed[c.ID], all.passed[c.ID], elsewhere[c.ID])
		}
	}
}

// scanAll shows all verdicts, one a line.
var scanAll = []string{
	"scan", "-q", "-o", "ndjson", "--fail-on", "none", "--registries", registry, "--status", "fail,pass,error,not-applicable,not-reviewed",
}

// results are verdicts by check and by what they are about.
type verdictsBy map[string]map[about]judgement

// verdictsOf reads the output of -o ndjson.
func verdictsOf(t *testing.T, r *result) (verdictsBy, *finding.Report) {
	t.Helper()
	all := verdictsBy{}
	in := bufio.NewReader(strings.NewReader(r.stdout))
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			t.Fatalf("there is no summary: %v", err)
		}
		var l struct {
			finding.Finding
			Summary *finding.Summary `json:"summary"`
		}
		if err := json.Unmarshal(line, &l); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		if l.Summary != nil {
			report := new(finding.Report)
			if err := json.Unmarshal(line, report); err != nil {
				t.Fatal(err)
			}
			return all, report
		}
		if all[l.Check] == nil {
			all[l.Check] = map[about]judgement{}
		}
		a := about{l.Workload.Namespace, l.Workload.String(), l.Container, string(l.ContainerType)}
		all[l.Check][a] = judgement{l.Status, l.Severity, l.Message}
	}
}

// findingsOf are the lines before the last one, which has times.
func findingsOf(r *result) []string {
	lines := strings.Split(strings.TrimSpace(r.stdout), "\n")
	return lines[:len(lines)-1]
}

// worlds parts the fixtures so that none changes what is said about another.
func worlds(all []*fixture) (parts [][]*fixture) {
	for _, f := range all {
		n := slices.IndexFunc(parts, func(part []*fixture) bool {
			return !slices.ContainsFunc(part, func(o *fixture) bool { return disturbs(f, o) || disturbs(o, f) })
		})
		if n < 0 {
			n, parts = len(parts), append(parts, nil)
		}
		parts[n] = append(parts[n], f)
	}
	return parts
}

// outcome is what became of the checks.
type outcome struct {
	failed, passed map[string]bool // in the cluster
}

// add counts what was found in the cluster.
func (o *outcome) add(live verdictsBy) {
	for id, verdicts := range live {
		for _, j := range verdicts {
			switch j.status {
			case finding.Fail:
				o.failed[id] = true
			case finding.Pass:
				o.passed[id] = true
			}
		}
	}
}

// both lists the checks that have failed something and passed something.
func (o *outcome) both() (ids []string) {
	for _, id := range sortedKeys(o.failed) {
		if o.passed[id] {
			ids = append(ids, id)
		}
	}
	return ids
}

// compare holds what is said about the objects of a fixture against what the
// check's own test wants.
func compare(t *testing.T, f *fixture, live, files verdictsBy) {
	t.Helper()
	id := f.check.ID
	for a, want := range f.want {
		inCluster, inFile := live[id][a], files[id][a]
		if inCluster.status == want.status && inFile.status == want.status && slices.Contains(waysOn, id) {
			continue
		}
		if !inCluster.same(want) && differs[f.file] == "" {
			t.Errorf("%s (%s): in the cluster %v is %v, want %v", f.file, f.id, a, inCluster, want)
		}
		switch {
		case inFile.same(inCluster):
		case (f.live || f.server) && inFile.status == finding.NotReviewed: // what is not in the files may be in the cluster
		case differs[f.file] != "":
		default:
			t.Errorf("%s (%s): in a file %v is %v, in the cluster %v", f.file, f.id, a, inFile, inCluster)
		}
	}
}

// checkRefused holds what the server has refused against the table.
func checkRefused(t *testing.T, refused map[string]string) {
	t.Helper()
	for file, why := range refused {
		if want := refusals[file]; want == "" || !strings.Contains(why, want) {
			t.Errorf("the server refused %s: %s; want %q", file, why, want)
		}
	}
	for file := range refusals {
		if refused[file] == "" {
			t.Errorf("the server has not refused %s, as it should: it said %q", file, refusals[file])
		}
	}
}

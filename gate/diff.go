package gate

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/kubeassay/assay/finding"
)

// Listed is a saved report with its findings, as far as they are compared.
type Listed struct {
	Saved
	findings []*finding.Finding
}

// ReadListed reads a report that -o json or -o ndjson has written. Name is the
// file's, for messages.
func ReadListed(name string, r io.Reader) (*Listed, error) {
	l := &Listed{}
	s, err := ReadReport(name, r, func(f *finding.Finding) error {
		kept := *f
		l.findings = append(l.findings, &kept)
		return nil
	})
	if err != nil {
		return nil, err
	}
	l.Saved = *s
	return l, nil
}

// Compare says what became of the findings of one report in a later one. It
// calls nothing gone that the later one did not look at. Both must have a
// finding for each pod, or neither.
func Compare(before, after *Listed) (*finding.Diff, error) {
	if before.Summary.PerPod != after.Summary.PerPod {
		return nil, fmt.Errorf("%s and %s can't be compared: one was made with --per-pod, the other was not", before.Name, after.Name)
	}
	d := &finding.Diff{
		APIVersion: finding.APIVersion, Kind: finding.DiffKind, Old: before.side(), New: after.side(),
		Changes: []finding.Change{},
	}
	c := comparison{before: before, after: after, diff: d, unreviewed: after.unreviewed() > max(0, before.unreviewed())}
	olds, news := byFingerprint(before.findings), byFingerprint(after.findings)
	for _, f := range before.findings {
		k, _ := keyOf(f.Fingerprint)
		if old, ok := olds[k]; ok {
			c.pair(old, news[k])
			delete(olds, k)
			delete(news, k)
		}
	}
	for _, f := range after.findings {
		k, _ := keyOf(f.Fingerprint)
		if n, ok := news[k]; ok {
			c.pair(nil, n)
			delete(news, k)
		}
	}
	slices.SortStableFunc(d.Changes, byWeight)
	for i := range d.Changes {
		count(&d.Summary, &d.Changes[i])
	}
	c.notes()
	return d, nil
}

func (l *Listed) side() finding.DiffReport {
	return finding.DiffReport{Name: l.Name, StartedAt: l.Summary.StartedAt, Cluster: l.Summary.Cluster, Complete: l.Summary.Complete && !l.cut && !l.Summary.Interrupted}
}

func byFingerprint(all []*finding.Finding) map[key][]*finding.Finding {
	m := map[key][]*finding.Finding{}
	for _, f := range all {
		k, _ := keyOf(f.Fingerprint)
		m[k] = append(m[k], f)
	}
	return m
}

func count(s *finding.DiffSummary, c *finding.Change) {
	switch c.Change {
	case finding.New:
		s.New++
	case finding.Changed:
		s.Changed++
		if c.Graver {
			s.Graver++
		}
	case finding.Gone:
		s.Gone++
	case finding.NotLookedAt:
		s.NotLookedAt++
	case finding.Still:
		s.Still++
	}
}

// byWeight is the order in which a person wants to read.
func byWeight(a, b finding.Change) int {
	worse := func(c *finding.Change) int {
		if c.Graver {
			return 0
		}
		return 1
	}
	f, g := &a.Finding, &b.Finding
	return cmp.Or(
		slices.Index(finding.ChangeKinds, a.Change)-slices.Index(finding.ChangeKinds, b.Change), worse(&a)-worse(&b),
		int(gravityOf(g))-int(gravityOf(f)),
		strings.Compare(f.Workload.Namespace, g.Workload.Namespace), strings.Compare(f.Workload.Kind, g.Workload.Kind),
		strings.Compare(f.Workload.Name, g.Workload.Name), strings.Compare(f.Container, g.Container), strings.Compare(ruleOf(f), ruleOf(g)),
	)
}

// comparison is one run of Compare.
type comparison struct {
	before, after *Listed
	diff          *finding.Diff
	unreviewed    bool // more than before were not reviewed and are not listed
}

// pair matches what two reports have under one fingerprint: first what is the
// same in all, then what is about the same pod, then what weighs alike.
func (c *comparison) pair(olds, news []*finding.Finding) {
	judged := slices.ContainsFunc(news, func(f *finding.Finding) bool { return gravityOf(f) == 0 })
	olds, news = open(olds), open(news)
	for _, alike := range []func(*finding.Finding) (string, bool){
		func(f *finding.Finding) (string, bool) { return fmt.Sprintf("%q", append(facts(f), pod(f))), true },
		func(f *finding.Finding) (string, bool) { return pod(f), pod(f) != "" },
		func(f *finding.Finding) (string, bool) { return fmt.Sprintf("%q", facts(f)), true },
		func(f *finding.Finding) (string, bool) { return strconv.Itoa(int(gravityOf(f))), true },
	} {
		olds, news = c.match(olds, news, alike)
	}
	olds, news = c.settle(olds, news)
	for _, f := range news {
		c.add(finding.Change{Change: finding.New, Finding: *f})
	}
	for _, f := range olds {
		c.absent(f, judged)
	}
}

// match pairs findings that are alike, and returns those that are left.
func (c *comparison) match(olds, news []*finding.Finding, alike func(*finding.Finding) (string, bool)) (oldsLeft, newsLeft []*finding.Finding) {
	if len(olds) == 0 || len(news) == 0 {
		return olds, news
	}
	waiting := map[string][]*finding.Finding{}
	for _, f := range olds {
		if k, ok := alike(f); ok {
			waiting[k] = append(waiting[k], f)
		}
	}
	matched := map[*finding.Finding]bool{}
	for _, now := range news {
		k, ok := alike(now)
		if queue := waiting[k]; ok && len(queue) > 0 {
			c.both(queue[0], now)
			matched[queue[0]], waiting[k] = true, queue[1:]
		} else {
			newsLeft = append(newsLeft, now)
		}
	}
	return slices.DeleteFunc(olds, func(f *finding.Finding) bool { return matched[f] }), newsLeft
}

// settle pairs what is left: as few as can be shall have become graver.
func (c *comparison) settle(olds, news []*finding.Finding) (oldsLeft, newsLeft []*finding.Finding) {
	gravestFirst := func(a, b *finding.Finding) int { return int(gravityOf(b)) - int(gravityOf(a)) }
	slices.SortStableFunc(olds, gravestFirst)
	slices.SortStableFunc(news, gravestFirst)
	for _, now := range news {
		if len(olds) > 0 && gravityOf(olds[0]) >= gravityOf(now) {
			c.both(olds[0], now)
			olds = olds[1:]
		} else {
			newsLeft = append(newsLeft, now)
		}
	}
	for len(olds) > 0 && len(newsLeft) > 0 {
		c.both(olds[0], newsLeft[0])
		olds, newsLeft = olds[1:], newsLeft[1:]
	}
	return olds, newsLeft
}

// open are the findings that say that something is wrong, or not known.
func open(all []*finding.Finding) []*finding.Finding {
	var kept []*finding.Finding
	for _, f := range all {
		if gravityOf(f) > 0 {
			kept = append(kept, f)
		}
	}
	return kept
}

// pod is the one that a finding is about, where there is a finding for each.
func pod(f *finding.Finding) string {
	switch {
	case len(f.Targets) == 1:
		return f.Targets[0].Pod
	case len(f.PodNames) == 1:
		return f.PodNames[0]
	}
	return ""
}

func (c *comparison) add(x finding.Change) { c.diff.Changes = append(c.diff.Changes, x) }

func (c *comparison) both(old, now *finding.Finding) {
	x := finding.Change{Change: finding.Still, Finding: *now, Differences: differences(old, now)}
	if len(x.Differences) > 0 {
		x.Change, x.Graver = finding.Changed, gravityOf(now) > gravityOf(old)
	}
	c.add(x)
}

// absent is about a finding that the later report does not have. Judged says
// that it has one with the same fingerprint that is none.
func (c *comparison) absent(f *finding.Finding, judged bool) {
	x := finding.Change{Change: finding.Gone, Finding: *f}
	if !judged {
		e := entryOf(f)
		x.Reason = c.after.missed(&e, &c.before.Saved)
		if x.Reason == "" && c.unreviewed {
			x.Reason = fmt.Sprintf("%d verdicts were not reviewed, more than before, and the report does not list them", c.after.unreviewed())
		}
	}
	if x.Reason != "" {
		x.Change = finding.NotLookedAt
	}
	c.add(x)
}

// factNames are what can change about a finding, and facts its own.
var factNames = []string{"status", "severity", "waiver", "evidence", "message"}

func facts(f *finding.Finding) []string {
	waiver := "none"
	if f.Waiver != nil {
		waiver = "waived"
	}
	return []string{string(f.Status), string(f.Severity), waiver, string(f.Evidence), f.Message}
}

// differences are what changed between two findings with the same fingerprint.
func differences(old, now *finding.Finding) []finding.Difference {
	var all []finding.Difference
	before, after := facts(old), facts(now)
	for i, name := range factNames {
		if before[i] != after[i] {
			all = append(all, finding.Difference{Field: name, Old: before[i], New: after[i]})
		}
	}
	return all
}

func (c *comparison) notes() {
	before, after, d := c.before, c.after, c.diff
	note := func(format string, args ...any) { d.Notes = append(d.Notes, fmt.Sprintf(format, args...)) }
	if before.Summary.Cluster != after.Summary.Cluster {
		note("%s is of %s, %s of %s", before.Name, whose(before.Summary.Cluster), after.Name, whose(after.Summary.Cluster))
	}
	if !before.Summary.StartedAt.IsZero() && after.Summary.StartedAt.Before(before.Summary.StartedAt) {
		note("%s is older than %s: were they given in the wrong order?", after.Name, before.Name)
	}
	if why := before.lacking(); why != "" {
		note("%s %s: what is new may have been there before", before.Name, why)
	}
	if why := after.lacking(); why != "" {
		note("%s %s: there may be more that is new", after.Name, why)
	}
	if n := after.unreviewed(); n > 0 && d.Summary.Gone > 0 && !c.unreviewed {
		note("%s does not list its %d verdicts that were not reviewed, and what is gone may be among them; reports written with --status fail,error,not-reviewed leave no doubt", after.Name, n)
	}
}

// DiffExitCode returns the exit code for a comparison: [Incomplete] where the
// later report does not say all, [Failed] where something is new at or above
// the threshold.
func DiffExitCode(d *finding.Diff, failOn finding.Severity) int {
	if !d.New.Complete || d.Summary.NotLookedAt > 0 {
		return Incomplete
	}
	code := OK
	for i := range d.Changes {
		x := &d.Changes[i]
		f := &x.Finding
		isNew := x.Change == finding.New || x.Graver
		switch {
		case f.Status == finding.Error && (isNew || x.Change == finding.Changed && x.Differences[0].Field == "status"):
			return Incomplete // it was judged before
		case isNew && f.Status == finding.Fail && f.Waiver == nil && failed(map[finding.Severity]int{f.Severity: 1}, failOn):
			code = Failed
		}
	}
	return code
}

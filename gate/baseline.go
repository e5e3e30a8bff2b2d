package gate

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/kubeassay/assay/finding"
)

// Baseline is what an earlier report has found already. A run that is held
// against it shows, and fails on, only what is new. It keeps about 200 bytes of
// each finding. It is not safe for use by several goroutines.
type Baseline struct {
	saved *Saved
	known map[key]*held
	texts map[string]string // of entries, each kept once
	found int
	// fresh counts failures of checks that the earlier run did not make.
	fresh map[string]int
	// now has what is noted of this run's findings.
	now Saved
}

// held is what a baseline has under one fingerprint.
type held struct {
	left []gravity // findings that nothing was matched with yet, the least grave first
	entry
	// worse counts those that became graver. They are new, and not gone.
	worse int
	// open: it was found again, but could not be judged.
	open bool
}

// gravity orders verdicts: what is higher is worse.
type gravity uint8

// gravityOf is 0 for what is no finding. A waived one is less grave than any that is not.
func gravityOf(f *finding.Finding) gravity {
	var g gravity
	switch f.Status {
	case finding.Fail:
		g = 3 + gravity(len(finding.Severities)-min(f.Severity.Rank(), len(finding.Severities)))
	case finding.Error:
		g = 2
	case finding.NotReviewed:
		g = 1
	default:
		return 0
	}
	if f.Waiver == nil {
		g += 16
	}
	return g
}

// ParseBaseline reads a report that -o json or -o ndjson has written. Name is
// the file's, for messages.
func ParseBaseline(name string, r io.Reader) (*Baseline, error) {
	b := &Baseline{known: map[key]*held{}, texts: map[string]string{}, fresh: map[string]int{}}
	var err error
	b.saved, err = ReadReport(name, r, func(f *finding.Finding) error {
		g := gravityOf(f)
		if g == 0 || f.Status == finding.Error { // an error is no verdict: nothing is known by it
			return nil
		}
		k, _ := keyOf(f.Fingerprint)
		if b.known[k] == nil {
			b.known[k] = &held{entry: b.entry(f)}
		}
		b.known[k].left = append(b.known[k].left, g)
		b.found++
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, k := range b.known {
		slices.Sort(k.left)
	}
	return b, nil
}

// entry keeps texts that come up again and again only once.
func (b *Baseline) entry(f *finding.Finding) entry {
	e := entryOf(f)
	for _, s := range []*string{&e.rule, &e.namespace, &e.kind, &e.file} {
		if b.texts[*s] == "" {
			b.texts[*s] = strings.Clone(*s)
		}
		*s = b.texts[*s]
	}
	return e
}

// PerPod reports whether the baseline has a finding for each pod.
func (b *Baseline) PerPod() bool { return b.saved.Summary.PerPod }

// Known reports whether the baseline has a finding already, as grave as it is
// now or graver, and uses that up: of three alike where it had two, one is new.
// It must be asked about every verdict, after waivers. Errors are never known:
// what could not be judged then has to be judged now.
func (b *Baseline) Known(f *finding.Finding) bool {
	if b == nil {
		return false
	}
	now := gravityOf(f)
	if now == 0 {
		return false
	}
	b.now.notAsked(f)
	if f.Fingerprint == "" {
		f.Fingerprint = finding.Fingerprint(f)
	}
	k, _ := keyOf(f.Fingerprint)
	old := b.known[k]
	switch {
	case old == nil:
		if rules := b.saved.rules; rules != nil && !rules[ruleOf(f)] && f.Status == finding.Fail && f.Waiver == nil {
			b.fresh[ruleOf(f)]++
		}
		return false
	case f.Status == finding.Error:
		old.open = true
		return false
	}
	// The least grave of those that suffice, so that the others serve for worse ones.
	i, _ := slices.BinarySearch(old.left, now)
	if i == len(old.left) {
		old.worse++
		return false
	}
	old.left = slices.Delete(old.left, i, i+1)
	return true
}

// Gone counts the findings of the baseline that are no more, and those of which
// that is not known because this run did not look. It asks for the run's report,
// after every finding of it went through Known.
func (b *Baseline) Gone(r *finding.Report) (gone, notLookedAt int) {
	if b == nil {
		return 0, 0
	}
	s := savedOf(r)
	s.unread = b.now.unread
	// Of two verdicts with the same fingerprint, all of it is known here.
	s.Summary.Known, s.Summary.Checks, s.Summary.Statuses, s.Summary.Waived = 0, nil, nil, 0
	for _, k := range b.known {
		switch left := len(k.left) - k.worse; {
		case left <= 0:
		case k.open, s.missed(&k.entry, b.saved) != "":
			notLookedAt += left
		default:
			gone += left
		}
	}
	return gone, notLookedAt
}

// savedOf is a report that was not written yet.
func savedOf(r *finding.Report) *Saved {
	s := &Saved{Summary: r.Summary, json: true, rules: map[string]bool{}}
	for i := range r.Rules {
		s.rules[idOf(&r.Rules[i])] = true
	}
	for _, c := range r.Coverage {
		s.gaps.add(c)
	}
	for _, p := range r.Errors {
		s.gaps.file(p.File)
	}
	return s
}

// Notes say what about the baseline, and about holding this report against it,
// a reader should know. It is asked last.
func (b *Baseline) Notes(r *finding.Report) []string {
	if b == nil {
		return nil
	}
	var notes []string
	if why := b.saved.lacking(); why != "" {
		notes = append(notes, "the baseline "+b.saved.Name+" "+why+": what it did not have counts as new")
	}
	if old, now := b.saved.Summary.Cluster, r.Summary.Cluster; old != now {
		notes = append(notes, fmt.Sprintf("the baseline %s is of %s, this report of %s", b.saved.Name, whose(old), whose(now)))
	}
	if _, n := b.Gone(r); n > 0 {
		notes = append(notes, fmt.Sprintf("of the baseline, it is not known whether %d are gone, because this run did not look at them, or could not judge them", n))
	}
	if len(b.fresh) > 0 {
		n := 0
		for _, m := range b.fresh {
			n += m
		}
		notes = append(notes, fmt.Sprintf("%d of the new failures are of checks that the baseline did not make: %s", n, few(slices.Sorted(maps.Keys(b.fresh)))))
	}
	return notes
}

func whose(cluster string) string {
	if cluster == "" {
		return "files"
	}
	return "cluster " + cluster
}

// few are the first names of many.
func few(names []string) string {
	const most = 5
	if more := len(names) - most; more > 0 {
		return strings.Join(names[:most], ", ") + " and " + strconv.Itoa(more) + " more"
	}
	return strings.Join(names, ", ")
}

// lacking says why a report does not have all that was there to be found.
func (s *Saved) lacking() string {
	listed, counted := 0, 0
	for _, n := range s.listed.fails {
		listed += n
	}
	for _, n := range s.Summary.Findings {
		counted += n
	}
	switch {
	case s.cut:
		return "was cut off before its end"
	case s.Summary.Interrupted:
		return "is of a run that was interrupted"
	case !s.Summary.Complete:
		return "is incomplete"
	case s.Summary.Known > 0:
		return fmt.Sprintf("was itself made with a baseline, and leaves out the %d findings that that has", s.Summary.Known)
	case listed < counted:
		return fmt.Sprintf("lists only %d of its %d failures", listed, counted)
	}
	return ""
}

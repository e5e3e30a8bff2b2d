package posture

import (
	"slices"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/source"
)

// cell is what one check said about one container of a template, or of all pods
// of a group. There is one for every check and container of what is not yet
// handed on, and nearly all hold no more than a count: so it is small.
type cell struct {
	said *said
	// quiet counts verdicts that are only counted: passes, and what does not apply.
	quiet [statuses - quietFrom]int32
}

// said are verdicts that are kept.
type said struct {
	tallies []*tally
	each    []tally // one for every pod, where each gets its own finding
}

func (c *cell) tallies() []*tally {
	if c.said == nil {
		return nil
	}
	return c.said.tallies
}

func (c *cell) each() []tally {
	if c.said == nil {
		return nil
	}
	return c.said.each
}

// pod keeps the verdict about one pod, for a finding of its own.
func (c *cell) pod(t tally) {
	if c.said == nil {
		c.said = &said{}
	}
	c.said.each = append(c.said.each, t)
}

// quietFrom is the rank of the first status whose verdicts may be only counted.
const quietFrom = 3

// only reports whether nothing but counts is in the cell, and the graver of the
// statuses that they are of.
func (c *cell) only() (status finding.Status, ok bool) {
	if c.said != nil {
		return "", false
	}
	for i, n := range c.quiet {
		if n > 0 {
			return finding.Statuses[quietFrom+i], true
		}
	}
	return "", true
}

// counted makes tallies of what was only counted.
func (c *cell) counted() (all []*tally) {
	for i, n := range c.quiet {
		if n > 0 {
			all = append(all, &tally{Verdict: &check.Verdict{Status: finding.Statuses[quietFrom+i], Evidence: finding.Declared}, pods: int(n)})
		}
	}
	return all
}

// tally counts one verdict: how many pods it is about, and what it said about the first.
type tally struct {
	*check.Verdict          // shared with others that are the same
	pods           int      // or 1, for a template
	names          []string // of the first few pods
	location       *finding.Location
}

const (
	// namesKept is how many pod names a finding carries.
	namesKept = 5
	// talliesKept bounds a cell. Only what the kubelet reports can be different in
	// every pod; beyond the bound, it is no longer told apart.
	talliesKept = 8
)

// statuses is how many there are; rank is a status' place among them, the gravest first.
const statuses = 5

func rank(s finding.Status) int { return slices.Index(finding.Statuses, s) }

// find returns the tally of a verdict, nil where there is none yet.
func (c *cell) find(v *check.Verdict) *tally {
	for _, t := range c.tallies() {
		if t.Status == v.Status && t.Severity == v.Severity && t.Evidence == v.Evidence && t.May == v.May &&
			(t.Value == v.Value || t.Value == "") {
			return t
		}
	}
	return nil
}

// start adds a tally. Its place can be found only while the object lasts.
func (c *cell) start(v *check.Verdict, at *finding.Location) *tally {
	t := &tally{Verdict: v, location: at}
	if len(c.tallies()) >= talliesKept {
		// From here on this one stands for all values, so it can't show one.
		own := *v
		t.Verdict = &own
		t.Value = ""
		t.Basis = slices.DeleteFunc(slices.Clone(t.Basis), func(b finding.Basis) bool { return b.Evidence != finding.Declared })
	}
	if c.said == nil {
		c.said = &said{}
	}
	c.said.tallies = append(c.said.tallies, t)
	return t
}

func locate(o *source.Object, v *check.Verdict) *finding.Location {
	if o.Locate == nil || len(v.Basis) == 0 {
		return nil
	}
	at := o.Locate(v.Basis[0].Field)
	return &at
}

// reported: it rests on more than the spec.
func (t *tally) reported() bool { return t.Evidence != finding.Declared }

// graver reports whether a is worse than b: by status, severity, evidence.
func graver(a, b *check.Verdict) bool {
	if a.Status != b.Status {
		return rank(a.Status) < rank(b.Status)
	}
	if a.Status == finding.Fail && a.Severity != b.Severity {
		return a.Severity.Rank() < b.Severity.Rank()
	}
	return a.Evidence.Strength() > b.Evidence.Strength()
}

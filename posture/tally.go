package posture

import (
	"slices"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/source"
)

// cells are what the checks said about one container of a template, or of all
// pods of a group. There are many of them until they are handed on, and nearly
// all checks find nothing: what takes no words takes a byte.
type cells struct {
	// alike has, by check, what it said about every pod so far, where that needs
	// no words: the place of a status behind quietFrom, plus 1; 0 for nothing.
	alike []uint8
	// said is what the other checks said, in no order.
	said []*said
}

// differing stands in alike where there is more to know than a status.
const differing = 255

// quietFrom is the rank of the first status whose verdicts may be only counted:
// what was not reviewed, passes, and what does not apply.
const quietFrom = 2

// said is what one check said where its verdicts differ, or are kept in words.
type said struct {
	check   int
	tallies []*tally
	each    []tally // one for every pod, where each gets its own finding
	// quiet counts verdicts that are only counted.
	quiet [statuses - quietFrom]int
}

// count notes n verdicts of which only the status is wanted, after those about
// so many pods before.
func (c *cells) count(check int, status finding.Status, n, before int) {
	at := rank(status) - quietFrom
	switch {
	case int(c.alike[check]) == at+1:
	case c.alike[check] == 0 && before == 0:
		c.alike[check] = uint8(at + 1)
	default:
		c.of(check, before).quiet[at] += n
	}
}

// of is where a check's words are kept, after verdicts about so many pods.
func (c *cells) of(check, before int) *said {
	if c.alike[check] == differing {
		return c.find(check)
	}
	s := &said{check: check}
	if at := c.alike[check]; at > 0 {
		s.quiet[at-1] = before
	}
	c.alike[check] = differing
	c.said = append(c.said, s)
	return s
}

func (c *cells) find(check int) *said {
	return c.said[slices.IndexFunc(c.said, func(s *said) bool { return s.check == check })]
}

// only reports whether nothing but counts is there of a check, all of one status.
func (c *cells) only(check int) (status finding.Status, ok bool) {
	switch at := c.alike[check]; at {
	case 0:
		return "", true
	case differing:
		return "", false
	default:
		return finding.Statuses[quietFrom+int(at)-1], true
	}
}

// tallies lists what a check said about so many pods, what was only counted too.
func (c *cells) tallies(check, pods int) (all []*tally) {
	quiet := func(at, n int) *tally {
		return &tally{verdict: &verdict{Status: finding.Statuses[quietFrom+at], Evidence: finding.Declared}, pods: n}
	}
	switch at := c.alike[check]; at {
	case 0:
		return nil
	case differing:
	default:
		return []*tally{quiet(int(at)-1, pods)}
	}
	s := c.find(check)
	all = slices.Clone(s.tallies)
	for at, n := range s.quiet {
		if n > 0 {
			all = append(all, quiet(at, n))
		}
	}
	return all
}

// each lists the verdicts of a check about single pods.
func (c *cells) each(check int) []tally {
	if c.alike[check] != differing {
		return nil
	}
	return c.find(check).each
}

// verdict is a check's.
type verdict = check.Verdict

// tally counts one verdict: how many pods it is about, and what it said about the first.
type tally struct {
	*verdict          // shared with others that are the same
	pods     int      // or 1, for a template
	names    []string // of the first few pods
	location *finding.Location
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
func (s *said) find(v *check.Verdict) *tally {
	for _, t := range s.tallies {
		if t.Status == v.Status && t.Severity == v.Severity && t.Evidence == v.Evidence && t.May == v.May &&
			(t.Value == v.Value || t.Value == "") {
			return t
		}
	}
	return nil
}

// start adds a tally. Its place can be found only while the object lasts.
func (s *said) start(v *check.Verdict, at *finding.Location) *tally {
	t := &tally{verdict: v, location: at}
	if len(s.tallies) >= talliesKept {
		// From here on this one stands for all values, so it can't show one.
		own := *v
		t.verdict = &own
		t.Value = ""
		t.Basis = slices.DeleteFunc(slices.Clone(t.Basis), func(b finding.Basis) bool { return b.Evidence != finding.Declared })
	}
	s.tallies = append(s.tallies, t)
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

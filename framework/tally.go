package framework

import (
	"unicode/utf8"

	"github.com/kubeassay/assay/finding"
)

// Tally counts what a scan's findings mean for one framework. It keeps counts
// and a few examples, never the findings, and is for one goroutine.
type Tally struct {
	framework *Framework
	level     string
	items     []Item
	counts    map[string]*count // by check, of those that serve an item
}

// count is what one check said.
type count struct {
	statuses map[finding.Status]int // without what is waived
	waived   int
	failing  []Failing
	messages map[finding.Status]string // the first one of each
}

// Failing is one finding that failed, as an example.
type Failing struct {
	Workload    finding.Workload `json:"workload"`
	Container   string           `json:"container,omitempty"`
	Fingerprint string           `json:"fingerprint"`
}

const (
	// failingKept is how many examples there are of each check.
	failingKept = 5
	// messageKept bounds, in bytes, a message that comes from a finding.
	messageKept = 200
)

// NewTally returns a tally of a framework's items of a level; all items where
// level is empty. A level that the framework does not have is an error.
func NewTally(f *Framework, level string) (*Tally, error) {
	name, err := f.Level(level)
	if err != nil {
		return nil, err
	}
	t := &Tally{framework: f, level: name, counts: map[string]*count{}}
	if t.items, err = f.At(name); err != nil {
		return nil, err
	}
	checks, err := Checks(f, name)
	if err != nil {
		return nil, err
	}
	for _, id := range checks {
		t.counts[id] = &count{statuses: map[finding.Status]int{}, messages: map[finding.Status]string{}}
	}
	return t, nil
}

// Add counts a finding. It must be told of every finding, whatever its status
// and its waiver: a check that it hears nothing of counts as not reviewed.
func (t *Tally) Add(f *finding.Finding) {
	c := t.counts[f.Check]
	if c == nil {
		return
	}
	if f.Waiver != nil && f.Status == finding.Fail {
		c.waived++ // a waiver signs off a failure; what could not be judged stays unknown
		return
	}
	c.statuses[f.Status]++
	if f.Status == finding.Fail && len(c.failing) < failingKept {
		id := f.Fingerprint
		if id == "" {
			id = finding.Fingerprint(f)
		}
		c.failing = append(c.failing, Failing{f.Workload, f.Container, id})
	}
	if (f.Status == finding.Error || f.Status == finding.NotReviewed) && c.messages[f.Status] == "" {
		c.messages[f.Status] = short(f.Message)
	}
}

// short bounds a message, and cuts no character in two.
func short(s string) string {
	if len(s) <= messageKept {
		return s
	}
	n := messageKept
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}

func (c *count) total() int {
	n := c.waived
	for _, some := range c.statuses {
		n += some
	}
	return n
}

package report

import (
	"io"
	"strconv"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/kubeassay/assay/finding"
)

// inspectionTable writes inspections for people: for each target and profile
// what was looked into and how, the controls that are wanted with the worst
// first, and a line that counts all. Wide adds the tests and what the look took.
type inspectionTable struct {
	*table // its output, its way to wrap, and its words about gaps
	rules  rulesByID
	looks  int
	hidden map[finding.Status]int
	risks  map[string]int
}

func newInspectionTable(w io.Writer, o Options, wide bool) *inspectionTable {
	t := &inspectionTable{table: newTable(w, o, wide), hidden: map[finding.Status]int{}, risks: map[string]int{}}
	t.what = "inspection"
	return t
}

func (t *inspectionTable) Begin(h Header) error {
	t.rules = rulesOf(h)
	return nil
}

func (t *inspectionTable) Inspection(i *finding.Inspection) error {
	if t.looks > 0 {
		t.out.WriteByte('\n')
	}
	t.looks++
	t.writeTarget(i)
	var shown []*finding.Finding
	for _, n := range worstFirst(i.Findings) {
		f := &i.Findings[n]
		switch {
		case !t.o.shows(f.Status):
			t.hidden[f.Status]++
		case f.Status == finding.Error && i.Error != "" && f.Message == i.Error: // it was said above
		default:
			shown = append(shown, f)
		}
	}
	if err := t.writeControls(shown); err != nil {
		return err
	}
	t.writeCounts(i)
	return t.out.flush()
}

// writeTarget writes what was looked into, with which profile and how.
func (t *inspectionTable) writeTarget(i *finding.Inspection) {
	t.writeBody(0, escape(i.Target.String()), t.colors.bold)
	image := i.Target.Image
	if d := i.Target.ImageDigest; d != "" && !strings.Contains(image, d) {
		image = strings.TrimSpace(image + " (" + shortDigest(d) + ")")
	}
	if image != "" {
		t.writeBody(2, escape("image "+image), t.colors.faint)
	}
	profile := "profile " + i.Profile.Name
	if i.Profile.Version != "" {
		profile += " " + i.Profile.Version
	}
	t.writeBody(2, escape(profile)+", "+escape(how(i)), t.colors.faint)
	if i.Error != "" {
		t.writeBody(2, "NOT INSPECTED: "+escape(i.Error), t.colors.alarm)
	}
	for _, note := range i.Notes {
		t.writeBody(2, "note: "+escape(note), nil)
	}
	if i.Used != nil {
		for _, r := range i.Used.Remains {
			t.writeBody(2, "remains: "+escape(r), nil)
		}
	}
	if t.wide {
		t.writeUsed(i)
	}
}

// shortDigest keeps of a digest what tells it from others.
func shortDigest(d string) string {
	const keep = len("sha256:") + 12
	if len(d) > keep {
		return d[:keep] + "…"
	}
	return d
}

// how says in a few words what the look took.
func how(i *finding.Inspection) string {
	switch {
	case i.Used == nil && i.Error != "":
		return "not looked into"
	case i.Used == nil:
		return "from a saved snapshot"
	}
	text := "through " + strings.Join(i.Used.Approaches, " and ")
	if len(i.Used.Approaches) == 0 {
		text = "not looked into"
	}
	text += ": " + count(i.Used.RoundTrips, "round trip") + ", " + size(i.Used.Bytes) + ", " + elapsed(i.Used.Duration)
	if i.Used.Risk != nil {
		text += ", risk " + i.Used.Risk.Rating
	}
	return text
}

// size is a number of bytes as a person says it.
func size(n int64) string {
	switch {
	case n >= 10<<20:
		return strconv.FormatInt(n>>20, 10) + " MiB"
	case n >= 10<<10:
		return strconv.FormatInt(n>>10, 10) + " KiB"
	}
	return strconv.FormatInt(n, 10) + " bytes"
}

// writeUsed writes what only the wide format tells about the look.
func (t *inspectionTable) writeUsed(i *finding.Inspection) {
	u := i.Used
	if u == nil {
		return
	}
	if u.Why != "" {
		t.writeLabelled(2, "approach", u.Why)
	}
	if u.UID != nil {
		who := "uid " + strconv.FormatInt(*u.UID, 10)
		if u.GID != nil {
			who += ", gid " + strconv.FormatInt(*u.GID, 10)
		}
		t.writeLabelled(2, "asked as", who)
	}
	for _, c := range u.Commands {
		t.writeLabelled(2, "ran", cut(strings.Join(c, " "), maxCommand))
	}
	if u.Risk != nil {
		for _, f := range u.Risk.Factors {
			t.writeLabelled(2, "risk", f.Name+" is "+f.Rating+": "+f.Reason)
		}
	}
}

// maxCommand is enough to know a command by; the JSON has it whole.
const maxCommand = 200

// maxID is the widest ID that others are lined up with.
const maxID = 24

// controlColumns are the widths of a target's first two columns.
type controlColumns struct{ verdict, id int }

// writeControls writes the controls of one target, lined up.
func (t *inspectionTable) writeControls(shown []*finding.Finding) error {
	c := controlColumns{verdict: verdictWidth}
	for _, f := range shown {
		c.verdict = max(c.verdict, ansi.StringWidth(verdictOf(f)))
		if w := ansi.StringWidth(escape(ruleID(f))); w <= maxID {
			c.id = max(c.id, w)
		}
	}
	for n, f := range shown {
		if n == 0 {
			t.out.WriteByte('\n')
		}
		t.writeControl(f, t.rules.of(f), c)
		if err := t.out.spill(); err != nil {
			return err
		}
	}
	return nil
}

// verdictOf is the first column: the severity of a failure, else the status.
func verdictOf(f *finding.Finding) string {
	const longest = len(finding.NotApplicable)
	if f.Status == finding.Fail {
		return cut(escape(string(f.Severity)), longest)
	}
	return cut(escape(string(f.Status)), longest)
}

// writeControl writes a control: its verdict, ID and title in one line, and
// below it what came out.
func (t *inspectionTable) writeControl(f *finding.Finding, rule *finding.Rule, c controlColumns) {
	const at = 2
	body := at + c.verdict + gap
	line := strings.Repeat(" ", at) + pad(t.colors.verdict(f, verdictOf(f)), c.verdict+gap)
	id, title := escape(ruleID(f)), escape(rule.Title)
	beside := body + c.id + gap
	if ansi.StringWidth(id) > c.id || title == "" {
		t.out.WriteString(line + t.colors.bold(id) + "\n")
		if title != "" {
			t.writeBody(body, title, nil)
		}
	} else {
		lines := wrap(title, t.room(beside))
		t.out.WriteString(line + pad(t.colors.bold(id), c.id+gap) + lines[0] + "\n")
		for _, l := range lines[1:] {
			t.out.WriteString(strings.Repeat(" ", beside) + l + "\n")
		}
	}
	if f.Message != "" {
		t.writeBody(body, escape(f.Message), nil)
	}
	if w := f.Waiver; w != nil {
		t.writeBody(body, escape("waived by "+w.Owner+" until "+w.Expires+": "+w.Reason), nil)
	}
	if t.wide {
		t.writeTests(body, f)
	}
}

// writeTests writes the tests of a control, in its own order.
func (t *inspectionTable) writeTests(at int, f *finding.Finding) {
	width := labelWidth
	for _, test := range f.Tests {
		width = max(width, min(len(test.Status), len(finding.NotApplicable)))
	}
	for _, test := range f.Tests {
		text := test.Description
		if test.Message != "" && test.Message != f.Message {
			text += ": " + test.Message
		}
		t.writeLabelledTo(at, width, cut(string(test.Status), width), text)
	}
	for _, b := range f.Basis {
		t.writeLabelledTo(at, width, string(b.Evidence), b.Field+": "+b.Value)
	}
}

// writeCounts writes one line about all controls of a target.
func (t *inspectionTable) writeCounts(i *finding.Inspection) {
	c := countInspection(i)
	if u := i.Used; u != nil && u.Risk != nil {
		t.risks[u.Risk.Rating]++
	}
	t.out.WriteByte('\n')
	if c.total == 0 {
		t.writeBody(2, "No control was evaluated.", t.colors.alarm)
		return
	}
	t.writeBody(2, count(c.total, "control")+": "+t.paintCounts(&c)+".", nil)
}

// paintCounts is "2 failed (1 high, 1 low), 3 passed".
func (t *inspectionTable) paintCounts(c *inspectionCounts) string {
	var parts []string
	add := func(n int, text string) {
		if n > 0 {
			parts = append(parts, strconv.Itoa(n)+" "+text)
		}
	}
	if n := c.status[finding.Fail]; n > 0 {
		var by []string
		for _, s := range severitiesOf(c.failed) {
			by = append(by, t.colors.severity(s, strconv.Itoa(c.failed[s])+" "+escape(string(s))))
		}
		parts = append(parts, strconv.Itoa(n)+" failed ("+strings.Join(by, ", ")+")")
	}
	if n := c.status[finding.Error]; n > 0 {
		parts = append(parts, t.colors.alarm(strconv.Itoa(n)+" could not be judged"))
	}
	add(c.status[finding.NotReviewed], "not reviewed")
	add(c.waived, "waived")
	add(c.status[finding.Pass], "passed")
	add(c.status[finding.NotApplicable], "not applicable")
	return strings.Join(parts, ", ")
}

// inspectionCounts are the verdicts of one inspection. What is waived stands in waived alone.
type inspectionCounts struct {
	total, waived int
	status        map[finding.Status]int
	failed        map[finding.Severity]int
}

func countInspection(i *finding.Inspection) inspectionCounts {
	c := inspectionCounts{len(i.Findings), 0, map[finding.Status]int{}, map[finding.Severity]int{}}
	for n := range i.Findings {
		f := &i.Findings[n]
		if f.Waiver != nil {
			c.waived++
			continue
		}
		c.status[f.Status]++
		if f.Status == finding.Fail {
			c.failed[f.Severity]++
		}
	}
	return c
}

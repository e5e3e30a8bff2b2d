package report

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/kubeassay/assay/finding"
)

// How many lines about the same thing the summary shows; the JSON has all.
const (
	maxScopes   = 6
	maxReasons  = 5
	maxProblems = 10
	maxNotes    = 10
	maxChecks   = 20
)

// writeSummary ends the table. What was not seen comes first: without it the
// numbers below mislead.
func (t *table) writeSummary(r *finding.Report) {
	if t.started {
		width := t.o.Width
		if width == 0 {
			width = 80
		}
		t.out.WriteString("\n" + t.colors.faint(strings.Repeat("─", width)) + "\n")
	}
	s := &r.Summary
	gaps := t.writeGaps(r)
	t.writeFound(s, gaps)
	if n := s.Statuses[finding.NotReviewed]; n > 0 {
		t.writeBody(0, "Not reviewed, for want of evidence: "+strconv.Itoa(n)+".", nil)
	}
	if s.Known > 0 || s.Gone > 0 {
		t.writeBody(0, "In the baseline already, and not counted: "+strconv.Itoa(s.Known)+". Gone since then: "+strconv.Itoa(s.Gone)+".", nil)
	}
	if s.Waived > 0 {
		t.writeBody(0, "Waived, and not counted: "+strconv.Itoa(s.Waived)+".", nil)
	}
	t.writeLooked(r)
	t.writeNotes(r)
	t.writeReservations(r, "Everything below was read, with a reservation:")
}

// writeReservations lists what was read, but not in every way.
func (t *table) writeReservations(r *finding.Report, title string) {
	var notes []finding.Coverage
	for _, c := range r.Coverage {
		if c.State.Complete() {
			notes = append(notes, c)
		}
	}
	if len(notes) > 0 {
		t.out.WriteByte('\n')
		t.writeBody(0, title, nil)
		t.writeCoverage(notes)
	}
}

// writeGaps says what was not read or judged, and whether there is any such thing.
func (t *table) writeGaps(r *finding.Report) bool {
	s := &r.Summary
	before := t.out.Len()
	var missing []finding.Coverage
	for _, c := range r.Coverage {
		if !c.State.Complete() {
			missing = append(missing, c)
		}
	}
	if s.Interrupted {
		t.writeBody(0, "INTERRUPTED: the "+t.what+" was stopped before its end. This is what was known by then.", t.colors.alarm)
	}
	if !s.Complete || len(missing) > 0 {
		t.writeBody(0, "INCOMPLETE: not everything that was asked for could be read. What is missing is not counted below and may hold anything.", t.colors.alarm)
		t.writeCoverage(missing)
	}
	if n := max(len(r.Errors), s.Errors); n > 0 {
		t.writeBody(0, "NOT READ: "+count(n, "broken or unreadable input")+". The rest was judged.", t.colors.alarm)
		for _, p := range r.Errors[:min(maxProblems, len(r.Errors))] {
			t.writeBody(2, escape(p.String()), nil)
		}
		if more := n - min(maxProblems, len(r.Errors)); more > 0 {
			t.writeBody(2, "… and "+strconv.Itoa(more)+" more", t.colors.faint)
		}
	}
	if n := s.Statuses[finding.Error]; n > 0 {
		t.writeBody(0, "NOT JUDGED: "+count(n, "verdict")+" could not be reached (status error).", t.colors.alarm)
	}
	if t.out.Len() == before {
		return false
	}
	t.out.WriteByte('\n')
	return true
}

// stateMeaning puts a state of coverage into words.
func stateMeaning(s finding.CoverageState) string {
	switch s {
	case finding.Forbidden:
		return "the credentials may not read it"
	case finding.TimedOut:
		return "the server did not answer in time"
	case finding.Vanished:
		return "it was there, and was gone when it was read"
	case finding.NotFound:
		return "it was asked for, and there is none"
	case finding.NotRunning:
		return "there is no running container to look into"
	case finding.NotObserved:
		return "nobody could look inside, so weaker evidence decides"
	case finding.Unreadable:
		return "reading it failed"
	case finding.Interrupted:
		return "the run was stopped before it"
	case finding.Unsupported:
		return "not known to Assay or to this server"
	case finding.Inconsistent:
		return "it changed while it was read; parts are from different moments"
	case finding.Unreviewed:
		return "only some checks need it; what they say is not-reviewed"
	case finding.NotJudged:
		return "Assay does not know what becomes of the containers in it"
	case finding.OwnerUnresolved:
		return "pods were judged, but their owners could not be read"
	}
	return ""
}

// writeCoverage writes lines of coverage, grouped by state in the order in
// which the states come up, and a few of each. Lines that say the same about
// different namespaces become one.
func (t *table) writeCoverage(lines []finding.Coverage) {
	var order []finding.CoverageState
	groups := map[finding.CoverageState][]finding.Coverage{}
	for _, c := range lines {
		if groups[c.State] == nil {
			order = append(order, c.State)
		}
		groups[c.State] = append(groups[c.State], c)
	}
	for _, state := range order {
		group := groups[state]
		title := escape(string(state)) + " " + strconv.Itoa(len(group))
		if m := stateMeaning(state); m != "" {
			title += ": " + m
		}
		t.writeBody(2, title, t.colors.bold)
		t.writeGroup(group)
	}
}

func (t *table) writeGroup(group []finding.Coverage) {
	var order []string
	alike := map[string][]finding.Coverage{}
	for _, c := range group {
		key := pattern(c)
		if alike[key] == nil {
			order = append(order, key)
		}
		alike[key] = append(alike[key], c)
	}
	shown := 0
	for _, key := range order[:min(maxReasons, len(order))] {
		same := alike[key]
		shown += len(same)
		text := same[0].Scope
		if same[0].Detail != "" {
			text += ": " + same[0].Detail
		}
		t.writeBody(4, escape(text), nil)
		if len(same) == 1 {
			continue
		}
		text = "likewise "
		for i, c := range same[1:min(maxScopes, len(same))] {
			if i > 0 {
				text += ", "
			}
			text += c.Scope
		}
		if more := len(same) - maxScopes; more > 0 {
			text += " and " + strconv.Itoa(more) + " more; -o json lists them all"
		}
		t.writeBody(6, escape(text), nil)
	}
	if more := len(group) - shown; more > 0 {
		t.writeBody(4, "… and "+strconv.Itoa(more)+" more; -o json lists them all", nil)
	}
}

// pattern is what a line of coverage says, without the names in its scope:
// the API server repeats the namespace in its message.
func pattern(c finding.Coverage) string {
	kind, rest, _ := strings.Cut(c.Scope, "/")
	name, rest, _ := strings.Cut(rest, "/")
	detail := c.Detail
	if name != "" {
		detail = strings.ReplaceAll(detail, strconv.Quote(name), `"*"`)
	}
	return kind + "/*/" + rest + ": " + detail
}

// writeFound says what was found, by severity and by check.
func (t *table) writeFound(s *finding.Summary, gaps bool) {
	total := 0
	var parts []string
	for _, severity := range severitiesOf(s.Findings) {
		if n := s.Findings[severity]; n > 0 {
			total += n
			parts = append(parts, t.colors.severity(severity, strconv.Itoa(n)+" "+escape(string(severity))))
		}
	}
	if total == 0 {
		t.writeBody(0, nothing(s, t.made, gaps), t.colors.bold)
		return
	}
	t.out.WriteString(t.colors.bold(count(total, "failure")+": ") + strings.Join(parts, ", ") + "\n")
	checks := slices.SortedFunc(maps.Keys(s.Checks), func(a, b string) int {
		return cmp.Or(t.rules[a].Rank()-t.rules[b].Rank(), s.Checks[b]-s.Checks[a], strings.Compare(a, b))
	})
	checks = slices.DeleteFunc(checks, func(id string) bool { return s.Checks[id] == 0 })
	// A check of which nothing is shown, because it is too slight, is only counted.
	listed := slices.DeleteFunc(slices.Clone(checks), func(id string) bool { return (t.o.MinSeverity != "" || len(t.shown) > 0) && !t.shown[id] })
	listed = listed[:min(maxChecks, len(listed))]
	width := 0
	for _, id := range listed {
		width = max(width, ansi.StringWidth(escape(id)))
	}
	for _, id := range listed {
		t.out.WriteString("  " + pad(escape(id), width+gap) + strconv.Itoa(s.Checks[id]) + "\n")
	}
	if more := len(checks) - len(listed); more > 0 && len(listed) > 0 {
		t.writeBody(2, "… and "+count(more, "more check"), t.colors.faint)
	}
	minor := t.writeMinor()
	if hidden := total - t.fails - minor; hidden > 0 && !t.o.PerPod {
		t.writeBody(0, "Not shown because of a filter: "+strconv.Itoa(hidden)+".", nil)
	}
}

// writeMinor says how many failures were too slight to be shown.
func (t *table) writeMinor() (minor int) {
	var parts []string
	for _, severity := range severitiesOf(t.minor) {
		if n := t.minor[severity]; n > 0 {
			minor += n
			parts = append(parts, strconv.Itoa(n)+" "+escape(string(severity)))
		}
	}
	if minor > 0 {
		t.writeBody(0, "Not shown: "+strings.Join(parts, ", ")+" (--min-severity info shows them).", nil)
	}
	return minor
}

// nothing words a run without failures: never better than it was.
func nothing(s *finding.Summary, rules int, gaps bool) string {
	by := ""
	if rules > 0 {
		by = " by " + count(rules, "check")
	}
	reached := 0 // verdicts
	for status, n := range s.Statuses {
		if status != finding.NotReviewed {
			reached += n
		}
	}
	switch {
	case reached > 0: // about other objects, where there is no container
	case s.Containers == 0 && gaps:
		return "Nothing was judged: no container could be looked at."
	case s.Containers == 0:
		return "Nothing was judged: there was no container to look at."
	}
	found := "Nothing was found"
	if s.Known > 0 {
		found = "Nothing new was found"
	}
	if gaps {
		return found + by + " in what could be judged."
	}
	return found + by + "."
}

// severitiesOf lists the keys, the gravest first, then those that are unknown.
func severitiesOf(m map[finding.Severity]int) []finding.Severity {
	return slices.SortedFunc(maps.Keys(m), func(a, b finding.Severity) int {
		if d := a.Rank() - b.Rank(); d != 0 {
			return d
		}
		return strings.Compare(string(a), string(b))
	})
}

// writeLooked says what the numbers are about.
func (t *table) writeLooked(r *finding.Report) {
	s := &r.Summary
	text := lookedAt(s.Workloads, s.Pods, s.Containers, s.Namespaces) + "; read " + count(s.Objects, "object")
	if s.Unjudged > 0 {
		verb := " hold"
		if s.Unjudged == 1 {
			verb = " holds"
		}
		text += ", of which " + strconv.Itoa(s.Unjudged) + verb + " no pod template"
	}
	if !s.StartedAt.IsZero() && !s.FinishedAt.IsZero() {
		text += ", in " + elapsed(s.FinishedAt.Sub(s.StartedAt))
	}
	t.writeBody(0, text+".", nil)
	if s.Cluster != "" {
		t.writeBody(0, "Cluster: "+escape(s.Cluster), nil)
	}
	if t.wide && r.Access != nil {
		t.writeBody(0, count(r.Access.APICalls, "API call")+", "+strconv.FormatInt(r.Access.Bytes, 10)+" bytes from the API server.", nil)
	}
}

func lookedAt(workloads, pods, containers, namespaces int) string {
	text := "Looked at " + count(workloads, "workload")
	if pods > 0 {
		text += ", " + count(pods, "pod")
	}
	text += " and " + count(containers, "container")
	if namespaces > 0 {
		text += " in " + count(namespaces, "namespace")
	}
	return text
}

// writeNotes writes what else is to be known about the run.
func (t *table) writeNotes(r *finding.Report) {
	for _, note := range r.Notes[:min(maxNotes, len(r.Notes))] {
		t.writeBody(0, "note: "+escape(note), nil)
	}
	if more := len(r.Notes) - maxNotes; more > 0 {
		t.writeBody(0, "… and "+count(more, "more note")+"; -o json lists them all", nil)
	}
}

// elapsed is a duration as a person says it.
func elapsed(d time.Duration) string {
	switch {
	case d >= time.Minute:
		return d.Round(time.Second).String()
	case d >= time.Second:
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Millisecond).String()
}

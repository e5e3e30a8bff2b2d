package report

import (
	"strconv"
	"strings"
	"time"

	"github.com/kubeassay/assay/finding"
)

// maxGrants is how many grants the table lists; the JSON has all.
const maxGrants = 10

// End writes what the run was about. What was not seen comes first.
func (t *inspectionTable) End(r *finding.Report) error {
	if t.looks > 0 {
		width := t.o.Width
		if width == 0 {
			width = 80
		}
		t.out.WriteString("\n" + t.colors.faint(strings.Repeat("─", width)) + "\n")
	}
	gaps := t.writeGaps(r)
	s := &r.Summary
	t.writeAll(s, gaps)
	t.writeHidden()
	t.writeInspected(r)
	t.writeAccess(r.Access)
	t.writeNotes(r)
	t.writeReservations(r, "With a reservation:")
	return t.out.flush()
}

// writeAll counts the verdicts of the whole run.
func (t *inspectionTable) writeAll(s *finding.Summary, gaps bool) {
	c := inspectionCounts{waived: s.Waived, total: s.Waived, status: s.Statuses, failed: s.Findings}
	for _, n := range s.Statuses {
		c.total += n
	}
	switch {
	case c.total == 0 && gaps:
		t.writeBody(0, "Nothing was judged: no container could be looked into.", t.colors.bold)
	case c.total == 0:
		t.writeBody(0, "Nothing was judged: there was no container to look into.", t.colors.bold)
	default:
		t.writeBody(0, "In all, "+count(c.total, "verdict")+": "+t.paintCounts(&c)+".", t.colors.bold)
	}
}

// writeHidden says what the choice of statuses leaves out above.
func (t *inspectionTable) writeHidden() {
	var parts []string
	for _, s := range finding.Statuses {
		if n := t.hidden[s]; n > 0 {
			parts = append(parts, strconv.Itoa(n)+" "+string(s))
		}
	}
	if len(parts) > 0 {
		t.writeBody(0, "Not shown, see --status: "+strings.Join(parts, ", ")+".", nil)
	}
}

func (t *inspectionTable) writeInspected(r *finding.Report) {
	s := &r.Summary
	text := "Looked at " + count(s.Containers, "container") + " of " + count(s.Pods, "pod")
	if s.Namespaces > 0 {
		text += " in " + count(s.Namespaces, "namespace")
	}
	if !s.StartedAt.IsZero() && !s.FinishedAt.IsZero() {
		text += ", in " + elapsed(s.FinishedAt.Sub(s.StartedAt))
	}
	t.writeBody(0, text+".", nil)
	if s.Cluster != "" {
		t.writeBody(0, "Cluster: "+escape(s.Cluster), nil)
	}
	var risks []string
	for _, rating := range []string{"critical", "high", "medium", "low"} {
		if n := t.risks[rating]; n > 0 {
			risks = append(risks, strconv.Itoa(n)+" "+rating)
		}
	}
	if len(risks) > 0 && t.looks > 1 {
		t.writeBody(0, "Risk of the looks themselves: "+strings.Join(risks, ", ")+".", nil)
	}
}

// writeAccess says what the run used, and whether what it was lent is gone.
func (t *inspectionTable) writeAccess(a *finding.Access) {
	if a == nil {
		return
	}
	t.writeBody(0, count(a.APICalls, "API call")+", "+size(a.Bytes)+" from the API server.", nil)
	if len(a.Grants) == 0 {
		return
	}
	var standing []finding.Grant
	revoked := 0
	for _, g := range a.Grants {
		if g.RevokedAt.IsZero() || g.Problem != "" {
			standing = append(standing, g)
		} else {
			revoked++
		}
	}
	t.writeBody(0, "Temporary access: "+count(len(a.Grants), "grant")+" made, "+strconv.Itoa(revoked)+" revoked.", nil)
	for _, g := range standing[:min(maxGrants, len(standing))] {
		text := "NOT REVOKED: " + g.Name + " in namespace " + g.Namespace + ", which expires at " + g.ExpiresAt.UTC().Format(time.RFC3339)
		if g.Problem != "" {
			text += ": " + g.Problem
		}
		t.writeBody(2, escape(text), t.colors.alarm)
	}
	if more := len(standing) - maxGrants; more > 0 {
		t.writeBody(2, "… and "+strconv.Itoa(more)+" more; -o json lists them all", t.colors.alarm)
	}
}

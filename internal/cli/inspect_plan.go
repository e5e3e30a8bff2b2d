package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/gate"
	"github.com/kubeassay/assay/inspect"
	"github.com/kubeassay/assay/kube"
	"github.com/kubeassay/assay/report"
)

// runPlan says what a run with these flags would do, and does nothing.
func (f *inspectFlags) runPlan(ctx context.Context, s *streams, client *kube.Client, selection inspect.Selection, o inspect.Options) error {
	outputs := f.results.outputs
	if len(outputs) != 1 || outputs[0] != report.Table && outputs[0] != report.JSON && outputs[0] != report.YAML {
		return usagef("--plan prints text, with -o json everything as JSON, with -o yaml only the roles")
	}
	plan, err := inspect.MakePlan(ctx, client, selection, o)
	if err != nil {
		return err
	}
	out := &planText{width: report.Terminal(s.out).Width}
	switch outputs[0] {
	case report.JSON:
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		err = e.Encode(plan)
	case report.YAML:
		var roles []byte
		if roles, err = plan.Roles("assay-inspect", plan.Home); err == nil {
			out.Write(roles)
		}
	default:
		out.plan(plan)
	}
	if err != nil {
		return err
	}
	if _, err := out.WriteTo(s.out); err != nil {
		return err
	}
	return planned(plan)
}

// planned is the exit code: a plan in which something can't be looked into is not whole.
func planned(p *inspect.Plan) error {
	if len(p.Targets)+len(p.Coverage) == 0 {
		return errNoTargets
	}
	for _, t := range p.Targets {
		if t.Approach == "" {
			return exit(gate.Incomplete)
		}
	}
	for _, c := range p.Coverage {
		if !c.State.Complete() {
			return exit(gate.Incomplete)
		}
	}
	return nil
}

// planText writes a plan for people, broken into lines as wide as the terminal.
type planText struct {
	bytes.Buffer
	width int // 0: no limit
}

// line writes one line, and what does not fit on it below, a little further in.
func (p *planText) line(indent int, format string, args ...any) {
	text := report.Printable(fmt.Sprintf(format, args...))
	p.hang(strings.Repeat(" ", indent), strings.Repeat(" ", indent+2), text)
}

const unbroken = "\u2011" // a hyphen at which no line ends

// hang writes text behind first, and its further lines behind next.
func (p *planText) hang(first, next, text string) {
	const least = 20 // columns: on narrower terminals the lines just run over
	if room := p.width - len(next); p.width > 0 && room >= least {
		// Names hold hyphens, and should not be broken there.
		text = strings.ReplaceAll(text, "-", unbroken)
		text = strings.ReplaceAll(ansi.Wrap(text, room, "/,"), "\n", "\n"+next)
		text = strings.ReplaceAll(text, unbroken, "-")
	}
	p.WriteString(first + text + "\n")
}

func (p *planText) list(title string, items []string) {
	if len(items) == 0 {
		return
	}
	p.line(2, "%s:", title)
	for _, i := range items {
		p.line(4, "%s", i)
	}
}

func (p *planText) plan(plan *inspect.Plan) {
	p.line(0, "Nothing was changed. This is what a run would do.")
	shared := oneAccess(plan.Targets)
	if shared {
		p.line(0, "")
		p.access("", &plan.Targets[0])
	}
	if len(plan.Maker) > 0 {
		p.line(0, "To make it, you need these rights besides those that are handed on:")
		for _, m := range plan.Maker {
			p.line(2, "%s", m)
		}
	}
	for i := range plan.Targets {
		p.target(&plan.Targets[i], shared)
	}
	if len(plan.Targets) > 0 {
		p.line(0, "")
		p.line(0, "API calls that are made once, or once a namespace:")
		for _, c := range plan.Calls {
			p.line(2, "%s", c)
		}
	}
	if len(plan.Coverage) > 0 {
		p.line(0, "")
		p.line(0, "Not looked into:")
		for _, c := range plan.Coverage {
			p.line(2, "%s: %s: %s", c.Scope, c.State, c.Detail)
		}
	}
	if len(plan.Targets) > 0 {
		p.line(0, "")
		p.line(0, "For the roles alone, to be made beforehand: --plan -o yaml")
	}
}

// oneAccess reports whether all targets would be looked into by the same right.
func oneAccess(targets []inspect.PlannedTarget) bool {
	for i := range targets {
		if targets[i].Access == "" || targets[i].Access != targets[0].Access || targets[i].AccessReason != targets[0].AccessReason {
			return false
		}
	}
	return len(targets) > 0
}

func (p *planText) access(indent string, t *inspect.PlannedTarget) {
	if t.Access != "" {
		p.hang(indent, indent+"  ", report.Printable(fmt.Sprintf("Access: %s (%s)", t.Access, t.AccessReason)))
	}
}

func (p *planText) target(t *inspect.PlannedTarget, shared bool) {
	p.line(0, "")
	p.line(0, "%s (%s%s)", t.Target, t.Workload, standsFor(t.Replicas))
	if !shared {
		p.access("  ", t)
	}
	if t.Approach == "" {
		p.line(2, "approach: none: %s", t.Why)
	} else {
		p.line(2, "approach: %s: %s", t.Approach, t.Why)
	}
	if t.Asks != "" {
		p.line(2, "to be agreed to: %s", t.Asks)
	}
	for _, o := range t.Others {
		p.line(2, "not %s: %s", o.Approach, o.Reason)
	}
	for _, n := range t.Needs {
		p.list("rights in namespace "+n.Namespace, n.Rules)
	}
	p.list("rights that you lack", t.Lacks)
	p.list("API calls", t.Calls)
	if t.Approach != "" && len(t.Remains) == 0 {
		p.line(2, "what stays behind: nothing")
	}
	p.list("what stays behind", t.Remains)
	if t.Risk != nil {
		p.risk(t.Risk)
	}
}

func standsFor(replicas int) string {
	if replicas < 2 {
		return ""
	}
	return fmt.Sprintf(", for %d replicas", replicas)
}

func (p *planText) risk(r *finding.Risk) {
	p.line(2, "risk: %s (likelihood × impact, each from 1 to 5)", r.Rating)
	for _, f := range r.Factors {
		first := fmt.Sprintf("    %-20s %-8s %d×%d  ", f.Name, f.Rating, f.Likelihood, f.Impact)
		p.hang(first, strings.Repeat(" ", utf8.RuneCountInString(first)), f.Reason)
	}
}

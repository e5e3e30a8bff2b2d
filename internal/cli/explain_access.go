package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"
	"github.com/spf13/cobra"
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/rbac"
	"github.com/kubeassay/assay/report"
)

// explainAccessFlags are the flags of assay explain-access.
type explainAccessFlags struct {
	askFlags
	groups []string
}

func newExplainAccess(s *streams) *cobra.Command {
	var f explainAccessFlags
	cmd := &cobra.Command{
		Use:   "explain-access SUBJECT",
		Short: "Say what somebody may do, and where it comes from",
		Long: `Say what a user, a group or a service account may do: its rights by namespace, the
dangerous ones first, each with the binding and the role that it comes from; and
the ways by which it could get more, up to cluster-admin.

SUBJECT is sa:NAMESPACE/NAME, user:NAME or group:NAME. The groups that every user
and service account is in by itself are counted. Those that stand in a user's
certificate or token are not known to the cluster: name them with --group.

A way is a chain of steps, each allowed by a rule that is named. It says what RBAC
makes possible. Of what else may be in the way, only the Pod Security labels of
namespaces are looked at. Secrets are never read.

This is a question, not a judgement. Exit codes: 0 answered, 2 something could not
be read so that the answer is not complete, 3 wrong usage.`,
		Example: `  assay explain-access sa:shop/cart
  assay explain-access user:jo --group devs
  assay explain-access group:system:authenticated -o json
  assay explain-access sa:shop/cart -f deploy/`,
		Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(cmd); err != nil {
				return err
			}
			subject, err := rbac.ParseSubject(args[0])
			if err != nil {
				return usage(err)
			}
			return f.run(cmd.Context(), s, subject)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringSliceVar(&f.groups, "group", nil, "Group that the subject is in; repeatable")
	f.bind(cmd)
	return cmd
}

// accessAnswer is the answer, as JSON.
type accessAnswer struct {
	APIVersion string       `json:"apiVersion"`
	Kind       string       `json:"kind"`
	Subject    rbac.Subject `json:"subject"`
	// Groups that count for it.
	Groups []string `json:"groups,omitempty"`
	// Complete: everything was read that the answer rests on.
	Complete    bool               `json:"complete"`
	Escalations []rbac.Chain       `json:"escalations"`
	Rights      []rbac.Right       `json:"rights"`
	Notes       []string           `json:"notes,omitempty"`
	Coverage    []finding.Coverage `json:"coverage,omitempty"`
	Errors      []finding.Problem  `json:"errors,omitempty"`
}

func (f *explainAccessFlags) run(ctx context.Context, s *streams, subject rbac.Subject) error {
	reads := append(rbacReads(""), escalationReads()...)
	return f.with(ctx, s, reads, func(all *rbacObjects, g *rbac.Graph) (bool, error) {
		answer := accessAnswer{
			APIVersion: finding.APIVersion, Kind: "Access", Subject: subject, Groups: rbac.Groups(subject, f.groups...),
			Complete:    len(all.coverage) == 0 && len(all.problems) == 0 && g.Complete(rbac.Request{Verb: "*", Resource: "*", Namespace: rbac.Anywhere}),
			Escalations: orEmpty(g.Escalations(subject, f.groups...)), Rights: orEmpty(g.Rights(subject, f.groups...)),
			Coverage: all.coverage, Errors: all.problems,
		}
		if subject.Kind == rbacv1.ServiceAccountKind && g.Absent(subject) {
			answer.Notes = append(answer.Notes, fmt.Sprintf("there is no service account %s/%s; whoever makes one of that name gets these rights", subject.Namespace, subject.Name))
		}
		for _, p := range g.Problems() {
			answer.Notes = append(answer.Notes, p.Object.String()+": "+p.Message)
		}
		return answer.Complete, f.write(s, &answer, answer.text)
	})
}

func (a *accessAnswer) text(out io.Writer) error {
	width := tableWidth(out)
	var b strings.Builder
	b.WriteString(report.Printable(a.Subject.String()) + "\n")
	if len(a.Groups) > 0 {
		b.WriteString(indented("in the groups "+strings.Join(a.Groups, ", "), "  ", width))
	}
	b.WriteString("\n")
	for i := range a.Escalations {
		writeChain(&b, &a.Escalations[i], width)
	}
	if len(a.Escalations) == 0 {
		b.WriteString("No way to cluster-admin or to a node was found.\n\n")
	}
	a.writeRights(&b, width)
	for _, n := range a.Notes {
		b.WriteString("\n" + indented("Note: "+n+".", "", width))
	}
	if !a.Complete {
		b.WriteString("\nThis is not complete: something that may allow more could not be read.\n")
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// indented wraps text from outside into lines that begin alike.
func indented(text, indent string, width int) string {
	lines := strings.Split(ansi.Wrap(report.Printable(text), width-len(indent), "/,"), "\n")
	return indent + strings.Join(lines, "\n"+indent) + "\n"
}

func writeChain(b *strings.Builder, c *rbac.Chain, width int) {
	goal := "Can become cluster-admin"
	if c.Goal == rbac.NodeControl {
		goal = "Can get hold of a node"
	}
	steps := "1 step"
	if n := len(c.Steps); n > 1 {
		steps = fmt.Sprint(n, " steps")
	}
	_, _ = fmt.Fprintf(b, "%s, in %s:\n", goal, steps)
	for i := range c.Steps {
		s := &c.Steps[i]
		text := fmt.Sprintf("%d. %s %s", i+1, whoever(s.Who), s.Does)
		if s.Namespace != "" {
			text += ", in namespace " + s.Namespace
		}
		if s.Technique != rbac.HasEverything || i < len(c.Steps)-1 {
			text += becomes(s.Gets)
		}
		b.WriteString("  " + strings.TrimPrefix(indented(text, "     ", width), "     "))
		for j := range s.By {
			b.WriteString(indented("by "+strings.ReplaceAll(chainOf(&s.By[j]), "\n", " "), "     ", width))
		}
		if s.If != "" {
			b.WriteString(indented("("+s.If+")", "     ", width))
		}
		b.WriteString(indented(s.Why, "     ", width))
	}
	if c.More > 0 {
		_, _ = fmt.Fprintf(b, "  and %d more ways that begin like this\n", c.More)
	}
	b.WriteString("\n")
}

// whoever has got so far.
func whoever(who string) string {
	if who == string(rbac.NodeControl) {
		return "whoever has the node"
	}
	return who
}

// becomes says what a step makes of who takes it.
func becomes(what string) string {
	if what == string(rbac.NodeControl) {
		return ", and so has the node"
	}
	return ", and so is " + what
}

// writeRights writes a table for the cluster and for each namespace; where the
// most dangerous stands, first.
func (a *accessAnswer) writeRights(b *strings.Builder, width int) {
	if len(a.Rights) == 0 {
		b.WriteString("It may do nothing.\n")
		return
	}
	type place struct {
		name  string
		worst int
	}
	var places []place
	at := map[string][]*rbac.Right{}
	for i := range a.Rights {
		r := &a.Rights[i]
		if at[r.Namespace] == nil {
			places = append(places, place{r.Namespace, r.Severity.Rank()}) // the gravest comes first
		}
		at[r.Namespace] = append(at[r.Namespace], r)
	}
	slices.SortFunc(places, func(x, y place) int { return cmp.Or(cmp.Compare(x.worst, y.worst), cmp.Compare(x.name, y.name)) })
	for i, p := range places {
		if i > 0 {
			b.WriteString("\n")
		}
		where := "In the whole cluster"
		if p.name != "" {
			where = "In namespace " + p.name
		}
		b.WriteString(report.Printable(where) + " it may\n\n")
		t := textTable{width: width, columns: []string{"DANGER", "RIGHT", "FROM"}}
		for _, r := range at[p.name] {
			t.add(danger(r), rightOf(r), fromOf(r, a.Subject))
		}
		b.WriteString(t.String())
	}
}

func danger(r *rbac.Right) string {
	if r.Severity == finding.Info {
		return "-"
	}
	return string(r.Severity)
}

func rightOf(r *rbac.Right) string {
	text := "everything"
	if !r.Bypass() {
		text = rbac.Describe(r.PolicyRule)
	}
	for _, why := range r.Why {
		text += "\n(" + why + ")"
	}
	return text
}

// fromOf says by which binding and role, and as whom where that is a group.
func fromOf(r *rbac.Right, s rbac.Subject) string {
	if r.Bypass() {
		return r.Subject.String()
	}
	text := fmt.Sprintf("%s\n%s, rule %d", r.Binding, r.Role, r.Rule+1)
	if r.Subject != s {
		text += "\nas " + r.Subject.String()
	}
	return text
}

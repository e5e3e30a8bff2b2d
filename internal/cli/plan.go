package cli

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/charmbracelet/x/ansi"

	"github.com/kubeassay/assay/gate"
	"github.com/kubeassay/assay/kube"
	"github.com/kubeassay/assay/kube/permission"
	"github.com/kubeassay/assay/posture/source/cluster"
	"github.com/kubeassay/assay/report"
)

// runPlan says what a scan with these flags would see, and prints the role for it.
func (f *scanFlags) runPlan(ctx context.Context, s *streams) error {
	if len(f.outputs) != 1 || f.outputs[0] != report.Table && f.outputs[0] != report.YAML {
		return usagef("--plan prints a table and the role, or with -o yaml only the role")
	}
	options, _, err := f.judging.options()
	if err != nil {
		return err
	}
	kinds, err := parseKinds(f.what.kinds)
	if err != nil {
		return err
	}
	client, err := f.connection.connect(s, f.quiet)
	if err != nil {
		return err
	}
	defer f.connection.close()
	src, err := cluster.New(client, f.reads(kinds, options.Checks))
	if err != nil {
		return usage(err)
	}
	needs := src.Needs()
	role, err := permission.Manifest(wants(needs), permission.Names{Name: "assay-scan"})
	if err != nil {
		return err
	}
	if f.outputs[0] == report.YAML {
		_, err := s.out.Write(role)
		return err
	}
	complete, err := writePlan(ctx, s.out, client, src, needs)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.out, "\nThe least that a complete scan needs. To grant it: %s | kubectl apply -f -\n\n%s", "assay scan --plan -o yaml", role)
	if err == nil && !complete {
		return exit(gate.Incomplete)
	}
	return err
}

func wants(needs []cluster.Need) []permission.Want {
	all := make([]permission.Want, len(needs))
	for i, n := range needs {
		all[i] = n.Want
	}
	return all
}

// writePlan asks what is allowed and writes the table. It reports whether a scan would be complete.
func writePlan(ctx context.Context, out io.Writer, client *kube.Client, src *cluster.Source, needs []cluster.Need) (complete bool, err error) {
	answers := permission.Ask(ctx, client, wants(needs))
	if err := ctx.Err(); err != nil {
		return false, err
	}
	complete = true
	var oneByOne []cluster.Need // what is not allowed in all namespaces at once
	var besides besidesPods
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "ALLOWED\tVERB\tRESOURCE\tWHERE\tWHAT FOR")
	for i, a := range answers {
		switch {
		case a.State == permission.Allowed:
		case a.Namespace == "" && a.Resource.Namespaced:
			oneByOne = append(oneByOne, needs[i])
		case needs[i].Required:
			complete = false
		}
		if needs[i].For == cluster.PurposeOfOthers {
			besides.add(a)
			continue
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", word(a), a.Verb, subject(a.Want), where(a.Want), needs[i].For)
	}
	besides.rows(w)
	if err := w.Flush(); err != nil {
		return false, err
	}
	besides.list(out)
	if len(oneByOne) > 0 {
		all, err := writeNamespaces(ctx, out, client, src, oneByOne)
		if err != nil {
			return false, err
		}
		complete = complete && all
	}
	verdict := "A scan would be complete."
	if !complete {
		verdict = "A scan would not be complete: it would say what is missing, and end with exit code 2."
	}
	_, err = fmt.Fprintf(out, "\n%s\n", verdict)
	return complete, err
}

// besidesPods are the kinds that only checks ask about: too many for a line each.
type besidesPods struct {
	order []string
	names map[string][]string // resources, by what is otherwise the same line
}

func (b *besidesPods) add(a permission.Answer) {
	key := strings.Join([]string{word(a), a.Verb, "%d kinds", where(a.Want), cluster.PurposeOfOthers}, "\t")
	if b.names == nil {
		b.names = map[string][]string{}
	}
	if b.names[key] == nil {
		b.order = append(b.order, key)
	}
	b.names[key] = append(b.names[key], subject(a.Want))
}

func (b *besidesPods) rows(w io.Writer) {
	for _, key := range b.order {
		kinds := fmt.Sprintf("%d kinds (below)", len(b.names[key]))
		if len(b.names[key]) == 1 {
			kinds = b.names[key][0]
		}
		_, _ = fmt.Fprintln(w, strings.Replace(key, "%d kinds", kinds, 1))
	}
}

// list names the kinds that stand in the table as a number.
func (b *besidesPods) list(out io.Writer) {
	for _, key := range b.order {
		if len(b.names[key]) == 1 {
			continue
		}
		columns := strings.Split(key, "\t")
		allowed, where := columns[0], "in "+columns[3]
		if columns[3] == "cluster" {
			where = "of the whole cluster"
		}
		title := fmt.Sprintf("Kinds %s that may be listed: %s", where, allowed)
		_, _ = fmt.Fprintf(out, "\n%s\n  %s\n", title, strings.ReplaceAll(ansi.Wordwrap(strings.Join(b.names[key], ", "), 78, " "), "\n", "\n  "))
	}
}

// writeNamespaces says which namespaces a scan would see when it goes one by
// one. It reports whether that is all that is required.
func writeNamespaces(ctx context.Context, out io.Writer, client *kube.Client, src *cluster.Source, needs []cluster.Need) (all bool, err error) {
	names, gaps, err := src.Namespaces(ctx)
	if err != nil {
		return false, err
	}
	for _, g := range gaps {
		if _, err := fmt.Fprintf(out, "\n%s: %s\n", g.Scope, report.Printable(g.Detail)); err != nil {
			return false, err
		}
	}
	if len(names) == 0 {
		names = []string{client.Namespace()}
	}
	var wants []permission.Want
	for _, n := range names {
		for _, need := range needs {
			wants = append(wants, permission.Want{Verb: need.Verb, Resource: need.Resource, Namespace: n})
		}
	}
	answers := permission.Ask(ctx, client, wants)
	all = len(gaps) == 0
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "\nNAMESPACE\tWILL BE SEEN\tWILL NOT BE SEEN")
	for answers := range slices.Chunk(answers, len(needs)) {
		var seen, unseen string
		for i, a := range answers {
			list := &unseen
			if a.State == permission.Allowed {
				list = &seen
			} else if needs[i].Required {
				all = false
			}
			if *list != "" {
				*list += ", "
			}
			*list += a.Resource.Resource
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\n", answers[0].Namespace, orDash(seen), orDash(unseen))
	}
	return all, w.Flush()
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func word(a permission.Answer) string {
	switch a.State {
	case permission.Allowed:
		return "yes"
	case permission.Denied:
		return "no"
	default:
		return "unknown: " + report.Printable(a.Reason)
	}
}

// subject is what it is about, such as "pods" or "nodes/configz".
func subject(w permission.Want) string {
	if w.Subresource == "" {
		return w.Resource.String()
	}
	return w.Resource.String() + "/" + w.Subresource
}

func where(w permission.Want) string {
	switch {
	case w.Namespace != "":
		return "namespace " + w.Namespace
	case w.Resource.Namespaced:
		return "all namespaces"
	}
	return "cluster"
}

package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/gate"
	"github.com/kubeassay/assay/kube"
	"github.com/kubeassay/assay/kube/permission"
	"github.com/kubeassay/assay/posture/rbac"
	"github.com/kubeassay/assay/report"
)

// askFlags are the flags of the commands that ask about RBAC.
type askFlags struct {
	connection
	files  []string
	output string
	plan   bool
	quiet  bool
}

func (f *askFlags) bind(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringSliceVarP(&f.files, "filename", "f", nil, "File, folder, or - for standard input, to read manifests from instead of a cluster; repeatable")
	flags.StringVarP(&f.output, "output", "o", report.Table, "table, json or yaml")
	flags.BoolVar(&f.plan, "plan", false, "Ask nothing: print what could be read, and the least role for it (-o yaml: only the role)")
	flags.BoolVarP(&f.quiet, "quiet", "q", false, "Say nothing on standard error but errors")
	inGroup(flags, connectionFlags, f.connection.bind)
}

func (f *askFlags) check(cmd *cobra.Command) error {
	switch {
	case f.output != report.Table && f.output != report.JSON && f.output != report.YAML:
		return usagef("unknown format %q: use one of table, json, yaml", f.output)
	case f.plan && f.output == report.JSON:
		return usagef("--plan prints a table and the role, or with -o yaml only the role")
	case f.plan && len(f.files) > 0:
		return usagef("--plan is about a cluster's permissions; files need none: leave out --filename")
	case len(f.files) > 0:
		return withoutConnection(cmd.Flags())
	}
	return nil
}

// with reads the objects, hands them on, and says what could not be read.
// Answer reports whether its answer is complete.
func (f *askFlags) with(ctx context.Context, s *streams, reads []rbacRead, answer func(*rbacObjects, *rbac.Graph) (bool, error)) error {
	var all *rbacObjects
	var err error
	if len(f.files) > 0 {
		all, err = readRBACFiles(ctx, s, f.files)
	} else {
		var client *kube.Client
		if client, err = f.connect(s, f.quiet); err != nil {
			return err
		}
		defer f.close()
		if f.plan {
			return planReads(ctx, s, client, reads, f.output == report.YAML)
		}
		all, err = readRBACCluster(ctx, client, reads)
	}
	if err != nil {
		return err
	}
	complete, err := answer(all, rbac.New(all.Objects))
	if err != nil {
		return err
	}
	for _, p := range all.problems {
		_, _ = fmt.Fprintf(s.err, "assay: %s\n", report.Printable(p.String()))
	}
	if err := gaps(s, all.coverage); err != nil {
		return err
	}
	if !complete {
		return exit(gate.Incomplete)
	}
	return nil
}

// planReads says what could be read, and prints the role for it.
func planReads(ctx context.Context, s *streams, client *kube.Client, reads []rbacRead, roleOnly bool) error {
	wants := make([]permission.Want, len(reads))
	for i, r := range reads {
		wants[i] = permission.Want{Verb: "list", Resource: r.resource, Namespace: r.namespace}
	}
	role, err := permission.Manifest(wants, permission.Names{Name: "assay-rbac"})
	if err != nil {
		return err
	}
	if roleOnly {
		_, err := s.out.Write(role)
		return err
	}
	answers := permission.Ask(ctx, client, wants)
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	t := textTable{width: tableWidth(s.out), columns: []string{"ALLOWED", "LIST", "WHERE", "WHAT FOR"}}
	complete := true
	for i, a := range answers {
		complete = complete && a.State == permission.Allowed
		t.add(word(a), a.Resource.String(), where(a.Want), reads[i].what)
	}
	verdict := "The answer would be complete."
	if !complete {
		verdict = "The answer would not be complete: it would say what is missing, and end with exit code 2."
	}
	if _, err := fmt.Fprintf(s.out, "%s\n%s\n\nThe least that a complete answer needs:\n\n%s", t.String(), verdict, role); err != nil {
		return err
	}
	if !complete {
		return exit(gate.Incomplete)
	}
	return nil
}

// write writes an answer: as a structure, or as text.
func (f *askFlags) write(s *streams, answer any, text func(io.Writer) error) error {
	switch f.output {
	case report.JSON:
		return writeJSON(s.out, answer)
	case report.YAML:
		// Through JSON, whose field names count for both.
		b, err := json.Marshal(answer)
		if err == nil {
			b, err = yaml.JSONToYAML(b)
		}
		if err != nil {
			return err
		}
		_, err = s.out.Write(b)
		return err
	}
	return text(s.out)
}

// whoCanFlags are the flags of assay who-can.
type whoCanFlags struct {
	askFlags
	namespace   string
	subresource string
}

func newWhoCan(s *streams) *cobra.Command {
	var f whoCanFlags
	cmd := &cobra.Command{
		Use:   "who-can VERB RESOURCE[/NAME]",
		Short: "Say who may do something, and by which binding, role and rule",
		Long: `Say who may do something: every user, group and service account to whom RBAC
allows it, with the binding, the role and the rule by which it does.

RESOURCE is written as for kubectl: pods, po, deployments.apps, or a path such as
/metrics. Resources that are not Kubernetes' own need their group, as in
widgets.example.com. Without --namespace, whoever may do it in any namespace is
listed, with the namespace.

Decided as the API server's RBAC authorizer does. The node authorizer and
webhooks may allow more; they are not part of the answer.

This is a question, not a judgement. Exit codes: 0 answered, 2 something could not
be read so that the answer is not complete, 3 wrong usage.`,
		Example: `  assay who-can get secrets -n shop
  assay who-can create pods --subresource exec
  assay who-can patch deployments.apps/cart -n shop -o json
  assay who-can get /metrics
  assay who-can list secrets -f deploy/`,
		Args: args(cobra.ExactArgs(2)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(cmd); err != nil {
				return err
			}
			q, err := f.question(args[0], args[1])
			if err != nil {
				return usage(err)
			}
			return f.run(cmd.Context(), s, q)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVarP(&f.namespace, "namespace", "n", "", "Namespace that it is done in (default any)")
	flags.StringVar(&f.subresource, "subresource", "", "Part of the resource that is a resource of its own, such as exec, log or token")
	f.bind(cmd)
	return cmd
}

// question is what was asked.
type question struct {
	rbac.Request
	resource rbac.Resource
}

// question reads the arguments.
func (f *whoCanFlags) question(verb, what string) (question, error) {
	q := question{Request: rbac.Request{Verb: verb}}
	if verb == "" || strings.ContainsAny(verb, " /") {
		return q, fmt.Errorf("%q is no verb: use one such as get, list, create or delete", verb)
	}
	if strings.HasPrefix(what, "/") {
		if f.namespace != "" || f.subresource != "" {
			return q, fmt.Errorf("%s is a path of the API server: it has no namespace and no subresource", what)
		}
		q.NonResourceURL = what
		return q, nil
	}
	resource, name, named := strings.Cut(what, "/")
	if named && name == "" {
		return q, fmt.Errorf("%q names no object behind the /", what)
	}
	var err error
	if q.resource, err = rbac.ParseResource(resource); err != nil {
		return q, err
	}
	q.Group, q.Resource, q.Name, q.Subresource = q.resource.Group, q.resource.Name, name, f.subresource
	q.Namespace = f.namespace
	switch {
	case q.Resource == "namespaces" && q.Group == "":
		// A namespace is asked for as if it stood in itself.
		if f.namespace != "" && name != "" && name != f.namespace {
			return q, fmt.Errorf("namespace %s is not in namespace %s: leave out --namespace", name, f.namespace)
		}
		if q.Namespace == "" {
			q.Namespace = name
		}
	case !q.resource.Namespaced && f.namespace != "":
		return q, fmt.Errorf("%s belong to no namespace: leave out --namespace", q.Resource)
	case q.resource.Namespaced && f.namespace == "":
		q.Namespace = rbac.Anywhere
	}
	return q, nil
}

// whoCan is the answer, as JSON.
type whoCan struct {
	APIVersion string       `json:"apiVersion"`
	Kind       string       `json:"kind"`
	Request    rbac.Request `json:"request"`
	// Complete: everything was read that the answer rests on.
	Complete bool         `json:"complete"`
	Grants   []rbac.Grant `json:"grants"`
	// SomeObjects are grants that hold only for objects that the rule names.
	SomeObjects []rbac.Grant       `json:"someObjects,omitempty"`
	Notes       []string           `json:"notes,omitempty"`
	Coverage    []finding.Coverage `json:"coverage,omitempty"`
	Errors      []finding.Problem  `json:"errors,omitempty"`
}

func (f *whoCanFlags) run(ctx context.Context, s *streams, q question) error {
	namespace := q.Namespace
	if namespace == rbac.Anywhere {
		namespace = ""
	}
	reads := rbacReads(namespace)
	if q.Namespace == "" {
		// Bindings in namespaces don't count for what belongs to none.
		reads = slices.DeleteFunc(reads, func(r rbacRead) bool { return r.resource.Namespaced })
	}
	return f.with(ctx, s, reads, func(all *rbacObjects, g *rbac.Graph) (bool, error) {
		answer := whoCan{
			APIVersion: finding.APIVersion, Kind: "WhoCan", Request: q.Request,
			Grants: g.WhoCan(q.Request), SomeObjects: g.WhoCanSome(q.Request),
			Complete: g.Complete(q.Request) && len(all.problems) == 0,
			Coverage: all.coverage, Errors: all.problems,
		}
		if q.resource.Unknown {
			answer.Notes = append(answer.Notes, fmt.Sprintf("%s.%s is not one of Kubernetes' own resources: it is taken to be namespaced, and nobody asked whether it exists", q.Resource, q.Group))
		}
		if q.Subresource == "" && likeSubresource(q.Name) {
			answer.Notes = append(answer.Notes, fmt.Sprintf("%s was taken for the name of one of the %s; for the subresource, ask with --subresource %[1]s instead", q.Name, q.Resource))
		}
		if !knownVerb(q.Verb) {
			answer.Notes = append(answer.Notes, fmt.Sprintf("%s is not a verb that Kubernetes itself asks about", q.Verb))
		}
		for _, p := range g.Problems() {
			answer.Notes = append(answer.Notes, p.Object.String()+": "+p.Message)
		}
		return answer.Complete, f.write(s, &answer, answer.text)
	})
}

// likeSubresource: rules write pods/exec for what is asked for by a flag here,
// since a slash stands before a name, as for kubectl.
func likeSubresource(name string) bool {
	return slices.Contains([]string{
		"approval", "attach", "binding", "ephemeralcontainers", "eviction", "exec", "finalize", "log", "portforward", "proxy", "resize", "scale", "status", "token",
	}, name)
}

func knownVerb(verb string) bool {
	return slices.Contains([]string{
		"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection", "proxy", "head", "post", "put", "options",
		"escalate", "bind", "impersonate", "approve", "sign", "attest", "use", "*",
	}, verb)
}

func (a *whoCan) text(out io.Writer) error {
	var b strings.Builder
	b.WriteString("Who can " + report.Printable(a.Request.String()) + "\n\n")
	grantTable(&b, out, a.Grants)
	if len(a.SomeObjects) > 0 {
		b.WriteString("\nOnly objects of certain names:\n\n")
		grantTable(&b, out, a.SomeObjects)
	}
	for _, n := range a.Notes {
		b.WriteString("\nNote: " + report.Printable(n) + ".\n")
	}
	if !a.Complete {
		b.WriteString("\nThis is not complete: something that may allow more could not be read.\n")
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// grantTable writes who has a right, where, and by what.
func grantTable(b *strings.Builder, out io.Writer, grants []rbac.Grant) {
	t := textTable{width: tableWidth(out), columns: []string{"SUBJECT", "WHERE", "BY"}}
	for i := range grants {
		g := &grants[i]
		t.add(g.Subject.String(), scopeOf(g), chainOf(g))
	}
	b.WriteString(t.String())
}

func scopeOf(g *rbac.Grant) string {
	if g.Namespace == "" {
		return "cluster"
	}
	return "namespace " + g.Namespace
}

// chainOf is the way from the binding to the rule, a line each.
func chainOf(g *rbac.Grant) string {
	if g.Bypass() {
		return "no rule: this group is never asked for rights"
	}
	return fmt.Sprintf("%s\n%s, rule %d:\n%s", g.Binding, g.Role, g.Rule+1, rbac.Describe(g.PolicyRule))
}

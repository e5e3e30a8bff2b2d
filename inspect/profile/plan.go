package profile

import (
	"context"
	"slices"

	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/types"

	"github.com/kubeassay/assay/inspect/profile/facts"
	"github.com/kubeassay/assay/inspect/snapshot"
)

// Plan says what to collect before the first evaluation. It is what the
// expressions ask of a snapshot in which nothing was collected, and what they
// name in so many words in parts that such an evaluation does not reach. An
// evaluation may find that more is needed: see Result.Missing.
func (p *Profile) Plan() snapshot.Plan {
	nothing := snapshot.NewBuilder(snapshot.Limits{}).Snapshot()
	inputs, err := p.bind(p.given)
	if err != nil {
		inputs = binding{} // WithInputs has checked them
	}
	var plan snapshot.Plan
	for _, c := range p.Controls {
		if !appliesTo(c, ToContainer) {
			continue
		}
		e := newEvaluation(context.Background(), p.language, nothing, Options{})
		e.unit, e.inputs = c.unit, inputs[c.unit]
		for _, x := range c.expressions() {
			e.needs = snapshot.Plan{}
			_, _ = e.run(x) // nothing is known: what it asks for is what counts
			w := walker{contents: asksContent(x)}
			if w.contents {
				e.needs = withContents(e.needs)
			}
			w.walk(ast.NavigateAST(x.ast.NativeRep()))
			plan = joinPlans(plan, joinPlans(e.needs, w.plan))
		}
	}
	return tidy(plan)
}

// withContents asks for contents where metadata was asked for.
func withContents(p snapshot.Plan) snapshot.Plan {
	p.Files, p.Stats = slices.Concat(p.Files, p.Stats), nil
	p.Globs = slices.Clone(p.Globs)
	for i := range p.Globs {
		p.Globs[i].Contents = true
	}
	return p
}

// expressions are those that decide: messages only say.
func (c *Control) expressions() []*expression {
	var all []*expression
	for _, w := range c.When {
		all = append(all, w.compiled)
	}
	for _, t := range c.Tests {
		all = append(all, t.compiled)
	}
	return slices.DeleteFunc(all, func(x *expression) bool { return x == nil })
}

// walker finds what an expression names.
type walker struct {
	contents bool
	plan     snapshot.Plan
}

func (w *walker) add(p snapshot.Plan) { w.plan = joinPlans(w.plan, p) }

func (w *walker) walk(n ast.NavigableExpr) {
	switch n.Kind() {
	case ast.IdentKind:
		w.name(n.AsIdent())
	case ast.CallKind:
		w.call(n)
	case ast.SelectKind:
		if n.AsSelect().FieldName() == "capabilities" || n.AsSelect().FieldName() == "withCapabilities" {
			w.plan.FileCapabilities = w.plan.FileCapabilities || isType(n.Children(), classFile, classTree)
		}
		if field := n.AsSelect().FieldName(); (field == "owner" || field == "unowned" || field == "group") && isType(n.Children(), classFile, classTree) {
			w.add(facts.UserPlan())
			w.add(facts.GroupPlan())
		}
	}
	for _, c := range n.Children() {
		w.walk(c)
	}
}

func isType(operand []ast.NavigableExpr, names ...string) bool {
	return len(operand) > 0 && slices.Contains(names, operand[0].Type().TypeName())
}

// name adds what stands behind a name of ours.
func (w *walker) name(n string) {
	switch n {
	case "users":
		w.add(facts.UserPlan())
	case "groups":
		w.add(facts.GroupPlan())
	case "shadow":
		w.add(facts.ShadowPlan())
	case "packages":
		w.add(facts.PackagePlan())
	case "os":
		w.add(facts.OSPlan())
	case "processes", "process1":
		w.plan.Processes = true
	case "mounts":
		w.plan.Mounts = true
	case "ports":
		w.plan.Sockets = true
	}
}

// call adds what a function with literal arguments needs.
func (w *walker) call(n ast.NavigableExpr) {
	call := n.AsCall()
	args := literals(call.Args())
	switch {
	case call.FunctionName() == "@file" && len(args) == 2:
		if w.contents {
			w.add(snapshot.Plan{Files: args[1:]})
		} else {
			w.add(snapshot.Plan{Stats: args[1:]})
		}
	case call.FunctionName() == "@files" && len(args) == 2:
		w.add(snapshot.Plan{Globs: []snapshot.Glob{{Pattern: args[1], Contents: w.contents}}})
	case call.FunctionName() == "@tree" && len(args) == 2:
		w.add(snapshot.Plan{Trees: []snapshot.Tree{{Path: args[1]}}, Mounts: true})
	case call.FunctionName() == "@config" && len(args) == 3:
		w.add(facts.ConfigPlan(args[1], args[2]))
	case call.FunctionName() == "@secretsBelow" && len(args) == 2:
		w.add(facts.SecretPlan(args[1]))
		w.plan.Mounts = true
	case call.FunctionName() == "named" && w.contents && len(args) == 1 && call.IsMemberFunction():
		w.named(call.Target(), args[0])
	}
}

// named adds the contents of what tree(p).named(pattern) finds.
func (w *walker) named(target ast.Expr, pattern string) {
	if target.Kind() != ast.CallKind || target.AsCall().FunctionName() != "@tree" {
		return
	}
	if args := literals(target.AsCall().Args()); len(args) == 2 {
		w.add(snapshot.Plan{Trees: []snapshot.Tree{{Path: args[1], Contents: []string{pattern}}}})
	}
}

// literals are the arguments, where those after the hidden one are strings
// that stand there.
func literals(args []ast.Expr) []string {
	var all []string
	for i, a := range args {
		switch {
		case i == 0 && a.Kind() == ast.IdentKind && a.AsIdent() == evidenceName:
			all = append(all, "")
		case a.Kind() == ast.LiteralKind:
			s, ok := a.AsLiteral().(types.String)
			if !ok {
				return nil
			}
			all = append(all, string(s))
		default:
			return nil
		}
	}
	return all
}

// asksContent reports whether an expression reads what is in files.
func asksContent(x *expression) bool {
	found := false
	ast.PreOrderVisit(ast.NavigateAST(x.ast.NativeRep()), ast.NewExprVisitor(func(n ast.Expr) {
		if n.Kind() == ast.SelectKind && slices.Contains([]string{"content", "lines", "sha256"}, n.AsSelect().FieldName()) {
			found = true
		}
	}))
	return found
}

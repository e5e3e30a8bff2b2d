package profile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/workload"
)

// based fills in the basis of a finding: what was observed, and the declared
// and reported fields that the control speaks of, weakest first.
func (e *evaluation) based(f finding.Finding, c *Control) finding.Finding {
	var said basis
	for _, x := range c.expressions() {
		for _, path := range x.declared {
			if b, ok := e.declaredBasis(path); ok {
				said.add(b)
			}
		}
	}
	f.Basis = slices.Concat(said.list, e.basis.list)
	return f
}

// declaredBasis is what stands at a path such as container.spec.image.
func (e *evaluation) declaredBasis(path []string) (finding.Basis, bool) {
	d := e.declared()
	if d.problem != nil {
		return finding.Basis{}, false
	}
	field := strings.Join(path[1:], ".")
	if path[0] == "container" {
		if d.container == nil || len(path) < 3 {
			return finding.Basis{}, false
		}
		rest := strings.Join(path[2:], ".")
		switch path[1] {
		case "spec":
			field = d.containerPath + "." + rest
		case "status":
			if d.statusPath == "" {
				return finding.Basis{}, false
			}
			field = d.statusPath + "." + rest
		case "claims":
			field = "spec." + d.claimPath(path[2])
		}
	}
	b := finding.Basis{Evidence: finding.Declared, Field: field, Value: "unset", Object: "Pod/" + d.pod.Name}
	if strings.HasPrefix(field, "status.") {
		b.Evidence = finding.Reported
	}
	if v, ok := lookUp(d.object, field); ok {
		if _, hidden := v.(*types.Err); hidden {
			return finding.Basis{}, false
		}
		b.Value = clip(printable(fmt.Sprint(v)))
	}
	return b, true
}

// claimPath is where below the pod's spec a claim stands.
func (d *declared) claimPath(claim string) string {
	c, user := d.container, workload.EffectiveUser(&d.pod.Spec, d.container)
	fromPod := false
	switch claim {
	case "runAsUser":
		fromPod = user.RunAsUserFromPod
	case "runAsNonRoot":
		fromPod = user.RunAsNonRootFromPod
	case "runAsGroup":
		fromPod = d.security().RunAsGroup == nil && d.pod.Spec.SecurityContext != nil && d.pod.Spec.SecurityContext.RunAsGroup != nil
	case "seccompProfile":
		claim = "seccompProfile.type"
		fromPod = d.security().SeccompProfile == nil && d.pod.Spec.SecurityContext != nil && d.pod.Spec.SecurityContext.SeccompProfile != nil
	case "addedCapabilities":
		claim = "capabilities.add"
	case "droppedCapabilities":
		claim = "capabilities.drop"
	case "ports":
		return c.Path() + ".ports"
	}
	return c.FieldPath(claim, fromPod)
}

// declaredPaths are the fields of pod and container that an expression names.
func declaredPaths(a *ast.AST) [][]string {
	var all [][]string
	var visit func(n ast.NavigableExpr)
	visit = func(n ast.NavigableExpr) {
		if path := fieldPath(n); len(path) > 1 && (path[0] == "pod" || path[0] == "container") {
			all = append(all, path)
			return
		}
		for _, c := range n.Children() {
			visit(c)
		}
	}
	visit(ast.NavigateAST(a))
	return all
}

// fieldPath is the path of a chain of fields, such as pod.spec.?hostPID.
func fieldPath(e ast.Expr) []string {
	switch e.Kind() {
	case ast.IdentKind:
		return []string{e.AsIdent()}
	case ast.SelectKind:
		if path := fieldPath(e.AsSelect().Operand()); path != nil {
			return append(path, e.AsSelect().FieldName())
		}
	case ast.CallKind:
		call := e.AsCall()
		if call.FunctionName() != operators.OptSelect || len(call.Args()) != 2 || call.Args()[1].Kind() != ast.LiteralKind {
			return nil
		}
		name, ok := call.Args()[1].AsLiteral().(types.String)
		if path := fieldPath(call.Args()[0]); ok && path != nil {
			return append(path, string(name))
		}
	}
	return nil
}

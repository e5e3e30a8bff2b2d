package profile

import (
	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/parser"
)

// Names that no author can write: they hold an @.
const (
	evidenceName = "@evidence"
	knownName    = "@known"
	collectName  = "@collect"
	plainName    = "@plain"
	addName      = "@add"
	stripName    = "@strip"
	eachName     = "@each"
)

// macros are CEL's own for lists, made so that they see what is known of a
// list that is not whole, and those that hand the evidence to our functions.
func macros(functions []*function) []cel.Macro {
	all := []cel.Macro{
		parser.NewReceiverMacro(operators.All, 2, overKnown(parser.MakeAll)),
		parser.NewReceiverMacro(operators.Exists, 2, overKnown(parser.MakeExists)),
		parser.NewReceiverMacro(operators.ExistsOne, 2, overKnown(parser.MakeExistsOne)),
		parser.NewReceiverMacro("existsOne", 2, overKnown(parser.MakeExistsOne)),
		parser.NewReceiverMacro(operators.Filter, 2, makeFilter),
		parser.NewReceiverMacro(operators.Map, 2, makeMap),
		parser.NewReceiverMacro(operators.Map, 3, makeMap),
		parser.NewGlobalMacro(operators.Add, 2, makeAdd),
	}
	for _, f := range functions {
		all = append(all, parser.NewGlobalVarArgMacro(f.name, f.expand))
	}
	return all
}

// overKnown lets a macro run over what is known of its range. Its condition is
// not known for an element that isn't, even if it does not ask for it:
// exists(v, true) must not hold for what may not be there.
func overKnown(expand parser.MacroExpander) parser.MacroExpander {
	return func(eh parser.ExprHelper, target ast.Expr, args []ast.Expr) (ast.Expr, *common.Error) {
		if args[0].Kind() == ast.IdentKind {
			args = []ast.Expr{args[0], eh.NewCall(eachName, eh.NewIdent(args[0].AsIdent()), args[1])}
		}
		return expand(eh, looped(eh, target), args)
	}
}

// looped is the range of a loop. The error that stands for a part of a list
// passes through strict functions as any error does: of size(l) == 1 ? a : b
// comes the one that stands for l. It means a part of the range only where the
// range is such a list itself.
func looped(eh parser.ExprHelper, target ast.Expr) ast.Expr {
	if transparent(target) {
		return eh.NewCall(knownName, eh.NewIdent(evidenceName), target)
	}
	return eh.NewCall(plainName, eh.NewIdent(evidenceName), target)
}

// transparent reports whether a part of a list that comes of an expression is
// certain to be a part of what would come of it if all were known.
func transparent(e ast.Expr) bool {
	switch e.Kind() {
	case ast.IdentKind:
		return true
	case ast.SelectKind:
		return transparent(e.AsSelect().Operand())
	case ast.ComprehensionKind: // filter and map
		r := e.AsComprehension().IterRange()
		return r.Kind() == ast.CallKind && (r.AsCall().FunctionName() == knownName || r.AsCall().FunctionName() == plainName)
	case ast.CallKind:
		call := e.AsCall()
		switch name := call.FunctionName(); {
		case name == addName:
			return true
		case name == methodNamed, name == methodChangedAfter:
			return call.IsMemberFunction() // they take no such error for an answer, see plain
		default:
			return len(call.Args()) > 0 && call.Args()[0].Kind() == ast.IdentKind && call.Args()[0].AsIdent() == evidenceName
		}
	}
	return false
}

// makeAdd adds lists of which a part may be known; where neither operand is one
// of ours, + stays what it is.
func makeAdd(eh parser.ExprHelper, _ ast.Expr, args []ast.Expr) (ast.Expr, *common.Error) {
	if !transparent(args[0]) && !transparent(args[1]) || bare(args[0]) && bare(args[1]) {
		return nil, nil //nolint:nilnil // this is how a macro says that it does not match
	}
	operands := make([]ast.Expr, len(args))
	for i, a := range args {
		if operands[i] = a; !transparent(a) {
			operands[i] = eh.NewCall(stripName, a)
		}
	}
	return eh.NewCall(addName, operands...), nil
}

// bare is what is no list of ours in all likelihood: a variable, or a literal.
func bare(e ast.Expr) bool { return e.Kind() == ast.IdentKind || e.Kind() == ast.LiteralKind }

// makeFilter expands list.filter(v, p) to a fold with the step
// collect(gathered, p ? each(v, [v]) : []).
func makeFilter(eh parser.ExprHelper, target ast.Expr, args []ast.Expr) (ast.Expr, *common.Error) {
	return gather(eh, target, args[0], args[1], eh.Copy(args[0]))
}

// makeMap expands list.map(v, t), with the step collect(gathered, each(v, [t])), and list.map(v, p, t).
func makeMap(eh parser.ExprHelper, target ast.Expr, args []ast.Expr) (ast.Expr, *common.Error) {
	if len(args) == 3 {
		return gather(eh, target, args[0], args[1], args[2])
	}
	return gather(eh, target, args[0], nil, args[1])
}

func gather(eh parser.ExprHelper, target, variable, condition, item ast.Expr) (ast.Expr, *common.Error) {
	if variable.Kind() != ast.IdentKind {
		return nil, eh.NewError(variable.ID(), "argument is not an identifier")
	}
	name := variable.AsIdent()
	if name == eh.AccuIdentName() || name == parser.AccumulatorName {
		return nil, eh.NewError(variable.ID(), "iteration variable overwrites accumulator variable")
	}
	items := eh.NewCall(eachName, eh.NewIdent(name), eh.NewList(item))
	if condition != nil {
		items = eh.NewCall(operators.Conditional, condition, items, eh.NewList())
	}
	return eh.NewComprehension(looped(eh, target), name, eh.AccuIdentName(),
		eh.NewList(), eh.NewLiteral(types.True), eh.NewCall(collectName, eh.NewAccuIdent(), items), eh.NewAccuIdent()), nil
}

// macroFunctions are the functions that the macros expand to.
func macroFunctions() []cel.EnvOption {
	item, key, value := cel.TypeParamType("T"), cel.TypeParamType("K"), cel.TypeParamType("V")
	list, mapping := cel.ListType(item), cel.MapType(key, item)
	return []cel.EnvOption{
		cel.Function(knownName,
			cel.Overload("known_list", []*cel.Type{evidenceType, list}, list, cel.OverloadIsNonStrict(), cel.BinaryBinding(known)),
			cel.Overload("known_map", []*cel.Type{evidenceType, mapping}, mapping, cel.OverloadIsNonStrict(), cel.BinaryBinding(known))),
		cel.Function(plainName,
			cel.Overload("plain_list", []*cel.Type{evidenceType, list}, list, cel.OverloadIsNonStrict(), cel.BinaryBinding(knownWhole)),
			cel.Overload("plain_map", []*cel.Type{evidenceType, mapping}, mapping, cel.OverloadIsNonStrict(), cel.BinaryBinding(knownWhole))),
		cel.Function(addName, adders(list)...),
		cel.Function(stripName, cel.Overload("strip", []*cel.Type{item}, item, cel.OverloadIsNonStrict(), cel.UnaryBinding(plain))),
		// Both arguments must be known: what comes of it is the second.
		cel.Function(eachName,
			cel.Overload("each", []*cel.Type{item, value}, value, cel.BinaryBinding(func(_, v ref.Val) ref.Val { return v }))),
		cel.Function(collectName,
			cel.Overload("collect_list", []*cel.Type{list, list}, list, cel.OverloadIsNonStrict(), cel.BinaryBinding(collect))),
	}
}

// adders are the overloads of +.
func adders(list *cel.Type) []cel.FunctionOpt {
	var all []cel.FunctionOpt
	for _, t := range [][3]*cel.Type{
		{list, list, list}, {cel.IntType, cel.IntType, cel.IntType}, {cel.UintType, cel.UintType, cel.UintType},
		{cel.DoubleType, cel.DoubleType, cel.DoubleType}, {cel.StringType, cel.StringType, cel.StringType}, {cel.BytesType, cel.BytesType, cel.BytesType},
		{cel.DurationType, cel.DurationType, cel.DurationType}, {cel.TimestampType, cel.DurationType, cel.TimestampType},
		{cel.DurationType, cel.TimestampType, cel.TimestampType},
	} {
		id := "assay_add_" + t[0].TypeName() + "_" + t[1].TypeName()
		all = append(all, cel.Overload(id, t[:2], t[2], cel.OverloadIsNonStrict(), cel.BinaryBinding(add)))
	}
	return all
}

// function is one that needs the evidence, such as file(path): f(x) is
// expanded to @f(@evidence, x).
type function struct {
	name   string
	args   []*cel.Type
	result *cel.Type
	about  string
	call   func(e *evaluation, args []ref.Val) ref.Val
}

func (f *function) hidden() string { return "@" + f.name }

func (f *function) expand(eh parser.ExprHelper, _ ast.Expr, args []ast.Expr) (ast.Expr, *common.Error) {
	if len(args) != len(f.args) {
		return nil, eh.NewError(0, f.signature()+" takes "+count(len(f.args), "argument"))
	}
	return eh.NewCall(f.hidden(), append([]ast.Expr{eh.NewIdent(evidenceName)}, args...)...), nil
}

func (f *function) signature() string {
	s := f.name + "("
	for i, a := range f.args {
		if i > 0 {
			s += ", "
		}
		s += a.String()
	}
	return s + ")"
}

func (f *function) option() cel.EnvOption {
	args := append([]*cel.Type{evidenceType}, f.args...)
	return cel.Function(f.hidden(), cel.Overload("assay_"+f.name, args, f.result, cel.OverloadIsNonStrict(),
		cel.FunctionBinding(func(args ...ref.Val) ref.Val {
			if err, ok := firstError(args); ok {
				return err
			}
			e := args[0].(*evidence).e
			return e.noted(f.call(e, args[1:]))
		})))
}

package profile

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common"
	"github.com/google/cel-go/common/decls"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	"github.com/google/cel-go/ext"
	"github.com/google/cel-go/interpreter"
	"go.yaml.in/yaml/v3"
	"k8s.io/apiserver/pkg/cel/library"

	"github.com/kubeassay/assay/internal/nearest"
)

// Limits of one expression; see also defaultSteps.
const (
	maxExpression = 16 << 10 // characters
	// checkEvery is how many turns of a loop there are between looks at the clock.
	checkEvery = 256
	// maxText is the longest string that an expression may make.
	maxText = 8 << 20
)

// language is what expressions can say: CEL as Kubernetes has it, and the
// names and functions that give the evidence.
type language struct {
	classes   map[string]*class
	functions []*function
	names     []*name
	byName    map[string]*name
	env       *cel.Env
}

// name is one that stands for a piece of evidence, such as processes.
type name struct {
	name  string
	typ   *cel.Type
	about string
	get   func(e *evaluation) ref.Val
}

func newLanguage() (*language, error) {
	l := &language{classes: map[string]*class{}, byName: map[string]*name{}}
	for _, define := range []func(*language){defineFiles, defineAccounts, defineSystem, defineDeclared, defineSettings} {
		define(l)
	}
	for _, n := range l.names {
		l.byName[n.name] = n
	}
	env, err := cel.NewEnv(l.libraries()...)
	if err != nil {
		return nil, fmt.Errorf("setting up CEL: %w", err)
	}
	if env, err = env.Extend(guards(env)...); err != nil {
		return nil, fmt.Errorf("setting up CEL: %w", err)
	}
	l.env = env
	return l, nil
}

func (l *language) class(c *class) *class {
	l.classes[c.name] = c
	return c
}

func (l *language) function(f *function) { l.functions = append(l.functions, f) }
func (l *language) ident(n *name)        { l.names = append(l.names, n) }

// libraries are those that Kubernetes offers to its own expressions, as far as
// they are not about the API server, with our own macros in place of CEL's.
func (l *language) libraries() []cel.EnvOption {
	options := []cel.EnvOption{
		cel.HomogeneousAggregateLiterals(),
		cel.DefaultUTCTimeZone(true),
		cel.CrossTypeNumericComparisons(true),
		cel.OptionalTypes(),
		cel.ParserExpressionSizeLimit(maxExpression),
		cel.ParserRecursionLimit(64),
		cel.ASTValidators(cel.ValidateDurationLiterals(), cel.ValidateTimestampLiterals(), cel.ValidateRegexLiterals(), cel.ValidateHomogeneousAggregateLiterals()),
		ext.Strings(ext.StringsVersion(2)), ext.Sets(), ext.Lists(ext.ListsVersion(3)), ext.TwoVarComprehensions(),
		library.Regex(), library.Lists(library.ListsVersion(1)), library.Quantity(), library.URLs(), library.IP(), library.CIDR(),
		library.SemverLib(library.SemverVersion(1)),
		cel.Macros(macros(l.functions)...),
		cel.Variable(evidenceName, evidenceType),
	}
	for _, n := range l.names {
		options = append(options, cel.Variable(n.name, n.typ))
	}
	for _, f := range l.functions {
		options = append(options, f.option())
	}
	return append(append(options, macroFunctions()...), methods()...)
}

// guards keep functions that make long strings of short ones from filling the
// memory: nothing could stop them in between.
func guards(env *cel.Env) []cel.EnvOption {
	var options []cel.EnvOption
	for name, grows := range map[string]func(args []ref.Val) float64{"replace": replaced, "join": joined, "format": formatted} {
		f := env.Functions()[name]
		bindings, err := f.Bindings()
		if err != nil {
			continue // the environment was just made of them
		}
		for _, o := range f.OverloadDecls() {
			for _, b := range bindings {
				if b.Operator == o.ID() {
					options = append(options, cel.Function(name, cel.MemberOverload(o.ID(), o.ArgTypes(), o.ResultType(), guarded(b.Function, b.Unary, b.Binary, grows))))
				}
			}
		}
	}
	return options
}

func guarded(function func(...ref.Val) ref.Val, unary func(ref.Val) ref.Val, binary func(a, b ref.Val) ref.Val, size func([]ref.Val) float64) decls.OverloadOpt {
	return cel.FunctionBinding(func(args ...ref.Val) ref.Val {
		switch {
		case size(args) > maxText:
			return types.NewErr("the text would be longer than %d MiB", maxText>>20)
		case len(args) == 1 && unary != nil:
			return unary(args[0])
		case len(args) == 2 && binary != nil:
			return binary(args[0], args[1])
		}
		return function(args...)
	})
}

func replaced(args []ref.Val) float64 {
	s, old, by := textOf(args[0]), textOf(args[1]), textOf(args[2])
	return float64(len(s)) + float64(strings.Count(s, old))*float64(len(by))
}

func joined(args []ref.Val) float64 {
	separator := 0
	if len(args) > 1 {
		separator = len(textOf(args[1]))
	}
	total := 0.0
	for _, e := range elements(args[0]) {
		total += float64(len(textOf(e)) + separator)
	}
	return total
}

func formatted(args []ref.Val) float64 {
	longest := 64.0
	for _, e := range elements(args[1]) {
		longest = max(longest, size(e, 4))
	}
	return float64(len(textOf(args[0]))) + float64(strings.Count(textOf(args[0]), "%"))*longest
}

// size is about what a value is as text.
func size(v ref.Val, depth int) float64 {
	l, ok := v.(traits.Lister)
	if !ok || depth == 0 {
		return float64(len(textOf(v)))*4 + 64
	}
	total := 0.0
	for _, e := range elements(l) {
		total += size(e, depth-1)
	}
	return total
}

func textOf(v ref.Val) string {
	switch s := v.(type) {
	case types.String:
		return string(s)
	case types.Bytes:
		return string(s)
	}
	return ""
}

// compiler compiles the expressions of one file.
type compiler struct {
	language *language
	env      *cel.Env
}

func (l *language) forUnit(u *unit) (*compiler, error) {
	u.class = inputsClass(u.inputs)
	classes := []*class{u.class}
	for _, c := range l.classes {
		classes = append(classes, c)
	}
	env, err := l.env.Extend(cel.CustomTypeProvider(newProvider(l.env.CELTypeProvider(), classes...)), cel.Variable("inputs", cel.ObjectType("Inputs")))
	if err != nil {
		return nil, fmt.Errorf("setting up the inputs: %w", err)
	}
	return &compiler{language: l, env: env}, nil
}

// expression is one that was compiled.
type expression struct {
	source  string
	ast     *cel.Ast
	program cel.Program
	// declared are the fields of pod and container that it names.
	declared [][]string
	// transparent: see the function.
	transparent bool
}

// boolean compiles an expression that must be true or false.
func (c *compiler) boolean(d *document, n *yaml.Node) *expression {
	return c.compile(d, n, c.env, n.Value, 0, func(t *cel.Type) error {
		if !t.IsExactType(cel.BoolType) && !t.IsExactType(cel.DynType) {
			return fmt.Errorf("the expression must be true or false, and is of type %s", t)
		}
		return nil
	})
}

// list compiles an expression that must be a list.
func (c *compiler) list(d *document, n *yaml.Node) *expression {
	return c.compile(d, n, c.env, n.Value, 0, func(t *cel.Type) error {
		if t.Kind() != types.ListKind && !t.IsExactType(cel.DynType) {
			return fmt.Errorf("none wants a list, and the expression is of type %s", t)
		}
		return nil
	})
}

// compile compiles a part of a scalar that begins at that character.
func (c *compiler) compile(d *document, n *yaml.Node, env *cel.Env, source string, begin int, check func(*cel.Type) error) *expression {
	where := scalarPlace(d.lines, n)
	if n := utf8.RuneCountInString(source); n > maxExpression {
		line, column := where.at(begin)
		d.BadAt(line, column, "the expression has %d characters: %d are the most", n, maxExpression)
		return nil
	}
	ast, issues := env.Compile(source)
	if err := issues.Err(); err != nil {
		starts := lineStarts(source)
		for _, e := range issues.Errors() {
			line, column := where.at(begin + starts.offset(e.Location))
			d.BadAt(line, column, "%s", c.explain(e.Message))
		}
		return nil
	}
	line, column := where.at(begin)
	if err := check(ast.OutputType()); err != nil {
		d.BadAt(line, column, "%v", err)
		return nil
	}
	program, err := env.Program(ast,
		cel.EvalOptions(cel.OptOptimize), cel.InterruptCheckFrequency(checkEvery))
	if err != nil {
		d.BadAt(line, column, "%v", err)
		return nil
	}
	return &expression{source: source, ast: ast, program: program, declared: declaredPaths(ast.NativeRep()), transparent: transparent(ast.NativeRep().Expr())}
}

// starts are the offsets, in characters, at which lines begin.
type starts []int

func lineStarts(source string) starts {
	s := starts{0}
	i := 0
	for _, r := range source {
		i++
		if r == '\n' {
			s = append(s, i)
		}
	}
	return s
}

func (s starts) offset(l common.Location) int {
	if l == nil || l.Line() < 1 || l.Line() > len(s) {
		return 0
	}
	return s[l.Line()-1] + max(l.Column(), 0)
}

// explain says in our words what the compiler says in its own.
func (c *compiler) explain(message string) string {
	message = strings.TrimSpace(strings.ReplaceAll(message, " (in container '')", ""))
	if rest, ok := strings.CutPrefix(message, "undeclared reference to '"); ok {
		word := strings.TrimSuffix(rest, "'")
		var all []string
		for _, n := range c.language.names {
			all = append(all, n.name)
		}
		for _, f := range c.language.functions {
			all = append(all, f.name)
		}
		return fmt.Sprintf("%s is not known%s", word, nearest.Hint(word, append(all, "inputs")))
	}
	if rest, ok := strings.CutPrefix(message, "undefined field '"); ok {
		word := strings.TrimSuffix(rest, "'")
		var all []string
		for _, cl := range c.language.classes {
			all = append(all, cl.names()...)
		}
		return fmt.Sprintf("there is no field %s%s", word, nearest.Hint(word, all))
	}
	for _, hidden := range []string{knownName, collectName, plainName, eachName, addName, stripName} {
		message = strings.ReplaceAll(message, hidden, strings.TrimPrefix(hidden, "@"))
	}
	if strings.Contains(message, "no matching overload for '@") {
		message = strings.Replace(message, "'@", "'", 1)
		message = strings.Replace(message, "("+evidenceType.String()+", ", "(", 1)
	}
	return message
}

// stopped says in words that an expression was stopped.
func stopped(err error) (string, bool) {
	var cancelled interpreter.EvalCancelledError
	switch {
	case errors.As(err, &cancelled):
		return cancelled.Message, true
	case errors.Is(err, errTooLong), errors.Is(err, interpreter.InterruptError{}):
		return errTooLong.Error(), true
	}
	return "", false
}

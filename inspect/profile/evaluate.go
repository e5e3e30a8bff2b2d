package profile

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	"github.com/google/cel-go/interpreter"
	corev1 "k8s.io/api/core/v1"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/inspect/snapshot"
)

// Options of one evaluation.
type Options struct {
	// Inputs are values for the profile's inputs, beside those of WithInputs.
	Inputs map[string]any
	// Pod is the pod as declared; the snapshot's, if nil.
	Pod *corev1.Pod
	// Container is the one that was looked into; the snapshot's target, if empty.
	Container string
	// ExpressionTime is how long one expression may take; 10 seconds, if zero.
	ExpressionTime time.Duration
	// ExpressionSteps is how many turns all loops of one expression may take
	// together; 5 million, if zero.
	ExpressionSteps int
}

// Result is what came of an evaluation.
type Result struct {
	// Findings are one a control, in the profile's order. The workload and
	// the targets are for the caller to fill in, and the fingerprint then.
	Findings []finding.Finding
	// Missing is what some verdict still depends on and was not collected. It
	// is empty where another round could change nothing.
	Missing snapshot.Plan
	// Rules are the controls, as reports state them.
	Rules []finding.Rule
}

const defaultExpressionTime = 10 * time.Second

// notGiven is the status of a control that asks for an input without a value.
const notGiven = finding.Error

var errTooLong = errors.New("the expression was stopped because it took too long")

// Evaluate judges a snapshot by every control. It is a pure function: of the
// profile, the snapshot and the options. The error says that the inputs are
// wrong, or that ctx ended.
func (p *Profile) Evaluate(ctx context.Context, s *snapshot.Snapshot, o Options) (*Result, error) {
	given := map[string]any{}
	for _, values := range []map[string]any{p.given, o.Inputs} {
		for k, v := range values {
			given[k] = v
		}
	}
	inputs, err := p.bind(given)
	if err != nil {
		return nil, err
	}
	e := newEvaluation(ctx, p.language, s, o)
	r := &Result{Findings: make([]finding.Finding, 0, len(p.Controls)), Rules: p.Rules()}
	for _, c := range p.Controls {
		e.unit, e.inputs = c.unit, inputs[c.unit]
		f := e.control(c)
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("evaluating the control %s: %w", c.ID, err)
		}
		f.Profile = p.Name
		r.Findings = append(r.Findings, f)
	}
	r.Missing = tidy(e.missing)
	return r, nil
}

// evaluation is one look at one snapshot; it belongs to one goroutine.
type evaluation struct {
	ctx       context.Context //nolint:containedctx // it lives as long as one call of Evaluate
	language  *language
	s         *snapshot.Snapshot
	pod       *corev1.Pod
	container string
	time      time.Duration

	// What was asked for already: evidence never changes.
	files, globs, trees map[string]ref.Val
	values              map[string]ref.Val
	users, groups       map[uint32]string
	usersGap, groupsGap *gap
	mountedAt           map[string]bool
	mountsWhole         bool
	declaration         *declared

	// Of the control at hand.
	unit      *unit
	inputs    map[string]ref.Val
	offenders ref.Val
	// needs is what the expression at hand asked for and was not collected,
	// missing what verdicts depend on.
	needs, missing snapshot.Plan
	basis          basis
	steps, most    int
}

func newEvaluation(ctx context.Context, l *language, s *snapshot.Snapshot, o Options) *evaluation {
	e := &evaluation{
		ctx: ctx, language: l, s: s, pod: o.Pod, container: o.Container, time: o.ExpressionTime,
		files: map[string]ref.Val{}, globs: map[string]ref.Val{}, trees: map[string]ref.Val{}, values: map[string]ref.Val{},
	}
	if e.container == "" {
		e.container = s.Target.Container
	}
	if e.most = o.ExpressionSteps; e.most == 0 {
		e.most = defaultSteps
	}
	if e.time == 0 {
		e.time = defaultExpressionTime
	}
	return e
}

// once evaluates something that does not change.
func (e *evaluation) once(key string, get func() ref.Val) ref.Val {
	v, ok := e.values[key]
	if !ok {
		v = get()
		e.values[key] = v
	}
	return v
}

func (e *evaluation) need(p snapshot.Plan) {
	if !p.Empty() {
		e.needs = joinPlans(e.needs, p)
	}
}

// ResolveName is part of CEL's Activation.
func (e *evaluation) ResolveName(n string) (any, bool) {
	switch n {
	case evidenceName:
		return &evidence{e}, true
	case "inputs":
		return &object{class: e.unit.class, e: e, v: e.unit}, true
	case offendersName:
		return e.offenders, e.offenders != nil
	}
	if known, ok := e.language.byName[n]; ok {
		return e.noted(e.once("name "+n, func() ref.Val { return known.get(e) })), true
	}
	return nil, false
}

// Parent is part of CEL's Activation.
func (e *evaluation) Parent() interpreter.Activation { return nil }

// run evaluates an expression, within its time. The error of one that could
// not be evaluated to its end is the reason; a list that is known in part comes
// back as a value.
func (e *evaluation) run(x *expression) (ref.Val, error) {
	ctx, cancel := context.WithTimeoutCause(e.ctx, e.time, errTooLong)
	defer cancel()
	e.steps = 0
	v, _, err := x.program.ContextEval(ctx, e)
	if p, ok := asPartial(v); ok {
		if x.transparent {
			return v, nil
		}
		return nil, p.why
	}
	if err != nil {
		if cel := (*types.Err)(nil); errors.As(err, &cel) && cel.Unwrap() != nil && ctx.Err() == nil {
			return nil, cel.Unwrap()
		}
		return nil, err
	}
	return v, nil
}

// evidence is the hidden argument of our functions.
type evidence struct{ e *evaluation }

// ConvertToNative is part of ref.Val.
func (v *evidence) ConvertToNative(reflect.Type) (any, error) {
	return nil, errors.New("evidence can't be converted")
}

// ConvertToType is part of ref.Val.
func (v *evidence) ConvertToType(ref.Type) ref.Val {
	return types.NewErr("evidence can't be converted")
}

// Equal is part of ref.Val.
func (v *evidence) Equal(other ref.Val) ref.Val { return types.Bool(ref.Val(v) == other) }

// Type is part of ref.Val.
func (v *evidence) Type() ref.Type { return evidenceType }

// Value is part of ref.Val.
func (v *evidence) Value() any { return v.e }

// control judges one control.
func (e *evaluation) control(c *Control) finding.Finding {
	f := finding.Finding{Control: c.ID, Severity: finding.SeverityOf(c.Impact), Evidence: finding.Observed}
	e.basis = basis{}
	if !appliesTo(c, ToContainer) {
		f.Status, f.Message = finding.NotApplicable, "The control is about hosts, and this is a container."
		return f
	}
	for _, w := range c.When {
		status, message := e.condition(&w)
		if status != finding.Pass {
			f.Status, f.Message = status, message
			return e.based(f, c)
		}
	}
	for i := range c.Tests {
		f.Tests = append(f.Tests, e.test(&c.Tests[i]))
	}
	f.Status, f.Message = verdict(f.Tests)
	return e.based(f, c)
}

func appliesTo(c *Control, a Applies) bool {
	for _, b := range c.Applies {
		if a == b {
			return true
		}
	}
	return false
}

// condition is Pass where the control applies, NotApplicable where it does
// not, and otherwise says why that is not known.
func (e *evaluation) condition(w *Condition) (finding.Status, string) {
	e.needs = snapshot.Plan{}
	v, err := e.run(w.compiled)
	switch {
	case err == nil && v == types.True:
		return finding.Pass, ""
	case err == nil && v == types.False:
		return finding.NotApplicable, w.reason.render(e, nil)
	}
	if p, ok := asPartial(v); ok {
		err = p.why
	}
	status, text := e.undecided(v, err)
	return status, "Whether the control applies is not known: " + ended(text)
}

// test judges one test.
func (e *evaluation) test(t *Test) finding.Test {
	out := finding.Test{Description: t.Description}
	if out.Description == "" {
		out.Description = strings.Join(strings.Fields(t.Expression), " ")
	}
	e.needs = snapshot.Plan{}
	v, err := e.run(t.compiled)
	if err != nil {
		return e.open(out, v, err)
	}
	if t.None {
		return e.none(t, v, out)
	}
	if p, ok := asPartial(v); ok {
		return e.open(out, v, p.why) // a list of unknown type, where a condition is wanted
	}
	switch v {
	case types.True:
		out.Status = finding.Pass
	case types.False:
		out.Status, out.Message = finding.Fail, t.message.render(e, nil)
	default:
		return e.open(out, v, nil)
	}
	return out
}

// open is a test without a verdict.
func (e *evaluation) open(out finding.Test, v ref.Val, err error) finding.Test {
	status, text := e.undecided(v, err)
	first, n := utf8.DecodeRuneInString(text)
	out.Status, out.Message = status, ended(string(unicode.ToUpper(first))+text[n:])
	return out
}

// none judges a list that must be empty.
func (e *evaluation) none(t *Test, v ref.Val, out finding.Test) finding.Test {
	if p, ok := asPartial(v); ok {
		if len(p.known) == 0 {
			return e.open(out, v, p.why)
		}
		out.Status, out.Message = finding.Fail, t.message.render(e, listOf(p.known, nil))
		out.Message = ended(out.Message) + " There may be more: " + ended(firstLine(p.why.Error()))
		return out
	}
	l, ok := v.(traits.Lister)
	if !ok {
		out.Status, out.Message = finding.Error, fmt.Sprintf("None wants a list, and the expression gave a %s", v.Type().TypeName())
		return out
	}
	out.Status = finding.Pass
	if l.Size() != types.IntZero {
		out.Status, out.Message = finding.Fail, t.message.render(e, v)
	}
	return out
}

// undecided says why there is no verdict, and notes what would bring one.
func (e *evaluation) undecided(v ref.Val, err error) (finding.Status, string) {
	if err == nil {
		return finding.Error, fmt.Sprintf("the expression gave a %s, not true or false", v.Type().TypeName())
	}
	e.missing = joinPlans(e.missing, e.needs)
	var g *gap
	if errors.As(err, &g) {
		return g.status, g.text
	}
	if text, ok := stopped(err); ok {
		return finding.Error, text
	}
	return finding.Error, "the expression failed: " + firstLine(err.Error())
}

// ended is a sentence with its full stop.
func ended(s string) string {
	s = strings.TrimSpace(s)
	if s == "" || strings.ContainsAny(s[len(s)-1:], ".!?…") {
		return s
	}
	return s + "."
}

// verdict is a control's status, from its tests': a failure stands whatever
// else is not known, and a pass only where all tests pass.
func verdict(tests []finding.Test) (finding.Status, string) {
	for _, s := range []finding.Status{finding.Fail, finding.Error, finding.NotReviewed} {
		var messages []string
		for _, t := range tests {
			if t.Status == s && t.Message != "" {
				messages = append(messages, t.Message)
			}
		}
		for _, t := range tests {
			if t.Status == s {
				return s, sentences(messages)
			}
		}
	}
	return finding.Pass, ""
}

// sentences joins messages, each once, the first few of many.
func sentences(all []string) string {
	var out []string
	seen := map[string]bool{}
	for _, m := range all {
		if m = ended(m); !seen[m] {
			seen[m] = true
			out = append(out, m)
		}
	}
	more := ""
	if len(out) > fewest {
		more = fmt.Sprintf(" And %d more.", len(out)-fewest)
		out = out[:fewest]
	}
	return strings.Join(out, " ") + more
}

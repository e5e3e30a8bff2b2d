package cluster

import (
	"sync"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/ext"
	"k8s.io/apiserver/pkg/cel/library"
)

// conditions weighs match conditions of webhooks against requests of which only
// the operation, the resource and perhaps the namespace are known. Whatever else
// an expression asks about makes its answer unknown, unless the rest decides;
// and so does what can't be compiled or fails.
type conditions struct{ env func() *cel.Env }

// conditionSteps bounds what one expression may cost: it may come from anybody.
const conditionSteps = 100_000

// unknownOfRequest are the fields of a request that nobody knows beforehand.
// Versions are among them: by the default matchPolicy they may be any.
var unknownOfRequest = [...][]string{
	{"uid"}, {"kind"}, {"requestKind"}, {"requestResource"}, {"requestSubResource"}, {"name"}, {"userInfo"}, {"dryRun"}, {"options"}, {"object"}, {"oldObject"},
	{"resource", "version"},
}

func newConditions() conditions {
	return conditions{sync.OnceValue(func() *cel.Env {
		options := []cel.EnvOption{cel.OptionalTypes(), ext.Strings(), ext.Sets(), library.Lists(), library.Regex()}
		for _, v := range [...]string{"request", "object", "oldObject", "namespaceObject", "authorizer", "params"} {
			options = append(options, cel.Variable(v, cel.DynType))
		}
		env, err := cel.NewEnv(options...)
		if err != nil {
			return nil // then nothing is known of any condition
		}
		return env
	})}
}

// weighed are the match conditions of one webhook, compiled once for all the
// requests that are held against them. What does not compile is nil.
type weighed []cel.Program

func (c conditions) of(h *hook) weighed {
	if len(h.conditions) == 0 {
		return nil
	}
	all := make(weighed, len(h.conditions))
	env := c.env()
	if env == nil {
		return all
	}
	for i := range h.conditions {
		ast, issues := env.Compile(h.conditions[i].Expression)
		if issues.Err() != nil {
			continue
		}
		if program, err := env.Program(ast, cel.EvalOptions(cel.OptPartialEval), cel.CostLimit(conditionSteps)); err == nil {
			all[i] = program
		}
	}
	return all
}

// hold says whether all conditions hold for a request in a namespace; an empty
// one is not known.
func (w weighed) hold(r *request, namespace string) answer {
	out := yes
	for _, program := range w {
		switch holds(program, r, namespace) {
		case no:
			return no
		case unknown:
			out = unknown
		case yes:
		}
	}
	return out
}

func holds(program cel.Program, r *request, namespace string) answer {
	if program == nil {
		return unknown
	}
	known := map[string]any{"request": map[string]any{
		"operation": string(r.operation), "namespace": namespace, "subResource": r.subresource,
		"resource": map[string]any{"group": r.group, "resource": r.resource},
	}}
	var patterns []*cel.AttributePatternType
	for _, v := range [...]string{"object", "oldObject", "namespaceObject", "authorizer", "params"} {
		patterns = append(patterns, cel.AttributePattern(v))
	}
	for _, path := range unknownOfRequest {
		p := cel.AttributePattern("request")
		for _, field := range path {
			p = p.QualString(field)
		}
		patterns = append(patterns, p)
	}
	if namespace == "" {
		patterns = append(patterns, cel.AttributePattern("request").QualString("namespace"))
	}
	vars, err := cel.PartialVars(known, patterns...)
	if err != nil {
		return unknown
	}
	value, _, err := program.Eval(vars)
	if err != nil {
		return unknown
	}
	switch value {
	case types.True:
		return yes
	case types.False:
		return no
	}
	return unknown
}

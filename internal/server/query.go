package server

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation"
)

// ScopeQuery are the parameters that say which part of the cluster is meant.
type ScopeQuery struct {
	Namespace        []string `query:"namespace,explode" doc:"Only this namespace; may be repeated. Without it, all." example:"shop"`
	ExcludeNamespace []string `query:"exclude_namespace,explode" doc:"Not this namespace; may be repeated." example:"kube-system"`
	Selector         string   `query:"selector" doc:"Only objects whose labels match this label selector." example:"app=cart,tier!=cache"`
}

// scope checks the parameters, and orders them so that the same wish always looks the same.
func (q *ScopeQuery) scope() (Scope, []error) {
	var errs []error
	bad := func(parameter, value, format string, args ...any) {
		errs = append(errs, &huma.ErrorDetail{Location: "query." + parameter, Value: value, Message: fmt.Sprintf(format, args...)})
	}
	for parameter, names := range map[string][]string{"namespace": q.Namespace, "exclude_namespace": q.ExcludeNamespace} {
		for _, name := range names {
			if strings.Contains(name, ",") {
				bad(parameter, name, "repeat the parameter for several namespaces: %s=a&%s=b", parameter, parameter)
			} else if problems := validation.IsDNS1123Label(name); len(problems) > 0 {
				bad(parameter, name, "this can't be a namespace: %s", strings.Join(problems, "; "))
			}
		}
	}
	for _, name := range q.Namespace {
		if slices.Contains(q.ExcludeNamespace, name) {
			bad("namespace", name, "this namespace is both asked for and excluded")
		}
	}
	scope := Scope{Namespaces: ordered(q.Namespace), ExcludeNamespaces: ordered(q.ExcludeNamespace)}
	requirements, err := labels.ParseToRequirements(q.Selector)
	if err != nil {
		bad("selector", q.Selector, "this is no label selector: %v", err)
	}
	var words []string
	for _, r := range requirements {
		words = append(words, r.String())
	}
	scope.Selector = strings.Join(ordered(words), ",")
	return scope, errs
}

func ordered[T cmp.Ordered](names []T) []T {
	return slices.Compact(slices.Sorted(slices.Values(names)))
}

// strictQuery refuses what would otherwise be passed over in silence: a query
// that can't be parsed, a single parameter given twice, an empty one. A
// `namespace=` that was dropped would widen a scan to everything.
func strictQuery(api huma.API) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		address := ctx.URL()
		values, err := url.ParseQuery(address.RawQuery)
		if err != nil {
			_ = huma.WriteErr(api, ctx, http.StatusUnprocessableEntity, "the query can't be parsed", err)
			return
		}
		var errs []error
		for name, given := range values {
			location := "query." + name
			if slices.Contains(given, "") {
				errs = append(errs, &huma.ErrorDetail{Location: location, Message: "the parameter is empty: give it a value, or leave it out"})
			}
			if len(given) > 1 && !repeatable(ctx.Operation(), name) {
				errs = append(errs, &huma.ErrorDetail{Location: location, Message: "the parameter may be given only once"})
			}
		}
		if len(errs) > 0 {
			_ = huma.WriteErr(api, ctx, http.StatusUnprocessableEntity, "validation failed", errs...)
			return
		}
		next(ctx)
	}
}

func repeatable(op *huma.Operation, name string) bool {
	for _, p := range op.Parameters {
		if p.In == "query" && p.Name == name {
			return p.Schema.Type == huma.TypeArray
		}
	}
	return true // unknown: that is said elsewhere, and once is enough
}

// plainJSON is a request for which the framework need not choose a format:
// there is one, and where there are two, the handler chooses.
type plainJSON struct{ humaContext }

// humaContext has a name of its own because the interface has a method Context.
type humaContext huma.Context

// Header tells the framework that there is no Accept header. It asks for no other.
func (plainJSON) Header(string) string { return "" }

// Unwrap lets humago find its own context.
func (c plainJSON) Unwrap() huma.Context { return c.humaContext }

func withPlainJSON(ctx huma.Context, next func(huma.Context)) { next(plainJSON{ctx}) }

// Accepted are the Accept headers of a request. Like [ScopeQuery] it is exported
// because the framework finds only exported parts of an input.
type Accepted struct{ accept string }

// Resolve is called by the framework.
func (a *Accepted) Resolve(ctx huma.Context) []error {
	r, _ := humago.Unwrap(ctx)
	a.accept = strings.Join(r.Header.Values("Accept"), ",")
	return nil
}

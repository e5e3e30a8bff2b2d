package profile

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/inspect/snapshot"
)

// gap is the error of an expression that asks for something that is not
// known. CEL's operators treat errors as we need it: one is absorbed only
// where the result is the same whatever it stands for.
type gap struct {
	status finding.Status // NotReviewed or Error
	text   string
	// need is what could be collected to close the gap.
	need snapshot.Plan
}

func (g *gap) Error() string { return g.text }

// partial is the error that stands for a list of which only a part is known.
// Whatever is in known is certainly in the list. It is an error to everything
// but the macros of this package, which look inside.
type partial struct {
	known []ref.Val
	why   error // a *gap, or what an expression about an element failed with; never a partial
}

func (p *partial) Error() string { return p.why.Error() }
func (p *partial) Unwrap() error { return p.why }

// gapStatus says what becomes of a control that needs something in that state.
func gapStatus(s snapshot.State) finding.Status {
	switch s {
	case snapshot.Failed, snapshot.Truncated:
		return finding.Error
	}
	return finding.NotReviewed
}

// newGap says that something is not known. Who says who could read it, where that is known.
func (e *evaluation) newGap(what string, f snapshot.Fact, who string, need snapshot.Plan) *gap {
	var b strings.Builder
	b.WriteString(what)
	switch f.State {
	case snapshot.Denied:
		b.WriteString(" may not be read")
		e.asked(&b, f.Detail)
		if who != "" {
			b.WriteString("; " + who)
		}
	case snapshot.Truncated:
		b.WriteString(" is only known in part, because a limit was reached" + detail(what, f))
	case snapshot.Failed:
		b.WriteString(" could not be read" + detail(what, f))
	default:
		b.WriteString(" was not collected" + detail(what, f))
	}
	g := &gap{status: gapStatus(f.State), text: b.String()}
	if f.State == snapshot.NotCollected || f.State == "" {
		g.need = need
	}
	return g
}

// detail is the reason in brackets, if it says more than the sentence does.
func detail(what string, f snapshot.Fact) string {
	about, bare := strings.CutSuffix(f.Detail, " was not collected")
	if f.Detail == "" || bare && strings.Contains(what, about) {
		return ""
	}
	return " (" + f.Detail + ")"
}

// asked adds who asked, where the collector's own words don't say it.
func (e *evaluation) asked(b *strings.Builder, detail string) {
	uid := ""
	if e.s.Origin.UID != nil {
		uid = "uid " + strconv.FormatInt(*e.s.Origin.UID, 10)
		if e.s.Origin.GID != nil {
			uid += ", gid " + strconv.FormatInt(*e.s.Origin.GID, 10)
		}
	}
	switch {
	case detail == "" && uid != "":
		fmt.Fprintf(b, " by the collector (%s)", uid)
	case detail != "" && (uid == "" || strings.Contains(detail, "uid")):
		fmt.Fprintf(b, " (%s)", detail)
	case detail != "":
		fmt.Fprintf(b, " (%s; asked as %s)", detail, uid)
	}
}

// unknown is the value of what is not known.
func (e *evaluation) unknown(g *gap) ref.Val { return e.noted(types.WrapErr(g)) }

// listOf is a list, or an error value with what is known of it.
func listOf(known []ref.Val, why error) ref.Val {
	if why != nil {
		return types.WrapErr(&partial{known: known, why: why})
	}
	return types.NewRefValList(types.DefaultTypeAdapter, known)
}

// noted remembers what a value that is not known would need, and returns it.
func (e *evaluation) noted(v ref.Val) ref.Val {
	err, ok := v.(*types.Err)
	if !ok {
		return v
	}
	var g *gap
	if errors.As(err.Unwrap(), &g) {
		e.need(g.need)
	}
	return v
}

func asPartial(v ref.Val) (*partial, bool) {
	err, ok := v.(*types.Err)
	if !ok {
		return nil, false
	}
	p, ok := err.Unwrap().(*partial) //nolint:errorlint // a partial list, not an error that comes of one
	return p, ok
}

// plain makes the error that stands for a part of a list one like any other.
func plain(v ref.Val) ref.Val {
	if p, ok := asPartial(v); ok {
		return types.WrapErr(p.why)
	}
	return v
}

// reason is what an error value says, as an error like any other.
func reason(err *types.Err) error {
	if p, ok := asPartial(err); ok {
		return p.why
	}
	return err.Unwrap()
}

// firstError finds the error among arguments that a function can't do without.
func firstError(args []ref.Val) (ref.Val, bool) {
	for _, a := range args {
		if types.IsUnknownOrError(a) {
			return plain(a), true
		}
	}
	return nil, false
}

// elements are those of a list.
func elements(v ref.Val) []ref.Val {
	l, ok := v.(traits.Lister)
	if !ok {
		return nil
	}
	n, _ := l.Size().(types.Int)
	all := make([]ref.Val, 0, n)
	for i := range n {
		all = append(all, l.Get(i))
	}
	return all
}

package profile

import (
	"fmt"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	"github.com/google/cel-go/interpreter"
)

// defaultSteps is how many turns all loops of one expression may take together.
// CEL's own measure of cost would see more, but its time grows with the square
// of a list's length: it looks for what a short-circuited && or ?: left out in
// all that it remembers of the turns before.
const defaultSteps = 5_000_000

// known is the function behind all(), exists(), filter() and map(): what these
// loop over. A list that is known in part ends with an error.
func known(hidden, list ref.Val) ref.Val {
	e := hidden.(*evidence).e
	r := &loop{Lister: nothing, e: e}
	if p, ok := asPartial(list); ok {
		r.items, r.end = p.known, types.WrapErr(p.why)
		return r
	}
	l, ok := list.(traits.Lister)
	if !ok {
		return list // an error, or a map
	}
	if r.items, ok = l.Value().([]ref.Val); !ok {
		r.items = elements(l)
	}
	return r
}

// knownWhole is known for what may be the error of another list.
func knownWhole(hidden, list ref.Val) ref.Val { return known(hidden, plain(list)) }

var nothing = types.NewRefValList(types.DefaultTypeAdapter, nil)

// loop is the range of a comprehension, and nothing else: it counts the turns.
type loop struct {
	traits.Lister // empty: nobody but the comprehension gets hold of a loop
	e             *evaluation
	items         []ref.Val
	end           ref.Val // nil, or an error
	next          int
}

// Iterator is part of traits.Iterable.
func (l *loop) Iterator() traits.Iterator {
	return &loop{Lister: l.Lister, e: l.e, items: l.items, end: l.end}
}

// HasNext is part of traits.Iterator.
func (l *loop) HasNext() ref.Val {
	return types.Bool(l.next < len(l.items) || l.next == len(l.items) && l.end != nil)
}

// Next is part of traits.Iterator.
func (l *loop) Next() ref.Val {
	if l.e.steps++; l.e.steps > l.e.most {
		panic(interpreter.EvalCancelledError{Cause: interpreter.CostLimitExceeded, Message: fmt.Sprintf("the expression was stopped because its loops take more than %d turns: let it look at less", l.e.most)})
	}
	i := l.next
	l.next++
	if i == len(l.items) {
		return l.end
	}
	return l.items[i]
}

// collect is the step of filter() and map(): it adds items to what was gathered
// so far. Where items are not known, what was gathered becomes a partial list.
func collect(gathered, items ref.Val) ref.Val {
	p, isPartial := asPartial(gathered)
	if !isPartial && types.IsUnknownOrError(gathered) {
		return gathered
	}
	err, failed := items.(*types.Err)
	switch {
	case failed && isPartial:
		return gathered // the first reason is as good as the next
	case failed:
		return types.WrapErr(&partial{known: elements(gathered), why: reason(err)})
	case isPartial:
		p.known = append(p.known, elements(items)...)
		return gathered
	}
	adder, ok := gathered.(traits.Adder)
	if !ok {
		return types.MaybeNoSuchOverloadErr(gathered)
	}
	return adder.Add(items)
}

// add is +, for lists too of which a part is known.
func add(a, b ref.Val) ref.Val {
	if types.IsError(a) || types.IsError(b) {
		return addParts(a, b)
	}
	adder, ok := a.(traits.Adder)
	if !ok {
		return types.MaybeNoSuchOverloadErr(a)
	}
	return adder.Add(b)
}

func addParts(a, b ref.Val) ref.Val {
	sum := &partial{}
	for _, v := range []ref.Val{a, b} {
		if p, ok := asPartial(v); ok {
			sum.known = append(sum.known, p.known...)
			if sum.why == nil {
				sum.why = p.why
			}
			continue
		}
		if types.IsError(v) {
			return v
		}
		sum.known = append(sum.known, elements(v)...)
	}
	return types.WrapErr(sum)
}

package manifest

import (
	"context"
	"iter"
	"runtime"
	"strings"
	"sync"

	"golang.org/x/sync/semaphore"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/source"
	"github.com/kubeassay/assay/posture/source/manifest/internal/split"
)

// inFlight bounds the text of all documents that are being parsed, or are
// parsed and wait for their turn. Parsed they take some twenty times as much.
const inFlight = 1 << 19

// batch is how much text goes to a worker at once, if there is so much:
// handing over every small document costs more than it gives.
const batch = 16 << 10

// pipeline reads files in one goroutine, parses their parts in several, and
// gives the results in the order of the parts.
type pipeline struct {
	source *Source
	ctx    context.Context
	cancel context.CancelFunc
	group  sync.WaitGroup
	budget *semaphore.Weighted
	work   chan *job // to the workers, in no order
	queue  chan *job // to the consumer, in order

	pending *job // of the reader: not handed on yet

	files   int // that were read
	objects int // that are Kubernetes'
	broken  bool
	// namespaces that workloads are in.
	namespaces map[string]bool
	hidden     hiddenKinds
}

// job is some parts of one file, and what came out of them.
type job struct {
	file  *file
	parts []part
	size  int64
	done  chan struct{}
	out   []result
}

// part is a part of a file with what is known of the list around it.
type part struct {
	split.Part
	list *list
}

// file is what the consumer learns about a file on the way.
type file struct {
	name string
	// named: the user named this very file. A file that was found in a folder
	// may well be none of Kubernetes'.
	named           bool
	objects, broken int
}

// result is one thing that came out of a part.
type result struct {
	item source.Item
	// object: it is Kubernetes' (also where item is empty, since the options
	// did not choose it).
	object bool
	// namespace of an object that holds pods, whether chosen or not.
	namespace string
	// hidden: the object holds containers, where nobody knows.
	hidden *hidden
	// fileEnd: this is the end of the file.
	fileEnd bool
	// An element of a list that names no kind, while the list named none
	// before it; and the end of a large list.
	kindless *finding.Problem
	listEnd  *listEnd
	list     *list
}

func newPipeline(ctx context.Context, s *Source) *pipeline {
	p := &pipeline{source: s, budget: semaphore.NewWeighted(inFlight), namespaces: map[string]bool{}}
	p.ctx, p.cancel = context.WithCancel(ctx)
	workers := runtime.GOMAXPROCS(0)
	p.work = make(chan *job, 2*workers)
	p.queue = make(chan *job, inFlight/batch)
	p.group.Go(func() {
		defer close(p.queue)
		defer close(p.work)
		p.read()
	})
	for range workers {
		p.group.Go(func() {
			w := newWorker(&s.options)
			for j := range p.work {
				if p.ctx.Err() == nil {
					w.do(j)
				}
				close(j.done)
			}
		})
	}
	return p
}

// stop ends all goroutines and waits for them.
func (p *pipeline) stop() {
	p.cancel()
	for range p.queue { // the reader may wait for room in it
	}
	p.group.Wait()
}

// read reads all files. Its errors are problems of their files; only the end
// of the context stops it.
func (p *pipeline) read() {
	for in := range inputs(p.source.paths, p.source.options.Stdin) {
		if in.problem != "" {
			if p.send(&job{file: &file{name: in.name}, out: []result{{item: problem(in.name, in.problem)}}}) != nil {
				return
			}
			continue
		}
		if p.readFile(in) != nil {
			return
		}
	}
}

func (p *pipeline) readFile(in input) error {
	f := &file{name: in.name, named: in.named}
	end := &job{file: f}
	r, err := in.open(p.ctx)
	if err == nil {
		var current *list
		err = split.Split(r, p.source.limits, func(sp split.Part) error {
			if sp.List != nil && (current == nil || current.List != sp.List) {
				current = newList(f, sp.List)
			}
			one := part{Part: sp}
			if sp.List != nil {
				one.list = current
			}
			return p.add(f, one)
		})
		_ = r.Close() // only read
	}
	if p.ctx.Err() != nil {
		return p.ctx.Err()
	}
	if err != nil {
		end.out = append(end.out, result{item: problem(in.name, readFailure(err))})
	}
	if err := p.flush(); err != nil {
		return err
	}
	end.out = append(end.out, result{fileEnd: true})
	return p.send(end)
}

// add gathers small parts into one job.
func (p *pipeline) add(f *file, one part) error {
	if p.pending == nil {
		p.pending = &job{file: f}
	}
	p.pending.parts = append(p.pending.parts, one)
	p.pending.size += int64(len(one.Text))
	if p.pending.size < batch && len(p.pending.parts) < 64 {
		return p.ctx.Err()
	}
	return p.flush()
}

func (p *pipeline) flush() error {
	j := p.pending
	p.pending = nil
	if j == nil {
		return p.ctx.Err()
	}
	return p.send(j)
}

// send hands a job on as soon as there is room for it.
func (p *pipeline) send(j *job) error {
	j.size = min(j.size, inFlight)
	if err := p.budget.Acquire(p.ctx, j.size); err != nil {
		return err
	}
	j.done = make(chan struct{})
	select {
	case p.queue <- j:
	case <-p.ctx.Done():
		return p.ctx.Err()
	}
	if len(j.parts) == 0 {
		close(j.done)
		return nil
	}
	select {
	case p.work <- j:
	case <-p.ctx.Done():
		close(j.done) // it is in the queue
		return p.ctx.Err()
	}
	return nil
}

// jobs yields what came out of all jobs, in order.
func (p *pipeline) jobs() iter.Seq[source.Item] {
	return func(yield func(source.Item) bool) {
		for j := range p.queue {
			<-j.done
			if p.ctx.Err() != nil {
				return
			}
			for i := range j.out {
				for _, item := range p.settle(j.file, &j.out[i]) {
					if !yield(item) {
						return
					}
				}
			}
			p.budget.Release(j.size)
		}
	}
}

// settle counts a result and decides what only the order of results tells.
func (p *pipeline) settle(f *file, r *result) []source.Item {
	item := r.item
	switch {
	case r.fileEnd:
		p.files++
		if f.named && f.objects == 0 && f.broken == 0 {
			p.broken = true
			return []source.Item{problem(f.name, "there is no Kubernetes object in it: an object has an apiVersion and a kind")}
		}
		return nil
	case r.kindless != nil:
		if r.list.kindless == nil {
			r.list.kindless = r.kindless
		}
		return nil
	case r.listEnd != nil:
		var object bool
		item, object = r.list.end(r.listEnd)
		r.object = object
	}
	if r.object {
		f.objects++
		p.objects++
	}
	if r.namespace != "" {
		p.namespaces[r.namespace] = true
	}
	if r.hidden != nil {
		p.hidden.add(r.hidden)
	}
	if item.Problem != nil {
		f.broken++
		p.broken = true
	}
	if item == (source.Item{}) {
		return nil
	}
	return []source.Item{item}
}

// failure is why the source as a whole failed.
func (p *pipeline) failure() error {
	switch {
	case p.ctx.Err() != nil:
		return context.Cause(p.ctx)
	case p.objects == 0 && (p.files == 0 || !p.broken):
		return p.source.nothing()
	}
	return nil
}

// list is a list that is given in parts.
type list struct {
	*split.List
	apiVersion, kind string // as its head tells
	// broken: the head does not parse, so nothing in the list can be trusted.
	broken   *finding.Problem
	kindless *finding.Problem // the first element that names no kind
}

// listEnd is what the whole of a list tells about itself.
type listEnd struct {
	object bool
	kind   string
}

// end decides about the elements that name no kind, now that the list's own
// kind is known.
func (l *list) end(e *listEnd) (item source.Item, object bool) {
	switch {
	case e.object && !strings.HasSuffix(e.kind, "List"), !e.object && l.kindless != nil:
		return source.Item{Unjudged: true}, e.object // its items are something else
	case l.kindless == nil:
		return source.Item{}, e.object
	case e.kind != "List":
		l.kindless.Message = "this item names no kind, and the list names its own only below: put apiVersion and kind before the items"
	}
	return source.Item{Problem: l.kindless}, true
}

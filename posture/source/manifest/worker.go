package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/source"
	"github.com/kubeassay/assay/posture/source/manifest/internal/split"
	"github.com/kubeassay/assay/posture/source/manifest/internal/tree"
)

// worker turns parts into results. It is for one goroutine.
type worker struct {
	options *Options
	parser  *tree.Parser
	decoder *tree.Decoder

	// The job and the part at hand.
	job  *job
	part *part
}

func newWorker(o *Options) *worker {
	return &worker{options: o, parser: tree.NewParser(), decoder: tree.NewDecoder()}
}

func (w *worker) do(j *job) {
	w.job = j
	j.out = make([]result, 0, len(j.parts))
	for i := range j.parts {
		w.part = &j.parts[i]
		w.one(w.part)
		w.part.Text = nil // the tree has what is needed of it
	}
	w.job, w.part = nil, nil
}

func (w *worker) one(p *part) {
	if p.list != nil && p.list.broken != nil {
		w.brokenList(p)
		return
	}
	switch p.Kind {
	case split.TooLarge:
		w.tooLarge(p)
		return
	case split.Broken:
		w.problem(p.Line, p.Column, "not valid JSON: "+string(p.Text))
		return
	}
	docs, err := parse(w.parser, p.Text, w.job.file.name)
	for _, doc := range docs {
		switch p.Kind {
		case split.Item:
			w.element(doc, p.list.apiVersion, p.list.kind)
		case split.Rest:
			w.rest(doc)
		default:
			w.object(doc, "", "")
		}
	}
	switch {
	case err != nil:
		w.unreadable(p, err)
	case len(docs) == 0 && p.Kind == split.Item:
		w.problem(p.Line, p.Column, "this item is null: it must be an object")
	}
}

// parse reads JSON where the text can be that, and else YAML.
func parse(parser *tree.Parser, text []byte, name string) ([]*tree.Node, error) {
	at := split.JSONStart(text)
	if at < 0 {
		return parser.YAML(text)
	}
	for i := range text[:at] { // a marker or comments; every place stays
		if text[i] != '\n' {
			text[i] = ' '
		}
	}
	docs, err := tree.JSON(text)
	if err == nil {
		return docs, nil
	}
	other, yamlErr := tree.YAML(text)
	if yamlErr == nil {
		return other, nil
	}
	first := bytes.TrimLeft(text[at+1:], " \t\r\n")
	if filepath.Ext(name) == ".json" || len(first) > 0 && first[0] == '"' {
		return docs, err
	}
	return other, yamlErr
}

// unreadable deals with a part that does not parse. What has none of an
// object's words can't be one, and a folder may hold such files.
func (w *worker) unreadable(p *part, err error) {
	if !w.job.file.named && p.list == nil &&
		!bytes.Contains(p.Text, []byte("apiVersion")) && !bytes.Contains(p.Text, []byte("kind")) && !bytes.Contains(p.Text, []byte("{{")) {
		w.add(result{item: source.Item{Unjudged: true}})
		return
	}
	w.wrong(err)
}

func (w *worker) tooLarge(p *part) {
	if !p.Object && !w.job.file.named {
		w.add(result{item: source.Item{Unjudged: true}})
		return
	}
	what := "document"
	if p.list != nil {
		what = "item"
	}
	w.problem(p.Line, p.Column, fmt.Sprintf("this %s is larger than %d MiB, and was not read: no API server takes such an object (a large list is cut into its items where they begin on lines of their own)",
		what, split.Defaults.Max>>20))
}

// brokenList gives the list's problem once, in place of all its parts.
func (w *worker) brokenList(p *part) {
	if p.Kind == split.Rest || p.Kind == split.Broken {
		w.add(result{item: source.Item{Problem: p.list.broken}})
	}
}

// newList reads the head of a list that comes in parts. It runs in the reader.
func newList(f *file, from *split.List) *list {
	l := &list{List: from}
	docs, err := parse(tree.NewParser(), bytes.Clone(from.Head), f.name)
	if err != nil || len(docs) == 0 {
		l.broken = &finding.Problem{File: f.name, Line: from.Line, Message: "the list around the items can't be read"}
		var at *tree.Error
		if errors.As(err, &at) {
			l.broken.Message = at.Message
			l.broken.Line += max(at.Line, 1) - 1
		}
		return l
	}
	head := docs[len(docs)-1]
	l.apiVersion, _ = tree.Text(tree.Get(head, "apiVersion"))
	l.kind, _ = tree.Text(tree.Get(head, "kind"))
	return l
}

// rest deals with what is left of a list without its elements.
func (w *worker) rest(n *tree.Node) {
	if err := tree.CheckKeys(n); err != nil {
		w.wrong(err)
		return
	}
	version, hasVersion := tree.Text(tree.Get(n, "apiVersion"))
	kind, hasKind := tree.Text(tree.Get(n, "kind"))
	if items := tree.Get(n, "items"); items != nil && hasVersion && strings.HasSuffix(kind, "List") {
		w.list(items, version, kind) // written in a way that can't be cut, such as [ ]
	}
	w.add(result{list: w.part.list, listEnd: &listEnd{object: hasVersion && hasKind, kind: kind}})
}

// element deals with an element of a list, whose kind goes for elements that
// name none: in a PodList every element is a Pod.
func (w *worker) element(n *tree.Node, listVersion, listKind string) {
	kind, isList := strings.CutSuffix(listKind, "List")
	switch {
	case listKind != "" && !isList:
		return // no list, but an object with a field called items
	case !tree.IsMap(n):
		w.wrongAt(n, "an item of a list must be an object")
		return
	case kind != "":
		w.object(n, listVersion, kind)
		return
	}
	if tree.IsNull(tree.Get(n, "kind")) && tree.IsNull(tree.Get(n, "apiVersion")) {
		missing := w.problemAt(n, "this item has no apiVersion and no kind: it can't be told what it is")
		if listKind == "" && w.part.list != nil {
			w.add(result{list: w.part.list, kindless: missing})
			return
		}
		w.add(result{item: source.Item{Problem: missing}})
		return
	}
	w.object(n, "", "")
}

func (w *worker) add(r result) { w.job.out = append(w.job.out, r) }

// wrong adds a problem at the place of the error.
func (w *worker) wrong(err error) {
	var e *tree.Error
	if !errors.As(err, &e) {
		e = &tree.Error{Message: err.Error()}
	}
	line, column := w.place(max(e.Line, 1), e.Column)
	w.problem(line, column, e.Message)
}

func (w *worker) wrongAt(n *tree.Node, message string) {
	w.add(result{item: source.Item{Problem: w.problemAt(n, message)}})
}

func (w *worker) problemAt(n *tree.Node, message string) *finding.Problem {
	line, column := w.place(n.Line, n.Column)
	return &finding.Problem{File: w.job.file.name, Line: line, Column: column, Message: message}
}

func (w *worker) problem(line, column int, message string) {
	if bytes.Contains(w.part.Text, []byte("{{")) {
		message += "; it looks like a template (Helm or similar): render it first, for example with helm template"
	}
	w.add(result{item: source.Item{Problem: &finding.Problem{File: w.job.file.name, Line: line, Column: column, Message: message}}})
}

// place turns a place in the text of the part into one in the file.
func (w *worker) place(line, column int) (int, int) { return w.part.place(line, column) }

func (p *part) place(line, column int) (int, int) {
	if line == 1 && column > 0 {
		column += p.Column - 1
	}
	if p.Kind == split.Rest && line > p.GapLine {
		line += p.Gap
	}
	return line + p.Line - 1, column
}

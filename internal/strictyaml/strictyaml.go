// Package strictyaml reads the YAML files that people write for Assay: settings,
// waivers, thresholds, profiles. Whatever could be misunderstood is refused with
// its place, and all mistakes of a file are told at once. Aliases, merge keys,
// tags of one's own, keys that stand twice and endless nesting are never in what
// it returns, and a hostile file costs little memory.
//
// It is not for files of others, such as Kubernetes manifests, which may hold
// all of that.
//
//	d, err := strictyaml.Form{What: "a list of teams", MaxBytes: 1 << 20}.Parse(name, r)
//	for _, f := range d.Fields(d.Root(), "a list of teams") { … d.Bad(f.Value, "…") … }
//	return d.Err()
package strictyaml

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/internal/excerpt"
	"github.com/kubeassay/assay/internal/yamltext"
)

const (
	// MaxProblems is how many mistakes of one file are told.
	MaxProblems = 50
	// maxDepth is far deeper than any of our files needs to be.
	maxDepth = 100
	// maxSigns bounds the memory: the library makes up to 200 bytes of one sign.
	maxSigns = 400_000
	// maxMessage bounds a message, which may repeat what stands in the file.
	maxMessage = 1000
)

// signs are those that YAML is made of: no value or comment is without one nearby.
const signs = ",:?-[]{}#\n"

// Form is what the files of one kind have in common.
type Form struct {
	// What such a file is, in messages: "a waiver file".
	What     string
	MaxBytes int
	// APIVersion and Kind are what stands in its head, see [Document.Header].
	// Files without a Kind have no head.
	APIVersion, Kind string
}

// Error is what is wrong with a file, in the order of its lines.
type Error struct {
	Problems []finding.Problem
}

// Error is a line a problem: "file:line:column: message".
func (e *Error) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// Document is a file that is being read. It goes on after a mistake, so that
// all are told at once.
type Document struct {
	form     Form
	name     string
	root     *yaml.Node
	problems []finding.Problem
	more     int // problems that are not kept
}

// Parse reads a file with exactly one document. Name is the file's, for
// messages. What it returns can hold mistakes, see [Document.Err]; an error is
// one that leaves nothing to read on.
func (f Form) Parse(name string, r io.Reader) (*Document, error) {
	text, err := f.Read(name, r)
	if wrong := (*Error)(nil); err != nil && !errors.As(err, &wrong) {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	} else if err != nil {
		return nil, err
	}
	return f.ParseText(name, text)
}

// Read reads a file, but not one that is too large. Errors of r it returns as they are.
func (f Form) Read(name string, r io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, int64(f.MaxBytes)+1))
	if err != nil {
		return nil, err
	}
	if len(text) > f.MaxBytes {
		return nil, f.wrong(name, &yamltext.Error{Message: fmt.Sprintf("the file is larger than %s, which is too large for %s: is it the right one?", size(f.MaxBytes), f.What)})
	}
	return text, nil
}

// ParseText is [Form.Parse] for what was read before.
func (f Form) ParseText(name string, text []byte) (*Document, error) {
	d := &Document{form: f, name: name}
	if n := countSigns(text); n > maxSigns {
		return nil, f.wrong(name, &yamltext.Error{Message: fmt.Sprintf("there is too much in it for %s: %d commas, colons, dashes, brackets and lines, where %d are the most", f.What, n, maxSigns)})
	}
	for doc, err := range yamltext.Documents(text) {
		if err != nil {
			return nil, f.wrong(name, err)
		}
		if d.root != nil {
			return nil, f.wrong(name, &yamltext.Error{Line: doc.Line, Column: doc.Column, Message: "a second document begins here: make them one, or give it a file of its own"})
		}
		d.root = doc.Content[0]
	}
	if d.root == nil {
		message := "the file is empty"
		if f.Kind != "" {
			message += fmt.Sprintf(": it begins with apiVersion: %s and kind: %s", f.APIVersion, f.Kind)
		}
		return nil, f.wrong(name, &yamltext.Error{Message: message})
	}
	if deep := d.check(d.root, 0); deep != nil {
		return nil, f.wrong(name, &yamltext.Error{Line: deep.Line, Column: deep.Column, Message: fmt.Sprintf("this is nested deeper than %d levels, which %s never needs", maxDepth, f.What)})
	}
	return d, nil
}

// wrong is an error that leaves nothing to read on.
func (f Form) wrong(name string, err error) error {
	p := finding.Problem{File: name, Message: err.Error()}
	var e *yamltext.Error
	if errors.As(err, &e) {
		p.Line, p.Column = e.Line, e.Column
		if e.Alias != "" {
			p.Message = noAlias(e.Alias)
		}
	}
	return &Error{[]finding.Problem{p}}
}

func countSigns(text []byte) int {
	n := 0
	for _, sign := range []byte(signs) {
		n += bytes.Count(text, []byte{sign})
	}
	return n
}

func size(n int) string {
	if n >= 1<<20 && n%(1<<20) == 0 {
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%d KiB", n>>10)
}

// Name is the file's, for messages.
func (d *Document) Name() string { return d.name }

// Root is the document itself.
func (d *Document) Root() *yaml.Node { return d.root }

// Bad keeps a mistake at a node. What Parse has refused it does not refuse again.
func (d *Document) Bad(n *yaml.Node, format string, args ...any) {
	if n.Kind != refused {
		d.BadAt(n.Line, n.Column, format, args...)
	}
}

// BadAt keeps a mistake at a place within a node.
func (d *Document) BadAt(line, column int, format string, args ...any) {
	if d.Full() {
		d.more++
		return
	}
	d.problems = append(d.problems, finding.Problem{File: d.name, Line: line, Column: column, Message: excerpt.Of(fmt.Sprintf(format, args...), maxMessage)})
}

// Full reports whether further mistakes are only counted: no work needs to go
// into their words.
func (d *Document) Full() bool { return len(d.problems) >= MaxProblems }

// Count is how many mistakes there are so far.
func (d *Document) Count() int { return len(d.problems) + d.more }

// Problems are the mistakes in the order of their places. Where there are too
// many, the last one says how many more.
func (d *Document) Problems() []finding.Problem {
	all := slices.Clone(d.problems)
	slices.SortStableFunc(all, func(a, b finding.Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	if d.more > 0 {
		all = append(all, finding.Problem{File: d.name, Message: fmt.Sprintf("and %d more", d.more)})
	}
	return all
}

// Err is an [*Error] with all mistakes; nil where there is none.
func (d *Document) Err() error {
	if len(d.problems) == 0 {
		return nil
	}
	return &Error{d.Problems()}
}

// Describe says what a node is, in a message: "a list", `the text "x"`.
func Describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "keys with values"
	case yaml.SequenceNode:
		return "a list"
	}
	switch n.ShortTag() {
	case nullTag, "":
		return "nothing"
	case strTag:
		return "the text " + excerpt.Quote(n.Value)
	}
	return excerpt.Word(n.Value)
}

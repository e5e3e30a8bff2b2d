// Package yamltext reads the documents of a YAML text as nodes. Where the text
// is no YAML, it says so in plain words, and at the right place: the library
// itself tells the line where the surrounding block starts, or counts from 0.
//
// It gives nodes no meaning, and refuses nothing that is YAML.
//
//	for doc, err := range yamltext.Documents(text) { root := doc.Content[0] … }
package yamltext

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"

	"go.yaml.in/yaml/v3"
)

// Error says what is wrong at which place of the text. Line and Column count
// from 1; 0 means that it is not known.
type Error struct {
	Line, Column int
	Message      string
	// Alias is the name of one that stands for nothing, where that is what is wrong.
	Alias string
}

func (e *Error) Error() string { return e.Message }

// Documents yields each document: a node with one child, the root. Where the
// text is no YAML it yields an [*Error], and ends.
func Documents(text []byte) iter.Seq2[*yaml.Node, error] {
	return func(yield func(*yaml.Node, error) bool) {
		d := yaml.NewDecoder(bytes.NewReader(text))
		for {
			doc, err := next(d, text)
			if errors.Is(err, io.EOF) || !yield(doc, err) || err != nil {
				return
			}
		}
	}
}

func next(d *yaml.Decoder, text []byte) (doc *yaml.Node, err error) {
	// The library has been seen to panic on garbage; a broken document must never
	// end the whole program.
	defer func() {
		if r := recover(); r != nil {
			doc, err = nil, &Error{Message: fmt.Sprintf("the YAML parser gave up: %v", r)}
		}
	}()
	for {
		doc := new(yaml.Node)
		if err := d.Decode(doc); errors.Is(err, io.EOF) {
			return nil, err
		} else if err != nil {
			return nil, explain(text, err)
		}
		if doc.Kind == yaml.DocumentNode && len(doc.Content) == 1 {
			return doc, nil
		}
	}
}

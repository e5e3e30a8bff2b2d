package yamltext

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	sigsyaml "sigs.k8s.io/yaml"

	"github.com/kubeassay/assay/internal/excerpt"
)

var (
	message       = regexp.MustCompile(`(?s)yaml: (?:line (\d+): )?(.*)`)
	unknownAnchor = regexp.MustCompile(`(?s)^unknown anchor '(.*)' referenced$`)
	tooDeep       = regexp.MustCompile(`^exceeded max depth of \d+$`)
)

// explain says in one sentence what the parser found wrong with text.
func explain(text []byte, err error) *Error {
	if e := badCharacter(text); e != nil {
		return e
	}
	// The parser with nodes tells the line where the surrounding block starts.
	// Its older sister tells the line of the trouble itself.
	var ignored any
	if older := sigsyaml.Unmarshal(text, &ignored); older != nil && message.MatchString(older.Error()) && !strings.Contains(older.Error(), "unmarshal errors") {
		err = older
	}
	e := &Error{Message: err.Error()}
	if m := message.FindStringSubmatch(err.Error()); m != nil {
		e.Message = m[2]
		e.Line, _ = strconv.Atoi(m[1]) // empty means line 1, see below
		if countsFromZero(m[2]) {
			e.Line++
		}
	}
	e.Line = max(1, min(e.Line, lines(text)))
	if m := unknownAnchor.FindStringSubmatch(e.Message); m != nil {
		if i := indexAlias(text, m[1]); i >= 0 {
			e.Line, e.Column = place(text, i)
		}
		e.Alias = m[1]
		short := excerpt.Of(m[1], 60)
		e.Message = "*" + short + " refers to an anchor &" + short + " that is not in this document"
		return e
	}
	if tooDeep.MatchString(e.Message) {
		e.Message = "this is nested too deeply"
		return e
	}
	e.Message = "not valid YAML: " + excerpt.Line(e.Message, 300)
	if startsWithTab(text, e.Line) {
		e.Message += "; the line starts with a tab: indent it with spaces"
	}
	return e
}

// indexAlias is where an alias stands, and not a longer one that begins alike.
func indexAlias(text []byte, name string) int {
	star := []byte("*" + name)
	for at := 0; ; {
		i := bytes.Index(text[at:], star)
		if i < 0 {
			return -1
		}
		at += i + len(star)
		first := at == len(star) || strings.IndexByte(" \t\r\n[{,", text[at-len(star)-1]) >= 0
		last := at == len(text) || strings.IndexByte(" \t\r\n]},", text[at]) >= 0
		if first && last {
			return at - len(star)
		}
	}
}

// countsFromZero: messages of the parser proper come with a line that counts
// from 0, those of its scanner with one that counts from 1.
func countsFromZero(message string) bool {
	switch message {
	case "did not find expected <document start>", "did not find expected node content",
		"did not find expected key", "did not find expected '-' indicator",
		"did not find expected ',' or ']'", "did not find expected ',' or '}'",
		"found undefined tag handle", "found duplicate %YAML directive",
		"found incompatible YAML document", "found duplicate %TAG directive":
		return true
	}
	return false
}

// badCharacter finds what no YAML may hold.
func badCharacter(text []byte) *Error {
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		message := ""
		switch {
		case r == utf8.RuneError && size == 1:
			message = "a character is not valid UTF-8: save the file as UTF-8 text"
		case r < ' ' && r != '\t' && r != '\n' && r != '\r', 0x7f <= r && r < 0xa0 && r != 0x85:
			message = "there is a control character: this is no text, or a damaged one"
		}
		if message != "" {
			e := &Error{Message: message}
			e.Line, e.Column = place(text, i)
			return e
		}
		i += size
	}
	return nil
}

func lines(text []byte) int {
	return 1 + bytes.Count(bytes.TrimRight(text, " \r\n"), []byte{'\n'})
}

// place is the line and column of text[i].
func place(text []byte, i int) (line, column int) {
	before := text[:i]
	start := bytes.LastIndexByte(before, '\n') + 1
	return 1 + bytes.Count(before, []byte{'\n'}), 1 + utf8.RuneCount(before[start:])
}

func startsWithTab(text []byte, line int) bool {
	for ; line > 1; line-- {
		_, rest, _ := bytes.Cut(text, []byte{'\n'})
		text = rest
	}
	text, _, _ = bytes.Cut(text, []byte{'\n'})
	indent := text[:len(text)-len(bytes.TrimLeft(text, " \t"))]
	return strings.Contains(string(indent), "\t")
}

package credential

import "strings"

// assigned looks at an assignment, NAME=VALUE, NAME = VALUE or NAME: VALUE at the
// beginning of a line, "NAME": "VALUE" or 'NAME' => 'VALUE', of which the sign
// stands at a place in the text.
func assigned(text string, sign int) (Found, bool) {
	name, start, spaced := nameBefore(text, sign)
	if name == "" {
		return Found{}, false
	}
	c := classOf(name)
	value, quoted := valueAfter(text, sign+1)
	switch {
	case c == password || c == token:
	case c == perhaps && isUserAndPassword(value):
		return Found{"a user and a password", true}, true
	case start > 0 && text[start-1] == ';' && strings.EqualFold(name, "pwd") && !strings.HasPrefix(value, "/"):
		c = password // a part of a connection string; alone, it is where a shell is
	default:
		return Found{}, false
	}
	switch {
	case spaced && !quoted && isCode(value) && !beginsWithSection(text),
		spaced && quoted && (strings.Contains(name, ".") || strings.ContainsAny(value, " |")), // a program's, or what it says
		text[sign] == ':' && !quoted && isProse(text[sign+1:]):
		return Found{}, false
	}
	f, ok := judge(c, value)
	if !ok {
		return Found{}, false
	}
	if known, ok := InText(value); ok && len(value) < len(text) { // its form says more
		return known, true
	}
	return f, true
}

// nameBefore is the name that ends where the sign of an assignment stands, and
// where it begins. A colon counts after a name in quotes, as in JSON, and after
// one that begins a line, as in YAML; so does an equals sign with space before it.
func nameBefore(text string, sign int) (name string, start int, spaced bool) {
	end := sign
	for end > 0 && sign-end < longestName && text[end-1] == ' ' {
		end--
	}
	quoted := end > 0 && (text[end-1] == '"' || text[end-1] == '\'')
	if text[sign] == ':' && !quoted && (sign+1 == len(text) || text[sign+1] != ' ') {
		return "", 0, false
	}
	spaced = text[sign] == '=' && end < sign
	if quoted {
		end--
	}
	if end > 0 && text[end-1] == '\\' {
		end--
	}
	start = end
	for start > 0 && end-start < longestName && (isWord(text[start-1]) || text[start-1] == '-' || text[start-1] == '.') {
		start--
	}
	line := start
	if quoted && spaced && line > 0 {
		line-- // the quote
	}
	if (spaced || text[sign] == ':' && !quoted) && !beginsLine(text, line) {
		return "", 0, false
	}
	return strings.TrimLeft(text[start:end], "-"), start, spaced
}

// beginsLine reports whether nothing but a little space, or the sign of a list's
// element, stands before.
func beginsLine(text string, at int) bool {
	for i := at; i > 0 && at-i < longestName; i-- {
		switch text[i-1] {
		case '\n':
			return true
		case ' ', '\t', '-':
		default:
			return false
		}
	}
	return at < longestName
}

// longestName and longestValue bound what is looked at around each sign, so
// that a text made to be slow is not.
const (
	longestName  = 100
	longestValue = 256
)

// valueAfter is the value that begins behind the sign of an assignment, and
// whether it stands in quotes.
func valueAfter(text string, start int) (value string, quoted bool) {
	rest := strings.TrimPrefix(text[start:min(len(text), start+longestValue)], `\`)
	if start > 0 && text[start-1] == '=' {
		rest = strings.TrimPrefix(rest, ">")
	}
	rest = strings.TrimLeft(rest, " ")
	if len(rest) > 0 && (rest[0] == '"' || rest[0] == '\'') {
		quote := rest[0]
		rest = rest[1:]
		if i := strings.IndexByte(rest, quote); i >= 0 {
			return strings.TrimSuffix(rest[:i], `\`), true
		}
		return rest, true
	}
	if i := strings.IndexAny(rest, " \t\r\n;&|,\"'`)}<>"); i >= 0 {
		rest = rest[:i]
	}
	return rest, false
}

// isCode reports whether a value without quotes may well be a name in a program,
// or a call of one.
func isCode(value string) bool {
	digits := false
	for i := range len(value) {
		switch b := value[i]; {
		case b == '.' || b == '(' || b == '[':
			return true
		case b >= '0' && b <= '9':
			digits = true
		case !isWord(b):
			return false
		}
	}
	return !digits
}

// isProse reports whether what stands behind a colon is a sentence: more words
// on the line than a value would have.
func isProse(text string) bool {
	line, _, _ := strings.Cut(text[:min(len(text), longestValue)], "\n")
	line, _, _ = strings.Cut(line, " #")
	const most = 2 // words of a value
	n := 0
	for range strings.FieldsSeq(line) {
		if n++; n > most {
			return true
		}
	}
	return false
}

// beginsWithSection reports whether a text is one of sections and settings.
func beginsWithSection(text string) bool {
	return strings.HasPrefix(strings.TrimLeft(text, " \t\r\n"), "[")
}

// inElement looks at an element of XML, <NAME>VALUE<, of which the > stands at a
// place in the text.
func inElement(text string, end int) (Found, bool) {
	start := end
	for start > 0 && end-start < longestName && (isWord(text[start-1]) || text[start-1] == '-' || text[start-1] == '.') {
		start--
	}
	if start == end || start == 0 || text[start-1] != '<' {
		return Found{}, false
	}
	c := classOf(text[start:end])
	if c != password && c != token {
		return Found{}, false
	}
	value, _, closed := strings.Cut(text[end+1:min(len(text), end+longestValue)], "<")
	if !closed {
		return Found{}, false
	}
	return judge(c, value)
}

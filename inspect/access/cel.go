package access

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Command is a command line that a policy lets through.
type Command struct {
	Words []Word
	// More is a pattern for any number of words behind them; empty: there are none.
	More string
}

// MostWords is how many words a command line may have under a policy.
const MostWords = 512

// celIndexes is a list of all indexes that a word may have.
func celIndexes() string {
	all := make([]string, MostWords)
	for i := range all {
		all[i] = strconv.Itoa(i)
	}
	return "[" + strings.Join(all, ",") + "]"
}

// Word is one word of a command line.
type Word struct {
	// Text is the word, unless there is a pattern (RE2, for the whole word).
	Text, Pattern string
}

// Fixed is a command line that is always the same.
func Fixed(argv ...string) Command {
	var c Command
	for _, text := range argv {
		c.Words = append(c.Words, Word{Text: text})
	}
	return c
}

// Matches reports whether an admission policy lets a command line through.
func (c *Command) Matches(argv []string) bool {
	if len(argv) < len(c.Words) || len(argv) > len(c.Words) && c.More == "" || len(argv) > MostWords {
		return false
	}
	for i, word := range argv {
		w := Word{Pattern: c.More}
		if i < len(c.Words) {
			w = c.Words[i]
		}
		if w.Pattern == "" && word != w.Text {
			return false
		}
		if w.Pattern != "" && !regexp.MustCompile(whole(w.Pattern)).MatchString(word) {
			return false
		}
	}
	return true
}

func whole(pattern string) string { return "^(?:" + pattern + ")$" }

// check finds what CEL can't hold (its strings are of characters, not of
// bytes), and what would be no limit.
func (c *Command) check() error {
	if len(c.Words) == 0 || c.Words[0].Pattern != "" {
		return errors.New("a command has no fixed first word, so it could be any command")
	}
	for _, w := range append(slices.Clone(c.Words), Word{Pattern: c.More}) {
		if !utf8.ValidString(w.Text) {
			return fmt.Errorf("a word of the command %q is no UTF-8", c.Words[0].Text)
		}
		if _, err := regexp.Compile(whole(w.Pattern)); err != nil {
			return fmt.Errorf("the command %q: %w", c.Words[0].Text, err)
		}
	}
	return nil
}

// cel is an expression that holds for the command only. list is the name of
// the variable with the words; where there are more of them than are fixed,
// variables.indexes must be there too.
func (c *Command) cel(list string) string {
	size := "=="
	if c.More != "" {
		size = ">="
	}
	parts := []string{fmt.Sprintf("%s.size() %s %d", list, size, len(c.Words))}
	for i, w := range c.Words {
		word := fmt.Sprintf("%s[%d]", list, i)
		if w.Pattern == "" {
			parts = append(parts, word+" == "+celString(w.Text))
		} else {
			parts = append(parts, word+".matches("+celString(whole(w.Pattern))+")")
		}
	}
	if c.More != "" {
		// Servers before 1.34 can't take the rest of a list.
		parts = append(parts, fmt.Sprintf("%[1]s.size() <= %[2]d && variables.indexes.all(i, i < %[3]d || i >= %[1]s.size() || %[1]s[i].matches(%[4]s))",
			list, MostWords, len(c.Words), celString(whole(c.More))))
	}
	return strings.Join(parts, " && ")
}

// celAny holds where one of the commands does; for none of them, never.
func celAny(list string, commands []Command) string {
	if len(commands) == 0 {
		return "false"
	}
	parts := make([]string, len(commands))
	for i := range commands {
		parts[i] = "(" + commands[i].cel(list) + ")"
	}
	return strings.Join(parts, " || ")
}

func celList(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = celString(w)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// celString writes text, which must be UTF-8, as a literal of CEL.
func celString(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r > 0xffff:
			fmt.Fprintf(&b, `\U%08x`, r)
		case r > 0x7f:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

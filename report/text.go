package report

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"

	"github.com/kubeassay/assay/finding"
)

// visible reports whether a character is safe to print: one that is seen, or
// the plain space. Control characters, the invisible ones that turn the
// direction of writing, and bytes that are no UTF-8 are not.
func visible(r rune) bool { return strconv.IsPrint(r) && r != utf8.RuneError }

// Printable makes text from outside, such as an error, safe for a terminal. Its
// lines stay.
func Printable(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = escape(lines[i])
	}
	return strings.Join(lines, "\n")
}

// escape makes text from outside safe to print, in one line: what is not
// visible is written as Go writes it in a string, such as \x1b or \n.
func escape(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return !visible(r) }) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if visible(r) {
			b.WriteRune(r)
		} else {
			// Of the bytes, not the rune: a byte that is no UTF-8 shows as \xff.
			q := strconv.Quote(s[i : i+n])
			b.WriteString(q[1 : len(q)-1])
		}
		i += n
	}
	return b.String()
}

// wrap breaks text into lines of at most width columns; 0 means no limit.
func wrap(s string, width int) []string {
	if width <= 0 || ansi.StringWidth(s) <= width {
		return []string{s}
	}
	return strings.Split(ansi.Wrap(s, width, "/,"), "\n")
}

// cut shortens text to width columns, with an ellipsis in its place.
func cut(s string, width int) string { return ansi.Truncate(s, max(width, 1), "…") }

// pad fills text with spaces to width columns.
func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-ansi.StringWidth(s)))
}

// count is "1 pod" or "3 pods".
func count(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return strconv.Itoa(n) + " " + noun
}

// colors paints text where colours are allowed. Only the terminal's own
// sixteen colours are used, so that they suit its background.
type colors bool

func (c colors) paint(s ansi.Style, text string) string {
	if !c || text == "" {
		return text
	}
	return s.Styled(text)
}

func (c colors) bold(text string) string  { return c.paint(ansi.Style{}.Bold(), text) }
func (c colors) faint(text string) string { return c.paint(ansi.Style{}.Faint(), text) }
func (c colors) alarm(text string) string {
	return c.paint(ansi.Style{}.Bold().ForegroundColor(ansi.Red), text)
}

func (c colors) severity(s finding.Severity, text string) string {
	switch s {
	case finding.Critical:
		return c.paint(ansi.Style{}.Bold().Reverse(true).ForegroundColor(ansi.Red), text)
	case finding.High:
		return c.paint(ansi.Style{}.Bold().ForegroundColor(ansi.Red), text)
	case finding.Medium:
		return c.paint(ansi.Style{}.ForegroundColor(ansi.Yellow), text)
	case finding.Low:
		return c.paint(ansi.Style{}.ForegroundColor(ansi.Cyan), text)
	}
	return text
}

// verdict paints the first column: the severity of a failure, else the status.
func (c colors) verdict(f *finding.Finding, text string) string {
	switch f.Status {
	case finding.Fail:
		if f.Waiver != nil {
			return c.faint(text)
		}
		return c.severity(f.Severity, text)
	case finding.Error, finding.NotReviewed:
		return c.paint(ansi.Style{}.Bold().ForegroundColor(ansi.Magenta), text)
	case finding.Pass:
		return c.paint(ansi.Style{}.ForegroundColor(ansi.Green), text)
	}
	return c.faint(text)
}

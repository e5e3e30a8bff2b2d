package cli

import (
	"io"
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/kubeassay/assay/report"
)

// tableWidth is how wide a table may be that people read.
func tableWidth(out io.Writer) int {
	if w := report.Terminal(out).Width; w > 0 {
		return max(w, 40)
	}
	return helpWidth
}

// textTable is a table whose cells have as many lines as they need to fit into
// its width.
type textTable struct {
	width   int
	columns []string
	rows    [][]string
}

// add adds a row; what comes from outside is made safe to print.
func (t *textTable) add(cells ...string) {
	for i := range cells {
		cells[i] = report.Printable(cells[i])
	}
	t.rows = append(t.rows, cells)
}

// gap is what stands between columns.
const gap = "  "

func (t *textTable) String() string {
	widths := t.widths()
	var b strings.Builder
	for _, row := range append([][]string{t.columns}, t.rows...) {
		t.row(&b, row, widths)
	}
	return b.String()
}

// widths are what the widest cell needs. Where that is too much, the widest
// columns give way first: down to their longest word, and only then further.
func (t *textTable) widths() []int {
	widths, words := make([]int, len(t.columns)), make([]int, len(t.columns))
	total := len(gap) * (len(widths) - 1)
	for i := range t.columns {
		for _, row := range append([][]string{t.columns}, t.rows...) {
			for line := range strings.SplitSeq(row[i], "\n") {
				widths[i] = max(widths[i], ansi.StringWidth(line))
			}
			for word := range strings.FieldsFuncSeq(row[i], func(r rune) bool { return strings.ContainsRune(breaks+" \n", r) }) {
				words[i] = max(words[i], ansi.StringWidth(word)+1)
			}
		}
		total += widths[i]
	}
	for _, least := range [][]int{words, slices.Repeat([]int{narrowest}, len(words))} {
		for ; total > t.width; total-- {
			widest := -1
			for i := range widths {
				if widths[i] > max(least[i], narrowest) && (widest < 0 || widths[i] > widths[widest]) {
					widest = i
				}
			}
			if widest < 0 {
				break
			}
			widths[widest]--
		}
	}
	return widths
}

// breaks are where a line may end besides at a space; narrowest is the least
// that a column may have.
const breaks, narrowest = "/,", 8

func (t *textTable) row(b *strings.Builder, row []string, widths []int) {
	cells := make([][]string, len(row))
	lines := 0
	for i, cell := range row {
		cells[i] = strings.Split(ansi.Wrap(cell, widths[i], breaks), "\n")
		lines = max(lines, len(cells[i]))
	}
	for n := range lines {
		line := ""
		for i, cell := range cells {
			text := ""
			if n < len(cell) {
				text = cell[n]
			}
			if i > 0 {
				line += gap
			}
			line += text + strings.Repeat(" ", max(0, widths[i]-ansi.StringWidth(text)))
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
}

package report

import (
	"bytes"
	"cmp"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/kubeassay/assay/finding"
)

// markdownWriter writes GitHub's Markdown: first a table with a line for each
// target and profile, then their controls. The details wait in memory, written
// out, for the table to be known.
type markdownWriter struct {
	out     output
	rules   rulesByID
	rows    []string
	details bytes.Buffer
}

func (m *markdownWriter) Begin(h Header) error {
	m.rules = rulesOf(h)
	return nil
}

func (m *markdownWriter) Inspection(i *finding.Inspection) error {
	c := countInspection(i)
	m.rows = append(m.rows, fmt.Sprintf("| %s | %s | %s | %d | %d | %d | %d | %d |\n",
		mdCode(i.Target.String()), mdText(profileName(i)), mdFailed(&c), c.status[finding.Error],
		c.status[finding.NotReviewed], c.waived, c.status[finding.Pass], c.status[finding.NotApplicable]))
	m.writeDetails(i)
	return nil
}

func (m *markdownWriter) End(r *finding.Report) error {
	m.out.WriteString("# Inside the containers\n\n")
	if missing := gapsOf(r); len(missing) > 0 {
		m.out.WriteString("**Not everything that was asked for was looked into.** What is missing is not counted below and may hold anything:\n\n")
		for _, g := range missing {
			m.out.WriteString("- " + mdCode(g.scope) + ", " + mdText(g.state) + ": " + mdText(g.detail) + "\n")
		}
		m.out.WriteByte('\n')
	}
	if len(m.rows) == 0 {
		m.out.WriteString("Nothing was judged: no container was looked into.\n")
		return m.out.flush()
	}
	m.out.WriteString("| container | profile | failed | could not be judged | not reviewed | waived | passed | not applicable |\n" +
		"| --- | --- | --- | ---: | ---: | ---: | ---: | ---: |\n")
	for _, row := range m.rows {
		m.out.WriteString(row)
	}
	m.out.WriteByte('\n')
	m.out.Write(m.details.Bytes())
	return m.out.flush()
}

func profileName(i *finding.Inspection) string {
	return strings.TrimSpace(i.Profile.Name + " " + i.Profile.Version)
}

// mdFailed is "3 (1 high, 2 low)".
func mdFailed(c *inspectionCounts) string {
	text := strconv.Itoa(c.status[finding.Fail])
	var by []string
	for _, s := range severitiesOf(c.failed) {
		by = append(by, strconv.Itoa(c.failed[s])+" "+mdText(string(s)))
	}
	if len(by) > 0 {
		text += " (" + strings.Join(by, ", ") + ")"
	}
	return text
}

func (m *markdownWriter) writeDetails(i *finding.Inspection) {
	b := &m.details
	b.WriteString("## " + mdCode(i.Target.String()) + "\n\n")
	if i.Error != "" {
		b.WriteString("**Not inspected:** " + mdText(i.Error) + "\n\n")
	}
	for _, line := range [][2]string{
		{"profile", profileName(i)}, {"image", i.Target.Image}, {"digest", i.Target.ImageDigest}, {"node", i.Target.Node},
	} {
		if line[1] != "" {
			b.WriteString("- " + line[0] + ": " + mdCode(line[1]) + "\n")
		}
	}
	b.WriteString("- evidence: " + mdText(how(i)) + "\n")
	for _, note := range i.Notes {
		b.WriteString("- note: " + mdText(note) + "\n")
	}
	b.WriteByte('\n')
	var open, closed []*finding.Finding
	for _, n := range worstFirst(i.Findings) {
		f := &i.Findings[n]
		if f.Status == finding.Pass || f.Status == finding.NotApplicable {
			closed = append(closed, f)
		} else {
			open = append(open, f)
		}
	}
	m.writeTable(open)
	if len(closed) > 0 {
		b.WriteString("<details><summary>Passed or not applicable: " + strconv.Itoa(len(closed)) + "</summary>\n\n")
		m.writeTable(closed)
		b.WriteString("</details>\n\n")
	}
}

func (m *markdownWriter) writeTable(findings []*finding.Finding) {
	if len(findings) == 0 {
		return
	}
	b := &m.details
	b.WriteString("| verdict | control | what came out |\n| --- | --- | --- |\n")
	for _, f := range findings {
		verdict := string(f.Status)
		if f.Status == finding.Fail {
			verdict = string(f.Severity)
		}
		if f.Waiver != nil {
			verdict += ", waived"
		}
		var lines []string
		if rule := m.rules.of(f); rule.Title != "" {
			lines = append(lines, "**"+mdText(rule.Title)+"**")
		}
		if f.Message != "" {
			lines = append(lines, mdText(f.Message))
		}
		if w := f.Waiver; w != nil {
			lines = append(lines, "Waived by "+mdText(w.Owner)+" until "+mdText(w.Expires)+": "+mdText(w.Reason))
		}
		b.WriteString("| " + mdText(verdict) + " | " + mdCode(ruleID(f)) + " | " + strings.Join(lines, "<br>") + " |\n")
	}
	b.WriteByte('\n')
}

// mdPlain matches text that means nothing in a code span but itself.
var mdPlain = regexp.MustCompile(`^[A-Za-z0-9._/:@+=,;()-]([A-Za-z0-9 ._/:@+=,;()-]*[A-Za-z0-9._/:@+=,;()-])?$`)

// mdCode is text from outside as code. There GitHub sees neither mentions,
// links nor issues. What could end the code is written as entities.
func mdCode(s string) string {
	s = escape(s)
	if mdPlain.MatchString(s) {
		return "`" + s + "`"
	}
	return "<code>" + mdEntities(cmp.Or(s, "–"), "") + "</code>"
}

// mdText is text from outside as text: nothing of it is markup, and it notifies nobody.
func mdText(s string) string {
	return mdEntities(escape(strings.Join(strings.Fields(s), " ")), "&#8203;")
}

// mdSafe are the characters beside letters and digits that stay as they are.
// None of them starts or ends anything inside a line.
const mdSafe = ` ,;()%"'/=+?-`

// mdEntities writes whatever might mean something to Markdown or HTML as
// entities, which are text wherever they stand. GitHub looks for mentions and
// issues once more in the finished text, so a mark goes behind @ and #.
func mdEntities(s, mark string) string {
	var b strings.Builder
	var before rune
	for i, r := range s {
		next, _ := utf8.DecodeRuneInString(s[i+utf8.RuneLen(r):])
		switch {
		case r >= utf8.RuneSelf, r >= '0' && r <= '9', r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', strings.ContainsRune(mdSafe, r):
			b.WriteRune(r)
		case r == ':' && next != '/', r == '.' && before != 'w' && before != 'W': // not https://, not www.
			b.WriteRune(r)
		default:
			b.WriteString("&#" + strconv.Itoa(int(r)) + ";")
			if r == '@' || r == '#' {
				b.WriteString(mark)
			}
		}
		before = r
	}
	return b.String()
}

package report

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"html"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	east "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/text"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/internal/hdf"
)

func hdfSchema(t testing.TB) *jsonschema.Schema {
	t.Helper()
	s, err := jsonschema.NewCompiler().Compile(filepath.Join("testdata", "hdf-exec-json.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// readHDF is what a reader of HDF looks at.
type readHDF struct {
	Platform struct {
		TargetID string `json:"target_id"`
	}
	Statistics struct {
		Duration float64
		Controls map[string]struct{ Total int }
	}
	Profiles []struct {
		Name, SHA256 string
		Attributes   []struct {
			Name    string
			Options struct{ Value any }
		}
		Controls []struct {
			ID         string
			Impact     float64
			Tags       map[string]any
			WaiverData *struct {
				Skipped bool `json:"skipped_due_to_waiver"`
			} `json:"waiver_data"`
			Results []struct {
				Status, Message string
				SkipMessage     string `json:"skip_message"`
				Backtrace       []string
			}
		}
	}
}

// status is what readers of HDF make of a control, in their order of precedence.
func (h *readHDF) status(n int) hdf.Status {
	c := h.Profiles[0].Controls[n]
	var all []string
	for _, r := range c.Results {
		s := r.Status
		if len(r.Backtrace) > 0 {
			s = "error"
		}
		all = append(all, s)
	}
	switch {
	case slices.Contains(all, "error"):
		return hdf.Error
	case c.WaiverData != nil && c.WaiverData.Skipped, c.Impact == 0:
		return hdf.NoImpact
	case slices.Contains(all, "failed"):
		return hdf.Failed
	case slices.Contains(all, "passed"):
		return hdf.Passed
	case slices.Contains(all, "skipped"):
		return hdf.Skipped
	}
	return hdf.Error
}

// checkHDF checks a file against the schema, and that its readers come to our verdicts.
func checkHDF(t testing.TB, s *jsonschema.Schema, out string, i *finding.Inspection) readHDF {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(out))
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := s.Validate(v); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	var h readHDF
	if err := json.Unmarshal([]byte(out), &h); err != nil {
		t.Fatal(err)
	}
	if len(h.Profiles) != 1 || len(h.Profiles[0].Controls) != len(i.Findings) {
		t.Fatalf("%d profiles: %s", len(h.Profiles), out)
	}
	for n := range i.Findings {
		f := &i.Findings[n]
		if got, want := h.status(n), hdf.StatusOf(f); got != want {
			t.Errorf("readers of HDF take %s (%s, %s, %d tests) for %s, want %s", f.Control, f.Status, f.Severity, len(f.Tests), got, want)
		}
		if got := h.Profiles[0].Controls[n].Tags["severity"]; got != hdf.SeverityOf(f) {
			t.Errorf("%s has severity %v, want %s", f.Control, got, hdf.SeverityOf(f))
		}
	}
	return h
}

func TestHDF(t *testing.T) {
	s := hdfSchema(t)
	for name, l := range looks() {
		for n := range l.inspections {
			h := checkHDF(t, s, l.only(n).write(t, HDF, Options{}), &l.inspections[n])
			if want := "k8s-container://" + l.inspections[n].Target.String(); h.Platform.TargetID != want {
				t.Errorf("%s: the target is %q, want %q", name, h.Platform.TargetID, want)
			}
		}
	}
	l := looks()["both"].only(0)
	h := checkHDF(t, s, l.write(t, HDF, Options{}), &l.inspections[0])
	p := h.Profiles[0]
	if got := p.Attributes[0].Options.Value; !slices.Equal(got.([]any), []any{1000.0, 65532.0}) {
		t.Errorf("an input is %v", got)
	}
	if got := p.Attributes[2].Options.Value; got != "no JSON" {
		t.Errorf("an input that is no JSON is %v", got)
	}
	if p.SHA256 != l.inspections[0].Profile.SHA256 || h.Statistics.Duration != 0.412 {
		t.Errorf("sha256 %q, duration %v", p.SHA256, h.Statistics.Duration)
	}
	for what, want := range map[string]int{"passed": 2, "failed": 1, "error": 1, "skipped": 4} {
		if got := h.Statistics.Controls[what].Total; got != want {
			t.Errorf("%d %s, want %d", got, what, want)
		}
	}
	tags := p.Controls[0].Tags
	if !slices.Equal(tags["nist"].([]any), []any{"AC-6"}) || tags["stig_id"] != "X-1" {
		t.Errorf("tags: %v", tags)
	}
	for name := range p.Controls[1].Tags {
		if strings.EqualFold(name, "severityoverride") {
			t.Errorf("a profile's tag %s would change the severity", name)
		}
	}
	if r := p.Controls[3].Results; r[0].Status != "skipped" || !strings.Contains(r[0].SkipMessage, "own status is pass") {
		t.Errorf("the passing half of what was not reviewed: %+v", r)
	}
	if r := p.Controls[1].Results; r[0].Status != "passed" || r[1].Status != "error" || len(r[1].Backtrace) == 0 {
		t.Errorf("a control in error: %+v", r)
	}
}

// TestHDFOfEveryMixture: whatever a control's verdict and tests are, readers
// come to the verdict.
func TestHDFOfEveryMixture(t *testing.T) {
	s := hdfSchema(t)
	statuses := append(slices.Clone(finding.Statuses), "unheard-of")
	i := finding.Inspection{Target: finding.InspectionTarget{Namespace: "a", Pod: "b", Container: "c"}}
	for _, own := range statuses {
		for _, severity := range append(slices.Clone(finding.Severities), "unheard-of") {
			for _, waiver := range []*finding.Waiver{nil, {Reason: "r", Owner: "o", Expires: "2027-01-31"}} {
				f := finding.Finding{Control: "x", Status: own, Severity: severity, Waiver: waiver, Message: "m"}
				i.Findings = append(i.Findings, f)
				for _, a := range statuses {
					for _, b := range statuses {
						f.Tests = []finding.Test{{Status: a, Description: "a"}, {Status: b, Description: "b", Message: "m"}}
						i.Findings = append(i.Findings, f)
					}
				}
			}
		}
	}
	l := &look{inspections: []finding.Inspection{i}}
	checkHDF(t, s, l.write(t, HDF, Options{}), &i)
}

func TestHDFOfTwo(t *testing.T) {
	l := looks()["both"]
	w, err := NewInspection(HDF, io.Discard, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Begin(l.header), w.Inspection(&l.inspections[0])); err != nil {
		t.Fatal(err)
	}
	err = w.Inspection(&l.inspections[1])
	for _, part := range []string{"shop/cart-6d5f9c7b8-2xkqz/app", "shop/cart-6d5f9c7b8-2xkqz/metrics", "container-core", "folder"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%v does not mention %s", err, part)
		}
	}
	w, _ = NewInspection(HDF, io.Discard, Options{})
	if err := errors.Join(w.Begin(l.header), w.End(&l.report)); err == nil {
		t.Error("a file about nothing is no error")
	}
}

// checkXML reads XML as strictly as Go can.
func checkXML(t testing.TB, out string) {
	t.Helper()
	for d := xml.NewDecoder(strings.NewReader(out)); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("%v in %q", err, out)
		}
	}
}

func TestJUnit(t *testing.T) {
	xmllint, err := exec.LookPath("xmllint")
	if err != nil && os.Getenv("CI")+os.Getenv("ASSAY_REQUIRE_SAF") != "" {
		t.Fatal("xmllint is not installed: on CI it must be (Debian: libxml2-utils)")
	}
	all := looks()
	for _, text := range attacks {
		all["hostile "+text] = hostile(text)
	}
	for name, l := range all {
		t.Run(name, func(t *testing.T) {
			out := l.write(t, JUnit, Options{})
			checkXML(t, out)
			if err != nil {
				t.Skip("not checked against the schemas, because xmllint is not installed (Debian: libxml2-utils)")
			}
			for _, schema := range []string{"junit-ant.xsd", "junit-jenkins.xsd"} {
				cmd := exec.CommandContext(t.Context(), xmllint, "--nonet", "--noout", "--schema", filepath.Join("testdata", schema), "-")
				cmd.Stdin = strings.NewReader(out)
				if message, err := cmd.CombinedOutput(); err != nil {
					t.Errorf("%s: %v\n%s\n%s", schema, err, message, out)
				}
			}
		})
	}
	var r struct {
		Suites []struct {
			Tests    int `xml:"tests,attr"`
			Failures int `xml:"failures,attr"`
			Errors   int `xml:"errors,attr"`
			Skipped  int `xml:"skipped,attr"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal([]byte(looks()["both"].write(t, JUnit, Options{})), &r); err != nil {
		t.Fatal(err)
	}
	want := [][4]int{{8, 2, 1, 3}, {8, 0, 8, 0}, {1, 0, 1, 0}} // the third is the coverage
	for i, s := range r.Suites {
		if got := [4]int{s.Tests, s.Failures, s.Errors, s.Skipped}; i >= len(want) || got != want[i] {
			t.Errorf("suite %d: %v, want %v", i, got, want)
		}
	}
}

// checkMarkdown parses as GitHub does: foreign text must be text.
func checkMarkdown(t testing.TB, out string) {
	t.Helper()
	if r := raw(out); r != "" {
		t.Errorf("%s stands raw in the output", r)
	}
	source := []byte(out)
	doc := goldmark.New(goldmark.WithExtensions(extension.GFM)).Parser().Parse(text.NewReader(source))
	headings, columns := 0, 0
	err := ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Link, *ast.Image, *ast.AutoLink, *ast.CodeBlock, *ast.FencedCodeBlock, *ast.Blockquote, *ast.ThematicBreak, *east.Strikethrough, *east.TaskCheckBox:
			t.Errorf("%s out of foreign text: %s", n.Kind(), out)
		case *ast.Heading:
			headings++
		case *east.TableHeader:
			columns = n.ChildCount()
		case *east.TableRow:
			if n.ChildCount() != columns {
				t.Errorf("a row has %d cells of %d: %s", n.ChildCount(), columns, out)
			}
		case *ast.RawHTML:
			tag := string(n.Segments.Value(source))
			if !slices.Contains([]string{"<br>", "<code>", "</code>", "<details>", "<summary>", "</summary>", "</details>"}, tag) {
				t.Errorf("HTML out of foreign text: %s in %s", tag, out)
			}
		case *ast.HTMLBlock:
			for i := range n.Lines().Len() {
				line := n.Lines().At(i)
				if !mdHTML.Match(line.Value(source)) {
					t.Errorf("HTML out of foreign text: %s in %s", line.Value(source), out)
				}
			}
		}
		return ast.WalkContinue, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if headings != 2 {
		t.Errorf("%d headings, want 2: %s", headings, out)
	}
	for _, mention := range mdMention.FindAllString(html.UnescapeString(mdSpan.ReplaceAllString(out, "")), -1) {
		t.Errorf("%s may notify somebody, or link to an issue: %s", mention, out)
	}
}

var (
	mdHTML    = regexp.MustCompile(`^(<details><summary>Passed or not applicable: \d+</summary>|</details>)?\n?$`)
	mdSpan    = regexp.MustCompile("`[^`]*`|<code>[^<]*</code>") // GitHub looks for nothing in code
	mdMention = regexp.MustCompile(`[@#]\w+`)
)

func TestMarkdown(t *testing.T) {
	for _, text := range attacks {
		checkMarkdown(t, hostile(text).write(t, Markdown, Options{}))
	}
	checkMarkdown(t, looks()["both"].only(0).write(t, Markdown, Options{}))
	// And readable where nothing needs hiding.
	if out := looks()["both"].write(t, Markdown, Options{}); !strings.Contains(out, "| high | `process-uid` | **Process 1 runs as root**<br>Process 1 runs with uid 0. |") {
		t.Errorf("the usual text does not stand as it is:\n%s", out)
	}
}

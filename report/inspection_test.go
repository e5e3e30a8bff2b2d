package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"github.com/kubeassay/assay/finding"
)

// TestInspectionGolden shows the samples in every format; look at the files
// after a change, those of the table in a terminal.
func TestInspectionGolden(t *testing.T) {
	all := slices.Clone(finding.Statuses)
	for name, l := range looks() {
		for form, f := range map[string]struct {
			format string
			o      Options
		}{
			"table-80":     {Table, Options{Width: 80}},
			"table-80-all": {Table, Options{Width: 80, Color: true, Statuses: all}},
			"table-plain":  {Table, Options{}},
			"wide-120":     {Wide, Options{Width: 120, Statuses: all}},
			"json":         {JSON, Options{}},
			"ndjson":       {NDJSON, Options{Statuses: all}},
			"yaml":         {YAML, Options{}},
			"junit":        {JUnit, Options{}},
			"markdown":     {Markdown, Options{}},
		} {
			t.Run(name+"/"+form, func(t *testing.T) {
				ending := map[string]string{"junit": ".xml", "markdown": ".md"}[form]
				if ending == "" {
					ending = ".txt"
				}
				golden(t, filepath.Join("testdata", "inspect-"+name, form+ending), l.write(t, f.format, f.o))
			})
		}
		if len(l.inspections) > 0 {
			t.Run(name+"/hdf", func(t *testing.T) {
				golden(t, filepath.Join("testdata", "inspect-"+name, "hdf.json"), l.only(0).write(t, HDF, Options{}))
			})
		}
	}
}

// TestInspectionsKeepToTheSchema checks what the writers really write.
func TestInspectionsKeepToTheSchema(t *testing.T) {
	whole, line, last := schema(t, ""), schema(t, "#/$defs/Finding"), schema(t, "#/$defs/LastLine")
	for name, l := range looks() {
		t.Run(name, func(t *testing.T) {
			asJSON := l.write(t, JSON, Options{Statuses: finding.Statuses})
			if err := whole.Validate(parsed(t, asJSON)); err != nil {
				t.Error(err)
			}
			sameYAML(t, []byte(l.write(t, YAML, Options{Statuses: finding.Statuses})), []byte(asJSON))
			lines := strings.Split(strings.TrimSpace(l.write(t, NDJSON, Options{})), "\n")
			for i, text := range lines {
				want := line
				if i == len(lines)-1 {
					want = last
				}
				if err := want.Validate(parsed(t, text)); err != nil {
					t.Errorf("line %d: %v", i+1, err)
				}
			}
		})
	}
}

func TestInspectionStatuses(t *testing.T) {
	l := looks()["both"]
	for name, c := range map[string]struct {
		statuses []finding.Status
		want     int
	}{
		"fail and error, unless told otherwise": {nil, 3 + 1 + 8},
		"passes":                                {[]finding.Status{finding.Pass}, 2},
		"all":                                   {finding.Statuses, 16},
	} {
		t.Run(name, func(t *testing.T) {
			var r finding.Report
			strict(t, []byte(l.write(t, JSON, Options{Statuses: c.statuses})), &r)
			if len(r.Findings) != c.want {
				t.Errorf("%d findings, want %d", len(r.Findings), c.want)
			}
			if len(r.Inspections) != 2 || r.Inspections[0].Target != l.inspections[0].Target || len(r.Rules) != len(controls()) {
				t.Errorf("%d inspections, %d rules: %+v", len(r.Inspections), len(r.Rules), r.Inspections)
			}
			for format, want := range map[string]int{HDF: 8, JUnit: 16 + 1, Markdown: 16} {
				n := 0
				switch format {
				case HDF:
					n = strings.Count(l.only(0).write(t, format, Options{Statuses: c.statuses}), `"source_location"`)
				case JUnit:
					n = strings.Count(l.write(t, format, Options{Statuses: c.statuses}), "<testcase")
				case Markdown:
					n = strings.Count(l.write(t, format, Options{Statuses: c.statuses}), " | **")
				}
				if n != want {
					t.Errorf("%s holds %d controls, want %d whatever the statuses", format, n, want)
				}
			}
		})
	}
}

// TestInspectionTableFits: no line is wider than the terminal but where a name can't be cut.
func TestInspectionTableFits(t *testing.T) {
	for name, l := range looks() {
		for _, format := range []string{Table, Wide} {
			for _, width := range []int{60, 80, 120} {
				for line := range strings.Lines(l.write(t, format, Options{Width: width, Statuses: finding.Statuses})) {
					if n := ansi.StringWidth(strings.TrimSuffix(line, "\n")); n > width {
						t.Errorf("%s, %s: %d of %d columns: %q", name, format, n, width, line)
					}
				}
			}
		}
	}
}

// TestInspectionOrder: the worst first, and what is waived behind what is not.
func TestInspectionOrder(t *testing.T) {
	out := looks()["both"].only(0).write(t, Table, Options{Statuses: finding.Statuses})
	at := -1
	for _, id := range []string{"process-uid", "package-manager", "setuid-files", "world-writable", "shadow-mode", "empty-password", "no-new-privileges", "sshd"} {
		next := strings.Index(out, id)
		if next <= at {
			t.Errorf("%s stands at %d, behind what comes later (%d):\n%s", id, next, at, out)
		}
		at = next
	}
}

func TestInspectionFormats(t *testing.T) {
	for _, format := range InspectionFormats() {
		if _, err := NewInspection(format, io.Discard, Options{}); err != nil {
			t.Errorf("NewInspection(%q): %v", format, err)
		}
	}
	_, err := NewInspection("xml", io.Discard, Options{})
	for _, part := range append(InspectionFormats(), `"xml"`) {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%v does not mention %s", err, part)
		}
	}
}

func TestInspectionWriteErrors(t *testing.T) {
	l := looks()["both"].only(0)
	for _, format := range InspectionFormats() {
		t.Run(format, func(t *testing.T) {
			w, err := NewInspection(format, &fullDisk{}, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(w.Begin(l.header), w.Inspection(&l.inspections[0]), w.End(&l.report)); !errors.Is(err, errFull) {
				t.Errorf("%v, want %v", err, errFull)
			}
		})
	}
}

// TestInspectionStreams: what was found reaches the reader before the end,
// where the format lets it, and the findings don't wait in memory.
func TestInspectionStreams(t *testing.T) {
	l := looks()["both"]
	for _, format := range []string{Table, Wide, JSON, NDJSON, YAML, JUnit} {
		t.Run(format, func(t *testing.T) {
			var out bytes.Buffer
			w, err := NewInspection(format, &out, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if err := w.Begin(l.header); err != nil {
				t.Fatal(err)
			}
			for range 500 {
				if err := w.Inspection(&l.inspections[0]); err != nil {
					t.Fatal(err)
				}
			}
			const message = "Process 1 runs with uid 0."
			if got := strings.Count(out.String(), message); got < 450 {
				t.Errorf("only %d of 500 were written before the end", got)
			}
			if err := w.End(&l.report); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// hostile puts a text wherever one can stand.
func hostile(text string) *look {
	l := looks()["both"].only(0)
	i := &l.inspections[0]
	*i = finding.Inspection{
		Target:   finding.InspectionTarget{Cluster: text, Namespace: text, Pod: text, UID: text, Container: text, ContainerID: text, Image: text, ImageDigest: text, Node: text},
		Workload: finding.Workload{Kind: text, Namespace: text, Name: text}, StartedAt: i.StartedAt, FinishedAt: i.FinishedAt,
		Profile: finding.Profile{Name: text, Title: text, Version: text, Summary: text, SHA256: text, Inputs: []finding.Input{{Name: text, Value: text}}},
		Used: &finding.Used{Approaches: []string{text}, Why: text, Commands: [][]string{{text}}, Remains: []string{text},
			Risk: &finding.Risk{Rating: text, Factors: []finding.RiskFactor{{Name: text, Rating: text, Reason: text}}}},
		Notes: []string{text}, Error: text,
	}
	waiver := &finding.Waiver{Reason: text, Owner: text, Expires: text}
	for _, s := range finding.Statuses {
		f := finding.Finding{Control: text, Profile: text, Status: s, Severity: finding.High, Message: text, Image: text, Container: text,
			Tests: []finding.Test{{Status: s, Description: text, Message: text}}}
		i.Findings = append(i.Findings, f)
		f.Waiver = waiver
		i.Findings = append(i.Findings, f)
	}
	l.header = Header{Version: text, Rules: []finding.Rule{{ID: text, Profile: text, Title: text, Description: text, Check: text, Fix: text, Code: text,
		Tags: map[string][]string{text: {text, text}}, References: []finding.Reference{{Framework: text, ID: text, URL: text}}, Location: &finding.Location{File: text}}}}
	l.report = finding.Report{Coverage: []finding.Coverage{{Scope: text, State: finding.CoverageState(text), Detail: text}},
		Errors: []finding.Problem{{File: text, Message: text}}, Notes: []string{text},
		Access: &finding.Access{Grants: []finding.Grant{{Name: text, Namespace: text, Problem: text}}}}
	return l
}

// attacks are texts that mean something to some reader.
var attacks = []string{
	evil, "a|b\n| c | d |", "`` ` ```", "<script>alert(1)</script>", "@everyone #1 owner/repo#2", "https://evil.example www.evil.example a@b.example",
	"]]><!-- --><!DOCTYPE x>", "[x](javascript:y) ![x](y)", "\x00\xff\ufffe\uffff", "&amp;&#64;here", "\r\n\t", "", "  ", "../../../etc/passwd", "__proto__", "\\|\\`",
}

func TestInspectionForeignText(t *testing.T) {
	for _, text := range attacks {
		for _, format := range InspectionFormats() {
			out := hostile(text).write(t, format, Options{Statuses: finding.Statuses, Width: 80})
			if r := raw(out); r != "" {
				t.Errorf("%s, %q: %s stands raw in the output", format, text, r)
			}
		}
	}
}

func FuzzInspection(f *testing.F) {
	for _, text := range attacks {
		f.Add(text)
	}
	validate := hdfSchema(f)
	f.Fuzz(func(t *testing.T, text string) {
		l := hostile(text)
		o := Options{Statuses: finding.Statuses, Width: 80}
		for _, format := range []string{Table, Wide, JSON, NDJSON, YAML} {
			if r := raw(l.write(t, format, o)); r != "" {
				t.Errorf("%s: %s stands raw in the output", format, r)
			}
		}
		asJSON := l.write(t, JSON, o)
		sameYAML(t, []byte(l.write(t, YAML, o)), []byte(asJSON))
		if !json.Valid([]byte(asJSON)) {
			t.Error("this is no JSON")
		}
		checkHDF(t, validate, l.write(t, HDF, o), &l.inspections[0])
		checkXML(t, l.write(t, JUnit, o))
		checkMarkdown(t, l.write(t, Markdown, o))
		if name := hdfName(&l.inspections[0]); !hdfSafe.MatchString(name) || len(name) > 255-len("_100.json.part") {
			t.Errorf("%q is no safe name for a file", name)
		}
	})
}

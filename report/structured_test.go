package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	yamlv3 "go.yaml.in/yaml/v3"
	"sigs.k8s.io/yaml"

	"github.com/kubeassay/assay/finding"
)

// strict decodes JSON and accepts no field that the type does not have.
func strict(t testing.TB, data []byte, into any) {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		t.Fatalf("%v in %s", err, data)
	}
	if _, err := dec.Token(); err != io.EOF {
		t.Fatalf("something stands behind the object: %v", err)
	}
}

// TestNoFieldIsForgotten: head, findings and tail are all of finding.Report.
func TestNoFieldIsForgotten(t *testing.T) {
	want := map[string]string{}
	got := map[string]string{"findings": "findings"}
	for f := range reflect.TypeFor[finding.Report]().Fields() {
		tag := f.Tag.Get("json")
		want[strings.TrimSuffix(tag, ",omitempty")] = tag
	}
	for _, part := range []reflect.Type{reflect.TypeFor[head](), reflect.TypeFor[tail]()} {
		for f := range part.Fields() {
			tag := f.Tag.Get("json")
			got[strings.TrimSuffix(tag, ",omitempty")] = tag
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestJSON(t *testing.T) {
	for name, s := range samples() {
		t.Run(name, func(t *testing.T) {
			out := []byte(s.write(t, JSON, Options{}))
			var got finding.Report
			strict(t, out, &got)
			if d := cmp.Diff(s.whole(), got); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
			var want bytes.Buffer
			if err := json.Indent(&want, out, "", "  "); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want.String(), string(out)); d != "" {
				t.Errorf("the indentation is not the usual one:\n%s", d)
			}
		})
	}
}

func TestNDJSON(t *testing.T) {
	for name, s := range samples() {
		t.Run(name, func(t *testing.T) {
			out := s.write(t, NDJSON, Options{})
			lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
			want := s.whole()
			if len(lines) != len(want.Findings)+1 {
				t.Fatalf("%d lines, want one for each of %d findings and one more", len(lines), len(want.Findings))
			}
			for i := range want.Findings {
				var got finding.Finding
				strict(t, []byte(lines[i]), &got)
				if d := cmp.Diff(want.Findings[i], got); d != "" {
					t.Errorf("line %d: -want +got:\n%s", i+1, d)
				}
			}
			var got tail
			strict(t, []byte(lines[len(lines)-1]), &got)
			if d := cmp.Diff(tailOf(&want), got); d != "" {
				t.Errorf("last line: -want +got:\n%s", d)
			}
		})
	}
}

// sameYAML compares YAML with JSON as both of the usual readers see it:
// Kubernetes' (YAML 1.1) and go.yaml.in/yaml/v3 (mostly 1.2).
func sameYAML(t testing.TB, doc, want []byte) {
	t.Helper()
	var w any
	if err := json.Unmarshal(want, &w); err != nil {
		t.Fatal(err)
	}
	b, err := yaml.YAMLToJSONStrict(doc)
	if err != nil {
		t.Fatalf("sigs.k8s.io/yaml: %v in\n%s", err, doc)
	}
	var got any
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(w, got); d != "" {
		t.Errorf("sigs.k8s.io/yaml: -want +got:\n%s\nfrom\n%s", d, doc)
	}
	var v3 any
	if err := yamlv3.Unmarshal(doc, &v3); err != nil {
		t.Fatalf("yaml/v3: %v in\n%s", err, doc)
	}
	if b, err = json.Marshal(v3); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(w, got); d != "" {
		t.Errorf("yaml/v3: -want +got:\n%s\nfrom\n%s", d, doc)
	}
}

func TestYAMLIsJSON(t *testing.T) {
	for name, s := range samples() {
		t.Run(name, func(t *testing.T) {
			sameYAML(t, []byte(s.write(t, YAML, Options{})), []byte(s.write(t, JSON, Options{})))
		})
	}
}

// FuzzYAML puts any text where text may come from outside. What is no UTF-8
// becomes U+FFFD in both formats.
func FuzzYAML(f *testing.F) {
	for _, seed := range []string{"", " ", "yes", "y", "on", "null", "~", "1", "0x1f", "1e3", "-1", ".5", ".inf", "1:30", "2026-03-04",
		"<<", "=", "a: b", "# no", "- x", "a #b", "x\ny\n", "\n", " x\ny", "x \ny", "\tx\ny", "x\n\n\ny", "é", "\u0085", "\u2028", "\u202e", "\ufeff", "\x1b[2J", "\x7f", "\u009b", "\xff",
		"\U0001F469\u200d\U0001F52C", "\U000E0001", "'", `"`, `\`, "%", "@", "`", "!", "&a", "*a", "|", ">", "{", "[", "---", "...", "--- x", "x:", ":x", "?", "? x", "x\r\ny", "x\ry"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 1000 {
			t.Skip("what is true of long texts is true of short ones")
		}
		s := &sample{report: finding.Report{Summary: finding.Summary{Findings: map[finding.Severity]int{finding.Severity(text): 1}}}}
		s.header.Rules = []finding.Rule{{ID: text, Fix: text + "\n"}}
		s.namespaces = [][]finding.Finding{{{Message: text, Container: "x" + text}, {Image: text, PodNames: []string{text, text}}}}
		asYAML, asJSON := s.write(t, YAML, Options{}), s.write(t, JSON, Options{})
		sameYAML(t, []byte(asYAML), []byte(asJSON))
		plain, err := json.Marshal(s.whole())
		if err != nil {
			t.Fatal(err)
		}
		var want, got finding.Report
		strict(t, plain, &want)
		strict(t, []byte(asJSON), &got)
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("JSON: -want +got:\n%s", d)
		}
		for _, out := range []string{asYAML, asJSON, s.write(t, Wide, Options{Width: 60}), s.write(t, NDJSON, Options{})} {
			if r := raw(out); r != "" {
				t.Errorf("%s stands raw in %q", r, out)
			}
		}
	})
}

// raw returns, quoted, the first character that must not reach a terminal.
func raw(s string) string {
	i := strings.IndexFunc(s, func(r rune) bool { return r != '\n' && !strconv.IsPrint(r) })
	if i < 0 {
		return ""
	}
	return strconv.Quote(s[i:min(len(s), i+8)])
}

// TestStreams: what was found reaches the reader before the end, and little waits.
func TestStreams(t *testing.T) {
	for _, format := range Formats() {
		t.Run(format, func(t *testing.T) {
			var out bytes.Buffer
			w, err := New(format, &out, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if err := w.Begin(Header{Rules: rules()}); err != nil {
				t.Fatal(err)
			}
			f := shop()[0]
			if err := w.Finding(&f); err != nil {
				t.Fatal(err)
			}
			if err := w.Flush(); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(out.String(), f.Message) {
				t.Errorf("after Flush the finding has not been written: %q", out.String())
			}
			// A namespace that does not end must not fill the memory.
			for i := range 2000 {
				f := f
				f.Workload.Name = "cart-" + strconv.Itoa(i)
				if err := w.Finding(&f); err != nil {
					t.Fatal(err)
				}
			}
			before := out.Len()
			if err := w.End(&finding.Report{}); err != nil {
				t.Fatal(err)
			}
			if waited := out.Len() - before; waited > 2*spillAt {
				t.Errorf("%d bytes were written at the end only", waited)
			}
			if got := strings.Count(out.String(), f.Message); got != 2001 {
				t.Errorf("%d findings were written, want 2001", got)
			}
		})
	}
}

// fullDisk takes some bytes and then no more.
type fullDisk struct{ room int }

var errFull = errors.New("no space left")

func (d *fullDisk) Write(p []byte) (int, error) {
	if len(p) > d.room {
		return 0, errFull
	}
	d.room -= len(p)
	return len(p), nil
}

func TestWriteErrors(t *testing.T) {
	for _, format := range Formats() {
		t.Run(format, func(t *testing.T) {
			f := shop()[0]
			w, _ := New(format, &fullDisk{}, Options{})
			if err := errors.Join(w.Begin(Header{}), w.Finding(&f)); err != nil {
				t.Fatal(err) // little waits for Flush
			}
			if err := w.Flush(); !errors.Is(err, errFull) {
				t.Errorf("Flush: %v, want %v", err, errFull)
			}
			w, _ = New(format, &fullDisk{}, Options{})
			if err := w.Begin(Header{}); err != nil {
				t.Fatal(err)
			}
			if err := w.End(&finding.Report{}); !errors.Is(err, errFull) {
				t.Errorf("End: %v, want %v", err, errFull)
			}
			w, _ = New(format, &fullDisk{}, Options{})
			var err error
			for i := 0; err == nil && i < 5000; i++ {
				f := f
				f.Workload.Name = strconv.Itoa(i)
				err = w.Finding(&f)
			}
			if !errors.Is(err, errFull) {
				t.Errorf("Finding, 5000 times: %v, want %v", err, errFull)
			}
		})
	}
}

func TestUnknownFormat(t *testing.T) {
	_, err := New("xml", io.Discard, Options{})
	if err == nil {
		t.Fatal("no error")
	}
	for _, part := range append(slices.Clone(Formats()), `"xml"`) {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not mention %s", err, part)
		}
	}
	for _, format := range Formats() {
		if _, err := New(format, io.Discard, Options{}); err != nil {
			t.Errorf("New(%q): %v", format, err)
		}
	}
}

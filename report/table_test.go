package report

import (
	"bytes"
	"io"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/internal/testpty"
)

// evil is what somebody who may name things could try: set the title, clear
// the screen, the 8-bit form of an escape, overwrite the line, start a new
// one, turn the direction of writing, bytes that are no UTF-8.
const evil = "a\x1b]0;title\x07\x1b[2J\x1b[31m\u009b31m\x9b1mb\r\n\tc\x00\x7f\u202ed\u2028e\xffé名"

// poison puts evil into every string of a value.
func poison(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		poison(v.Elem())
	case reflect.String:
		v.SetString(evil)
	case reflect.Int, reflect.Int64:
		v.SetInt(3)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range 2 {
			poison(v.Index(i))
		}
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		poison(key)
		poison(value)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return
		}
		for _, f := range v.Fields() {
			poison(f)
		}
	}
}

var ownColors = regexp.MustCompile("\x1b\\[[0-9;]*m")

func TestNothingFromOutsideReachesTheTerminalRaw(t *testing.T) {
	var r finding.Report
	poison(reflect.ValueOf(&r).Elem())
	r.Errors = append(r.Errors, finding.Problem{Message: evil})
	second := r.Findings[1]
	second.Location, second.PodsTotal = nil, 0
	perPod := r.Findings[0]
	perPod.Status, perPod.Location, perPod.PodNames = finding.Fail, nil, []string{evil}
	for _, format := range Formats() {
		for name, o := range map[string]Options{"plain": {}, "terminal": {Width: 80, Color: true}, "narrow": {Width: 20}, "per pod": {Width: 80, PerPod: true}} {
			t.Run(format+"/"+name, func(t *testing.T) {
				s := &sample{Header{Rules: r.Rules}, [][]finding.Finding{{r.Findings[0], perPod}, {second}}, r}
				out := s.write(t, format, o)
				if o.Color {
					// "31m" follows an escape character only where we put one: evil's own is \x1b in letters.
					if format == Table && !strings.Contains(out, `\x1b[31m`) {
						t.Error("the escaped text is not there")
					}
					out = ownColors.ReplaceAllString(out, "")
				}
				if bad := raw(out); bad != "" {
					t.Errorf("%s stands raw in\n%q", bad, out)
				}
			})
		}
	}
}

func TestEscape(t *testing.T) {
	for in, want := range map[string]string{
		"":                         "",
		"Größe 名前 3 µs … →":        "Größe 名前 3 µs … →",
		"\x1b[31mred":              `\x1b[31mred`,
		"\u009b31m":                `\u009b31m`,
		"a\nb\tc\rd":               `a\nb\tc\rd`,
		"no \xff UTF-8":            `no \xff UTF-8`,
		"\u202eturned":             `\u202eturned`,
		"no-break\u00a0space":      `no-break\u00a0space`,
		"\ufffd, honestly":         `�, honestly`,
		`C:\new "quotes" are kept`: `C:\new "quotes" are kept`,
	} {
		if got := escape(in); got != want {
			t.Errorf("escape(%q) = %s, want %s", in, got, want)
		}
	}
}

// TestWidth: no line is wider than the terminal, but for places in files, which are copied whole.
func TestWidth(t *testing.T) {
	for name, s := range samples() {
		for _, format := range []string{Table, Wide} {
			for _, width := range []int{60, 79, 80, 100, 120, 200} {
				for line := range strings.Lines(s.write(t, format, Options{Width: width, Color: true})) {
					line = strings.TrimRight(line, "\n")
					if strings.Contains(line, ".yaml:") {
						continue
					}
					if got := ansi.StringWidth(line); got > width {
						t.Errorf("%s, %s: a line of %d in %d columns: %q", name, format, got, width, line)
					}
				}
			}
		}
	}
}

func TestNamesAreWholeWithoutTerminal(t *testing.T) {
	for name, s := range samples() {
		out := s.write(t, Wide, Options{})
		for _, namespace := range s.namespaces {
			for _, f := range namespace {
				for _, part := range []string{f.Workload.Name, f.Workload.Namespace, f.Container, f.Image, f.Message} {
					if !strings.Contains(out, part) {
						t.Errorf("%s: %q is not in the output", name, part)
					}
				}
			}
		}
	}
}

// TestSummary says in words what must never be left out.
func TestSummary(t *testing.T) {
	for name, c := range map[string]struct {
		change   func(*finding.Report)
		want, no []string
	}{
		"clean": {func(*finding.Report) {},
			[]string{"Nothing was found by 3 checks.", "120 workloads, 350 pods and 410 containers in 35 namespaces", "3.2s"},
			[]string{"INCOMPLETE", "INTERRUPTED", "NOT "}},
		"incomplete without a reason": {func(r *finding.Report) { r.Summary.Complete = false },
			[]string{"INCOMPLETE:", "in what could be judged"}, []string{"Nothing was found by 3 checks."}},
		"coverage outweighs complete": {func(r *finding.Report) {
			r.Coverage = []finding.Coverage{{Scope: "namespace/a", State: finding.Forbidden, Detail: "no"}}
		}, []string{"INCOMPLETE:", "namespace/a: no", "in what could be judged"}, nil},
		"reservations only": {func(r *finding.Report) {
			r.Coverage = []finding.Coverage{{Scope: "kind/jobs.batch", State: finding.OwnerUnresolved}}
		}, []string{"Nothing was found by 3 checks.", "owner-unresolved 1", "kind/jobs.batch"}, []string{"INCOMPLETE"}},
		"interrupted": {func(r *finding.Report) { r.Summary.Interrupted = true }, []string{"INTERRUPTED:"}, nil},
		"verdict not reached": {func(r *finding.Report) { r.Summary.Statuses = map[finding.Status]int{finding.Error: 2} },
			[]string{"NOT JUDGED: 2 verdicts"}, []string{"Nothing was found by 3 checks."}},
		"broken input": {func(r *finding.Report) {
			r.Errors, r.Summary.Errors = []finding.Problem{{File: "a.yaml", Line: 3, Message: "bad"}}, 1
		}, []string{"NOT READ: 1 broken or unreadable input.", "a.yaml:3: bad"}, []string{"Nothing was found by 3 checks."}},
		"nothing to look at": {func(r *finding.Report) { r.Summary = finding.Summary{Complete: true} },
			[]string{"Nothing was judged: there was no container"}, []string{"Nothing was found"}},
		"nothing could be looked at": {func(r *finding.Report) { r.Summary = finding.Summary{} },
			[]string{"INCOMPLETE", "Nothing was judged: no container could be looked at"}, []string{"Nothing was found"}},
		"hidden by a filter": {func(r *finding.Report) {
			r.Summary.Findings = map[finding.Severity]int{finding.Low: 7}
		}, []string{"7 failures: 7 low", "Not shown because of a filter: 7."}, []string{"Nothing"}},
		"not reviewed": {func(r *finding.Report) { r.Summary.Statuses = map[finding.Status]int{finding.NotReviewed: 4} },
			[]string{"Not reviewed, for want of evidence: 4."}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := samples()["clean"]
			c.change(&s.report)
			out := s.write(t, Table, Options{})
			for _, part := range c.want {
				if !strings.Contains(out, part) {
					t.Errorf("%q is not in\n%s", part, out)
				}
			}
			for _, part := range c.no {
				if strings.Contains(out, part) {
					t.Errorf("%q is in\n%s", part, out)
				}
			}
		})
	}
}

// TestGapsComeFirst: the summary's first words are about what was not seen,
// and thousands of lines don't bury the rest.
func TestGapsComeFirst(t *testing.T) {
	out := samples()["incomplete"].write(t, Table, Options{Width: 80})
	_, summary, found := strings.Cut(out, "───\n")
	if !found || !strings.HasPrefix(summary, "INTERRUPTED") {
		t.Errorf("the summary begins with %.40q", summary)
	}
	if i, j := strings.Index(out, "INCOMPLETE"), strings.Index(out, "1 failure"); i < 0 || i > j {
		t.Errorf("INCOMPLETE at %d, the failures at %d", i, j)
	}
	if n := strings.Count(out, "\n"); n > 50 {
		t.Errorf("%d lines for 2003 lines of coverage", n)
	}
	for _, part := range []string{"forbidden 2000", "timed-out 1", "1994", "-o json"} {
		if !strings.Contains(out, part) {
			t.Errorf("%q is missing", part)
		}
	}
}

func TestPerPod(t *testing.T) {
	s := samples()["complete"]
	f := s.namespaces[0][0]
	f.PodNames, f.Pods, f.PodsTotal = []string{"cart-6d5f9c7b8-2xkqz"}, 1, 1
	s.namespaces = [][]finding.Finding{nil}
	for range 3 * maxPending { // more than are lined up together
		s.namespaces[0] = append(s.namespaces[0], f)
	}
	out := s.write(t, Table, Options{Width: 80, PerPod: true})
	if n := strings.Count(out, "cart-6d5f9c7b8-2xkqz"); n != 3*maxPending {
		t.Errorf("the pod is named %d times, want %d", n, 3*maxPending)
	}
	if n := strings.Count(out, "Deployment/cart\n"); n != 1 {
		t.Errorf("the workload has %d headings, want one", n)
	}
}

func TestTerminalSettings(t *testing.T) {
	for name, c := range map[string]struct {
		tty  bool
		env  map[string]string
		want Options
	}{
		"terminal":                {true, map[string]string{"TERM": "xterm"}, Options{Width: 132, Color: true}},
		"no terminal":             {false, map[string]string{"TERM": "xterm"}, Options{}},
		"NO_COLOR":                {true, map[string]string{"TERM": "xterm", "NO_COLOR": "0"}, Options{Width: 132}},
		"NO_COLOR empty":          {true, map[string]string{"TERM": "xterm", "NO_COLOR": ""}, Options{Width: 132, Color: true}},
		"dumb":                    {true, map[string]string{"TERM": "dumb"}, Options{Width: 132}},
		"nothing known":           {true, nil, Options{Width: 132}},
		"Windows Terminal":        {true, map[string]string{"WT_SESSION": "1"}, Options{Width: 132, Color: true}},
		"CLICOLOR=0":              {true, map[string]string{"TERM": "xterm", "CLICOLOR": "0"}, Options{Width: 132}},
		"forced":                  {false, map[string]string{"CLICOLOR_FORCE": "1"}, Options{Color: true}},
		"forced with 0":           {false, map[string]string{"CLICOLOR_FORCE": "0"}, Options{}},
		"NO_COLOR wins":           {true, map[string]string{"TERM": "xterm", "NO_COLOR": "1", "CLICOLOR_FORCE": "1"}, Options{Width: 132}},
		"COLUMNS":                 {true, map[string]string{"TERM": "xterm", "COLUMNS": "90"}, Options{Width: 90, Color: true}},
		"COLUMNS for a pipe":      {false, map[string]string{"COLUMNS": "90"}, Options{Width: 90}},
		"COLUMNS that is no size": {true, map[string]string{"COLUMNS": "wide"}, Options{Width: 132}},
	} {
		t.Run(name, func(t *testing.T) {
			width := 0
			if c.tty {
				width = 132
			}
			if got := terminal(c.tty, width, func(k string) string { return c.env[k] }); !cmp.Equal(got, c.want) {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestTerminal(t *testing.T) {
	for _, name := range []string{"NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "COLUMNS"} {
		t.Setenv(name, "")
	}
	t.Setenv("TERM", "xterm")
	_, tty := testpty.Open(t, 97)
	if got, want := Terminal(tty), (Options{Width: 97, Color: true}); !cmp.Equal(got, want) {
		t.Errorf("for a terminal: %+v, want %+v", got, want)
	}
	_, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for _, w := range []io.Writer{w, &bytes.Buffer{}} {
		if got := Terminal(w); !cmp.Equal(got, Options{}) {
			t.Errorf("for %T: %+v, want nothing", w, got)
		}
	}
}

package gate_test

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/gate"
)

func TestWaiverLabels(t *testing.T) {
	now := at(t, "2026-11-22T12:00:00Z")
	cart := map[string]string{"app": "cart", "tier": "web"}
	for name, c := range map[string]struct {
		target string
		labels map[string]string
		want   bool
	}{
		"equal":                          {`labels: "app=cart"`, cart, true},
		"another value":                  {`labels: "app=shop"`, cart, false},
		"two, both hold":                 {`labels: "app=cart,tier!=db"`, cart, true},
		"two, one does not":              {`labels: "app=cart,tier!=web"`, cart, false},
		"one of a set":                   {`labels: "tier in (web, db)"`, cart, true},
		"none of a set":                  {`labels: "tier notin (web, db)"`, cart, false},
		"it is there":                    {`labels: tier`, cart, true},
		"it is not there":                {`labels: "!tier"`, cart, false},
		"a map":                          {`labels: {app: cart, tier: web}`, cart, true},
		"a map, one does not hold":       {`labels: {app: cart, tier: db}`, cart, false},
		"with a namespace":               {`namespace: shop, labels: {app: cart}`, cart, true},
		"with another namespace":         {`namespace: web, labels: {app: cart}`, cart, false},
		"no labels":                      {`labels: "app=cart"`, map[string]string{}, false},
		"no labels, none wanted":         {`labels: "!app"`, map[string]string{}, true},
		"not known":                      {`labels: "app=cart"`, nil, false},
		"not known, none wanted":         {`labels: "!app"`, nil, false},
		"not known, no labels in target": {`namespace: shop`, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := waivers(t, "- rule: run-as-root\n  target: {"+c.target+"}\n"+rest)
			f := declared()
			f.Labels = c.labels
			if got := w.Apply(&f, now); got != c.want || (f.Waiver != nil) != c.want || f.Status != finding.Fail {
				t.Errorf("waived: %v, want %v; status %s", got, c.want, f.Status)
			}
			want := ""
			switch {
			case c.want:
			case c.labels == nil && strings.Contains(c.target, "labels"):
				want = "w.yaml:4: the waiver of run-as-root covers nothing: it chooses by labels, and those of what was judged are not known"
			default:
				want = "w.yaml:4: the waiver of run-as-root covers nothing that failed here"
			}
			if got := strings.Join(w.Unused(), "\n"); got != want {
				t.Errorf("unused: %q, want %q", got, want)
			}
		})
	}
}

func TestUnknownRules(t *testing.T) {
	file := ""
	for _, rule := range []string{"run-as-root", "run-as-rot", "core/process-uid", "core/process-ui", "gpos/whatever", "nothing-like-it"} {
		file += "- rule: " + rule + "\n  target: {namespace: shop}\n" + rest
	}
	w := waivers(t, file)
	checks := []finding.Rule{{ID: "run-as-root"}, {ID: "image-latest-tag"}}
	core := finding.Rule{ID: "process-uid", Profile: "core"}
	for name, c := range map[string]struct {
		rules []finding.Rule
		want  []string
	}{
		"nothing is known":       {nil, nil},
		"checks":                 {checks, []string{`w.yaml:9: there is no check "run-as-rot" (did you mean run-as-root?)`, `w.yaml:29: there is no check "nothing-like-it"`}},
		"a profile":              {[]finding.Rule{core}, []string{`w.yaml:19: there is no control "core/process-ui" (did you mean core/process-uid?)`}},
		"only one that has none": {[]finding.Rule{{ID: "x", Profile: "other"}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			if err := w.Unknown(c.rules...); err != nil {
				got = strings.Split(err.Error(), "\n")
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
	var none *gate.Waivers
	if err := none.Unknown(checks...); err != nil {
		t.Error(err)
	}
	many := waivers(t, strings.Repeat("- rule: nope\n  target: {namespace: shop}\n"+rest, 50))
	if err := many.Unknown(checks...); err == nil || strings.Count(err.Error(), "\n") != 20 || !strings.HasSuffix(err.Error(), "w.yaml: and 30 more") {
		t.Errorf("50 mistakes: %v", err)
	}
}

func TestBadSelectors(t *testing.T) {
	for name, c := range map[string]struct{ labels, want string }{
		"an operator":       {`"app=~cart"`, "w.yaml:5:20: this label selector can't be read: "},
		"a bracket":         {`"tier in (web"`, "w.yaml:5:20: this label selector can't be read: "},
		"a value":           {`"app=-cart-"`, "w.yaml:5:20: this label selector can't be read: "},
		"a key":             {`"a/b/c=1"`, "w.yaml:5:20: this label selector can't be read: "},
		"empty":             {`""`, "w.yaml:5:20: labels is empty"},
		"an empty map":      {`{}`, "w.yaml:5:20: labels is empty"},
		"nothing":           {``, "labels must be text, not nothing"},
		"a list":            {`[app]`, "w.yaml:5:20: labels must be text, not a list"},
		"a value in a map":  {`{app: "-"}`, "w.yaml:5:20: this label selector can't be read: "},
		"a number in a map": {`{app: 1}`, `w.yaml:5:26: the label "app" must be text, not 1: put it into quotes`},
		"matchLabels":       {`{matchLabels: {app: cart}}`, `the label "matchLabels" must be text, not keys with values`},
		"twice in a map":    {`{app: a, app: b}`, `"app" is given twice`},
		"a very long one":   {`"` + strings.Repeat("app=~", 10_000) + `"`, "w.yaml:5:20: this label selector can't be read: "},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := gate.ParseWaivers("w.yaml", strings.NewReader(waiverHead+"- rule: run-as-root\n  target: {labels: "+c.labels+"}\n"+rest))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v\ndoes not say %q", err, c.want)
			}
			if err != nil && len(err.Error()) > 500 {
				t.Errorf("an error of %d bytes: %.600s", len(err.Error()), err)
			}
		})
	}
}

// endless yields its text over and over, up to some bytes.
type endless struct {
	text string
	left int
}

func (e *endless) Read(p []byte) (int, error) {
	if e.left <= 0 {
		return 0, fmt.Errorf("all of it was read")
	}
	n := 0
	for n < len(p) {
		n += copy(p[n:], e.text)
	}
	e.left -= n
	return n, nil
}

// allocated is how much memory do takes in all.
func allocated(do func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func TestHostileWaivers(t *testing.T) {
	bomb := "a: &a [x, x, x, x, x, x, x, x, x]\n"
	for c := 'b'; c < 'z'; c++ {
		bomb += fmt.Sprintf("%c: &%c [*%c, *%c, *%c, *%c, *%c, *%c, *%c, *%c, *%c]\n", c, c, c-1, c-1, c-1, c-1, c-1, c-1, c-1, c-1, c-1)
	}
	for name, c := range map[string]struct{ text, want string }{
		"aliases":                {waiverHead + "- rule: run-as-root\n" + bomb, "w.yaml:"},
		"aliases in a target":    {waiverHead + "- rule: run-as-root\n  target: &t {namespace: &t2 shop, labels: *t2}\n" + rest, "w.yaml:5:44: an alias (*t2) is not supported here: write it out"},
		"a merge key":            {waiverHead + "- rule: run-as-root\n  target: {namespace: shop}\n  <<: {reason: x}\n" + rest, "w.yaml:6:3: a merge key (<<) is not supported here: write it out"},
		"deep lists":             {waiverHead + strings.Repeat("[", 400_000), "w.yaml:"},
		"deep lists that end":    {waiverHead + "- " + strings.Repeat("[", 5_000) + strings.Repeat("]", 5_000), "w.yaml:4:101: this is nested deeper than 100 levels"},
		"deep keys":              {waiverHead + strings.Repeat("{a: ", 200_000), "w.yaml:"},
		"keys given twice":       {waiverHead + "- rule: a\n  rule: b\n", `w.yaml:5:3: "rule" is given twice; the other is in line 4`},
		"keys of the file twice": {waiverHead + "  []\nwaivers: []\n", `"waivers" is given twice; the other is in line 3`},
		"many mistakes":          {waiverHead + strings.Repeat("- {}\n", 50_000), "and 49950 more"},
	} {
		t.Run(name, func(t *testing.T) {
			var err error
			used := allocated(func() { _, err = gate.ParseWaivers("w.yaml", strings.NewReader(c.text)) })
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%.500v\ndoes not say %q", err, c.want)
			}
			if err != nil && len(err.Error()) > 10_000 {
				t.Errorf("an error of %d bytes", len(err.Error()))
			}
			if used > 500<<20 {
				t.Errorf("it took %d MiB", used>>20)
			}
		})
	}
	t.Run("a line of 100 MB", func(t *testing.T) {
		var err error
		in := &endless{text: "reason: " + strings.Repeat("x", 1000), left: 100 << 20}
		used := allocated(func() { _, err = gate.ParseWaivers("w.yaml", in) })
		if err == nil || err.Error() != "w.yaml: the file is larger than 1 MiB, which is too large for a waiver file: is it the right one?" {
			t.Errorf("%v", err)
		}
		if used > 20<<20 {
			t.Errorf("it took %d MiB", used>>20)
		}
	})
}

// heap is how much memory is in use.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

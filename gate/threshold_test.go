package gate_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/gate"
)

func threshold(t *testing.T, text string) *gate.Threshold {
	t.Helper()
	th, err := gate.ParseThreshold("t.yaml", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return th
}

// judged makes findings: "fail high C-1" and so on.
func judged(t *testing.T, list ...string) []finding.Finding {
	t.Helper()
	var all []finding.Finding
	for _, s := range list {
		words := strings.Fields(s)
		f := finding.Finding{Status: finding.Status(words[0]), Severity: finding.Severity(words[1]), Control: words[2], Profile: "p"}
		if len(words) > 3 {
			f.Waiver = &finding.Waiver{}
		}
		all = append(all, f)
	}
	return all
}

func TestThresholdCheck(t *testing.T) {
	findings := judged(t, "fail high C-1", "fail high C-2", "fail low C-3", "pass medium C-4", "pass critical C-5", "not-reviewed high C-6",
		"error medium C-7", "not-applicable high C-8", "fail critical C-9 waived", "fail info C-10", "error info C-11")
	for text, want := range map[string][]string{
		// 2 of 8 count as passed: 1, 2, 3, 4, 5, 6, 7 and 11.
		"compliance.min: 25":                 nil,
		"compliance.min: 25.5":               {"compliance.min: 25.5: the compliance is 25 %"},
		"compliance: {min: 26, max: 30}":     {"compliance.min: 26: the compliance is 25 %"},
		"compliance.max: 0":                  {"compliance.max: 0: the compliance is 25 %"},
		"compliance.max: 25":                 nil,
		"failed.total: 3":                    nil,
		"failed.total: 2":                    {"failed.total: 2: 3 controls are failed: C-1, C-2, C-3"},
		"failed: {total: {exact: 2}}":        {"failed.total.exact: 2: 3 controls are failed: C-1, C-2, C-3"},
		"failed.high.max: 1":                 {"failed.high.max: 1: 2 controls of severity high are failed: C-1, C-2"},
		"failed: {high: 2, low: 1}":          nil,
		"failed: {high: 3, low: 0}":          {"failed.high: 3: 2 controls of severity high are failed: C-1, C-2", "failed.low: 0: 1 control of severity low is failed: C-3"},
		"failed.critical.min: 1":             {"failed.critical.min: 1: 0 controls of severity critical are failed"},
		"passed.total.min: 2":                nil,
		"skipped.total.max: 0":               {"skipped.total.max: 0: 1 control is not reviewed (skipped): C-6"},
		"error.total.max: 1":                 {"error.total.max: 1: 2 controls are in error: C-7, C-11"},
		"error.none.max: 0":                  {"error.none.max: 0: 1 control of severity none is in error: C-11"},
		"no_impact.total: 3":                 nil,
		"no_impact.none.controls: [C-10]":    nil,
		"no_impact.critical.controls: [C-9]": nil,
		"failed.high.controls: [C-2, C-1]":   nil,
		"failed.high.controls: [C-2]":        {"failed.high.controls: not listed, but failed: C-1"},
		"failed.high.controls: [C-2, C-3]": {"failed.high.controls: listed, but not among those that are failed: C-3",
			"failed.high.controls: not listed, but failed: C-1"},
	} {
		t.Run(text, func(t *testing.T) {
			var got []string
			for _, v := range threshold(t, text).Check(gate.Count(findings)) {
				got = append(got, v.String())
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestCompliance(t *testing.T) {
	for _, c := range []struct {
		passed, failed int
		want           int
	}{{0, 0, 0}, {1, 0, 100}, {0, 1, 0}, {1, 1, 50}, {1, 2, 33}, {2, 1, 67}, {1, 199, 1}, {1, 200, 0}, {3, 5, 38}, {199, 1, 100}} {
		list := append(slices.Repeat([]string{"pass low a"}, c.passed), slices.Repeat([]string{"fail low a"}, c.failed)...)
		if got := gate.Count(judged(t, append(list, "not-applicable low b", "fail info c")...)).Compliance(); got != c.want {
			t.Errorf("%d of %d: %d %%, want %d", c.passed, c.passed+c.failed, got, c.want)
		}
	}
}

func TestCheckInspection(t *testing.T) {
	th := threshold(t, "failed.total.max: 0")
	target := finding.InspectionTarget{Namespace: "shop", Pod: "cart-1", Container: "app"}
	i := finding.Inspection{Target: target, Profile: finding.Profile{Name: "core"}, Findings: judged(t, "fail low C-1")}
	got := th.CheckInspection(&i)
	if len(got) != 1 || got[0].String() != "shop/cart-1/app: core: failed.total.max: 0: 1 control is failed: C-1" {
		t.Errorf("%v", got)
	}
	// What was not looked into meets nothing, though nothing failed in it.
	i.Findings, i.Error = nil, "the pod is gone"
	got = th.CheckInspection(&i)
	if len(got) != 1 || !strings.Contains(got[0].String(), "the pod is gone") || got[0].Target != target.String() {
		t.Errorf("%v", got)
	}
}

func TestThresholdErrors(t *testing.T) {
	for text, want := range map[string][]string{
		"":                                         {"t.yaml: the file is empty"},
		"# nothing":                                {"t.yaml: the file is empty"},
		"{}":                                       {"t.yaml: the file demands nothing"},
		"[]":                                       {"t.yaml:1:1: a threshold must be keys with values, not a list"},
		"failed:\n  a: b: c":                       {"t.yaml:2: not valid YAML"},
		"failed.total.max: 0\n---\nfailed.total":   {"t.yaml:2:1: a second document"},
		"fialed:\n  total: 0":                      {`t.yaml:1:1: unknown key "fialed" (did you mean failed?)`, "passed, failed, skipped, no_impact, error"},
		"failed:\n  totl: 0":                       {`t.yaml:2:3: unknown key "failed.totl" (did you mean total?)`, "total, critical, high, medium, low, none"},
		"failed:\n  high:\n    most: 0":            {`t.yaml:3:5: unknown key "failed.high.most"`, "min, max, exact, controls"},
		"failed.total.controls: [a]":               {`t.yaml:1:1: unknown key "failed.total.controls"`, "min, max, exact"},
		"failed.total.max.of: 1":                   {"nothing stands below failed.total.max"},
		"compliance.exact: 1":                      {`unknown key "compliance.exact"`, "min, max"},
		"compliance: 80":                           {"t.yaml:1:13: compliance wants min or max below it, not 80"},
		"failed: 0":                                {"failed wants total or a severity below it"},
		"failed:":                                  {"failed wants total or a severity below it, not nothing"},
		"failed: {}":                               {"t.yaml:1:9: failed demands nothing"},
		"failed.total.max: \"5\"":                  {"t.yaml:1:19: failed.total.max must be a whole number", "out of its quotes"},
		"failed.total.max: 1.5":                    {"a whole number"},
		"failed.total.max: -1":                     {"a whole number"},
		"failed.total.max: 010":                    {"a whole number"},
		"failed.total.max: 0x10":                   {"a whole number"},
		"failed.total.max: 1_000":                  {"a whole number"},
		"failed.total.max: 99999999999999999999":   {"a whole number"},
		"failed.total.max: true":                   {"not true"},
		"failed.total.max: .nan":                   {"a whole number"},
		"failed.total.max: [1]":                    {"not a list"},
		"failed.total.max:":                        {"not nothing"},
		"compliance.min: 101":                      {"a percentage from 0 to 100"},
		"compliance.min: 100.5":                    {"a percentage from 0 to 100"},
		"failed.high.controls: C-1":                {"failed.high.controls must be a list"},
		"failed.high.controls: []":                 {"lists nothing", "max: 0"},
		"failed.high.controls: [1.1]":              {`t.yaml:1:24: the ID of a control must be text, not 1.1: put it into quotes`},
		"failed.high.controls: ['']":               {"must not be empty"},
		"failed.high.controls: [a, a]":             {`t.yaml:1:27: "a" is listed twice`},
		"failed.total.max: 0\nfailed.total.max: 1": {`t.yaml:2:1: "failed.total.max" is given twice; the other is in line 1`},
		"failed.total.max: 0\nfailed:\n  total:\n    max: 1":                         {"t.yaml:4:5: failed.total.max is given twice; the other is in line 1"},
		"failed.total: 1\nfailed.total.exact: 1":                                     {"failed.total.exact is given twice"},
		"a: &x {b: 1}\nfailed: *x":                                                   {"t.yaml:2:9: an alias (*x) is not supported here"},
		"<<: {failed.total.max: 0}":                                                  {"a merge key"},
		"? [a]\n: 1":                                                                 {"a key must be a plain word, not a list"},
		"failed.high:\n  min: 3\n  max: 2":                                           {"failed.high.min: 3 and failed.high.max: 2 can't both hold"},
		"failed.high: 3\nfailed.high.max: 2":                                         {"failed.high: 3 and failed.high.max: 2 can't both hold"},
		"failed.high: {controls: [a, b], max: 1}":                                    {"failed.high.controls and failed.high.max: 1 can't both hold"},
		"compliance: {min: 50.5, max: 50}":                                           {"compliance.min: 50.5 and compliance.max: 50 can't both hold"},
		"failed: {total: {max: 3}, high: {min: 2}, low: 2}":                          {"the severities of failed demand at least 4 in all, the total at most 3"},
		"error: {total: 9, critical: 1, high: 1, medium: 1, low: 1, none: {max: 1}}": {"the severities of error allow at most 5 in all, the total demands at least 9"},
		"failed.high.controls: [a]\npassed.low.controls: [a]":                        {`passed.low.controls lists "a", and so does failed.high.controls`},
	} {
		t.Run(text, func(t *testing.T) {
			_, err := gate.ParseThreshold("t.yaml", strings.NewReader(text))
			for _, part := range want {
				if err == nil || !strings.Contains(err.Error(), part) {
					t.Errorf("%v\ndoes not say %q", err, part)
				}
			}
		})
	}
}

// TestThresholdTellsAllErrors at once, but not without end.
func TestThresholdTellsAllErrors(t *testing.T) {
	_, err := gate.ParseThreshold("t.yaml", strings.NewReader("fialed.total: 0\nfailed.high: x\nskipped.total.max: 0\nerror.low.mox: 1\n"))
	if err == nil || strings.Count(err.Error(), "\n") != 2 {
		t.Errorf("want three errors, got %v", err)
	}
	var b strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&b, "x%d: 1\n", i)
	}
	_, err = gate.ParseThreshold("t.yaml", strings.NewReader(b.String()))
	if err == nil || strings.Count(err.Error(), "\n") != 50 || !strings.Contains(err.Error(), "and 950 more") {
		t.Errorf("want 50 errors and the number of the others, got %v", err)
	}
	_, err = gate.ParseThreshold("t.yaml", strings.NewReader(strings.Repeat("#", 2<<20)))
	if err == nil || !strings.Contains(err.Error(), "larger than 1 MiB") {
		t.Errorf("a file that is too large: %v", err)
	}
}

func FuzzThreshold(f *testing.F) {
	for _, s := range []string{"compliance.min: 80\nfailed.critical.max: 0", "failed:\n  high:\n    controls: [a, 'b']\n  total: 3", "a: &a [*a]", "<<: {}", "failed: {total: {max: 08}}"} {
		f.Add(s)
	}
	findings := []finding.Finding{{Status: finding.Fail, Severity: finding.High, Control: "a"}, {Status: finding.Pass, Severity: finding.Low, Control: "b"}}
	f.Fuzz(func(t *testing.T, text string) {
		th, err := gate.ParseThreshold("t.yaml", strings.NewReader(text))
		if err != nil {
			if !strings.HasPrefix(err.Error(), "t.yaml:") && !strings.HasPrefix(err.Error(), "reading t.yaml: ") {
				t.Errorf("%q does not begin with the file", err)
			}
			return
		}
		for _, v := range th.Check(gate.Count(findings)) {
			if v.Demand == "" || v.Message == "" {
				t.Errorf("%+v", v)
			}
		}
	})
}

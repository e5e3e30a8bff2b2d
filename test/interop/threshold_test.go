package interop

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/gate"
	"github.com/kubeassay/assay/internal/hdf"
)

// seed is fixed: a failure comes up again.
const seed = 20260304

// readers are HDF's words in inspecjs.
var readers = map[hdf.Status]string{
	hdf.Passed: "Passed", hdf.Failed: "Failed", hdf.Skipped: "Not Reviewed", hdf.NoImpact: "Not Applicable", hdf.Error: "Profile Error",
}

// TestInspecjs: the library behind Heimdall reads our verdicts out of our files.
func TestInspecjs(t *testing.T) {
	r := rand.New(rand.NewPCG(seed, 1))
	seen := map[string]int{}
	for range 150 {
		g := generate(t, r)
		answer := ask(t, map[string]any{"ask": "controls", "input": g.file})
		if answer.Profiles != 1 || len(answer.Controls) != len(g.inspection.Findings) {
			t.Fatalf("%d profiles with %d controls, want 1 with %d", answer.Profiles, len(answer.Controls), len(g.inspection.Findings))
		}
		for i, c := range answer.Controls {
			f := &g.inspection.Findings[i]
			if c.ID != f.Control || c.Status != readers[hdf.StatusOf(f)] || c.Severity != hdf.SeverityOf(f) || c.Waived != (f.Waiver != nil) {
				t.Errorf("inspecjs reads %+v out of %+v", c, f)
			}
			seen[c.Status+" "+c.Severity]++
		}
	}
	for _, status := range readers {
		for _, severity := range hdf.Severities() {
			counted := status == "Not Applicable" || status == "Profile Error"
			if seen[status+" "+severity] == 0 && (severity != hdf.None || counted) {
				t.Errorf("no control was %s with severity %s: the test does not show all", status, severity)
			}
		}
	}
}

func parse(t *testing.T, text string) *gate.Threshold {
	t.Helper()
	if text == "" {
		return &gate.Threshold{}
	}
	threshold, err := gate.ParseThreshold("threshold.yaml", strings.NewReader(text))
	if err != nil {
		if strings.Contains(err.Error(), "can't both hold") || strings.Contains(err.Error(), "the severities of") {
			return nil // drawn by chance
		}
		t.Fatalf("%v\n%s", err, text)
	}
	return threshold
}

// TestThresholdsAgree: where SAF looks at anything, it comes to our verdict;
// and whatever it refuses, we refuse.
func TestThresholdsAgree(t *testing.T) {
	r := rand.New(rand.NewPCG(seed, 2))
	compared, counts := 0, map[string]int{}
	for compared < 400 {
		g := generate(t, r)
		demands := g.demands(r)
		text, looked := nested(demands), nested(nestedSAF(demands))
		if r.IntN(3) == 0 {
			text, looked = flat(demands), flat(flatSAF(demands))
		}
		if len(demands) == 0 || len(g.inspection.Findings) == 0 {
			continue
		}
		whole := parse(t, text)
		part := parse(t, looked)
		if whole == nil || part == nil {
			continue
		}
		compared++
		passed, said := passes(t, g.file, write(t, "threshold.yaml", text))
		ours, same := whole.CheckInspection(&g.inspection), part.CheckInspection(&g.inspection)
		if (len(same) == 0) != passed {
			t.Errorf("of\n%s\nSAF looks at\n%s\nIt says: %s\nAssay says: %v", text, looked, said, same)
		}
		if len(ours) == 0 && !passed {
			t.Errorf("SAF refuses, Assay does not:\n%s\n%s", text, said)
		}
		switch {
		case passed && len(ours) > 0:
			counts["only Assay refuses"]++
		case passed:
			counts["both pass"]++
		default:
			counts["both refuse"]++
		}
	}
	t.Logf("%d compared: %v", compared, counts)
	for _, what := range []string{"both pass", "both refuse", "only Assay refuses"} {
		if counts[what] < 20 {
			t.Errorf("%s: only %d times, which shows little", what, counts[what])
		}
	}
}

// TestGeneratedThresholds: what saf generate threshold writes about a file is
// understood, and the file meets it.
func TestGeneratedThresholds(t *testing.T) {
	r := rand.New(rand.NewPCG(seed, 3))
	for range 25 {
		g := generate(t, r)
		if len(g.inspection.Findings) == 0 {
			continue
		}
		for _, flags := range [][]string{{}, {"-e"}, {"-c"}, {"-e", "-c"}} {
			text := ask(t, map[string]any{"ask": "generate", "input": g.file, "flags": flags}).Said
			threshold, err := gate.ParseThreshold("generated.yaml", strings.NewReader(text))
			if err != nil {
				t.Fatalf("saf generate threshold %v: %v\n%s", flags, err, text)
			}
			if v := threshold.CheckInspection(&g.inspection); len(v) > 0 {
				t.Errorf("saf generate threshold %v: %v\n%s", flags, v, text)
			}
		}
	}
}

// TestWhatSAFDoesNotCheck keeps docs/thresholds.md true: SAF lets these pass.
func TestWhatSAFDoesNotCheck(t *testing.T) {
	impact := 0.7
	finding1 := func(id string, s finding.Status) finding.Finding {
		return finding.Finding{Control: id, Profile: "p", Status: s, Severity: finding.High, Message: "m"}
	}
	g := &run{inspection: finding.Inspection{Profile: finding.Profile{Name: "p"}, Target: finding.InspectionTarget{Namespace: "a", Pod: "b", Container: "c"}}}
	for _, f := range []finding.Finding{finding1("C-1", finding.Fail), finding1("C-2", finding.Fail), finding1("C-3", finding.Pass), finding1("C-4", finding.NotApplicable)} {
		g.inspection.Findings = append(g.inspection.Findings, f)
		g.rules = append(g.rules, finding.Rule{ID: f.Control, Profile: "p", Impact: &impact})
	}
	file := hdfFile(t, g)
	for name, text := range map[string]string{
		"a misspelt status":                        "fialed:\n  total:\n    max: 0\n",
		"a misspelt bound":                         "failed:\n  total:\n    maximum: 0\n",
		"a misspelt severity":                      "failed:\n  hihg:\n    max: 0\n",
		"a number for a severity":                  "failed:\n  high: 0\n",
		"exact":                                    "failed:\n  high:\n    exact: 0\n",
		"a bound of the total that has no effect":  "no_impact:\n  total:\n    max: 0\n",
		"a compliance of at most 0":                "compliance:\n  max: 0\n",
		"two bounds of one count in a flat file":   "failed.high.max: 0\nfailed.high.min: 0\n",
		"the compliance in a flat file with lists": "compliance.min: 90\nfailed.high.controls: [C-1, C-2]\n",
		"a number in quotes":                       "failed:\n  total:\n    max: \"many\"\n",
		"a number in quotes that is compared":      "failed:\n  total:\n    max: \"3\"\n",
		"severity none of another status":          "error:\n  none:\n    min: 1\n",
		"nothing demanded":                         "{}\n",
		"an ID twice":                              "failed:\n  high:\n    controls: [C-1, C-1]\n",
		"one count, no value":                      "failed:\n  total:\n",
	} {
		t.Run(name, func(t *testing.T) {
			if passed, said := passes(t, file, write(t, "threshold.yaml", text)); !passed {
				t.Errorf("SAF does check it: %s", said)
			}
			threshold, err := gate.ParseThreshold("threshold.yaml", strings.NewReader(text))
			if err == nil && len(threshold.CheckInspection(&g.inspection)) == 0 {
				t.Error("Assay lets it pass as well")
			}
		})
	}
	good := write(t, "threshold.yaml", "failed.total.max: 0\n")
	for name, q := range map[string][2]string{
		"a file that is no result": {write(t, "results.json", "{}"), good},
		"an empty file":            {file, write(t, "empty.yaml", "")},
	} {
		t.Run(name, func(t *testing.T) {
			if r := ask(t, map[string]any{"ask": "threshold", "input": q[0], "template": q[1]}); r.Exit != 0 {
				t.Errorf("SAF does notice it: %+v", r)
			}
		})
	}
	// The other way round: SAF never lets these pass, and Assay refuses to read them.
	for name, text := range map[string]string{
		"an empty list":           "error:\n  high:\n    controls: []\n",
		"what can't hold at once": "failed:\n  high:\n    min: 3\n    max: 2\n",
	} {
		t.Run(name, func(t *testing.T) {
			if passed, _ := passes(t, file, write(t, "threshold.yaml", text)); passed {
				t.Error("SAF lets it pass")
			}
			if _, err := gate.ParseThreshold("threshold.yaml", strings.NewReader(text)); err == nil {
				t.Error("Assay reads it")
			}
		})
	}
}

// TestCommands runs the CLI itself.
func TestCommands(t *testing.T) {
	r := rand.New(rand.NewPCG(seed, 4))
	g := generate(t, r)
	for len(g.inspection.Findings) < 15 {
		g = generate(t, r)
	}
	out, exit := command(t, "view", "summary", "-i", g.file, "-f", "json")
	var summaries []map[string]json.RawMessage
	if err := json.Unmarshal([]byte(out), &summaries); err != nil || exit != 0 || len(summaries) != 1 {
		t.Fatalf("exit code %d, %v: %s", exit, err, out)
	}
	var compliance int
	if err := json.Unmarshal(summaries[0]["compliance"], &compliance); err != nil || compliance != gate.Count(g.inspection.Findings).Compliance() {
		t.Errorf("the compliance is %d to SAF, %d to Assay (%v)", compliance, gate.Count(g.inspection.Findings).Compliance(), err)
	}
	for _, status := range hdf.Statuses() {
		var by map[string]int
		if err := json.Unmarshal(summaries[0][string(status)], &by); err != nil {
			t.Fatal(err)
		}
		for severity, n := range by {
			want := len(g.controls(status, severity))
			if severity == "total" {
				want = len(g.controls(status, ""))
			}
			if n != want {
				t.Errorf("%d controls are %s %s to SAF, %d to Assay", n, status, severity, want)
			}
		}
	}
	if _, exit := command(t, "validate", "threshold", "-i", g.file, "-T", write(t, "t.yaml", "failed.total.min: 0\n")); exit != 0 {
		t.Errorf("saf validate threshold ended with %d for what holds", exit)
	}
	if _, exit := command(t, "validate", "threshold", "-i", g.file, "-T", write(t, "t.yaml", "passed.total.max: 0\n")); exit != 1 {
		t.Errorf("saf validate threshold ended with %d for what does not hold", exit)
	}
}

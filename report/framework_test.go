package report

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/framework"
)

// frameworkSample is a report in which every status comes up.
func frameworkSample(t *testing.T, name, level string, complete bool, text string) *framework.Report {
	t.Helper()
	fw, err := framework.Get(name)
	if err != nil {
		t.Fatal(err)
	}
	tally, err := framework.NewTally(fw, level)
	if err != nil {
		t.Fatal(err)
	}
	var rules []finding.Rule
	for _, f := range []finding.Finding{
		{Check: "privileged-container", Status: finding.Fail, Container: "app" + text},
		{Check: "privileged-container", Status: finding.Fail, Container: "sidecar" + text},
		{Check: "host-pid", Status: finding.Pass},
		{Check: "host-ipc", Status: finding.Pass},
		{Check: "host-network", Status: finding.Pass},
		{Check: "host-port", Status: finding.Fail, Waiver: &finding.Waiver{Reason: "the ingress needs it", Owner: "platform"}},
		{Check: "host-path-volume", Status: finding.Error, Message: "It could not be judged: the volume's source is unknown" + text + "."},
		{Check: "windows-host-process", Status: finding.NotApplicable},
		{Check: "unsafe-sysctl", Status: finding.NotReviewed, Message: "Nobody may read it" + text},
		{Check: "no-network-policy", Status: finding.Fail},
	} {
		f.Workload = finding.Workload{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "shop", Name: "cart" + text}
		tally.Add(&f)
		rules = append(rules, finding.Rule{ID: f.Check})
	}
	r := tally.Report(rules, complete)
	start := time.Date(2026, 11, 20, 9, 30, 0, 0, time.UTC)
	r.Scan = framework.ScanOf(&finding.Summary{
		StartedAt: start, FinishedAt: start.Add(time.Second), Cluster: "https://cluster.example:6443" + text, Namespaces: 2, Objects: 40, Workloads: 3, Pods: 7, Containers: 9,
		Selection: &finding.Selection{Namespaces: []string{"shop", "web"}, Selector: "tier!=db" + text, Checks: []string{"host-pid"}},
	}, "1.2.3")
	return &r
}

func writeFramework(t *testing.T, format string, r *framework.Report, o Options) string {
	t.Helper()
	var b bytes.Buffer
	if err := WriteFramework(format, &b, r, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestFrameworkGolden(t *testing.T) {
	for name, o := range map[string]struct {
		format, framework, level string
		incomplete               bool
		o                        Options
	}{
		"cis-table-80":       {format: Table, framework: "cis", level: "1", o: Options{Width: 80}},
		"cis-table-80-color": {format: Table, framework: "cis", level: "1", o: Options{Width: 80, Color: true}},
		"cis-wide-120":       {format: Wide, framework: "cis", o: Options{Width: 120}},
		"pss-table-plain":    {format: Table, framework: "pss"},
		"pss-incomplete":     {format: Table, framework: "pss", incomplete: true, o: Options{Width: 80}},
		"nsa-table-80":       {format: Table, framework: "nsa", o: Options{Width: 80}},
		"pss-json":           {format: JSON, framework: "pss"},
		"nsa-markdown":       {format: Markdown, framework: "nsa"},
	} {
		t.Run(name, func(t *testing.T) {
			r := frameworkSample(t, o.framework, o.level, !o.incomplete, "")
			golden(t, filepath.Join("testdata", "framework", name+".txt"), writeFramework(t, o.format, r, o.o))
		})
	}
}

// TestFrameworkNamesEveryItem: none is dropped, whatever became of it.
func TestFrameworkNamesEveryItem(t *testing.T) {
	for _, fw := range framework.All() {
		r := frameworkSample(t, fw.ID, "", true, "")
		for _, format := range FrameworkFormats() {
			out := writeFramework(t, format, r, Options{Width: 200})
			if format == Markdown {
				out = strings.ReplaceAll(strings.ReplaceAll(out, "&#46;", "."), "&#95;", "_")
			}
			for i := range r.Items {
				if item := &r.Items[i]; !item.Heading && !strings.Contains(out, item.ID) {
					t.Errorf("%s as %s does not name %s (%s)", fw.ID, format, item.ID, item.Status)
				}
			}
		}
	}
}

func TestFrameworkFits80Columns(t *testing.T) {
	for _, fw := range framework.All() {
		for _, format := range []string{Table, Wide} {
			out := writeFramework(t, format, frameworkSample(t, fw.ID, "", true, ""), Options{Width: 80})
			for line := range strings.SplitSeq(out, "\n") {
				if ansi.StringWidth(line) > 80 {
					t.Errorf("%s as %s: this line is too long: %s", fw.ID, format, line)
				}
			}
		}
	}
}

func TestFrameworkLetsNoForeignTextThrough(t *testing.T) {
	const hostile = "\x1b[31m|<b>@somebody\n# heading"
	for _, format := range []string{Table, Wide, Markdown} {
		out := writeFramework(t, format, frameworkSample(t, "pss", "", true, hostile), Options{Width: 80})
		if strings.Contains(out, "\x1b") || strings.Contains(out, "\n# heading") {
			t.Errorf("%s: foreign text gets through: %q", format, out)
		}
		if format == Markdown && (strings.Contains(out, "<b>") || strings.Contains(out, "@somebody")) {
			t.Errorf("%s: foreign text is markup: %q", format, out)
		}
	}
}

func TestFrameworkJSON(t *testing.T) {
	var got framework.Report
	if err := json.Unmarshal([]byte(writeFramework(t, JSON, frameworkSample(t, "cis", "1", true, ""), Options{})), &got); err != nil {
		t.Fatal(err)
	}
	if got.APIVersion != finding.APIVersion || got.Kind != "FrameworkReport" || got.Framework.ID != "cis-kubernetes" || got.Level != "L1" || len(got.Items) != 116 {
		t.Errorf("got %s %s about %s, level %s, %d items", got.APIVersion, got.Kind, got.Framework.ID, got.Level, len(got.Items))
	}
}

func TestUnknownFrameworkFormat(t *testing.T) {
	err := WriteFramework("sarif", &bytes.Buffer{}, frameworkSample(t, "cis", "", true, ""), Options{})
	if err == nil || !strings.Contains(err.Error(), `unknown format "sarif": use one of table, wide, json, markdown`) {
		t.Errorf("the error is %v", err)
	}
}

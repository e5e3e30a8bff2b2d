package report

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"

	"github.com/kubeassay/assay/finding"
)

// sampleDiff has one change of each kind, and texts that want to be more than text.
func sampleDiff() *finding.Diff {
	cart := finding.Workload{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "shop", Name: "cart"}
	root := finding.Finding{Check: "run-as-root", Status: finding.Fail, Severity: finding.High, Evidence: finding.Reported, Workload: cart,
		Container: "app", ContainerType: finding.InitContainer, Message: "Runs as root: the spec leaves it to the image, and the kubelet reports uid 0."}
	worse, gone, unseen, still := root, root, root, root
	worse.Workload.Name, worse.Severity = "web", finding.Critical
	gone.Check, gone.Severity, gone.Message = "image-latest-tag", finding.Medium, "registry.example/shop/cart:latest is whatever was pushed last."
	unseen.Workload.Namespace, unseen.Waiver = "pay", &finding.Waiver{Reason: "It ends soon.", Owner: "team@example.com", Expires: "2027-01-31"}
	still.Check, still.Profile, still.Control = "", "core", "process-uid"
	hostile := root
	hostile.Workload.Name, hostile.Container = "evil\x1b[31m", "a|b<script>"
	hostile.Message = "![x](https://example.com) @everyone #1 | <b>\x1b]0;title\x07"
	return &finding.Diff{
		APIVersion: finding.APIVersion, Kind: finding.DiffKind,
		Old:     finding.DiffReport{Name: "old.json", StartedAt: time.Date(2026, 11, 20, 8, 30, 0, 0, time.UTC), Cluster: "https://cluster.example:6443", Complete: true},
		New:     finding.DiffReport{Name: "new.json", StartedAt: time.Date(2026, 11, 22, 8, 30, 0, 0, time.UTC), Cluster: "https://cluster.example:6443"},
		Summary: finding.DiffSummary{New: 2, Changed: 1, Gone: 1, NotLookedAt: 1, Still: 1, Graver: 1},
		Changes: []finding.Change{
			{Change: finding.New, Finding: root},
			{Change: finding.New, Finding: hostile},
			{Change: finding.Changed, Graver: true, Finding: worse, Differences: []finding.Difference{
				{Field: "severity", Old: "medium", New: "critical"}, {Field: "message", Old: "May run as root: neither runAsUser nor runAsNonRoot is set.", New: worse.Message}}},
			{Change: finding.NotLookedAt, Finding: unseen, Reason: "namespace/pay: forbidden"},
			{Change: finding.Gone, Finding: gone},
			{Change: finding.Still, Finding: still},
		},
		Notes: []string{"new.json is incomplete: there may be more that is new"},
	}
}

func TestDiffGolden(t *testing.T) {
	for name, c := range map[string]struct {
		format string
		o      Options
	}{
		"table-80":    {Table, Options{Width: 80}},
		"table-color": {Table, Options{Width: 80, Color: true}},
		"table-wide":  {Table, Options{}},
		"json":        {JSON, Options{}},
		"markdown":    {Markdown, Options{}},
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			if err := WriteDiff(c.format, &b, sampleDiff(), c.o); err != nil {
				t.Fatal(err)
			}
			golden(t, "testdata/diff/"+name+".txt", b.String())
			for line := range strings.Lines(b.String()) {
				if w := ansi.StringWidth(strings.TrimSuffix(line, "\n")); c.o.Width > 0 && w > c.o.Width {
					t.Errorf("%d columns: %s", w, line)
				}
			}
			for _, bad := range []string{"\x1b[31m\x1b]", "\x1b]0", "\x07", "![x]", "<script>", "@everyone"} {
				if c.format != JSON && strings.Contains(b.String(), bad) && (c.format == Markdown || bad[0] < ' ') {
					t.Errorf("it lets %q through", bad)
				}
			}
		})
	}
}

func TestDiffJSONIsWhole(t *testing.T) {
	var b bytes.Buffer
	want := sampleDiff()
	if err := WriteDiff(JSON, &b, want, Options{}); err != nil {
		t.Fatal(err)
	}
	var got finding.Diff
	if err := json.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, &got); d != "" {
		t.Error(d)
	}
}

func TestDiffInMarkdownIsNotEndless(t *testing.T) {
	d := sampleDiff()
	d.Changes = nil
	for range 5000 {
		d.Changes = append(d.Changes, finding.Change{Change: finding.New, Finding: sampleDiff().Changes[0].Finding})
	}
	var b bytes.Buffer
	if err := WriteDiff(Markdown, &b, d, Options{}); err != nil {
		t.Fatal(err)
	}
	if b.Len() > 60_000 || !strings.Contains(b.String(), "… and 4950 more.") {
		t.Errorf("%d bytes", b.Len())
	}
}

func TestDiffFormats(t *testing.T) {
	for _, f := range DiffFormats() {
		if err := WriteDiff(f, &bytes.Buffer{}, &finding.Diff{}, Options{}); err != nil {
			t.Error(err)
		}
	}
	err := WriteDiff("wide", &bytes.Buffer{}, &finding.Diff{}, Options{})
	if err == nil || err.Error() != `unknown format "wide": use one of table, json, markdown` {
		t.Errorf("%v", err)
	}
}

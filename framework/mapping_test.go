package framework

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kubeassay/assay/finding"
)

func TestReferences(t *testing.T) {
	got := References("host-pid")
	for _, want := range []finding.Reference{
		{Framework: "cis-kubernetes", ID: "5.2.3"}, {Framework: "pss", ID: "baseline/hostNamespaces"},
		{Framework: "nsa-cisa", ID: "pod-security/rec-no-breakout-features"}, {Framework: "owasp-k8s-top10", ID: "K01:2025"},
	} {
		if !slices.Contains(got, want) {
			t.Errorf("%v is missing in %v", want, got)
		}
	}
	if got[0].Framework != "cis-kubernetes" || got[len(got)-1].Framework != "pci-dss" {
		t.Errorf("not in the order of the frameworks: %v", got)
	}
	if got := References("no-such-check"); got != nil {
		t.Errorf("a check that is in no table has references %v", got)
	}
}

func TestChecks(t *testing.T) {
	f, err := Get("cis")
	if err != nil {
		t.Fatal(err)
	}
	one, err := Checks(f, "1")
	if err != nil {
		t.Fatal(err)
	}
	all, err := Checks(f, "")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(one, "privileged-container") || slices.Contains(one, "run-as-root") || !slices.Contains(all, "run-as-root") {
		t.Errorf("run-as-root serves an item of level 2, privileged-container one of level 1; level 1 has %v", one)
	}
	if slices.Contains(all, "unsafe-sysctl") {
		t.Error("unsafe-sysctl serves nothing of CIS")
	}
}

// TestEveryCISFlagHasACheck: one for each item that shows in the flags of the
// control plane or in the kubelet's configuration.
func TestEveryCISFlagHasACheck(t *testing.T) {
	f, err := Get("cis")
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range f.Items {
		if i.ID == "5.5.1" {
			continue // the API server's own plugin is but one way to check where images come from
		}
		if way := i.Easiest(); (way == ControlPlane || way == KubeletConfig) && len(f.Serving(i.ID)) == 0 {
			t.Errorf("nothing serves %s %s", i.ID, i.Title)
		}
	}
}

// TestTheSTIGsOwnTags: a row of NIST 800-53 that names a rule of the STIG as its
// source is about a check that serves the rule, and the rule's tags hold the control.
func TestTheSTIGsOwnTags(t *testing.T) {
	stig, err := Get("stig")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range load().mapping {
		var rules []string
		for source := range strings.SplitSeq(m.Source, "; ") {
			if rule, ok := strings.CutPrefix(source, "CCI tags of the STIG "); ok {
				rules = append(rules, rule)
			}
		}
		for _, rule := range rules {
			item, err := stig.Item(rule)
			if err != nil {
				t.Errorf("%s: %v", m.Check, err)
				continue
			}
			if !slices.ContainsFunc(stig.Serving(rule), func(s Mapping) bool { return s.Check == m.Check }) {
				t.Errorf("%s refers to the tags of %s, which it does not serve", m.Check, rule)
			}
			for _, control := range m.Items {
				if !slices.ContainsFunc(strings.Split(item.Details["nist-800-53"], ","), func(tag string) bool { return strings.HasPrefix(tag, control) }) {
					t.Errorf("%s: %s has the tags %q, which do not name %s", m.Check, rule, item.Details["nist-800-53"], control)
				}
			}
		}
	}
}

const shared = "../../shared/frameworks"

// TestShared compares the tables with those that they were taken from.
func TestShared(t *testing.T) {
	names := []string{"mapping"}
	for _, f := range All() {
		names = append(names, f.ID)
	}
	var missing []string
	for _, name := range names {
		original, err := os.ReadFile(filepath.Join(shared, name+".tsv"))
		if err != nil {
			missing = append(missing, name+".tsv")
			continue
		}
		if name == "mapping" {
			compareMapping(t, original)
			continue
		}
		ours, err := data.ReadFile("data/" + name + ".tsv")
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(ours, original) {
			t.Errorf("data/%s.tsv differs from the table that it was taken from", name)
		}
	}
	if len(missing) > 0 {
		t.Skipf("not compared, because %s does not hold them: %s", shared, strings.Join(missing, ", "))
	}
}

// compareMapping: every row of the original is in ours, under the check that
// judges its subject, with its source; unless it is about no check of posture.
func compareMapping(t *testing.T, original []byte) {
	t.Helper()
	table, err := parse(bytes.NewReader(original))
	if err != nil {
		t.Fatal(err)
	}
	ours := map[string]bool{} // "framework id source", and with the check before it
	for _, m := range load().mapping {
		for _, id := range m.Items {
			for source := range strings.SplitSeq(m.Source, "; ") {
				ours[fmt.Sprintf("%s %s %s", m.Framework, id, source)] = true
				ours[fmt.Sprintf("%s %s %s %s", m.Check, m.Framework, id, source)] = true
			}
		}
	}
	for _, row := range table.rows {
		subject, framework, ids, sources := row[0], row[1], row[2], row[3]
		if framework == "gpos-srg-container" || slices.Contains(insideOnly(), subject) || slices.Contains(notChecked(), subject) {
			continue
		}
		for id := range strings.FieldsSeq(ids) {
			for source := range strings.SplitSeq(sources, "; ") {
				key := fmt.Sprintf("%s %s %s", framework, id, source)
				if !slices.Contains(renamed(), subject) {
					key = subject + " " + key
				}
				if !ours[key] {
					t.Errorf("%s is not in data/mapping.tsv", key)
				}
			}
		}
	}
}

// insideOnly are subjects that only a look inside a container or an image can
// judge: they are for profiles.
func insideOnly() []string {
	return []string{"image-vulnerable", "secrets-in-image", "ssh-server-in-container"}
}

// notChecked are subjects of other tools that nothing here judges: what is new
// or old is no fault, and what runs is not told by its name.
func notChecked() []string {
	return []string{"image-too-old", "image-not-verified", "kubernetes-dashboard", "cron-job", "daemon-set-new", "exposed-control-plane"}
}

// renamed are subjects that are several checks here, one a setting, or whose
// check is named after the component and its setting.
func renamed() []string {
	return []string{
		"api-server-anonymous", "api-server-authorization", "api-server-token-auth-file", "api-server-profiling", "audit-logging-missing",
		"kubelet-always-allow", "kubelet-anonymous", "kubelet-client-ca", "secrets-not-encrypted-at-rest", "service-external-ips",
	}
}

func TestBrokenTables(t *testing.T) {
	const head = "id\tlevel\ttitle\tseen\n"
	const mappingHead = "check\tframework\tids\tcovers\tsource\n"
	tests := []struct{ name, file, content, want string }{
		{"no rows", "pss", head, "there are no rows"},
		{"too few cells", "pss", head + "a\tb\n", "line 2: 2 cells"},
		{"another head", "pss", "name\tlevel\ttitle\tseen\na\tb\tc\tspec\n", "the head is"},
		{"unknown way", "pss", head + "a\tb\tc\tmagic\n", `"magic" is no way`},
		{"no title", "pss", head + "a\tb\t\tspec\n", "no title"},
		{"twice", "pss", head + "a\tb\tc\tspec\nA\tb\tc\tspec\n", "twice"},
		{"line too long", "pss", head + strings.Repeat("a", maxLine+1), "too long"},
		{"mapping: another head", "mapping", head + "a\tb\tc\td\n", "the head is"},
		{"mapping: unknown framework", "mapping", mappingHead + "c\tiso\t1\twhole\ts\n", `no framework "iso"`},
		{"mapping: unknown item", "mapping", mappingHead + "c\tcis-kubernetes\t9.9.9\twhole\ts\n", `no item "9.9.9"`},
		{"mapping: heading", "mapping", mappingHead + "c\tnist-800-190\t4.1\twhole\ts\n", "heading"},
		{"mapping: no source", "mapping", mappingHead + "c\tcis-kubernetes\t1.2.1\twhole\t\n", "a source"},
		{"mapping: unknown cover", "mapping", mappingHead + "c\tcis-kubernetes\t1.2.1\tall\ts\n", `"all"`},
		{"mapping: twice", "mapping", mappingHead + strings.Repeat("c\tcis-kubernetes\t1.2.1\twhole\ts\n", 2), "twice"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := read(func(name string) (io.ReadCloser, error) {
				if name == tt.file {
					return io.NopCloser(strings.NewReader(tt.content)), nil
				}
				return data.Open("data/" + name + ".tsv")
			})
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), tt.file) {
				t.Errorf("error %v, want %q, with the file's name", err, tt.want)
			}
		})
	}
}

func FuzzRead(f *testing.F) {
	for _, name := range []string{"pss", "mapping"} {
		content, err := data.ReadFile("data/" + name + ".tsv")
		if err != nil {
			f.Fatal(err)
		}
		lines := bytes.SplitAfter(content, []byte("\n"))
		f.Add(name == "mapping", bytes.Join(lines[:4], nil))
	}
	f.Fuzz(func(t *testing.T, mapping bool, content []byte) {
		l, err := read(func(name string) (io.ReadCloser, error) {
			if name == "mapping" && mapping || name == "pss" && !mapping {
				return io.NopCloser(bytes.NewReader(content)), nil
			}
			return data.Open("data/" + name + ".tsv")
		})
		if err != nil {
			return
		}
		for _, m := range l.mapping {
			if m.Check == "" || m.Source == "" || len(m.Items) == 0 {
				t.Errorf("%v was taken", m)
			}
		}
	})
}

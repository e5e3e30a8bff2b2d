package report

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/kubeassay/assay/finding"
)

// look is a run of inspections as writers get it.
type look struct {
	header      Header
	inspections []finding.Inspection
	report      finding.Report
}

func (l *look) write(t testing.TB, format string, o Options) string {
	t.Helper()
	var out bytes.Buffer
	w, err := NewInspection(format, &out, o)
	if err != nil {
		t.Fatal(err)
	}
	l.through(t, w)
	return out.String()
}

func (l *look) through(t testing.TB, w InspectionWriter) {
	t.Helper()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(w.Begin(l.header))
	for i := range l.inspections {
		check(w.Inspection(&l.inspections[i]))
	}
	check(w.End(&l.report))
}

// only is the same run, had it looked into the nth container alone.
func (l *look) only(n int) *look {
	return &look{l.header, l.inspections[n : n+1], l.report}
}

func controls() []finding.Rule {
	rule := func(id, title string, impact float64, tags map[string][]string) finding.Rule {
		return finding.Rule{ID: id, Profile: "container-core", Title: title, Severity: finding.SeverityOf(impact), Impact: &impact, Tags: tags,
			Description: "What " + id + " is about.", Check: "How " + id + " decides.", Fix: "What to do about " + id + ".",
			Code:       "id: " + id + "\ntests:\n- that: 'true'\n",
			Location:   &finding.Location{File: "container-core.yaml", Line: 12},
			References: []finding.Reference{{Framework: "cis", ID: "5.2.7"}, {URL: "https://example.com/about/" + id}}}
	}
	return []finding.Rule{
		rule("process-uid", "Process 1 runs as root", 0.7, map[string][]string{"nist": {"AC-6"}, "cci": {"CCI-000381"}, "stig_id": {"X-1"}}),
		rule("world-writable", "Files that everybody may write to, in folders that everybody may enter and list, are where intruders leave things", 0.5,
			map[string][]string{"nist": {"AC-3", "CM-6"}, "severity": {"critical"}, "Severityoverride": {"low"}}),
		rule("empty-password", "Accounts without a password", 0.9, nil),
		rule("shadow-mode", "Permissions of /etc/shadow", 0.5, nil),
		rule("setuid-files", "Files with setuid", 0.3, nil),
		rule("no-new-privileges", "NoNewPrivs is set", 0.5, nil),
		rule("package-manager-and-shell-present", "Tools that an intruder would like", 0, nil),
		rule("sshd", "No sshd", 0.7, nil),
	}
}

// verdicts has a control of each status, in the profile's order.
func verdicts(t finding.InspectionTarget, w finding.Workload) []finding.Finding {
	f := func(control string, s finding.Status, message string, tests ...finding.Test) finding.Finding {
		f := finding.Finding{Control: control, Profile: "container-core", Status: s, Evidence: finding.Observed, Workload: w,
			Container: t.Container, ContainerType: finding.Container, Image: t.Image, Message: message, Pods: 1, PodsTotal: 1,
			Targets: []finding.InspectionTarget{t}, Tests: tests}
		for _, r := range controls() {
			if r.ID == control {
				f.Severity = r.Severity
			}
		}
		f.Fingerprint = finding.Fingerprint(&f)
		return f
	}
	waived := f("setuid-files", finding.Fail, "/usr/bin/su has setuid.", finding.Test{Status: finding.Fail, Description: "no file has setuid", Message: "/usr/bin/su has setuid."})
	waived.Waiver = &finding.Waiver{Reason: "needed by the login helper", Owner: "base-images@example.com", Expires: "2027-01-31"}
	return []finding.Finding{
		f("process-uid", finding.Fail, "Process 1 runs with uid 0.",
			finding.Test{Status: finding.Pass, Description: "process 1 is there"},
			finding.Test{Status: finding.Fail, Description: "process 1 is not root", Message: "Process 1 runs with uid 0."}),
		f("world-writable", finding.Error, "Listing /srv was cut off after 20,000 entries.",
			finding.Test{Status: finding.Pass, Description: "nothing below /etc"},
			finding.Test{Status: finding.Error, Description: "nothing below /srv", Message: "Listing /srv was cut off after 20,000 entries."}),
		f("empty-password", finding.Pass, "Every account has a password or is locked.",
			finding.Test{Status: finding.Pass, Description: "no account has an empty password"}),
		f("shadow-mode", finding.NotReviewed, "/etc/shadow may not be read by uid 1000; uid 0 could.",
			finding.Test{Status: finding.Pass, Description: "it belongs to root"},
			finding.Test{Status: finding.NotReviewed, Description: "nobody else reads it", Message: "/etc/shadow may not be read by uid 1000; uid 0 could."}),
		waived,
		f("no-new-privileges", finding.Pass, "", finding.Test{Status: finding.Pass, Description: "NoNewPrivs is 1"}),
		f("package-manager-and-shell-present", finding.Fail, "There are apt, sh.", finding.Test{Status: finding.Fail, Description: "no package manager", Message: "There are apt, sh."}),
		f("sshd", finding.NotApplicable, "There is no sshd."),
	}
}

func looks() map[string]*look {
	start := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	uid := int64(1000)
	cart := finding.Workload{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "shop", Name: "cart"}
	first := finding.InspectionTarget{Cluster: "https://127.0.0.1:6443", Namespace: "shop", Pod: "cart-6d5f9c7b8-2xkqz", UID: "6b1f4e2c-0f1d-4a55-9a3e-0c6f0d8f2a11",
		Container: "app", ContainerID: "containerd://" + strings.Repeat("c0", 32), Image: "ghcr.io/example/cart:2.4.1",
		ImageDigest: "sha256:" + strings.Repeat("4f", 32), Node: "node-a"}
	second := first
	second.Container, second.Image, second.ImageDigest = "metrics", "ghcr.io/example/tools/metrics:1.9.2", ""
	profile := finding.Profile{Name: "container-core", Title: "What is true for every container", Version: "1.0.0", SHA256: strings.Repeat("ab", 32),
		Inputs: []finding.Input{{Name: "allowed_uids", Value: "[1000, 65532]"}, {Name: "mode", Value: `"0640"`}, {Name: "broken", Value: "no JSON"}}}
	one := finding.Inspection{Target: first, Workload: cart, Profile: profile, StartedAt: start, FinishedAt: start.Add(412 * time.Millisecond),
		Used: &finding.Used{Approaches: []string{"kubernetes-api"}, Why: "it answers all that the profile asks", RoundTrips: 2, Bytes: 48_211,
			Duration: 412 * time.Millisecond, UID: &uid, Commands: [][]string{{"sh", "-c", "…"}},
			Risk: &finding.Risk{Rating: "medium", Factors: []finding.RiskFactor{{Name: "privileges", Likelihood: 2, Impact: 3, Rating: "medium", Reason: "exec into one pod, for 600 seconds"}}}},
		Findings: verdicts(first, cart)}
	two := finding.Inspection{Target: second, Workload: cart, Profile: profile, StartedAt: start, FinishedAt: start.Add(time.Second),
		Used:  &finding.Used{Approaches: []string{"image-volume", "debug-container"}, RoundTrips: 1, Bytes: 900, Duration: time.Second, Remains: []string{"the entry assay-7f in ephemeralContainers"}},
		Error: "the pod was replaced while it was looked into", Notes: []string{"Files are those of the image, not of the running container."}}
	for _, f := range verdicts(second, cart) {
		f.Status, f.Message, f.Tests, f.Waiver = finding.Error, two.Error, nil, nil
		two.Findings = append(two.Findings, f)
	}
	clean := one
	clean.Used = nil
	clean.Findings = nil
	for _, f := range verdicts(first, cart) {
		if f.Status == finding.Pass {
			clean.Findings = append(clean.Findings, f)
		}
	}
	grant := finding.Grant{Name: "assay-x7k2p", Namespace: "shop", ServiceAccount: "assay-system/assay-x7k2p", CreatedAt: start,
		ExpiresAt: start.Add(10 * time.Minute), RevokedAt: start.Add(2 * time.Second), Rules: []string{"create pods/exec cart-6d5f9c7b8-2xkqz"}}
	standing := grant
	standing.Name, standing.RevokedAt, standing.Problem = "assay-q9d4m", time.Time{}, "deleting rolebindings/assay-q9d4m in namespace shop: connection refused"
	h := Header{Rules: controls(), Version: "v0.3.0"}
	return map[string]*look{
		"both": {h, []finding.Inspection{one, two}, finding.Report{Summary: finding.Summary{StartedAt: start, FinishedAt: start.Add(3 * time.Second),
			Cluster: "https://127.0.0.1:6443", Namespaces: 1, Workloads: 1, Pods: 1, Containers: 2, Waived: 1,
			Findings: map[finding.Severity]int{finding.High: 1, finding.Info: 1}, Checks: map[string]int{"container-core/process-uid": 1},
			Statuses: map[finding.Status]int{finding.Fail: 2, finding.Error: 9, finding.Pass: 2, finding.NotReviewed: 1, finding.NotApplicable: 1}},
			Notes:    []string{"removed what an earlier run had left: assay-p2k9d"},
			Coverage: []finding.Coverage{{Scope: "namespace/shop/pods/windows-1", State: finding.Unsupported, Detail: "Windows containers can't be inspected"}},
			Access:   &finding.Access{APICalls: 17, Bytes: 61_004, Grants: []finding.Grant{grant, standing}, AuditHead: strings.Repeat("ef", 32), AuditLines: 21}}},
		"clean": {h, []finding.Inspection{clean}, finding.Report{Summary: finding.Summary{Namespaces: 1, Workloads: 1, Pods: 1, Containers: 1,
			Findings: map[finding.Severity]int{}, Statuses: map[finding.Status]int{finding.Pass: 2}, Complete: true}}},
		"nothing": {h, nil, finding.Report{Summary: finding.Summary{Findings: map[finding.Severity]int{}, Interrupted: true}}},
	}
}

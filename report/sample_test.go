package report

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kubeassay/assay/finding"
)

// sample is a report as writers get it: in parts, by namespace.
type sample struct {
	header     Header
	namespaces [][]finding.Finding
	report     finding.Report // without its findings
}

// write puts the sample through the named format.
func (s *sample) write(t testing.TB, format string, o Options) string {
	t.Helper()
	var out bytes.Buffer
	w, err := New(format, &out, o)
	if err != nil {
		t.Fatal(err)
	}
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(w.Begin(s.header))
	for _, namespace := range s.namespaces {
		for i := range namespace {
			check(w.Finding(&namespace[i]))
		}
		check(w.Flush())
	}
	check(w.End(&s.report))
	return out.String()
}

// whole is the report as one value.
func (s *sample) whole() finding.Report {
	r := s.report
	r.APIVersion, r.Kind, r.Rules = finding.APIVersion, finding.ReportKind, s.header.Rules
	r.Findings = []finding.Finding{}
	for _, namespace := range s.namespaces {
		r.Findings = append(r.Findings, namespace...)
	}
	return r
}

func rules() []finding.Rule {
	return []finding.Rule{
		{ID: "image-latest-tag", Title: "Image without a fixed version", Severity: finding.Medium,
			Description: "The tag latest, or none, is whatever was pushed last.",
			Check:       "Reads the reference of each image.",
			Fix:         "Name a version, or better a digest:\n\n```yaml\nimage: nginx:1.29.1@sha256:…\n```\n",
			References:  []finding.Reference{{Framework: "cis", ID: "5.5.1", URL: "https://www.cisecurity.org/benchmark/kubernetes"}}},
		{ID: "image-tag-drift", Title: "One tag, two images", Severity: finding.Medium, Description: "Pods of one template run different images."},
		{ID: "run-as-root", Title: "Container runs as root", Severity: finding.High, Description: "Process 1 is root, or may be."},
	}
}

const (
	mayRoot   = "May run as root: neither the container nor the pod sets runAsUser or runAsNonRoot, so the image decides."
	latestTag = "The image has no tag, so it is :latest: whatever was pushed last. With imagePullPolicy Always every new pod may run something else."
)

// shop has the usual: a Deployment with several containers, a StatefulSet, and
// a name as long as names can be.
func shop() []finding.Finding {
	long := "registry.eu-central-1.internal.example.com:5000/platform/payments/reconciliation/" + strings.Repeat("worker-", 5) + "base:latest"
	cart := finding.Workload{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "shop", Name: "cart"}
	db := finding.Workload{APIVersion: "apps/v1", Kind: "StatefulSet", Namespace: "shop", Name: "orders-db"}
	report := finding.Workload{APIVersion: "batch/v1", Kind: "CronJob", Namespace: "shop",
		Name: "nightly-reconciliation-of-payments-with-the-bank"}
	return []finding.Finding{
		{Check: "run-as-root", Status: finding.Fail, Severity: finding.High, Evidence: finding.Reported,
			Workload: cart, Container: "app", ContainerType: finding.Container, Image: "ghcr.io/example/cart:2.4.1",
			Basis: []finding.Basis{
				{Evidence: finding.Declared, Field: "spec.template.spec.containers[0].securityContext.runAsNonRoot", Value: "unset"},
				{Evidence: finding.Reported, Field: "status.containerStatuses[0].user.linux.uid", Value: "0", Object: "Pod/cart-6d5f9c7b8-2xkqz", Pods: 3}},
			Message: "Runs as root: the kubelet reports that process 1 has uid 0.",
			Pods:    3, PodsTotal: 3, PodNames: []string{"cart-6d5f9c7b8-2xkqz", "cart-6d5f9c7b8-7hn2m", "cart-6d5f9c7b8-wv4tp"}},
		{Check: "image-latest-tag", Status: finding.Fail, Severity: finding.Medium, Evidence: finding.Declared,
			Workload: cart, Container: "migrate", ContainerType: finding.InitContainer, Image: "ghcr.io/example/migrate",
			Basis:   []finding.Basis{{Evidence: finding.Declared, Field: "spec.template.spec.initContainers[0].image", Value: "ghcr.io/example/migrate"}},
			Message: latestTag, Pods: 3, PodsTotal: 3, PodNames: []string{"cart-6d5f9c7b8-2xkqz"}},
		{Check: "run-as-root", Status: finding.Fail, Severity: finding.Medium, Evidence: finding.Declared,
			Workload: cart, Container: "istio-proxy", ContainerType: finding.SidecarContainer, Injected: true,
			Image:   "docker.io/istio/proxyv2:1.27.0",
			Basis:   []finding.Basis{{Evidence: finding.Declared, Field: "spec.initContainers[0].securityContext.runAsNonRoot", Value: "unset", Object: "Pod/cart-6d5f9c7b8-2xkqz", Pods: 2}},
			Message: mayRoot, Pods: 2, PodsTotal: 3, PodNames: []string{"cart-6d5f9c7b8-2xkqz", "cart-6d5f9c7b8-7hn2m"}},
		{Check: "image-tag-drift", Status: finding.Fail, Severity: finding.Medium, Evidence: finding.Reported,
			Workload: db, Container: "postgres", ContainerType: finding.Container, Image: "postgres:17",
			Message: "Two pods of one template run different images under the tag 17: sha256:4f2a… in orders-db-0, sha256:9bd1… in orders-db-1.",
			Pods:    2, PodsTotal: 2, PodNames: []string{"orders-db-0", "orders-db-1"},
			Waiver: &finding.Waiver{Reason: "the upgrade is under way", Owner: "db-team@example.com", Expires: "2027-01-31"}},
		{Check: "image-latest-tag", Status: finding.Error, Severity: finding.Medium, Evidence: finding.Declared,
			Workload: db, Container: "debugger-x7k2p", ContainerType: finding.EphemeralContainer, Image: "Example/Tools:v1",
			Message: `The image reference "Example/Tools:v1" is invalid: the repository name must be lower case.`,
			Pods:    1, PodsTotal: 2, PodNames: []string{"orders-db-0"}},
		{Check: "image-latest-tag", Status: finding.Fail, Severity: finding.Critical, Evidence: finding.Declared,
			Workload: report, Container: "reconcile-with-a-container-name-of-sixty-three-characters-in-all", ContainerType: finding.Container,
			Image:   long,
			Basis:   []finding.Basis{{Evidence: finding.Declared, Field: "spec.jobTemplate.spec.template.spec.containers[0].image", Value: long}},
			Message: "The image " + long + " is :latest: whatever was pushed last.", Pods: 12, PodsTotal: 1840, PodNames: []string{"nightly-1", "nightly-2"}},
	}
}

// other has a namespace of 63 characters, other scripts, and every other status.
func other() []finding.Finding {
	w := finding.Workload{APIVersion: "apps/v1", Kind: "DaemonSet",
		Namespace: "team-" + strings.Repeat("observability-", 4) + "eu", Name: "node-agent"}
	f := func(s finding.Status, sev finding.Severity, container string, t finding.ContainerType, message string) finding.Finding {
		return finding.Finding{Check: "run-as-root", Status: s, Severity: sev, Evidence: finding.Declared, Workload: w,
			Container: container, ContainerType: t, Message: message, Pods: 40, PodsTotal: 40}
	}
	return []finding.Finding{
		f(finding.Fail, finding.Low, "agent", finding.Container, "Runs as root, but hostUsers: false maps root to an unprivileged user of the host. Größe: 3 µs; 名前空間のルートはホストの特権のないユーザーに対応付けられます。"),
		f(finding.Pass, finding.High, "exporter", finding.Container, "Does not run as root: runAsUser is 65532."),
		f(finding.NotReviewed, finding.High, "windows-exporter", finding.Container, "Windows decides by its own rules."),
		f(finding.NotApplicable, finding.High, "models", finding.ImageVolume, "An image volume runs nothing."),
		f(finding.Fail, finding.Info, "wait", finding.InitContainer, "runAsNonRoot is set twice, to the same value."),
	}
}

// files has findings of manifests: no pods, no namespace, but places.
func files() []finding.Finding {
	w := finding.Workload{APIVersion: "apps/v1", Kind: "Deployment", Name: "cart"}
	at := func(file string, line, column int) *finding.Location {
		return &finding.Location{File: file, Line: line, Column: column}
	}
	return []finding.Finding{
		{Check: "run-as-root", Status: finding.Fail, Severity: finding.Medium, Evidence: finding.Declared, Workload: w,
			Container: "app", ContainerType: finding.Container, Message: mayRoot, Location: at("deploy/cart.yaml", 17, 9)},
		{Check: "image-latest-tag", Status: finding.Fail, Severity: finding.Medium, Evidence: finding.Declared, Workload: w,
			Container: "migrate", ContainerType: finding.InitContainer, Message: latestTag,
			Location: at("environments/production/eu-central-1/overlays/shop/cart.yaml", 1204, 11)},
	}
}

// fingerprinted gives findings their fingerprints.
func fingerprinted(findings []finding.Finding) []finding.Finding {
	for i := range findings {
		findings[i].Fingerprint = finding.Fingerprint(&findings[i])
	}
	return findings
}

func summary() finding.Summary {
	start := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	return finding.Summary{StartedAt: start, FinishedAt: start.Add(3240 * time.Millisecond),
		Cluster: "https://127.0.0.1:6443", Namespaces: 35, Objects: 2210, Unjudged: 1100, Workloads: 120, Pods: 350, Containers: 410,
		Findings: map[finding.Severity]int{finding.High: 1, finding.Medium: 3, finding.Critical: 1, finding.Low: 1, finding.Info: 1},
		Checks:   map[string]int{"run-as-root": 4, "image-latest-tag": 2, "image-tag-drift": 1},
		Statuses: map[finding.Status]int{finding.Fail: 7, finding.Error: 1, finding.Pass: 400}, Waived: 1, Complete: true}
}

func samples() map[string]*sample {
	complete := &sample{Header{Rules: rules()}, [][]finding.Finding{fingerprinted(shop()), fingerprinted(other())},
		finding.Report{Summary: summary(), Access: &finding.Access{APICalls: 42, Bytes: 3_211_000, AuditHead: strings.Repeat("ab", 32)}}}

	incomplete := &sample{Header{Rules: rules()}, [][]finding.Finding{fingerprinted(shop())[:1]}, finding.Report{Summary: summary()}}
	s := &incomplete.report.Summary
	s.Complete, s.Interrupted, s.Waived = false, true, 0
	s.Findings, s.Checks = map[finding.Severity]int{finding.High: 1}, map[string]int{"run-as-root": 1}
	for i := range 2000 {
		name := fmt.Sprintf("team-%04d", i)
		incomplete.report.Coverage = append(incomplete.report.Coverage, finding.Coverage{Scope: "namespace/" + name + "/pods",
			State:  finding.Forbidden,
			Detail: `pods is forbidden: User "system:serviceaccount:audit:assay" cannot list resource "pods" in API group "" in the namespace "` + name + `"`})
	}
	incomplete.report.Coverage = append(incomplete.report.Coverage,
		finding.Coverage{Scope: "namespace/shop/pods", State: finding.Inconsistent, Detail: "the list's continue token expired after 8500 pods"},
		finding.Coverage{Scope: "namespace/slow", State: finding.TimedOut, Detail: "no answer within 30s"},
		finding.Coverage{Scope: "kind/replicasets.apps", State: finding.OwnerUnresolved})

	broken := &sample{Header{Rules: rules()}, [][]finding.Finding{fingerprinted(files())}, finding.Report{Summary: finding.Summary{
		Objects: 12, Unjudged: 4, Workloads: 8, Containers: 9, Complete: true, Errors: 2,
		Findings: map[finding.Severity]int{finding.Medium: 5}, Checks: map[string]int{"run-as-root": 4, "image-latest-tag": 1},
		Statuses: map[finding.Status]int{finding.Fail: 5, finding.Pass: 4}},
		Errors: []finding.Problem{
			{File: "deploy/broken.yaml", Line: 4, Column: 3, Message: "mapping values are not allowed here: is a quote missing?"},
			{File: "deploy/secret.yaml", Message: "permission denied"}}}}

	clean := &sample{Header{Rules: rules()}, [][]finding.Finding{nil, nil}, finding.Report{Summary: summary()}}
	clean.report.Summary.Findings = map[finding.Severity]int{}
	clean.report.Summary.Checks, clean.report.Summary.Statuses, clean.report.Summary.Waived = nil, nil, 0

	blind := &sample{Header{Rules: rules()}, nil, finding.Report{Summary: finding.Summary{Findings: map[finding.Severity]int{}},
		Coverage: []finding.Coverage{{Scope: "cluster", State: finding.Forbidden, Detail: `namespaces is forbidden: User "nobody" cannot list resource "namespaces" at the cluster scope`}}}}

	return map[string]*sample{"complete": complete, "incomplete": incomplete, "files": broken, "clean": clean, "blind": blind}
}

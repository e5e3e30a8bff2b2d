package e2e

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubeassay/assay/finding"
)

// crowd is thousands of pods in a few namespaces.
type crowd struct {
	*cluster
	namespaces []string
	selector   string
	// want are the verdicts, by namespace.
	want map[string][]string
}

const (
	crowdNamespaces = 5
	crowdInEach     = 600
	crowdPods       = crowdNamespaces * crowdInEach
	crowdPage       = 100
)

// crowd makes the pods. One in ten says that it runs as root, one in ten has
// no version.
func (c *cluster) crowd(t *testing.T) *crowd {
	t.Helper()
	all := &crowd{cluster: c, selector: "crowd=" + c.run, want: map[string][]string{}}
	for range crowdNamespaces {
		all.namespaces = append(all.namespaces, c.namespace(t, "e2e-crowd-"))
	}
	slices.Sort(all.namespaces)
	group, ctx := errgroup.WithContext(t.Context())
	group.SetLimit(12)
	for i := range crowdPods {
		ns, name := all.namespaces[i%crowdNamespaces], fmt.Sprintf("pod-%05d", i)
		image, user := "registry.test/busybox:1", map[string]any{"runAsUser": int64(1000)}
		switch i / crowdNamespaces % 10 {
		case 0:
			user["runAsUser"] = int64(0)
			all.want[ns] = append(all.want[ns], "Pod/"+name+" app run-as-root fail high declared 1/1")
		case 5:
			image = "registry.test/busybox"
			all.want[ns] = append(all.want[ns], "Pod/"+name+" app image-latest-tag fail medium declared 1/1")
		}
		pod := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Pod", "spec": map[string]any{
			"schedulerName": "nobody", "securityContext": user,
			"containers": []any{map[string]any{"name": "app", "image": image}},
		}}}
		pod.SetName(name)
		pod.SetLabels(map[string]string{"crowd": c.run})
		group.Go(func() error {
			_, err := c.resource("v1", "Pod", ns).Create(ctx, pod, metav1.CreateOptions{})
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	return all
}

// check checks that a report is about every pod, once.
func (c *crowd) check(t *testing.T, r *finding.Report) {
	t.Helper()
	wantComplete(t, r, true)
	wantGaps(t, r)
	if r.Summary.Pods != crowdPods || r.Summary.Containers != crowdPods || r.Summary.Workloads != crowdPods {
		t.Errorf("%d pods, %d containers, %d workloads; want %d", r.Summary.Pods, r.Summary.Containers, r.Summary.Workloads, crowdPods)
	}
	for _, ns := range c.namespaces {
		wantVerdicts(t, r, ns, slices.Clone(c.want[ns])...)
	}
}

// TestThousands scans thousands of pods, page by page, over connections good and bad.
func TestThousands(t *testing.T) {
	t.Parallel()
	c := start(t).crowd(t)
	plain, err := listOf[corev1.Pod](t.Context(), c.cluster, "", metav1.ListOptions{LabelSelector: c.selector})
	if err != nil || len(plain) != crowdPods {
		t.Fatalf("a plain list has %d pods, %v; want %d", len(plain), err, crowdPods)
	}
	whole := c.scan(t, c.admin(), "-l", c.selector, "--chunk-size", "5000").exits(t, 1).report(t)
	c.check(t, whole)
	if !slices.IsSortedFunc(whole.Findings, func(a, b finding.Finding) int {
		return strings.Compare(a.Workload.Namespace+" "+a.Workload.Name, b.Workload.Namespace+" "+b.Workload.Name)
	}) {
		t.Error("the findings are not in the order of namespace and name")
	}
	t.Run("in pages", func(t *testing.T) { t.Parallel(); c.inPages(t, whole) })
	t.Run("over connections that break", func(t *testing.T) { t.Parallel(); c.overBrokenConnections(t, whole) })
	t.Run("with a namespace that takes too long", func(t *testing.T) { t.Parallel(); c.tooSlow(t) })
	t.Run("interrupted", func(t *testing.T) { t.Parallel(); c.interrupted(t) })
}

// inPages asks for few pods at a time, and looks at what the API server was asked.
func (c *crowd) inPages(t *testing.T, whole *finding.Report) {
	a := c.account(t, c.namespaces[0], "pages")
	a.grant(t, "", allow("list", append(slices.Clone(ownerKinds), "pods", "namespaces", "nodes")...)...)
	report := c.scan(t, a.flags(), "-l", c.selector, "--chunk-size", fmt.Sprint(crowdPage)).exits(t, 1).report(t)
	c.check(t, report)
	if d := cmp.Diff(whole.Findings, report.Findings); d != "" {
		t.Errorf("findings of one page (-) and of many (+):\n%s", d)
	}
	pages := 0
	for _, e := range a.events(t, report.Access.APICalls) {
		u, err := url.Parse(e.RequestURI)
		if err != nil {
			t.Fatal(err)
		}
		if e.ResponseStatus.Code != http.StatusOK {
			t.Errorf("%s: status %d", e.RequestURI, e.ResponseStatus.Code)
		}
		if got := u.Query().Get("limit"); e.RequestURI != askVersion && got != fmt.Sprint(crowdPage) {
			t.Errorf("%s: limit is %q, want %d", e.RequestURI, got, crowdPage)
		}
		if !strings.HasPrefix(e.UserAgent, "assay/") {
			t.Errorf("the user agent is %q", e.UserAgent)
		}
		if e.ObjectRef.Resource == "pods" {
			pages++
		}
	}
	// The last full page may be followed by an empty one: the server knows that
	// there are more pods, but not yet that none of them is chosen.
	if want := crowdPods / crowdPage; pages < want || pages > want+1 {
		t.Errorf("%d pages of pods, want %d", pages, want)
	}
}

// overBrokenConnections resets each connection after a few pages.
func (c *crowd) overBrokenConnections(t *testing.T, whole *finding.Report) {
	w := c.wire(t)
	w.resetAfter = 600 << 10
	w.join(t)
	report := c.scan(t, c.admin(), "--server", "https://"+w.address, "-l", c.selector, "--chunk-size", fmt.Sprint(crowdPage)).exits(t, 1).report(t)
	c.check(t, report)
	if d := cmp.Diff(whole.Findings, report.Findings); d != "" {
		t.Errorf("findings over a good connection (-) and over bad ones (+):\n%s", d)
	}
	if w.broken() < 3 {
		t.Errorf("only %d connections were reset", w.broken())
	}
}

// tooSlow: one namespace does not answer in time; the others are judged.
func (c *crowd) tooSlow(t *testing.T) {
	slow := c.namespaces[1]
	g := c.gate(t, func(r *http.Request) bool { return r.URL.Path == "/api/v1/namespaces/"+slow+"/pods" })
	report := c.scan(t, g.flags(), "--request-timeout", "3s",
		"-n", c.namespaces[0], "-n", slow, "-n", c.namespaces[2]).exits(t, 2).report(t)
	wantComplete(t, report, false)
	wantGaps(t, report, "namespace/"+slow+" timed-out")
	wantVerdicts(t, report, c.namespaces[0], slices.Clone(c.want[c.namespaces[0]])...)
	wantVerdicts(t, report, slow)
	wantVerdicts(t, report, c.namespaces[2], slices.Clone(c.want[c.namespaces[2]])...)
}

// interrupted presses Ctrl-C while a page is awaited.
func (c *crowd) interrupted(t *testing.T) {
	const held = crowdInEach/crowdPage + 2 // the second one of the second namespace
	var pages atomic.Int32
	g := c.gate(t, func(r *http.Request) bool { return r.URL.Path == "/api/v1/pods" && pages.Add(1) >= held })
	file := filepath.Join(t.TempDir(), "report.json")
	p := c.launch(t, flags([]string{"scan", "-o", "ndjson", "-o", "json=" + file, "-l", c.selector, "--chunk-size", fmt.Sprint(crowdPage)}, few, g.flags())...)
	select {
	case <-g.reached:
	case <-p.ended:
		t.Fatalf("%v", p.wait(t))
	}
	// The first namespace is complete, so its findings are there already.
	first := len(c.want[c.namespaces[0]])
	p.await(t, &p.stdout, "the first namespace's findings", func(string) (string, bool) {
		lines, _ := p.stdout.lines()
		return "", len(lines) >= first
	})
	began := time.Now()
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	r := p.wait(t).exits(t, 2)
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it went on for %v after the signal", took)
	}
	if !strings.Contains(r.stderr, "interrupted") {
		t.Errorf("standard error: %s", r.stderr)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	report := parseReport(t, string(text))
	wantComplete(t, report, false)
	wantGap(t, report, "scan interrupted")
	if !report.Summary.Interrupted {
		t.Error("the report does not say that it was interrupted")
	}
	wantVerdicts(t, report, c.namespaces[0], slices.Clone(c.want[c.namespaces[0]])...)
	if n := report.Summary.Pods; n < crowdInEach || n > (held-1)*crowdPage {
		t.Errorf("%d pods, want %d to %d", n, crowdInEach, (held-1)*crowdPage)
	}
	lines := strings.Split(strings.TrimSpace(r.stdout), "\n")
	if last := lines[len(lines)-1]; !strings.HasPrefix(last, `{"summary":`) || !strings.Contains(last, `"interrupted":true`) {
		t.Errorf("the last line is %s", last)
	}
	if len(lines)-1 != len(report.Findings) {
		t.Errorf("%d findings as lines, %d in the report", len(lines)-1, len(report.Findings))
	}
}

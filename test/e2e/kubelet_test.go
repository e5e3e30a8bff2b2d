package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/check/builtin"
)

// kubeletChecks are those that ask kubelets.
func kubeletChecks() (ids []string) {
	for _, c := range builtin.All() {
		if c.OptIn == check.ReadKubelet {
			ids = append(ids, c.ID)
		}
	}
	return ids
}

// planned makes an account that may do what --plan prints for these flags, and
// nothing more.
func (c *cluster) planned(t *testing.T, namespace, name string, args ...string) (*account, []permission) {
	t.Helper()
	plan := permissionsIn(t, c.assay(t, flags([]string{"scan", "--plan", "-o", "yaml", "-q"}, c.admin(), args)...).exits(t, 0).stdout)
	a := c.account(t, namespace, name)
	for _, p := range plan {
		a.grant(t, "", p.rule())
	}
	return a, plan
}

// kubeletOfNode is the name of the real node, and its kubelet's configuration
// as an administrator reads it.
func (c *cluster) kubeletOfNode(t *testing.T) (node string, config map[string]any) {
	t.Helper()
	nodes, err := listOf[corev1.Node](t.Context(), c, "", metav1.ListOptions{})
	if err != nil || len(nodes) != 1 {
		t.Fatalf("%d nodes, %v", len(nodes), err)
	}
	o := rest.CopyConfig(c.config)
	o.APIPath, o.GroupVersion, o.NegotiatedSerializer = "/api", &corev1.SchemeGroupVersion, scheme.Codecs
	client, err := rest.RESTClientFor(o)
	if err != nil {
		t.Fatal(err)
	}
	b, err := client.Get().AbsPath("/api/v1/nodes", nodes[0].Name, "proxy/configz").DoRaw(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var answer struct {
		Kubeletconfig map[string]any `json:"kubeletconfig"`
	}
	if err := json.Unmarshal(b, &answer); err != nil {
		t.Fatal(err)
	}
	return nodes[0].Name, answer.Kubeletconfig
}

// TestKubelets reads the configuration of a real kubelet with exactly the
// permissions that --plan prints, and with fewer.
func TestKubelets(t *testing.T) {
	t.Parallel()
	c := startOnNode(t)
	node, config := c.kubeletOfNode(t)
	ns := c.namespace(t, "e2e-kubelet-")
	checks := []string{"--checks", strings.Join(kubeletChecks(), ","), "--status", "fail,pass,error,not-applicable,not-reviewed", "--fail-on", "none"}

	t.Run("directly", func(t *testing.T) {
		a, plan := c.planned(t, ns, "direct", flags([]string{"--read-kubelet"}, checks)...)
		trail := filepath.Join(t.TempDir(), "calls.jsonl")
		r := c.scan(t, a.flags(), flags([]string{"--read-kubelet", "--audit-log", trail}, checks)...).exits(t, 0)
		report := r.report(t)
		wantComplete(t, report, true)
		wantConfigured(t, report, node, config)
		// The one call that the API server does not see is the kubelet's own.
		wantUsed(t, a.events(t, report.Access.APICalls-1), without(plan, "nodes/configz"))
		if !slices.ContainsFunc(plan, func(p permission) bool { return p == permission{"", "get", "", "nodes/configz"} }) {
			t.Errorf("the plan is %v", plan)
		}
		wantInFile(t, trail, fmt.Sprintf(`"verb":"get","resource":"nodes/configz","name":%q,"path":"https://`, node), `/configz","status":200`)
		if !strings.Contains(r.stderr, "shows our token to the kubelet of every node") || !slices.ContainsFunc(report.Notes, func(n string) bool { return strings.Contains(n, "shows our token") }) {
			t.Errorf("nobody is told of the token: %v\n%s", report.Notes, r.stderr)
		}
	})
	t.Run("with a client certificate", func(t *testing.T) {
		r := c.scan(t, c.admin(), flags([]string{"--read-kubelet"}, checks)...).exits(t, 0)
		wantConfigured(t, r.report(t), node, config)
		if strings.Contains(r.stderr, "warning") {
			t.Errorf("a warning without a reason: %s", r.stderr)
		}
	})
	t.Run("without the permission", func(t *testing.T) {
		a, plan := c.planned(t, ns, "without", checks...) // --read-kubelet is not given
		if slices.ContainsFunc(plan, func(p permission) bool { return strings.HasPrefix(p.resource, "nodes") }) {
			t.Errorf("the plan is %v", plan)
		}
		a.grant(t, "", permission{"", "list", "", "nodes"}.rule())
		report := c.scan(t, a.flags(), flags([]string{"--read-kubelet"}, checks)...).exits(t, 2).report(t)
		wantUnread(t, report, node, "forbidden", "get nodes/configz")
	})
	t.Run("without nodes", func(t *testing.T) {
		a, _ := c.planned(t, ns, "nodeless", checks...)
		report := c.scan(t, a.flags(), flags([]string{"--read-kubelet"}, checks)...).exits(t, 2).report(t)
		wantGap(t, report, "kind/kubeletconfigurations.kubelet.config.k8s.io forbidden")
		wantNotReviewed(t, report, "cluster", "Which nodes there are is not known")
	})
	t.Run("with another authority", func(t *testing.T) {
		other := filepath.Join(t.TempDir(), "ca.crt")
		writeAuthority(t, other)
		r := c.scan(t, c.admin(), flags([]string{"--read-kubelet", "--kubelet-certificate-authority", other}, checks)...).exits(t, 2)
		wantUnread(t, r.report(t), node, "unreadable", "it was not asked, for its certificate can't be verified")
	})
	t.Run("as somebody else", func(t *testing.T) {
		a, _ := c.planned(t, ns, "impersonated", flags([]string{"--read-kubelet"}, checks)...)
		r := c.scan(t, c.admin(), flags([]string{"--read-kubelet", "--as", a.user()}, checks)...).exits(t, 2)
		wantUnread(t, r.report(t), node, "unreadable", "kubelets know nothing of acting as somebody else")
	})
	t.Run("through the API server", func(t *testing.T) {
		a, plan := c.planned(t, ns, "proxied", flags([]string{"--kubelet-proxy"}, checks)...)
		r := c.scan(t, a.flags(), flags([]string{"--kubelet-proxy"}, checks)...).exits(t, 0)
		report := r.report(t)
		wantComplete(t, report, true)
		wantConfigured(t, report, node, config)
		// The API server writes down twice what it passes on: when it begins and when it has ended.
		events := a.events(t, report.Access.APICalls+1)
		proxied := slices.DeleteFunc(slices.Clone(events), func(e event) bool { return !strings.Contains(e.RequestURI, "/proxy/") })
		if len(proxied) != 2 || proxied[0] != proxied[1] || proxied[0].RequestURI != "/api/v1/nodes/"+node+"/proxy/configz" || proxied[0].Verb != "get" {
			t.Errorf("asked through the API server: %+v", proxied)
		}
		wantUsed(t, slices.DeleteFunc(events, func(e event) bool { return strings.Contains(e.RequestURI, "/proxy/") }), without(plan, "nodes/proxy"))
		if !strings.Contains(r.stderr, "warning: --kubelet-proxy uses the permission to get nodes/proxy") || !slices.ContainsFunc(report.Notes, func(n string) bool { return strings.Contains(n, "run commands in every pod") }) {
			t.Errorf("nobody is warned: %v\n%s", report.Notes, r.stderr)
		}
	})
	t.Run("through the API server without the permission", func(t *testing.T) {
		a, _ := c.planned(t, ns, "unproxied", flags([]string{"--read-kubelet"}, checks)...)
		report := c.scan(t, a.flags(), flags([]string{"--kubelet-proxy"}, checks)...).exits(t, 2).report(t)
		wantUnread(t, report, node, "forbidden", "that takes the permission to get nodes/proxy")
	})
	t.Run("not at all", func(t *testing.T) {
		report := c.scan(t, c.admin(), checks...).exits(t, 0).report(t)
		wantNotReviewed(t, report, "cluster", "--read-kubelet")
	})
}

func without(plan []permission, resource string) []permission {
	return slices.DeleteFunc(slices.Clone(plan), func(p permission) bool { return p.resource == resource })
}

// wantUsed checks that all permissions were used, and nothing was refused.
// Everybody may ask for the server's version.
func wantUsed(t *testing.T, events []event, want []permission) {
	t.Helper()
	asked, refused := used(slices.DeleteFunc(events, func(e event) bool { return e.RequestURI == "/version" }))
	wantPermissions(t, "refused", nil, refused)
	wantPermissions(t, "used", want, asked)
}

// wantConfigured checks that each check judged the kubelet of the node, and
// rests on what the kubelet says.
func wantConfigured(t *testing.T, report *finding.Report, node string, config map[string]any) {
	t.Helper()
	var judged []string
	for _, f := range report.Findings {
		if f.Workload != (finding.Workload{APIVersion: "kubelet.config.k8s.io/v1beta1", Kind: "KubeletConfiguration", Name: node}) || f.Status == finding.Error || len(f.Basis) == 0 {
			t.Errorf("%s says of %s: %s %s", f.Check, f.Workload, f.Status, f.Message)
		}
		judged = append(judged, f.Check)
		for _, b := range f.Basis {
			var at any = config
			for step := range strings.SplitSeq(b.Field, ".") {
				m, _ := at.(map[string]any)
				at = m[step]
			}
			if want := fmt.Sprint(at); at != nil && b.Value != want {
				t.Errorf("%s rests on %s=%s, but that is %s", f.Check, b.Field, b.Value, want)
			}
		}
	}
	slices.Sort(judged)
	if want := slices.Sorted(slices.Values(kubeletChecks())); !slices.Equal(judged, want) || len(want) < 5 {
		t.Errorf("judged by %q, want %q", judged, want)
	}
}

// wantUnread checks that nothing is said of a kubelet but that, and why.
func wantUnread(t *testing.T, report *finding.Report, node, state, why string) {
	t.Helper()
	wantComplete(t, report, false)
	wantGap(t, report, "node/"+node+" "+state)
	wantNotReviewed(t, report, node, why)
}

func wantNotReviewed(t *testing.T, report *finding.Report, name, why string) {
	t.Helper()
	if len(report.Findings) != len(kubeletChecks()) {
		t.Errorf("%d findings of %d checks", len(report.Findings), len(kubeletChecks()))
	}
	for _, f := range report.Findings {
		if f.Status != finding.NotReviewed || f.Workload.Name != name || !strings.Contains(f.Message, why) {
			t.Errorf("%s says of %s: %s %s", f.Check, f.Workload, f.Status, f.Message)
		}
	}
}

func wantInFile(t *testing.T, file string, texts ...string) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range texts {
		if !strings.Contains(string(b), text) {
			t.Errorf("%s lacks %s:\n%s", file, text, b)
		}
	}
}

// writeAuthority writes an authority that signed nothing.
func writeAuthority(t *testing.T, file string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

package builtin_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"flag"
	"fmt"
	"iter"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/check/builtin"
	"github.com/kubeassay/assay/posture/index"
	"github.com/kubeassay/assay/posture/rbac"
	"github.com/kubeassay/assay/posture/source"
	"github.com/kubeassay/assay/posture/source/manifest"
)

var update = flag.Bool("update", false, "write what is found into the golden files")

// TestHealthyCluster scans a cluster as people have it on the first day: what
// the API server and kubeadm make, a network plugin, a few programs as their own
// manifests install them, and one application that is made well. What is medium
// or graver there everybody sees first, so each line of the golden files must
// be worth it.
func TestHealthyCluster(t *testing.T) {
	for _, live := range []bool{false, true} {
		name := map[bool]string{false: "files", true: "cluster"}[live]
		t.Run(name, func(t *testing.T) {
			found := healthy(t, live)
			var got bytes.Buffer
			for _, severity := range finding.Severities {
				for _, f := range found {
					if f.Status == finding.Fail && f.Severity == severity && severity.AtLeast(finding.Medium) {
						fmt.Fprintln(&got, line(f))
					}
				}
			}
			golden(t, filepath.Join("testdata", "healthy", name+".want"), got.Bytes())
		})
	}
}

// TestNothingAgainstWhatIsMadeWell: of the application nothing is said but what
// is good practice, and nothing at all is an error.
func TestNothingAgainstWhatIsMadeWell(t *testing.T) {
	for _, live := range []bool{false, true} {
		for _, f := range healthy(t, live) {
			own := f.Workload.Namespace == "shop" || f.Workload.Kind == "Namespace" && f.Workload.Name == "shop"
			if f.Status == finding.Error || own && f.Status == finding.Fail && f.Severity.AtLeast(finding.Low) {
				t.Errorf("live %v: %s: %s", live, line(f), f.Message)
			}
		}
	}
}

// line is a finding without its words, which are tested elsewhere.
func line(f *finding.Finding) string {
	s := fmt.Sprintf("%-8s %-34s %s", f.Severity, f.Check, f.Workload)
	if f.Container != "" {
		s += " [" + f.Container + "]"
	}
	return s
}

func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("something else is found (- want, + got):\n%s", diff)
	}
}

// everything is a sink that keeps all findings.
type everything struct{ all []*finding.Finding }

func (e *everything) Finding(f *finding.Finding) error { e.all = append(e.all, f); return nil }
func (e *everything) Flush() error                     { return nil }

// healthy scans the cluster, or its manifests, with all checks, also those that
// are off by default.
func healthy(t *testing.T, live bool) []*finding.Finding {
	t.Helper()
	checks := slices.DeleteFunc(builtin.All(), func(c *check.Check) bool { return c.OptIn == check.ReadKubelet })
	files, err := filepath.Glob("testdata/healthy/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var src source.Source = manifest.New(append(files, clusterRoles(t)), manifest.Options{Others: posture.Others(checks)})
	if live {
		src = &running{src, authority(t)}
	}
	var out everything
	report, err := posture.Scan(t.Context(), src, posture.Options{Checks: checks, Statuses: finding.Statuses}, &out)
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Errors) > 0 || report.Summary.Workloads < 10 {
		t.Fatalf("%d workloads, with %v", report.Summary.Workloads, report.Errors)
	}
	slices.SortStableFunc(out.all, func(a, b *finding.Finding) int { return strings.Compare(line(a), line(b)) })
	return out.all
}

// clusterRoles writes the API server's own cluster roles into a file. Those that
// are made of others have the rules of those, as a controller puts them in.
func clusterRoles(t *testing.T) string {
	t.Helper()
	var out bytes.Buffer
	all := rbac.Defaults()
	// view before edit before admin, which are made of each other.
	slices.SortStableFunc(all, func(a, b rbacv1.ClusterRole) int { return strings.Compare(b.Name, a.Name) })
	for i := range all {
		r := &all[i]
		r.TypeMeta = metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: rbac.ClusterRoleKind}
		if r.AggregationRule != nil {
			for _, s := range r.AggregationRule.ClusterRoleSelectors {
				selector, err := metav1.LabelSelectorAsSelector(&s)
				if err != nil {
					t.Fatal(err)
				}
				for _, part := range all {
					if selector.Matches(labels.Set(part.Labels)) {
						r.Rules = append(r.Rules, part.Rules...)
					}
				}
			}
		}
		text, err := yaml.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&out, "---\n%s", text)
	}
	file := filepath.Join(t.TempDir(), "clusterroles.yaml")
	if err := os.WriteFile(file, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// running gives manifests as a cluster that has them would: what is in no
// namespace first, and then namespace by namespace, with a pod of each template.
type running struct {
	files source.Source
	// authority is what something in the cluster has put into webhooks.
	authority []byte
}

// trust gives webhooks the authority that they have in a cluster.
func trust(o *index.Object, authority []byte) {
	switch c := o.Object.(type) {
	case *admissionv1.ValidatingWebhookConfiguration:
		for i := range c.Webhooks {
			c.Webhooks[i].ClientConfig.CABundle = authority
		}
	case *admissionv1.MutatingWebhookConfiguration:
		for i := range c.Webhooks {
			c.Webhooks[i].ClientConfig.CABundle = authority
		}
	}
}

// authority makes a certificate that is valid today.
func authority(t *testing.T) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	of := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true}
	der, err := x509.CreateCertificate(rand.Reader, of, of, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func (r *running) Describe() source.Description {
	return source.Description{Live: true, Gives: func(schema.GroupKind) bool { return true }}
}

func (r *running) Items(ctx context.Context) iter.Seq2[source.Item, error] {
	return func(yield func(source.Item, error) bool) {
		first := []source.Item{{Version: "v1.36.2"}}
		in := map[string][]source.Item{}
		known := func(namespace string) { in[namespace] = slices.Clip(in[namespace]) } // also where nothing is in it
		var objects []source.Item
		for item, err := range r.files.Items(ctx) {
			switch {
			case err != nil:
				yield(item, err)
				return
			case item.Object != nil:
				objects = append(objects, copied(item.Object))
				known(item.Object.Meta.Namespace)
			case item.Other != nil:
				item.Other.Locate, item.Other.At = nil, nil
				trust(item.Other, r.authority)
				if n := item.Other.GetNamespace(); n != "" && !index.Kept(item.Other.GroupKind()) {
					in[n] = append(in[n], item)
				} else {
					first = append(first, item)
					if item.Other.Kind == "Namespace" {
						known(item.Other.GetName())
					}
				}
			}
		}
		for _, item := range objects {
			n := item.Object.Meta.Namespace
			in[n] = append(in[n], item)
			if item.Object.Status == nil {
				in[n] = append(in[n], podOf(item.Object))
			}
		}
		all := first
		for n, items := range in {
			all = append(append(all, items...), source.Item{NamespaceDone: n})
		}
		for _, item := range all {
			if !yield(item, nil) {
				return
			}
		}
	}
}

// copied is an object of a cluster: without a place in a file, and with a UID.
func copied(o *source.Object) source.Item {
	c := *o
	c.Locate = nil
	c.Meta = o.Meta.DeepCopy()
	c.PodMeta, c.Spec, c.Status = o.PodMeta.DeepCopy(), o.Spec.DeepCopy(), o.Status.DeepCopy()
	if c.Meta.UID == "" {
		c.Meta.UID = types.UID(c.Kind + "-" + c.Meta.Name)
	}
	return source.Item{Object: &c}
}

// podOf is a pod that is made of a template, with the token that admission
// mounts.
func podOf(o *source.Object) source.Item {
	yes := true
	p := &corev1.Pod{ObjectMeta: *o.PodMeta.DeepCopy(), Spec: *o.Spec.DeepCopy(), Status: corev1.PodStatus{Phase: corev1.PodRunning}}
	p.Name, p.Namespace = o.Meta.Name+"-abcde", o.Meta.Namespace
	p.OwnerReferences = []metav1.OwnerReference{{APIVersion: o.APIVersion, Kind: o.Kind, Name: o.Meta.Name, UID: o.Meta.UID, Controller: &yes}}
	if a := p.Spec.AutomountServiceAccountToken; a == nil || *a {
		p.Spec.Volumes = append(p.Spec.Volumes, corev1.Volume{Name: "kube-api-access", VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{
			Sources: []corev1.VolumeProjection{{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{Path: "token"}}},
		}}})
	}
	made := source.FromPod(p)
	return source.Item{Object: &made}
}

package controlplane_test

import (
	"bytes"
	"flag"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/framework"
	"github.com/kubeassay/assay/image"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/check/checktest"
	"github.com/kubeassay/assay/posture/check/controlplane"
	"github.com/kubeassay/assay/posture/index"
	"github.com/kubeassay/assay/workload"
)

// The checks of objects have fixtures in files; those of flags, a few dozens
// about the same four programs, have them here.
func TestFixtures(t *testing.T) {
	checktest.Run(t, slices.DeleteFunc(controlplane.All(), func(c *check.Check) bool { return c.Judge != nil }), "testdata")
}

// right are command lines with nothing wrong about them.
var right = map[string][]string{
	"kube-apiserver": {
		"--anonymous-auth=false", "--authorization-mode=Node,RBAC", "--client-ca-file=/pki/ca.crt",
		"--enable-admission-plugins=NodeRestriction,DenyServiceExternalIPs,EventRateLimit,AlwaysPullImages",
		"--audit-log-path=/var/log/audit.log", "--audit-policy-file=/etc/policy.yaml", "--audit-log-maxage=30", "--audit-log-maxbackup=10", "--audit-log-maxsize=100",
		"--kubelet-client-certificate=/pki/k.crt", "--kubelet-client-key=/pki/k.key", "--kubelet-certificate-authority=/pki/ca.crt",
		"--service-account-key-file=/pki/sa.pub", "--service-account-extend-token-expiration=false",
		"--etcd-certfile=/pki/e.crt", "--etcd-keyfile=/pki/e.key", "--etcd-cafile=/pki/etcd/ca.crt", "--tls-cert-file=/pki/a.crt", "--tls-private-key-file=/pki/a.key",
		"--encryption-provider-config=/etc/enc.yaml", "--profiling=false", "--request-timeout=300s", "--tls-cipher-suites=TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "--secure-port=6443",
	},
	"kube-controller-manager": {
		"--terminated-pod-gc-threshold=1000", "--profiling=false", "--use-service-account-credentials", "--service-account-private-key-file=/pki/sa.key",
		"--root-ca-file=/pki/ca.crt", "--bind-address=127.0.0.1", "--feature-gates=RotateKubeletServerCertificate=true",
	},
	"kube-scheduler": {"--profiling=false", "--bind-address=::1", "--tls-min-version=VersionTLS13"},
	"etcd": {
		"--cert-file=/s.crt", "--key-file=/s.key", "--client-cert-auth=true", "--trusted-ca-file=/ca.crt", "--listen-client-urls=https://127.0.0.1:2379,https://10.0.0.1:2379",
		"--peer-cert-file=/p.crt", "--peer-key-file=/p.key", "--peer-client-cert-auth=true", "--peer-trusted-ca-file=/ca.crt", "--listen-peer-urls=https://10.0.0.1:2380",
	},
}

// wrong are command lines with everything wrong about them.
var wrong = map[string][]string{
	"kube-apiserver": {
		"--anonymous-auth=true", "--token-auth-file=/tokens.csv", "--basic-auth-file=/passwords.csv", "--authorization-mode=ABAC",
		"--enable-admission-plugins=AlwaysAdmit", "--disable-admission-plugins=ServiceAccount,NamespaceLifecycle,ValidatingAdmissionWebhook",
		"--audit-log-path=/var/log/audit.log", "--audit-log-maxage=7", "--audit-log-maxbackup=1", "--audit-log-maxsize=0", "--service-account-lookup=false",
		"--etcd-cafile=/pki/ca.crt", "--client-ca-file=/pki/ca.crt", "--request-timeout=0", "--tls-min-version=VersionTLS10", "--secure-port=0",
		"--tls-cipher-suites=TLS_RSA_WITH_RC4_128_SHA", "--feature-gates=AllAlpha=true",
	},
	"kube-controller-manager": {"--terminated-pod-gc-threshold=0", "--tls-min-version=VersionTLS11", "--bind-address=0.0.0.0", "--feature-gates=A=true,RotateKubeletServerCertificate=false"},
	"kube-scheduler":          {"--profiling", "--tls-min-version=VersionTLS11", "--bind-address=10.0.0.1"},
	"etcd":                    {"--auto-tls", "--peer-auto-tls=true", "--listen-client-urls=http://0.0.0.0:2379", "--listen-peer-urls=http://10.0.0.1:2380"},
}

// programs is a pod with all four of them; kubeadm has a pod for each.
func programs(flags map[string][]string) *corev1.Pod {
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "control-plane", Namespace: "kube-system"}}
	for _, name := range []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd"} {
		p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Name: name, Command: append([]string{name}, flags[name]...)})
	}
	return p
}

// judge asks a check about all containers. The answer is that about the
// container which the check does concern.
func judge(t *testing.T, c *check.Check, p *corev1.Pod) (all []check.Verdict) {
	t.Helper()
	for ctr := range workload.Containers(&p.Spec) {
		if !c.Only.Wants(&check.View{Meta: &p.ObjectMeta, Spec: &p.Spec, Container: ctr}) {
			continue
		}
		if v := checktest.Judge(t, c, p, ctr); v.Status != finding.NotApplicable {
			all = append(all, v)
		}
	}
	return all
}

func ofFlags() []*check.Check {
	return slices.DeleteFunc(controlplane.All(), func(c *check.Check) bool { return c.Judge == nil })
}

// TestFlags: every check passes the right command lines and fails the wrong
// ones, and what it says stands in testdata/flags. What it says where nothing
// is set at all stands there too.
func TestFlags(t *testing.T) {
	// These are told apart by which of several flags is wrong.
	more := map[string]string{
		"apiserver-authorization-always-allow": "--authorization-mode=RBAC,AlwaysAllow", "apiserver-audit-log-path": "--audit-log-path=",
		"apiserver-etcd-ca-file": "--etcd-cafile=", "apiserver-client-ca-file": "--client-ca-file=",
	}
	for _, set := range []struct {
		name  string
		flags map[string][]string
		want  finding.Status
	}{{"right", right, finding.Pass}, {"wrong", wrong, finding.Fail}, {"unset", nil, ""}} {
		t.Run(set.name, func(t *testing.T) {
			var got bytes.Buffer
			for _, c := range ofFlags() {
				p := programs(set.flags)
				if flag := more[c.ID]; flag != "" && set.want == finding.Fail {
					p.Spec.Containers[0].Command = append(p.Spec.Containers[0].Command, flag)
				}
				all := judge(t, c, p)
				if set.want != "" && (len(all) != 1 || all[0].Status != set.want) {
					t.Errorf("%s: %+v, want one %s", c.ID, all, set.want)
				}
				if len(all) == 0 {
					fmt.Fprintf(&got, "%s: not-applicable\n", c.ID)
				}
				for _, v := range all {
					fmt.Fprintf(&got, "%s: %s %s %s\n    %s\n", c.ID, v.Status, v.Severity, v.Evidence, v.Message)
					for _, b := range v.Basis {
						fmt.Fprintf(&got, "    %s: %s\n", b.Field, b.Value)
					}
				}
			}
			golden(t, filepath.Join("testdata", "flags", set.name+".want"), got.String())
		})
	}
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if flag.Lookup("update").Value.String() == "true" {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("another verdict (- want, + got):\n%s", diff)
	}
}

// TestOneFlag: what a single flag makes of a check.
func TestOneFlag(t *testing.T) {
	tests := []struct {
		check string
		flags string // separated by spaces
		want  string // status and severity
	}{
		{"apiserver-anonymous-auth", "", "pass low"}, // with AlwaysAllow, the default
		{"apiserver-anonymous-auth", "--authorization-mode=RBAC", "fail low"},
		{"apiserver-anonymous-auth", "--authorization-config=/x", "fail low"},
		{"apiserver-anonymous-auth", "--authorization-mode=RBAC --authentication-config=/x", "not-reviewed low"},
		{"apiserver-anonymous-auth", "--authentication-config=/x --anonymous-auth=false", "pass low"},
		{"apiserver-anonymous-auth", "--anonymous_auth=false", "pass low"},
		{"apiserver-anonymous-auth", "--anonymous-auth=maybe", "error low"},
		{"apiserver-anonymous-auth", "--anonymous-auth=$(ANONYMOUS)", "not-reviewed low"},
		{"apiserver-anonymous-auth", "--anonymous-auth=false $(MORE)", "not-reviewed low"},
		{"apiserver-anonymous-auth", "--advertise-address=$(POD_IP) --anonymous-auth=false", "pass low"},
		{"apiserver-authorization-always-allow", "", "fail critical"},
		{"apiserver-authorization-always-allow", "--authorization-mode=RBAC", "pass critical"},
		{"apiserver-authorization-always-allow", "--authorization-mode RBAC --authorization-mode AlwaysAllow", "fail critical"},
		{"apiserver-authorization-always-allow", "--authorization-config=/x", "not-reviewed critical"},
		{"apiserver-authorization-node", "--authorization-mode=RBAC", "fail medium"},
		{"apiserver-authorization-rbac", "--authorization-mode=Node --authorization-mode=RBAC", "pass high"},
		{"apiserver-authorization-rbac", "--authorization-config=/x", "not-reviewed high"},
		{"apiserver-service-account-plugin", "--admission-control=NamespaceLifecycle", "fail medium"},
		{"apiserver-service-account-plugin", "--disable-admission-plugins=ServiceAccount --enable-admission-plugins=ServiceAccount", "pass medium"},
		{"apiserver-node-restriction", "--enable-admission-plugins=A --enable-admission-plugins=NodeRestriction", "pass medium"},
		{"apiserver-audit-log-path", "--audit-webhook-config-file=/x", "fail info"},
		{"apiserver-audit-log-path", "--audit-log-path=-", "pass low"},
		{"apiserver-audit-log-maxage", "--audit-log-path=-", ""},
		{"apiserver-audit-log-maxage", "--audit-log-path=/x", "fail info"},
		{"apiserver-audit-log-maxage", "--audit-log-path=/x --audit-log-maxage=0", "pass low"},
		{"apiserver-audit-log-maxage", "--audit-log-path=/x --audit-log-maxage=29", "fail low"},
		{"apiserver-audit-log-maxage", "--audit-log-path=/x --audit-log-maxage=many", "error low"},
		{"apiserver-audit-log-maxage", "--audit-log-path=/x --audit-log-maxage=7 --audit-log-maxage=30", "pass low"},
		{"apiserver-audit-log-maxsize", "--audit-log-path=/x --audit-log-maxsize=0", "fail low"},
		{"apiserver-service-account-key-file", "--service-account-signing-endpoint=/x", "pass low"},
		{"apiserver-kubelet-client-certificate", "--kubelet-client-certificate=/x", "fail medium"},
		{"apiserver-request-timeout", "--request-timeout=soon", "error info"},
		{"apiserver-tls-cipher-suites", "--tls-min-version=VersionTLS13", "pass low"},
		{"apiserver-tls-cipher-suites", "--tls-cipher-suites=TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "fail low"},
		{"apiserver-tls-cipher-suites", "--tls-cipher-suites=TLS_NONE", "error low"},
		{"apiserver-tls-min-version", "--tls-min-version=TLS13", "error medium"},
		{"apiserver-alpha-apis", "--runtime-config=api/all=true", "fail medium"},
		{"apiserver-alpha-apis", "--runtime-config=api/all=true,api/alpha=false", "pass medium"},
		{"apiserver-alpha-apis", "--feature-gates=AllAlpha=true,AllAlpha=false", "pass medium"},
		{"etcd-unique-ca", "--etcd-cafile=/a", ""},
		{"controller-manager-pod-gc-threshold", "--terminated-pod-gc-threshold=-1", "fail low"},
		{"controller-manager-bind-address", "--bind-address=localhost", "error low"},
		{"controller-manager-bind-address", "--bind-address=127.8.0.1", "pass low"},
		{"scheduler-profiling", "--config=/x --profiling=false", "not-reviewed low"},
		{"scheduler-bind-address", "--config=/x --bind-address=127.0.0.1", "pass low"},
		{"etcd-tls-certificate", "--cert-file=/a --key-file=/b", "fail low"},
		{"etcd-tls-certificate", "--cert-file=/a --key-file=/b --listen-client-urls=http://127.0.0.1:1,https://10.0.0.1:2", "fail low"},
		{"etcd-tls-certificate", "--cert-file=/a --key-file=/b --listen-client-urls=http://0.0.0.0:1", "fail high"},
		{"etcd-tls-certificate", "--config-file=/x", "not-reviewed high"},
		{"etcd-tls-certificate", "--listen-client-urls=http://127.0.0.1:1,unix://x", "fail low"},
		{"etcd-tls-certificate", "--listen-client-urls=http://127.0.0.1:1,https://10.0.0.1:2", "fail high"},
		{"etcd-client-cert-auth", "--listen-client-urls=http://127.0.0.1:1", "fail high"},
		{"etcd-client-cert-auth", "--listen-client-urls=https://10.0.0.1:1", "fail critical"},
		{"etcd-client-cert-auth", "--trusted-ca-file=/x --listen-client-urls=https://10.0.0.1:1", "pass critical"},
		{"etcd-client-cert-auth", "-client-cert-auth -listen-client-urls https://10.0.0.1:1", "pass critical"},
		{"etcd-client-cert-auth", "--client-cert-auth", "fail high"}, // on http://localhost:2379
		{"etcd-client-cert-auth", "--client-cert-auth --trusted-ca-file=/x --listen-client-urls=http://127.0.0.1:1,https://10.0.0.1:2", "fail high"},
		{"etcd-client-cert-auth", "--client-cert-auth --trusted-ca-file=/x --listen-client-urls=https://10.0.0.1:1,http://10.0.0.1:2", "fail critical"},
		{"etcd-peer-client-cert-auth", "--peer-client-cert-auth --listen-peer-urls=http://10.0.0.1:1", "fail high"},
		{"etcd-peer-client-cert-auth", "--peer-trusted-ca-file=/x --listen-peer-urls=https://10.0.0.1:1", "pass high"},
		{"etcd-auto-tls", "--auto-tls --cert-file=/x", "fail low"},
	}
	for _, tt := range tests {
		t.Run(tt.check+" "+tt.flags, func(t *testing.T) {
			c := ofFlags()[slices.IndexFunc(ofFlags(), func(c *check.Check) bool { return c.ID == tt.check })]
			flags := map[string][]string{}
			for name := range right {
				flags[name] = strings.Fields(tt.flags)
			}
			got := ""
			for _, v := range judge(t, c, programs(flags)) {
				got += string(v.Status) + " " + string(v.Severity)
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestEtcdReadsTheEnvironment, where no flag says otherwise.
func TestEtcdReadsTheEnvironment(t *testing.T) {
	env := func(name, value string) corev1.EnvVar { return corev1.EnvVar{Name: name, Value: value} }
	secret := corev1.EnvVar{Name: "ETCD_CLIENT_CERT_AUTH", ValueFrom: &corev1.EnvVarSource{}}
	tests := []struct {
		name  string
		flags []string
		env   []corev1.EnvVar
		from  []corev1.EnvFromSource
		want  finding.Status
	}{
		{"set there", nil, []corev1.EnvVar{env("ETCD_CLIENT_CERT_AUTH", "true")}, nil, finding.Pass},
		{"a flag goes first", []string{"--client-cert-auth=true"}, []corev1.EnvVar{env("ETCD_CLIENT_CERT_AUTH", "false")}, nil, finding.Pass},
		{"another one", nil, []corev1.EnvVar{env("ETCD_PEER_CLIENT_CERT_AUTH", "true")}, nil, finding.Fail},
		{"from elsewhere", nil, []corev1.EnvVar{secret}, nil, finding.NotReviewed},
		{"anything from elsewhere", nil, nil, []corev1.EnvFromSource{{}}, finding.NotReviewed},
		{"a file", nil, []corev1.EnvVar{env("ETCD_CONFIG_FILE", "/x")}, nil, finding.NotReviewed},
		{"neither true nor false", nil, []corev1.EnvVar{env("ETCD_CLIENT_CERT_AUTH", "x")}, nil, finding.Error},
	}
	c := ofFlags()[slices.IndexFunc(ofFlags(), func(c *check.Check) bool { return c.ID == "etcd-client-cert-auth" })]
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := programs(map[string][]string{"etcd": tt.flags})
			tls := env("ETCD_LISTEN_CLIENT_URLS", "https://10.0.0.1:2379")
			p.Spec.Containers[3].Env, p.Spec.Containers[3].EnvFrom = append(tt.env, tls), tt.from
			if got := judge(t, c, p); len(got) != 1 || got[0].Status != tt.want {
				t.Errorf("got %+v, want %s", got, tt.want)
			}
		})
	}
}

func TestWhatIsNoControlPlane(t *testing.T) {
	c := ofFlags()[0]
	tests := []struct {
		name string
		meta metav1.ObjectMeta
		want int
	}{
		{"another namespace", metav1.ObjectMeta{Namespace: "shop"}, 0},
		{"kube-system", metav1.ObjectMeta{Namespace: "kube-system"}, 1},
		{"a mirror pod", metav1.ObjectMeta{Namespace: "shop", Annotations: map[string]string{corev1.MirrorPodAnnotationKey: "x"}}, 1},
		{"kubeadm's labels", metav1.ObjectMeta{Labels: map[string]string{"tier": "control-plane"}}, 1},
		{"kubeadm's other label", metav1.ObjectMeta{Labels: map[string]string{"component": "kube-apiserver"}}, 1},
		{"other labels", metav1.ObjectMeta{Labels: map[string]string{"component": "api", "tier": "web"}}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := programs(wrong)
			p.ObjectMeta = tt.meta
			if got := judge(t, c, p); len(got) != tt.want {
				t.Errorf("%d verdicts, want %d", len(got), tt.want)
			}
		})
	}
	t.Run("in a script", func(t *testing.T) {
		p := programs(nil)
		p.Spec.Containers[0].Command = []string{"sh", "-c", "exec kube-apiserver --anonymous-auth=false"}
		if got := judge(t, c, p); len(got) != 1 || got[0].Status != finding.NotReviewed {
			t.Errorf("got %+v", got)
		}
	})
}

// TestEveryItemHasItsCheck: what the table of frameworks says about the control
// plane and kubelets, and the checks, have the same IDs.
func TestEveryItemHasItsCheck(t *testing.T) {
	var ours, theirs []string
	for _, c := range controlplane.All() {
		ours = append(ours, c.ID)
	}
	for _, id := range framework.Mapped() {
		for _, prefix := range []string{"apiserver-", "controller-manager-", "scheduler-", "etcd-", "kubelet-", "kube-proxy-"} {
			if strings.HasPrefix(id, prefix) {
				theirs = append(theirs, id)
			}
		}
	}
	slices.Sort(ours)
	slices.Sort(theirs)
	if diff := cmp.Diff(theirs, ours); diff != "" {
		t.Errorf("- frameworks, + checks:\n%s", diff)
	}
}

// FuzzCommand looks for a command line that breaks the rules of a verdict.
func FuzzCommand(f *testing.F) {
	for name, flags := range wrong {
		f.Add(name+"\n"+strings.Join(flags, "\n"), strings.Join(right[name], "\n"), "ETCD_CERT_FILE")
	}
	f.Add("sh\n-c\nkube-apiserver", "--", "")
	checks := ofFlags()
	f.Fuzz(func(t *testing.T, command, args, env string) {
		p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system"}, Spec: corev1.PodSpec{Containers: []corev1.Container{{
			Name: "c", Command: strings.Split(command, "\n"), Args: strings.Split(args, "\n"), Env: []corev1.EnvVar{{Name: env, Value: args}},
		}}}}
		for _, c := range checks {
			judge(t, c, p)
		}
	})
}

// FuzzKubeProxy looks for a configuration that breaks the rules of a verdict,
// or that shows more of itself than an address.
func FuzzKubeProxy(f *testing.F) {
	f.Add("metricsBindAddress: 0.0.0.0:10249")
	f.Add("a: &a [x]\nmetricsBindAddress: *a")
	f.Add("{")
	all := controlplane.All()
	c := all[len(all)-1]
	f.Fuzz(func(t *testing.T, text string) {
		v := c.JudgeObject(&index.Object{APIVersion: "v1", Kind: "ConfigMap", Object: &corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Name: "kube-proxy", Namespace: "kube-system"}, Data: map[string]string{"config.conf": text},
		}}, index.New())
		checktest.Verdict(t, &v)
		if v.Status == finding.NotApplicable {
			t.Error("it is kube-proxy's")
		}
		if value := v.Basis[0].Value; value != check.Unset && value != "kube-proxy" {
			host, _, err := net.SplitHostPort(value)
			if err != nil {
				host = value
			}
			if _, err := netip.ParseAddr(host); err != nil {
				t.Errorf("it shows %q", value)
			}
		}
	})
}

// BenchmarkChecks reports what a check costs for a container that it is about,
// and what the filter costs for all others.
func BenchmarkChecks(b *testing.B) {
	p := programs(right)
	v := check.View{Meta: &p.ObjectMeta, Spec: &p.Spec, SpecPath: "spec", Images: &image.Cache{}, Settings: &check.Settings{}, Brief: true}
	for ctr := range workload.Containers(&p.Spec) {
		if ctr.Name == "kube-apiserver" {
			v.Container = ctr
			break
		}
	}
	for _, c := range ofFlags() {
		b.Run(c.ID, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.Judge(v)
			}
		})
	}
	other := v
	other.Meta = &metav1.ObjectMeta{Namespace: "shop", Labels: map[string]string{"app": "cart"}}
	b.Run("filter", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			ofAll(&other)
		}
	})
}

var ofAll = controlplane.All()[0].Only.Wants

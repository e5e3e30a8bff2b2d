package kube

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
)

// selfSigned returns the file of a certificate authority that nobody knows.
func selfSigned(t *testing.T) string {
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
	return write(t, filepath.Join(t.TempDir(), "ca.crt"), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
}

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// kubeconfig writes a file with contexts of these names; each has a server, a
// user and a namespace called after it. The first is the current one.
func kubeconfig(t *testing.T, path string, contexts ...string) string {
	t.Helper()
	var clusters, users, list strings.Builder
	for _, c := range contexts {
		clusters.WriteString("- {name: " + c + ", cluster: {server: \"https://" + c + ".example:6443\"}}\n")
		users.WriteString("- {name: " + c + "-user, user: {token: " + c + "-token}}\n")
		list.WriteString("- {name: " + c + ", context: {cluster: " + c + ", user: " + c + "-user, namespace: " + c + "-ns}}\n")
	}
	current := ""
	if len(contexts) > 0 {
		current = "current-context: " + contexts[0] + "\n"
	}
	return write(t, path, "apiVersion: v1\nkind: Config\n"+current+"clusters:\n"+clusters.String()+"users:\n"+users.String()+"contexts:\n"+list.String())
}

// place is a machine with everything that Connect may find, or not.
type place struct {
	home, one, two, flag, pod string
}

func newPlace(t *testing.T) place {
	t.Helper()
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("USERPROFILE", home)
	t.Setenv("KUBECONFIG", "")
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	t.Setenv("KUBERNETES_SERVICE_PORT", "")
	return place{
		home: filepath.Join(home, ".kube", "config"),
		one:  filepath.Join(home, "one"), two: filepath.Join(home, "two"), flag: filepath.Join(home, "flag"),
		pod: filepath.Join(home, "serviceaccount"),
	}
}

func (p place) inPod(t *testing.T) {
	t.Helper()
	t.Setenv("KUBERNETES_SERVICE_HOST", "fd00::1")
	t.Setenv("KUBERNETES_SERVICE_PORT", "443")
	write(t, filepath.Join(p.pod, "token"), "pod-token")
	write(t, filepath.Join(p.pod, "namespace"), "pod-ns\n")
	ca, err := os.ReadFile(selfSigned(t))
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(p.pod, "ca.crt"), string(ca))
}

func TestConnectPrecedence(t *testing.T) {
	for _, tt := range []struct {
		name    string
		arrange func(t *testing.T, p place)
		flags   []string // FLAG stands for the file that --kubeconfig may name

		server, namespace, token, how string
	}{
		{"home", func(t *testing.T, p place) { kubeconfig(t, p.home, "home") }, nil,
			"https://home.example:6443", "home-ns", "home-token", "kubeconfig HOME/.kube/config, context home"},
		{"KUBECONFIG before home", func(t *testing.T, p place) {
			kubeconfig(t, p.home, "home")
			t.Setenv("KUBECONFIG", kubeconfig(t, p.one, "one"))
		}, nil, "https://one.example:6443", "one-ns", "one-token", "kubeconfig HOME/one, context one"},
		{"KUBECONFIG merges, the first file's context is current", func(t *testing.T, p place) {
			t.Setenv("KUBECONFIG", strings.Join([]string{kubeconfig(t, p.one, "one"), kubeconfig(t, p.two, "two")}, string(os.PathListSeparator)))
		}, nil, "https://one.example:6443", "one-ns", "one-token", "kubeconfig HOME/one, context one"},
		{"context of the second file", func(t *testing.T, p place) {
			t.Setenv("KUBECONFIG", strings.Join([]string{kubeconfig(t, p.one, "one"), "", filepath.Join(p.home, "missing"), kubeconfig(t, p.two, "two")}, string(os.PathListSeparator)))
		}, []string{"--context=two"}, "https://two.example:6443", "two-ns", "two-token", "kubeconfig HOME/two, context two"},
		{"in a pod", func(t *testing.T, p place) {
			p.inPod(t)
			kubeconfig(t, p.home, "home")
			t.Setenv("KUBECONFIG", kubeconfig(t, p.one, "one"))
		}, nil, "https://[fd00::1]:443", "pod-ns", "FILE", "in-cluster service account"},
		{"in a pod, with another token", func(t *testing.T, p place) { p.inPod(t) }, []string{"--token=mine"},
			"https://[fd00::1]:443", "pod-ns", "mine", "in-cluster service account"},
		{"in a pod without token", func(t *testing.T, p place) {
			p.inPod(t)
			if err := os.Remove(filepath.Join(p.pod, "token")); err != nil {
				t.Fatal(err)
			}
			kubeconfig(t, p.home, "home")
		}, nil, "https://home.example:6443", "home-ns", "home-token", "kubeconfig HOME/.kube/config, context home"},
		{"--kubeconfig in a pod", func(t *testing.T, p place) { p.inPod(t); kubeconfig(t, p.flag, "flag") }, []string{"--kubeconfig=FLAG"},
			"https://flag.example:6443", "flag-ns", "flag-token", "kubeconfig HOME/flag, context flag"},
		{"--kubeconfig before KUBECONFIG", func(t *testing.T, p place) {
			t.Setenv("KUBECONFIG", kubeconfig(t, p.one, "one"))
			kubeconfig(t, p.flag, "flag")
		}, []string{"--kubeconfig=FLAG"}, "https://flag.example:6443", "flag-ns", "flag-token", "kubeconfig HOME/flag, context flag"},
		{"--context in a pod", func(t *testing.T, p place) { p.inPod(t); kubeconfig(t, p.home, "home", "other") }, []string{"--context=other"},
			"https://other.example:6443", "other-ns", "other-token", "kubeconfig HOME/.kube/config, context other"},
		{"--server alone", func(*testing.T, place) {}, []string{"--server=https://s.example"},
			"https://s.example", "default", "", "flag --server"},
		{"--server in a pod does not get the pod's token", func(t *testing.T, p place) { p.inPod(t) }, []string{"--server=https://s.example"},
			"https://s.example", "default", "", "flag --server"},
		{"--server with the context's credentials", func(t *testing.T, p place) { kubeconfig(t, p.home, "home") }, []string{"--server=https://s.example"},
			"https://s.example", "home-ns", "home-token", "flag --server, credentials of kubeconfig HOME/.kube/config, context home"},
		{"--cluster and --user", func(t *testing.T, p place) { kubeconfig(t, p.home, "home", "other") }, []string{"--cluster=other", "--user=other-user"},
			"https://other.example:6443", "home-ns", "other-token", "kubeconfig HOME/.kube/config, context home"},
		{"server with a path", func(*testing.T, place) {}, []string{"--server=https://s.example/k8s/c-1/"},
			"https://s.example/k8s/c-1/", "default", "", "flag --server"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newPlace(t)
			tt.arrange(t, p)
			c, err := connect(parse(t, p, tt.flags), p.pod)
			if err != nil {
				t.Fatal(err)
			}
			if c.Server() != tt.server || c.Namespace() != tt.namespace {
				t.Errorf("server %s, namespace %s; want %s, %s", c.Server(), c.Namespace(), tt.server, tt.namespace)
			}
			how := strings.ReplaceAll(c.How(), filepath.Dir(p.one), "HOME")
			if how != tt.how {
				t.Errorf("how: %s, want %s", how, tt.how)
			}
			config := c.RESTConfig()
			if pod := strings.HasPrefix(tt.how, "in-cluster"); c.gzip == pod {
				t.Errorf("in a pod: %v, asks for compression: %v", pod, c.gzip)
			}
			switch {
			case tt.token == "FILE":
				if config.BearerTokenFile != filepath.Join(p.pod, "token") || config.CAFile != filepath.Join(p.pod, "ca.crt") {
					t.Errorf("token file %q, authority %q", config.BearerTokenFile, config.CAFile)
				}
			case config.BearerToken != tt.token || config.BearerTokenFile != "":
				t.Errorf("token %q (file %q), want %q", config.BearerToken, config.BearerTokenFile, tt.token)
			}
		})
	}
}

func parse(t *testing.T, p place, flags []string) Options {
	t.Helper()
	var o Options
	set := pflag.NewFlagSet("test", pflag.ContinueOnError)
	o.BindFlags(set)
	for i, f := range flags {
		flags[i] = strings.ReplaceAll(f, "FLAG", p.flag)
	}
	if err := set.Parse(flags); err != nil {
		t.Fatal(err)
	}
	return o
}

func TestConnectErrors(t *testing.T) {
	for _, tt := range []struct {
		name    string
		arrange func(t *testing.T, p place)
		flags   []string
		want    []string
	}{
		{"nothing", func(*testing.T, place) {}, nil, []string{"not a pod", "KUBECONFIG is not set", ".kube/config: no such file", "--kubeconfig"}},
		{"KUBECONFIG to nowhere", func(t *testing.T, p place) { t.Setenv("KUBECONFIG", p.one) }, nil, []string{"KUBECONFIG is ", "one: no such file"}},
		{"pod without token", func(t *testing.T, p place) {
			t.Setenv("KUBERNETES_SERVICE_HOST", "h")
			t.Setenv("KUBERNETES_SERVICE_PORT", "1")
		}, nil,
			[]string{"without credentials", "automountServiceAccountToken"}},
		{"unknown context", func(t *testing.T, p place) { kubeconfig(t, p.home, "prod", "dev") }, []string{"--context=pord"}, []string{`no context "pord"`, "dev, prod"}},
		{"unknown context, no file", func(*testing.T, place) {}, []string{"--context=pord"}, []string{`no context "pord"`, "no such file"}},
		{"unknown cluster", func(t *testing.T, p place) { kubeconfig(t, p.home, "prod") }, []string{"--cluster=x"}, []string{`no cluster "x"`, "prod"}},
		{"unknown user", func(t *testing.T, p place) { kubeconfig(t, p.home, "prod") }, []string{"--user=x"}, []string{`no user "x"`, "prod-user"}},
		{"current context gone", func(t *testing.T, p place) { write(t, p.home, "current-context: gone\n") }, nil, []string{`no context "gone"`, ".kube/config"}},
		{"context without cluster", func(t *testing.T, p place) {
			write(t, p.home, "current-context: a\ncontexts:\n- {name: a, context: {cluster: lost}}\nclusters:\n- {name: b, cluster: {server: x}}\n")
		}, nil, []string{`no cluster "lost"`, "b"}},
		{"no current context", func(t *testing.T, p place) { write(t, p.home, "contexts:\n- {name: prod, context: {cluster: prod}}\n") }, nil, []string{"no current context", "--context", "prod"}},
		{"empty file", func(t *testing.T, p place) { write(t, p.home, "") }, nil, []string{".kube/config: names no cluster"}},
		{"broken file", func(t *testing.T, p place) { write(t, p.home, "a: [") }, nil, []string{".kube/config", "yaml"}},
		{"another kind of file", func(t *testing.T, p place) { write(t, p.home, "apiVersion: v1\nkind: Pod\n") }, nil, []string{".kube/config\": it is no kubeconfig, which begins with apiVersion: v1 and kind: Config; is it the right file"}},
		{"no object at all", func(t *testing.T, p place) { write(t, p.home, "root:x:0:0\n") }, nil, []string{".kube/config\": it is no kubeconfig"}},
		{"a text where a list belongs", func(t *testing.T, p place) { write(t, p.home, "kind: Config\napiVersion: v1\nclusters: x\n") }, nil,
			[]string{".kube/config\": the value of clusters is of another type"}},
		{"a folder", func(t *testing.T, p place) { write(t, filepath.Join(p.home, "x"), "") }, nil, []string{".kube/config", "directory"}},
		{"--kubeconfig to nowhere", func(*testing.T, place) {}, []string{"--kubeconfig=FLAG"}, []string{"flag", "no such file"}},
		{"certificate authority to nowhere", func(t *testing.T, p place) { kubeconfig(t, p.home, "prod") }, []string{"--certificate-authority=/no/ca.crt"}, []string{"/no/ca.crt", "context prod"}},
		{"group without user", func(*testing.T, place) {}, []string{"--as-group=g"}, []string{"--as"}},
		{"no length of time", func(*testing.T, place) {}, []string{"--request-timeout=soon"}, []string{"--request-timeout", "soon"}},
		{"negative time", func(*testing.T, place) {}, []string{"--request-timeout=-1s"}, []string{"--request-timeout"}},
		{"negative rate", func(*testing.T, place) {}, []string{"--qps=-1"}, []string{"--qps"}},
		{"no address", func(*testing.T, place) {}, []string{"--server=https://a b"}, []string{"a b"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newPlace(t)
			tt.arrange(t, p)
			_, err := connect(parse(t, p, tt.flags), p.pod)
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("err = %v, want %q in it", err, want)
				}
			}
		})
	}
}

func TestFlags(t *testing.T) {
	p := newPlace(t)
	kubeconfig(t, p.home, "home")
	o := parse(t, p, []string{"--as=eve", "--as-group=a", "--as-group=b", "--as-uid=7", "--tls-server-name=name", "--insecure-skip-tls-verify",
		"--request-timeout=7s", "--proxy-url=http://proxy.example", "--disable-compression", "--qps=5"})
	c, err := connect(o, p.pod)
	if err != nil {
		t.Fatal(err)
	}
	config := c.RESTConfig()
	if as := config.Impersonate; as.UserName != "eve" || as.UID != "7" || strings.Join(as.Groups, ",") != "a,b" {
		t.Errorf("acts as %+v", as)
	}
	if config.ServerName != "name" || !config.Insecure || config.Proxy == nil || !config.DisableCompression || config.QPS != 5 || c.timeout != 7*time.Second {
		t.Errorf("config = %v, time-out %v", config, c.timeout)
	}
	if c.gzip {
		t.Error("asks for compression all the same")
	}
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	new(Options).BindFlags(flags)
	for _, name := range []string{"namespace", "username", "password"} {
		if flags.Lookup(name) != nil {
			t.Errorf("--%s is not ours", name)
		}
	}
}

func TestThePasswordInAnAddressIsNotShown(t *testing.T) {
	newPlace(t)
	var o Options
	o.Overrides.ClusterInfo.Server = "https://eve:hunter2@prod.example:6443"
	c, err := Connect(o)
	if err != nil {
		t.Fatal(err)
	}
	if s := c.Server(); strings.Contains(s, "hunter2") || !strings.Contains(s, "prod.example:6443") {
		t.Errorf("shown as %s", s)
	}
}

func TestTimeout(t *testing.T) {
	for s, want := range map[string]time.Duration{"": DefaultTimeout, "0": 0, "0s": 0, "5": 5 * time.Second, "2m": 2 * time.Minute} {
		var o Options
		o.Overrides.Timeout = s
		if got, err := o.timeout(); err != nil || got != want {
			t.Errorf("timeout(%q) = %v, %v, want %v", s, got, err, want)
		}
	}
}

func TestCompression(t *testing.T) {
	for _, tt := range []struct {
		server string
		want   bool
	}{
		{"https://prod.example:6443", true},
		{"https://localhost:6443", false},
		{"https://127.0.0.1:6443", false},
		{"https://[::1]:6443", false},
	} {
		newPlace(t)
		var o Options
		o.Overrides.ClusterInfo.Server = tt.server
		c, err := Connect(o)
		if err != nil {
			t.Fatal(err)
		}
		if c.gzip != tt.want {
			t.Errorf("%s: gzip is %v", tt.server, c.gzip)
		}
	}
}

package kube

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
)

// Credentials are shown to nobody who has not proved to be a kubelet of the cluster.
func TestKubeletsAreVerified(t *testing.T) {
	other := selfSigned(t)
	for _, tt := range []struct {
		name    string
		change  func(*Options)
		o       KubeletOptions
		address string
		says    string
	}{
		{"another authority", func(o *Options) { o.Overrides.ClusterInfo.CertificateAuthority = other }, KubeletOptions{}, "", "it was not asked, for its certificate can't be verified (x509: certificate signed by unknown authority"},
		{"another authority of kubelets", func(*Options) {}, KubeletOptions{CertificateAuthority: other}, "", "name the authority with --kubelet-certificate-authority"},
		{"another name", func(*Options) {}, KubeletOptions{}, "localhost", "it was not asked, for its certificate can't be verified (x509: certificate is valid for example.com"},
		{"nothing is verified", func(o *Options) {
			o.Overrides.ClusterInfo.CertificateAuthority, o.Overrides.ClusterInfo.InsecureSkipTLSVerify = "", true
		}, KubeletOptions{}, "", "names no authority that kubelets' certificates could be from"},
		{"the machine's authorities", func(o *Options) { o.Overrides.ClusterInfo.CertificateAuthority = "" }, KubeletOptions{}, "", "names no authority that kubelets' certificates could be from"},
		{"as somebody else", func(o *Options) { o.Overrides.AuthInfo.Impersonate = "jo" }, KubeletOptions{}, "", "kubelets know nothing of acting as somebody else"},
		{"no address", func(*Options) {}, KubeletOptions{}, "-", "tells no address"},
		{"an address with a path", func(*Options) {}, KubeletOptions{}, "127.0.0.1/api", "an address that can't be"},
		{"an address with a user", func(*Options) {}, KubeletOptions{}, "jo@127.0.0.1", "an address that can't be"},
		{"an address with a port", func(*Options) {}, KubeletOptions{}, "127.0.0.1:1", "an address that can't be"},
		{"an address of one machine's own", func(*Options) {}, KubeletOptions{}, "fe80::1%lo", "an address that can't be"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFake(t, nil)
			at := f.kubelet(t, tells(plainConfig))
			switch tt.address {
			case "":
			case "-":
				at.Address = ""
			default:
				at.Address = tt.address
			}
			c, _ := f.client(t, noAPI, tt.change)
			_, err := c.kubelets(t, tt.o).Config(t.Context(), at)
			if err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("err = %v", err)
			}
			if f.count() != 0 {
				t.Errorf("it was asked: %v", f.requests[0].Header)
			}
		})
	}
	t.Run("verified by an authority of their own", func(t *testing.T) {
		f := newFake(t, nil)
		at := f.kubelet(t, tells(plainConfig))
		var mine string
		c, _ := f.client(t, noAPI, func(o *Options) {
			mine = o.Overrides.ClusterInfo.CertificateAuthority
			o.Overrides.ClusterInfo.CertificateAuthority, o.Overrides.ClusterInfo.InsecureSkipTLSVerify = "", true
		})
		if _, err := c.kubelets(t, KubeletOptions{CertificateAuthority: mine}).Config(t.Context(), at); err != nil {
			t.Error(err)
		}
	})
	t.Run("a password for the API server", func(t *testing.T) {
		f := newFake(t, nil)
		at := f.kubelet(t, tells(plainConfig))
		c, _ := f.client(t, noAPI, func(o *Options) {
			o.Overrides.AuthInfo.Token, o.Overrides.AuthInfo.Username, o.Overrides.AuthInfo.Password = "", "jo", "very-secret"
		})
		if _, err := c.kubelets(t, KubeletOptions{}).Config(t.Context(), at); err != nil {
			t.Fatal(err)
		}
		if got := f.requests[0].Header.Get("Authorization"); got != "" {
			t.Errorf("it was shown %q", got)
		}
	})
	t.Run("no TLS", func(t *testing.T) {
		s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it was asked") }))
		defer s.Close()
		f := newFake(t, nil)
		c, _ := f.client(t, noAPI)
		at := netip.MustParseAddrPort(s.Listener.Addr().String())
		if _, err := c.kubelets(t, KubeletOptions{}).Config(t.Context(), Kubelet{Node: "n1", Address: "127.0.0.1", Port: int32(at.Port())}); err == nil {
			t.Error("no error")
		}
	})
}

func TestKubeletAuthorityFiles(t *testing.T) {
	c, _ := newFake(t, nil).client(t)
	for name, file := range map[string]string{
		"no such file": filepath.Join(t.TempDir(), "none"),
		"no authority": write(t, filepath.Join(t.TempDir(), "ca.crt"), "hello"),
	} {
		if _, err := c.Kubelets(KubeletOptions{CertificateAuthority: file}); err == nil || !strings.Contains(err.Error(), file) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestShowsToken(t *testing.T) {
	f := newFake(t, nil)
	for name, tt := range map[string]struct {
		change func(*Options)
		o      KubeletOptions
		want   bool
	}{
		"a token":                        {func(*Options) {}, KubeletOptions{}, true},
		"a token, to the API server":     {func(*Options) {}, KubeletOptions{Proxy: true}, false},
		"nobody":                         {func(o *Options) { o.Overrides.AuthInfo.Token = "" }, KubeletOptions{}, false},
		"a token, but nobody gets asked": {func(o *Options) { o.Overrides.AuthInfo.Impersonate = "jo" }, KubeletOptions{}, false},
	} {
		c, _ := f.client(t, tt.change)
		if got := c.kubelets(t, tt.o).ShowsToken(); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

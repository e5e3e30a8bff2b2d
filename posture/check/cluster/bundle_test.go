package cluster

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"testing"
	"time"
)

// authority makes a certificate that signs itself, and holds between two years.
func authority(t testing.TB, from, to int) (*x509.Certificate, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"webhook.policy.svc"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Date(from, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(to, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// TestABundleIsWorthWhatTheLibrarySays verifies a certificate with each bundle
// as an API server does, at different times.
func TestABundleIsWorthWhatTheLibrarySays(t *testing.T) {
	c, text := authority(t, 2020, 2030)
	for _, x := range []struct {
		name string
		at   int
		want string
	}{
		{"in time", 2025, ""},
		{"too early", 2019, "the certificates in caBundle are not valid yet"},
		{"too late", 2031, "the last certificate in caBundle ended on 2030-01-01"},
	} {
		t.Run(x.name, func(t *testing.T) {
			now := time.Date(x.at, 6, 1, 0, 0, 0, 0, time.UTC)
			b := readBundle(text, now)
			if got := b.wrong(); got != x.want {
				t.Errorf("got %q, want %q", got, x.want)
			}
			pool := x509.NewCertPool()
			pool.AppendCertsFromPEM(text)
			if _, err := c.Verify(x509.VerifyOptions{Roots: pool, CurrentTime: now}); (err == nil) != (x.want == "") {
				t.Errorf("the library says %v", err)
			}
		})
	}
}

// TestBoundaries: a certificate is valid in the very second in which it begins
// and in the one in which it ends.
func TestBoundaries(t *testing.T) {
	_, text := authority(t, 2020, 2030)
	for year, valid := range map[int]int{2020: 1, 2030: 1} {
		if b := readBundle(text, time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC)); b.valid != valid {
			t.Errorf("%d: %+v", year, b)
		}
	}
}

func TestABundleIsBounded(t *testing.T) {
	_, one := authority(t, 2020, 2030)
	var many []byte
	for range 2 * bundleKept {
		many = append(many, one...)
	}
	if b := readBundle(many, time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)); b.usable != bundleKept {
		t.Errorf("%d certificates were read", b.usable)
	}
}

// FuzzBundle: what an API server can't use has no usable certificate, and what
// it can use has one.
func FuzzBundle(f *testing.F) {
	_, one := authority(f, 2020, 2030)
	f.Add(one)
	f.Add([]byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"))
	f.Add([]byte("-----BEGIN CERTIFICATE-----\nA: b\n\nAAAA\n-----END CERTIFICATE-----\n"))
	f.Add([]byte("\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		b := readBundle(text, time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC))
		if ok := x509.NewCertPool().AppendCertsFromPEM(text); ok != (b.usable > 0) && len(text) < 1<<16 {
			t.Errorf("the library says %v, and there are %d usable certificates", ok, b.usable)
		}
		if (b.wrong() == "") != (b.valid > 0) {
			t.Errorf("%+v: %q", b, b.wrong())
		}
	})
}

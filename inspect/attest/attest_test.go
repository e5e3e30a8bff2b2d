package attest_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/inspect/attest"
)

func inspection() *finding.Inspection {
	sha := strings.Repeat("ab", 32)
	return &finding.Inspection{
		Target: finding.InspectionTarget{
			Cluster: "https://cluster.example", Namespace: "shop", Pod: "cart-1", UID: "u1", Container: "app",
			ContainerID: "containerd://c1", Image: "registry.example/shop/cart:1", ImageDigest: "sha256:" + sha,
		},
		Workload: finding.Workload{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "shop", Name: "cart"},
		Profile:  finding.Profile{Name: "container-core", Version: "1.0.0", SHA256: strings.Repeat("cd", 32)},
		Snapshot: strings.Repeat("ef", 32),
		Used:     &finding.Used{Approaches: []string{"kubernetes-api"}},
		Findings: []finding.Finding{
			{Control: "a", Status: finding.Pass}, {Control: "b", Status: finding.Fail},
			{Control: "c", Status: finding.Fail, Waiver: &finding.Waiver{Reason: "r"}}, {Control: "d", Status: finding.Error},
			{Control: "e", Status: finding.NotReviewed}, {Control: "f", Status: finding.NotApplicable},
		},
	}
}

// keys writes a pair of each kind and returns the files.
func keys(t *testing.T) map[string][2]string {
	t.Helper()
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	pairs := map[string]crypto.Signer{"ed25519": ed}
	for name, curve := range map[string]elliptic.Curve{"p256": elliptic.P256(), "p384": elliptic.P384(), "p521": elliptic.P521()} {
		if pairs[name], err = ecdsa.GenerateKey(curve, rand.Reader); err != nil {
			t.Fatal(err)
		}
	}
	if pairs["rsa"], err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		t.Fatal(err)
	}
	files := map[string][2]string{}
	for name, key := range pairs {
		private, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		public, err := x509.MarshalPKIXPublicKey(key.Public())
		if err != nil {
			t.Fatal(err)
		}
		files[name] = [2]string{write(t, name+".pem", "PRIVATE KEY", private), write(t, name+".pub", "PUBLIC KEY", public)}
	}
	return files
}

func write(t *testing.T, name, kind string, der []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func sign(t *testing.T, private string) []byte {
	t.Helper()
	signer, err := attest.LoadSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	line, err := signer.Sign(attest.ResultOf(inspection()), &finding.Access{AuditHead: strings.Repeat("12", 32), AuditLines: 7})
	if err != nil {
		t.Fatal(err)
	}
	return line
}

func TestSignAndVerify(t *testing.T) {
	result := attest.ResultOf(inspection())
	want := &attest.Statement{
		Image: "registry.example/shop/cart:1", ImageDigest: "sha256:" + strings.Repeat("ab", 32),
		Namespace: "shop", Pod: "cart-1", Container: "app",
		Profile: "container-core", ProfileSHA256: strings.Repeat("cd", 32),
		Result: attest.Failed, ResultSHA256: result.Digest(), AuditHead: strings.Repeat("12", 32),
		Passed: []string{"a"}, Warned: []string{"c"}, Failed: []string{"b", "d"},
	}
	all := keys(t)
	for name, pair := range all {
		t.Run(name, func(t *testing.T) {
			line := sign(t, pair[0])
			if bytes.ContainsRune(line, '\n') {
				t.Error("an envelope is to be one line")
			}
			key, err := attest.LoadKey(pair[1])
			if err != nil {
				t.Fatal(err)
			}
			got, err := attest.Verify(line, key)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			for other, pair := range all {
				if other == name {
					continue
				}
				key, err := attest.LoadKey(pair[1])
				if err != nil {
					t.Fatal(err)
				}
				if _, err := attest.Verify(line, key); !attest.IsNotSigned(err) {
					t.Errorf("verified by %s's key: %v", other, err)
				}
			}
		})
	}
}

// Whatever is changed in an envelope, nothing but the signed statement is read from it.
func TestTampered(t *testing.T) {
	pair := keys(t)["ed25519"]
	line := sign(t, pair[0])
	key, err := attest.LoadKey(pair[1])
	if err != nil {
		t.Fatal(err)
	}
	var envelope struct {
		PayloadType string           `json:"payloadType"`
		Payload     string           `json:"payload"`
		Signatures  []map[string]any `json:"signatures"`
	}
	if err := json.Unmarshal(line, &envelope); err != nil {
		t.Fatal(err)
	}
	payload, err := base64.StdEncoding.DecodeString(envelope.Payload)
	if err != nil {
		t.Fatal(err)
	}
	for i := range payload {
		changed := bytes.Clone(payload)
		changed[i] ^= 1
		e := envelope
		e.Payload = base64.StdEncoding.EncodeToString(changed)
		b, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := attest.Verify(b, key); err == nil {
			t.Fatalf("byte %d of the payload was changed, and nobody noticed", i)
		}
	}
	e := envelope
	e.PayloadType = "application/json"
	b, _ := json.Marshal(e)
	if _, err := attest.Verify(b, key); err == nil {
		t.Error("another type of payload is taken")
	}
	e = envelope
	e.Signatures = nil
	b, _ = json.Marshal(e)
	if _, err := attest.Verify(b, key); err == nil {
		t.Error("an envelope without signatures is taken")
	}
}

func TestKeysThatAreRefused(t *testing.T) {
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Skip("Go makes no weak key here: ", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(weak)
	if err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{
		"weak": write(t, "weak.pem", "PRIVATE KEY", der), "encrypted": write(t, "e.pem", "ENCRYPTED PRIVATE KEY", der),
		"public": keys(t)["p256"][1], "broken": write(t, "b.pem", "PRIVATE KEY", []byte("x")), "none": filepath.Join(t.TempDir(), "none"),
	} {
		if _, err := attest.LoadSigner(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v, want an error that names the file", name, err)
		}
	}
}

func TestOutcome(t *testing.T) {
	pair := keys(t)["ed25519"]
	key, err := attest.LoadKey(pair[1])
	if err != nil {
		t.Fatal(err)
	}
	signer, err := attest.LoadSigner(pair[0])
	if err != nil {
		t.Fatal(err)
	}
	for want, statuses := range map[string][]finding.Status{
		attest.Passed: {finding.Pass, finding.NotApplicable},
		attest.Warned: {finding.Pass, finding.NotReviewed},
		attest.Failed: {finding.Pass, finding.Error},
	} {
		i := inspection()
		i.Findings = nil
		for n, s := range statuses {
			i.Findings = append(i.Findings, finding.Finding{Control: string(rune('a' + n)), Status: s})
		}
		line, err := signer.Sign(attest.ResultOf(i), nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := attest.Verify(line, key)
		if err != nil || got.Result != want {
			t.Errorf("%v: %+v, %v; want %s", statuses, got, err, want)
		}
	}
	i := inspection()
	i.Target.ImageDigest = ""
	if _, err := signer.Sign(attest.ResultOf(i), nil); err == nil {
		t.Error("a statement about no image was signed")
	}
}

func FuzzVerify(f *testing.F) {
	public, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		f.Fatal(err)
	}
	path := filepath.Join(f.TempDir(), "k.pub")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), 0o600); err != nil {
		f.Fatal(err)
	}
	key, err := attest.LoadKey(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(`{"payloadType":"application/vnd.in-toto+json","payload":"e30=","signatures":[{"keyid":"","sig":"AAAA"}]}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		if s, err := attest.Verify(line, key); err == nil {
			t.Errorf("verified without the private key: %+v", s)
		}
	})
}

package cli_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"os"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/inspect/snapshot"
)

// saveEvidence saves what was collected from a container, in which /etc/motd is
// as it should be, /etc/shadow is open to all and /etc/sudoers could not be
// read: evidence FILE NAMESPACE/POD/CONTAINER
func saveEvidence(ts *testscript.TestScript, neg bool, args []string) {
	var parts []string
	if len(args) == 2 {
		parts = strings.Split(args[1], "/")
	}
	if neg || len(parts) != 3 {
		ts.Fatalf("usage: evidence FILE NAMESPACE/POD/CONTAINER")
	}
	here := snapshot.Fact{State: snapshot.Present}
	denied := snapshot.Fact{State: snapshot.Denied, Detail: "permission denied (asked as uid 1000)"}
	b := snapshot.NewBuilder(snapshot.Limits{})
	for path, text := range map[string]string{"/etc/motd": "welcome\n", "/etc/shadow": "root:*:20000:0:99999:7:::\n"} {
		b.Add(snapshot.Entry{Path: path, Meta: here, Mode: snapshot.ModeRegular | 0o644, Size: int64(len(text))})
		b.SetContent(path, []byte(text), here)
	}
	b.Add(snapshot.Entry{Path: "/etc/sudoers", Meta: here, Mode: snapshot.ModeRegular | 0o440, Content: denied})
	b.SetTarget(snapshot.Target{
		Namespace: parts[0], Pod: parts[1], Container: parts[2], ContainerType: finding.Container,
		Image: "registry.example/cart:1", ImageID: "registry.example/cart@sha256:" + strings.Repeat("5", 64),
		Workload: finding.Workload{APIVersion: "apps/v1", Kind: "Deployment", Namespace: parts[0], Name: strings.Split(parts[1], "-")[0]},
	})
	uid, start := int64(1000), time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	b.SetOrigin(snapshot.Origin{StartedAt: start, FinishedAt: start.Add(time.Second), UID: &uid, Approaches: []snapshot.Approach{snapshot.KubernetesAPI}})
	f, err := os.OpenFile(ts.MkAbs(args[0]), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	ts.Check(err)
	ts.Check(snapshot.Save(f, b.Snapshot(), snapshot.SaveOptions{KeepSecrets: true}))
	ts.Check(f.Close())
}

// makeKeys makes NAME.pem, a private key, and NAME.pub: keypair NAME
func makeKeys(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: keypair NAME")
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	ts.Check(err)
	der, err := x509.MarshalPKCS8PrivateKey(private)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".pem"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600))
	der, err = x509.MarshalPKIXPublicKey(public)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".pub"), pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), 0o644))
}

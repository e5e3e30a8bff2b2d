package cli_test

import (
	"os"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/kubeassay/assay/inspect/snapshot"
)

// saveExample saves the evidence of an example container, shop/cart/app, in
// which cron runs as its owner and /root can't be listed: snapshot FILE
func saveExample(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: snapshot FILE")
	}
	here := snapshot.Fact{State: snapshot.Present}
	b := snapshot.NewBuilder(snapshot.Limits{})
	for _, path := range []string{"/", "/bin", "/etc"} {
		b.Add(snapshot.Entry{Path: path, Meta: here, Mode: snapshot.ModeDir | 0o755, Listing: here, Device: 1})
	}
	b.Add(snapshot.Entry{Path: "/root", Meta: here, Mode: snapshot.ModeDir | 0o700, Device: 1, Listing: snapshot.Fact{State: snapshot.Denied, Detail: "permission denied"}})
	b.Add(snapshot.Entry{Path: "/bin/cron", Meta: here, Mode: snapshot.ModeRegular | 0o4755, Device: 1})
	b.Add(snapshot.Entry{Path: "/etc/passwd", Meta: here, Mode: snapshot.ModeRegular | 0o644, Device: 1})
	b.SetContent("/etc/passwd", []byte("root:x:0:0::/root:/bin/sh\n"), here)
	b.SetProcesses([]snapshot.Process{{PID: 1, Name: "app", Status: here, UID: [4]uint32{1000, 1000, 1000, 1000}}}, here)
	uid := int64(1000)
	b.SetOrigin(snapshot.Origin{UID: &uid, Approaches: []snapshot.Approach{snapshot.KubernetesAPI}})
	b.SetTarget(snapshot.Target{Namespace: "shop", Pod: "cart", Container: "app"})
	f, err := os.OpenFile(ts.MkAbs(args[0]), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	ts.Check(err)
	ts.Check(snapshot.Save(f, b.Snapshot(), snapshot.SaveOptions{KeepSecrets: true}))
	ts.Check(f.Close())
}

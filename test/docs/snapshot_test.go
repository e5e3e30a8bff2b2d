package docs

import (
	"bytes"
	"testing"
	"time"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/inspect/snapshot"
)

// cartSnapshot is the file of evidence that the pages about results judge. It
// has something to find, something that is fine, and something that could not
// be read.
func cartSnapshot(t *testing.T) []byte {
	t.Helper()
	start := time.Date(2026, 11, 20, 9, 30, 0, 0, time.UTC)
	present := snapshot.Fact{State: snapshot.Present}
	uid := int64(10001)
	b := snapshot.NewBuilder(snapshot.Limits{})
	b.SetTarget(snapshot.Target{
		Cluster: "https://127.0.0.1:6443", Namespace: "shop", Pod: "cart-6d5f9c7b8-2xkqz", PodUID: "6b1f4e2c-0f1d-4a55-9a3e-0c6f0d8f2a11",
		Container: "app", Image: "registry.example/shop/cart:2.4.1", Node: "node-a", ContainerType: finding.Container,
		Workload: finding.Workload{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "shop", Name: "cart"},
	})
	b.SetOrigin(snapshot.Origin{StartedAt: start, FinishedAt: start.Add(150 * time.Millisecond),
		Approaches: []snapshot.Approach{snapshot.KubernetesAPI}, Method: "sh", UID: &uid, RoundTrips: 2, Bytes: 4711})
	file := func(path string, mode uint32, owner uint32, content string) {
		b.Add(snapshot.Entry{Path: path, Meta: present, Mode: snapshot.ModeRegular | mode, UID: owner, Size: int64(len(content)), ModTime: start, ChangeTime: start})
		b.SetContent(path, []byte(content), present)
	}
	file("/etc/passwd", 0o644, 0, "root:x:0:0:root:/root:/bin/sh\ncart:x:10001:10001::/:/sbin/nologin\n")
	file("/etc/group", 0o644, 0, "root:x:0:\ncart:x:10001:\n")
	file("/etc/shadow", 0o644, 0, "root:*:20000:0:99999:7:::\ncart:!:20000:0:99999:7:::\n")
	file("/etc/cart.conf", 0o644, 10001, "listen = 8080\n")
	denied := snapshot.Fact{State: snapshot.Denied, Detail: "permission denied (asked as uid 10001)"}
	b.Add(snapshot.Entry{Path: "/etc/sudoers", Meta: present, Mode: snapshot.ModeRegular | 0o440, Size: 900, ModTime: start, ChangeTime: start, Content: denied})
	var out bytes.Buffer
	if err := snapshot.Save(&out, b.Snapshot(), snapshot.SaveOptions{KeepSecrets: true}); err != nil { // there are none
		t.Fatal(err)
	}
	return out.Bytes()
}

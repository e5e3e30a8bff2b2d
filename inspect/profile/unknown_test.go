package profile_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/inspect/profile"
	"github.com/kubeassay/assay/inspect/snapshot"
	"github.com/kubeassay/assay/inspect/snapshot/redact"
)

// What is not known is no verdict, and the message says why and who could know.
func TestUnknown(t *testing.T) {
	s := sample(t)
	for name, c := range map[string]struct {
		test    string
		status  finding.Status
		message string
		missing string
	}{
		"denied content": {
			`expression: file("/etc/shadow").content == ""`, finding.NotReviewed,
			"The content of /etc/shadow may not be read (permission denied; asked as uid 1000, gid 0); uid 0 or gid 42 may read it.", "",
		},
		"denied, through a reader": {
			`expression: shadow.all(s, s.kind != "empty")`, finding.NotReviewed, "uid 0 or gid 42 may read it", "",
		},
		"truncated":     {`expression: file("/etc/cut").content == "begin"`, finding.Error, "The content of /etc/cut is only known in part, because a limit was reached (5 of 100 bytes).", ""},
		"failed":        {`expression: file("/etc/broken").content == ""`, finding.Error, "The content of /etc/broken could not be read (input/output error).", ""},
		"not collected": {`expression: file("/etc/later").content == ""`, finding.NotReviewed, "The content of /etc/later was not collected.", `Files:[/etc/later]`},
		"the reason comes first, whatever is combined": {`expression: 'true && file("/etc/broken").content == "" && true'`, finding.Error, "could not be read", ""},
		"of an absent file":                            {`expression: file("/nowhere").size == 0`, finding.Error, "The expression failed: /nowhere does not exist: ask for exists first.", ""},
		"of a folder":                                  {`expression: file("/etc").content == ""`, finding.Error, "/etc is a folder, and has no content", ""},
		"no such key":                                  {`expression: pod.spec.hostPID`, finding.Error, "no such key: hostPID", ""},
		"relative path":                                {`expression: file("etc").exists`, finding.Error, "a path begins with /", ""},
		"bad permissions":                              {`expression: file("/etc").atMost("9")`, finding.Error, "octal", ""},
		"unknown format":                               {`expression: config("/etc/app.conf", "yml") == {}`, finding.Error, "did you mean yaml?", ""},
		"of a process":                                 {`expression: process1.exe == ""`, finding.NotReviewed, "The exe of process 1 may not be read", ""},
		"not true or false":                            {`expression: config("/etc/app.conf", "keyvalue").port`, finding.Error, "The expression gave a string, not true or false", ""},
		"none without a list":                          {`none: config("/etc/app.conf", "keyvalue").port`, finding.Error, "None wants a list", ""},
	} {
		t.Run(name, func(t *testing.T) {
			f, missing := judge(t, s, c.test)
			if f.Status != c.status || !strings.Contains(f.Message, c.message) {
				t.Errorf("got  %s: %s\nwant %s: %s", f.Status, f.Message, c.status, c.message)
			}
			if got := fmt.Sprintf("%+v", missing); c.missing == "" && !missing.Empty() || !strings.Contains(got, c.missing) {
				t.Errorf("missing: %s", got)
			}
		})
	}
}

// What was a secret is not there any more in a saved snapshot: its metadata are.
func TestRedacted(t *testing.T) {
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	secret := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	b := snapshot.NewBuilder(snapshot.Limits{})
	b.Add(snapshot.Entry{Path: "/etc", Meta: here, Mode: snapshot.ModeDir | 0o755, Listing: here})
	put(b, "/etc/key.pem", secret)
	put(b, "/etc/plain", "x")
	b.SetProcesses([]snapshot.Process{{PID: 1, Name: "app", Status: here, ArgsFact: here, Args: []string{"/app", "--password=hunter2-hunter2"}}}, here)
	b.SetDeclared(snapshot.Declared(`{"metadata": {"annotations": {"a": "b"}}, "spec": {"containers": [{"name": "app", "args": ["x"], "env": [{"name": "A", "value": "b"}]}]}}`))
	b.SetTarget(snapshot.Target{Container: "app"})
	var saved bytes.Buffer
	if err := snapshot.Save(&saved, b.Snapshot(), snapshot.SaveOptions{Redactor: redact.New()}); err != nil {
		t.Fatal(err)
	}
	s, err := snapshot.Load(&saved, snapshot.LoadLimits{})
	if err != nil {
		t.Fatal(err)
	}
	for test, want := range map[string]finding.Status{
		`expression: file("/etc/key.pem").content == ""`:                               finding.NotReviewed,
		`expression: config("/etc/key.pem", "keyvalue") == {}`:                         finding.NotReviewed,
		`expression: file("/etc/key.pem").exists && file("/etc/plain").content == "x"`: finding.Pass,
		`expression: process1.args.size() == 0`:                                        finding.NotReviewed,
		`expression: process1.command == ""`:                                           finding.NotReviewed,
		`expression: container.spec.env.exists(e, e.value == "xyz")`:                   finding.NotReviewed,
		`expression: container.spec.env.all(e, e.value != "b")`:                        finding.NotReviewed,
		`expression: container.spec.args == ["x"]`:                                     finding.NotReviewed,
		`expression: size(pod.metadata.annotations) == 0`:                              finding.NotReviewed,
		`expression: container.spec.env.exists(e, e.name == "A")`:                      finding.Pass,
		`none: secrets(["/etc/*.pem"])`:                                                finding.Fail,
	} {
		f, missing := judge(t, s, test)
		if f.Status != want || f.Status == finding.NotReviewed && !strings.Contains(f.Message, "save with --keep-secrets") {
			t.Errorf("%s: %s: %s", test, f.Status, f.Message)
		}
		if !missing.Empty() {
			t.Errorf("%s: missing %+v", test, missing)
		}
	}
}

// A tree ends where another file system is mounted: by the devices where they
// are known, else by the list of mounts, and if that is not known either, what
// is below any folder may not belong to the tree.
func TestTreeEndsAtMounts(t *testing.T) {
	const dir = snapshot.ModeDir | 0o755
	build := func(devices bool, mounts snapshot.Fact) *snapshot.Snapshot {
		b := snapshot.NewBuilder(snapshot.Limits{})
		for _, e := range []snapshot.Entry{{Path: "/", Mode: dir, Device: 1}, {Path: "/m", Mode: dir, Device: 2}, {Path: "/m/su", Mode: snapshot.ModeRegular | 0o4755, Device: 2}, {Path: "/o", Mode: dir, Device: 1}} {
			if e.Meta = here; e.IsDir() {
				e.Listing = here
			}
			if !devices {
				e.Device = 0
			}
			b.Add(e)
		}
		var list []snapshot.Mount
		if mounts.State == snapshot.Present {
			list = []snapshot.Mount{{Target: "/m"}}
		}
		b.SetMounts(list, mounts)
		return b.Snapshot()
	}
	unknown := snapshot.Fact{State: snapshot.NotCollected}
	for name, c := range map[string]struct {
		s       *snapshot.Snapshot
		test    string
		status  finding.Status
		message string
	}{
		"devices":                 {build(true, unknown), `none: tree("/").setuid`, finding.Pass, ""},
		"mounts":                  {build(false, here), `none: tree("/").setuid`, finding.Pass, ""},
		"neither":                 {build(false, unknown), `none: tree("/").setuid`, finding.NotReviewed, "hether something is mounted at /m was not collected"},
		"the mount itself":        {build(true, here), `none: tree("/m").setuid`, finding.Fail, "it is so"},
		"the folder is in it all": {build(true, here), `expression: tree("/").folders.map(f, f.path) == ["/m", "/o"]`, finding.Pass, ""},
	} {
		t.Run(name, func(t *testing.T) {
			f, missing := judge(t, c.s, c.test)
			if f.Status != c.status || !strings.Contains(f.Message, c.message) {
				t.Errorf("%s: %s", f.Status, f.Message)
			}
			if missing.Mounts != (c.status == finding.NotReviewed) {
				t.Errorf("missing: %+v", missing)
			}
		})
	}
}

func TestSharedProcessNamespace(t *testing.T) {
	b := snapshot.From(sample(t))
	b.SetDeclared(snapshot.Declared(strings.Replace(pod, `"spec": {`, `"spec": {"shareProcessNamespace": true, `, 1)))
	f, _ := judge(t, b.Snapshot(), "expression: process1.uid != 0")
	if f.Status != finding.NotReviewed || !strings.Contains(f.Message, "shares its process namespace") {
		t.Errorf("%s: %s", f.Status, f.Message)
	}
}

// A file that is named inside another one needs a second round.
func TestMissing(t *testing.T) {
	p := loadText(t, one("  tests:\n  - expression: 'file(file(\"/etc/which\").content).exists'\n    message: m\n"))
	b := snapshot.NewBuilder(snapshot.Limits{})
	if plan := p.Plan(); len(plan.Files) != 1 {
		t.Fatalf("%+v", plan)
	}
	put(b, "/etc/which", "/etc/other")
	r, err := p.Evaluate(t.Context(), b.Snapshot(), profile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Missing.Stats)+len(r.Missing.Files) != 1 || r.Findings[0].Status != finding.NotReviewed {
		t.Fatalf("%+v, %+v", r.Missing, r.Findings[0])
	}
	put(b, "/etc/other", "")
	if r, err = p.Evaluate(t.Context(), b.Snapshot(), profile.Options{}); err != nil || r.Findings[0].Status != finding.Pass || !r.Missing.Empty() {
		t.Errorf("%+v, %v", r, err)
	}
}

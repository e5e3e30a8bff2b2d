package profile_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/inspect/profile"
	"github.com/kubeassay/assay/inspect/snapshot"
)

// message is what a control says over a snapshot in which nothing was collected.
func message(t *testing.T, p *profile.Profile, id string) string {
	t.Helper()
	r, err := p.Evaluate(t.Context(), snapshot.NewBuilder(snapshot.Limits{}).Snapshot(), profile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range r.Findings {
		if f.Control == id {
			return f.Message
		}
	}
	t.Fatalf("no control %s", id)
	return ""
}

// judge evaluates one test over a snapshot.
func judge(t *testing.T, s *snapshot.Snapshot, test string) (finding.Finding, snapshot.Plan) {
	t.Helper()
	if !strings.Contains(test, "message:") {
		test += "\n    message: it is so"
	}
	p := loadText(t, one("  tests:\n  - "+test+"\n"))
	r, err := p.Evaluate(t.Context(), s, profile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return r.Findings[0], r.Missing
}

// pod is the declared one of sample.
const pod = `{"metadata": {"name": "cart-1", "namespace": "shop"}, "spec": {"securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
  "containers": [{"name": "side", "image": "side:1"}, {"name": "app", "image": "cart:1", "ports": [{"containerPort": 8080}],
    "securityContext": {"runAsUser": 1000, "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]}}}]},
  "status": {"containerStatuses": [{"name": "app", "imageID": "sha256:1", "user": {"linux": {"uid": 1000, "gid": 0}}}]}}`

// sample is a snapshot with one of everything, taken by uid 1000.
func sample(t *testing.T) *snapshot.Snapshot {
	t.Helper()
	b := snapshot.NewBuilder(snapshot.Limits{})
	denied := snapshot.Fact{State: snapshot.Denied, Detail: "permission denied"}
	at := time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC)
	absent := snapshot.Fact{State: snapshot.Absent}
	add := func(path string, mode uint32, change func(*snapshot.Entry)) {
		e := snapshot.Entry{Path: path, Meta: here, Mode: mode, Device: 1, ModTime: at, ChangeTime: at, CapabilitiesFact: absent}
		if e.IsDir() {
			e.Listing = here
		}
		if change != nil {
			change(&e)
		}
		b.Add(e)
	}
	const file, dir = snapshot.ModeRegular, snapshot.ModeDir
	for _, d := range []string{"/", "/etc", "/bin", "/proc"} {
		add(d, dir|0o755, func(e *snapshot.Entry) {
			if d == "/proc" {
				e.Device, e.Listing = 2, snapshot.Fact{State: snapshot.NotCollected, Detail: "another file system is mounted here"}
			}
		})
	}
	add("/etc/passwd", file|0o644, nil)
	b.SetContent("/etc/passwd", []byte("root:x:0:0::/root:/bin/sh\napp:x:1000:1000::/:/bin/sh\n"), here)
	add("/etc/group", file|0o644, nil)
	b.SetContent("/etc/group", []byte("root:x:0:\n"), here)
	add("/etc/shadow", file|0o640, func(e *snapshot.Entry) { e.GID, e.Content = 42, denied })
	add("/etc/app.conf", file|0o600, func(e *snapshot.Entry) { e.UID = 1000 })
	b.SetContent("/etc/app.conf", []byte("port = 80\nmode = fast\n"), here)
	add("/etc/cut", file|0o644, func(e *snapshot.Entry) { e.Size = 100 })
	b.SetContent("/etc/cut", []byte("begin"), snapshot.Fact{State: snapshot.Truncated, Detail: "5 of 100 bytes"})
	add("/etc/broken", file|0o644, func(e *snapshot.Entry) {
		e.Content = snapshot.Fact{State: snapshot.Failed, Detail: "input/output error"}
	})
	add("/etc/later", file|0o644, nil)
	add("/etc/link", snapshot.ModeSymlink|0o777, func(e *snapshot.Entry) { e.Link, e.LinkFact = "app.conf", here })
	add("/bin/su", file|0o4755, nil)
	add("/bin/ping", file|0o755, func(e *snapshot.Entry) {
		e.CapabilitiesFact, e.Capabilities = here, []byte{1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
		e.ChangeTime = at.Add(2 * time.Hour)
	})
	b.SetMounts([]snapshot.Mount{{Target: "/", Type: "overlay", Options: []string{"ro"}}, {Target: "/proc", Type: "proc"}}, here)
	b.SetProcesses([]snapshot.Process{
		{PID: 1, Name: "app", Status: here, UID: [4]uint32{1000, 1000, 1000, 1000}, CapEffective: 1 << 10, Seccomp: 2, NoNewPrivs: true,
			ArgsFact: here, Args: []string{"/app", "-v"}, EnvFact: here, Env: []string{"HOME"}, ExeFact: denied, Started: at.Add(time.Hour)},
		{PID: 9, Name: "sh", Own: true},
	}, here)
	b.SetSockets([]snapshot.Socket{{Protocol: "tcp", Address: "0.0.0.0", Port: 8080, PID: 1}, {Protocol: "tcp6", Address: "::1", Port: 99}}, here)
	uid, gid := int64(1000), int64(0)
	b.SetOrigin(snapshot.Origin{UID: &uid, GID: &gid})
	b.SetTarget(snapshot.Target{Namespace: "shop", Pod: "cart-1", Container: "app"})
	b.SetKernel(snapshot.Kernel{Release: "6.1", Fact: here})
	b.SetDeclared(snapshot.Declared(pod))
	return b.Snapshot()
}

func TestExpressions(t *testing.T) {
	s := sample(t)
	for _, pass := range []string{
		`file("/etc/passwd").exists && !file("/nowhere").exists`,
		`file("/etc/passwd").permissions == "0644" && file("/etc/passwd").mode == 420 && file("/etc/passwd").atMost("0644") && !file("/etc/passwd").atMost("0600")`,
		`file("/etc/app.conf").owner == "app" && file("/etc/app.conf").group == "root" && file("/etc/shadow").group == ""`,
		`file("/etc/link").isFile && file("/etc/link").target == "/etc/app.conf" && file("/etc/link").content.startsWith("port")`,
		`files("/etc/l*").exists(f, f.isLink && f.link == "app.conf" && f.type == "link")`,
		`file("/etc/app.conf").lines == ["port = 80", "mode = fast"]`,
		`file("/etc/app.conf").sha256.size() == 64`,
		`file("/bin/su").setuid && !file("/bin/su").setgid && file("/bin/su").executable && file("/bin/su").name == "su" && file("/bin/su").folder == "/bin"`,
		`file("/bin/ping").capabilities == ["NET_RAW"]`,
		`file("/etc").isFolder && file("/etc/passwd").changed == timestamp("2024-05-01T12:00:00Z")`,
		`tree("/").setuid.map(f, f.path) == ["/bin/su"]`,
		`tree("/").withCapabilities.map(f, f.path) == ["/bin/ping"]`,
		`tree("/").unowned.map(f, f.path) == ["/etc/shadow"]`,
		`tree("/").changedAfter(process1.started).map(f, f.path) == ["/bin/ping"]`,
		`tree("/").named("p*").map(f, f.path) == ["/bin/ping", "/etc/passwd", "/proc"]`,
		`tree("/nowhere").entries == [] && tree("/etc/passwd").entries == []`,
		`tree("/bin").files.all(f, f.uid == 0)`,
		`users.map(u, u.name) == ["root", "app"] && groups.exists(g, g.gid == 0)`,
		`users.exists(u, u.shell == "/bin/sh" && u.home == "/root" && u.password == "shadowed")`,
		`processes.size() == 1 && process1.uid == 1000 && process1.capabilities == ["NET_BIND_SERVICE"] && process1.noNewPrivs && process1.seccomp == "filter"`,
		`process1.command == "/app -v" && process1.env == ["HOME"] && process1.boundingCapabilities == []`,
		`mounts.exists(m, m.target == "/" && m.readOnly && m.type == "overlay")`,
		`ports.filter(p, !p.loopback).map(p, p.port) == [8080]`,
		`kernel.release == "6.1" && target.pod == "cart-1"`,
		`config("/etc/app.conf", "keyvalue").port == "80" && config("/nowhere", "json") == {}`,
		`pod.metadata.name == "cart-1" && !has(pod.spec.hostPID) && pod.spec.?hostNetwork.orValue(false) == false`,
		`container.name == "app" && container.type == "container" && container.image == "cart:1"`,
		`container.spec.securityContext.runAsUser == 1000 && container.status.user.linux.uid == process1.uid`,
		`container.claims.runAsUser.value() == 1000 && !container.claims.runAsGroup.hasValue() && container.claims.runAsNonRoot`,
		`container.claims.readOnlyRootFilesystem && container.claims.seccompProfile == "RuntimeDefault" && !container.claims.privileged && container.claims.allowPrivilegeEscalation`,
		`container.claims.addedCapabilities == ["NET_BIND_SERVICE"] && container.claims.droppedCapabilities == ["ALL"] && container.claims.ports == [8080]`,
		`packages == []`,
		`shadow.size() == 0 || true`,
		`file("/etc/passwd") == file("/etc/passwd") && file("/etc/passwd") != file("/etc/group")`,
		`[1, 2].map(x, x + 1) == [2, 3] && [1] + [2] == [1, 2] && "a" + file("/bin/su").name == "asu" && file("/bin/su").size + 1 == 1`,
		`["b", "a"].sort() == ["a", "b"] && "a-b".split("-").join("+") == "a+b" && quantity("1Ki").isGreaterThan(quantity("1k"))`,
		`!file("/etc/shadow").exists || file("/etc/shadow").atMost("0640")`,
	} {
		t.Run(pass, func(t *testing.T) {
			if f, _ := judge(t, s, "expression: |-\n      "+pass); f.Status != finding.Pass {
				t.Errorf("%s: %s", f.Status, f.Message)
			}
		})
	}
}

func TestOffendersAreShownAndCounted(t *testing.T) {
	b := snapshot.NewBuilder(snapshot.Limits{})
	b.Add(snapshot.Entry{Path: "/", Meta: here, Mode: snapshot.ModeDir | 0o755, Listing: here, Device: 1})
	for i := range 8 {
		b.Add(snapshot.Entry{Path: fmt.Sprintf("/f%d\x1b", i), Meta: here, Mode: snapshot.ModeRegular | 0o4755, Device: 1})
	}
	whole := b.Snapshot()
	test := "none: tree(\"/\").setuid\n    message: 'Found {{ offenders }} with {{ offenders[0].permissions }} and {{ size(offenders) }}'"
	f, _ := judge(t, whole, test)
	if want := `Found "/f0\x1b", "/f1\x1b", "/f2\x1b", "/f3\x1b", "/f4\x1b" and 3 more with 4755 and 8.`; f.Message != want || f.Status != finding.Fail {
		t.Errorf("got  %s: %s\nwant %s", f.Status, f.Message, want)
	}
	// A folder that can't be listed keeps a pass away, not a failure.
	b.Add(snapshot.Entry{Path: "/root", Meta: here, Mode: snapshot.ModeDir | 0o700, Listing: snapshot.Fact{State: snapshot.Denied}, Device: 1})
	f, _ = judge(t, b.Snapshot(), test)
	if want := "There may be more: what is in /root may not be read; uid 0 may list it."; f.Status != finding.Fail || !strings.HasSuffix(f.Message, want) {
		t.Errorf("got %s: %s", f.Status, f.Message)
	}
	f, _ = judge(t, b.Snapshot(), `none: tree("/").setgid`)
	if f.Status != finding.NotReviewed || !strings.HasPrefix(f.Message, "What is in /root") {
		t.Errorf("got %s: %s", f.Status, f.Message)
	}
}

func TestManyTests(t *testing.T) {
	s := sample(t)
	pass, fail := "  - {expression: 'true', message: p}\n", "  - {expression: 'false', message: f, description: nothing}\n"
	broken, unread := "  - {expression: '1 / 0 == 1', message: b}\n", "  - {expression: file(\"/etc/shadow\").content == \"\", message: u}\n"
	for name, c := range map[string]struct {
		tests string
		want  finding.Status
	}{
		"all pass":                  {pass + pass, finding.Pass},
		"a failure stands":          {broken + unread + fail + pass, finding.Fail},
		"error before not reviewed": {unread + broken + pass, finding.Error},
		"not reviewed before pass":  {pass + unread, finding.NotReviewed},
	} {
		t.Run(name, func(t *testing.T) {
			p := loadText(t, one("  tests:\n"+c.tests))
			r, err := p.Evaluate(t.Context(), s, profile.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if f := r.Findings[0]; f.Status != c.want || len(f.Tests) != strings.Count(c.tests, "\n") {
				t.Errorf("%s: %s, %+v", f.Status, f.Message, f.Tests)
			}
		})
	}
}

func TestWhen(t *testing.T) {
	s := sample(t)
	for name, c := range map[string]struct {
		lines, message string
		want           finding.Status
	}{
		"true":    {"  when: {expression: 'true', reason: r}\n", "f.", finding.Fail},
		"false":   {"  when: {expression: 'size(users) == 0', reason: 'There are {{ size(users) }} users.'}\n", "There are 2 users.", finding.NotApplicable},
		"second":  {"  when:\n  - {expression: 'true', reason: r}\n  - {expression: 'false', reason: s}\n", "s", finding.NotApplicable},
		"unknown": {"  when: {expression: file(\"/etc/shadow\").content == \"\", reason: r}\n", "Whether the control applies is not known: the content of /etc/shadow may not be read", finding.NotReviewed},
		"hosts":   {"  applies: host\n", "The control is about hosts, and this is a container.", finding.NotApplicable},
	} {
		t.Run(name, func(t *testing.T) {
			p := loadText(t, one(c.lines+"  tests: [{expression: 'false', message: f}]\n"))
			r, err := p.Evaluate(t.Context(), s, profile.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if f := r.Findings[0]; f.Status != c.want || !strings.HasPrefix(f.Message, c.message) {
				t.Errorf("%s: %s", f.Status, f.Message)
			}
		})
	}
}

func TestBasis(t *testing.T) {
	f, _ := judge(t, sample(t), `expression: process1.uid == container.claims.runAsUser.value() && container.status.user.linux.uid == 1000 && !pod.spec.?hostPID.orValue(false) && file("/etc/app.conf").atMost("0600") && container.claims.seccompProfile != "" && file("/etc/app.conf").content != ""`)
	var got []string
	for _, b := range f.Basis {
		got = append(got, fmt.Sprintf("%s %s=%s", b.Evidence, b.Field, b.Value))
	}
	want := []string{
		"declared spec.containers[1].securityContext.runAsUser=1000",
		"reported status.containerStatuses[0].user.linux.uid=1000",
		"declared spec.hostPID=unset",
		"declared spec.securityContext.seccompProfile.type=RuntimeDefault",
		"observed process1.uid=1000",
		`observed file("/etc/app.conf").permissions=0600`,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestLimits(t *testing.T) {
	s := sample(t)
	numbers := "lists.range(9000)"
	t.Run("steps", func(t *testing.T) {
		p := loadText(t, one("  tests:\n  - expression: "+numbers+".all(a, "+numbers+".all(b, a + b >= 0))\n    message: m\n"))
		for most, want := range map[int]string{500_000: "more than 500000 turns", 1000: "more than 1000 turns"} {
			r, err := p.Evaluate(t.Context(), s, profile.Options{ExpressionSteps: most, ExpressionTime: time.Hour})
			if err != nil {
				t.Fatal(err)
			}
			if f := r.Findings[0]; f.Status != finding.Error || !strings.Contains(f.Message, want) {
				t.Errorf("%s: %s", f.Status, f.Message)
			}
		}
	})
	t.Run("time", func(t *testing.T) {
		p := loadText(t, one("  tests:\n  - expression: "+numbers+".all(a, "+numbers+".all(b, a + b >= 0))\n    message: m\n"))
		r, err := p.Evaluate(t.Context(), s, profile.Options{ExpressionTime: time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		if f := r.Findings[0]; f.Status != finding.Error || f.Message != "The expression was stopped because it took too long." {
			t.Errorf("%s: %s", f.Status, f.Message)
		}
	})
	t.Run("memory", func(t *testing.T) {
		x := `"` + strings.Repeat("a", 1000) + `"`
		y := `.replace("a", ` + x + `)`
		f, _ := judge(t, s, "expression: |-\n      "+x+y+y+y+" == \"\"")
		if f.Status != finding.Error || !strings.Contains(f.Message, "longer than 8 MiB") {
			t.Errorf("%s: %s", f.Status, f.Message)
		}
	})
	t.Run("context", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := loadText(t, one("  tests: [{expression: 'true', message: m}]\n")).Evaluate(ctx, s, profile.Options{})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
}

func TestInputs(t *testing.T) {
	p := loadText(t, head+`inputs:
  s: {type: string}
  n: {type: number, default: 1}
  b: {type: bool, default: false}
  l: {type: strings, default: [a]}
  i: {type: ints, default: []}
controls:
- id: a
  title: A
  impact: 0.5
  tests:
  - expression: inputs.s == "x" && inputs.n == 1.5 && inputs.b && inputs.l == ["b", "c"] && inputs.i == [1]
    message: "{{ inputs.s }} {{ inputs.n }} {{ inputs.b }} {{ inputs.l }} {{ inputs.i }}"
- id: b
  title: B
  impact: 0.5
  tests: [{expression: inputs.s == "x", message: m}]
`)
	if got := message(t, p, "b"); got != "The input s has no value: give one with --input s=…." {
		t.Errorf("got %q", got)
	}
	values := map[string]any{}
	for name, text := range map[string]string{"s": "x", "n": "1.5", "b": "true", "l": "b, c", "i": "1"} {
		for _, in := range p.Inputs {
			if in.Name == name {
				v, err := in.Type.Parse(text)
				if err != nil {
					t.Fatal(err)
				}
				values[name] = v
			}
		}
	}
	if got := message(t, p, "a"); got != "(not known: the input s has no value: give one with --input s=…) 1 false a none." {
		t.Errorf("got %q", got)
	}
	q, err := p.WithInputs(values)
	if err != nil {
		t.Fatal(err)
	}
	if got := message(t, q, "a"); got != "" {
		t.Errorf("got %q", got)
	}
	for name, c := range map[string]struct {
		values map[string]any
		want   string
	}{
		"unknown":    {map[string]any{"ss": 1}, `has no input "ss"`},
		"wrong type": {map[string]any{"l": "a"}, "input l of profile p must be of type strings"},
		"element":    {map[string]any{"i": []any{"a"}}, "a is no value of type int"},
	} {
		if _, err := p.WithInputs(c.values); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %s", name, err, c.want)
		}
	}
	for typ, text := range map[profile.InputType]string{profile.IntInput: "x", profile.BoolInput: "x", profile.IntsInput: "1,x", profile.NumberInput: ""} {
		if v, err := typ.Parse(text); err == nil {
			t.Errorf("%s: %q became %v", typ, text, v)
		}
	}
}

func TestPlan(t *testing.T) {
	p := loadText(t, one(`  when: {expression: 'file("/a").exists', reason: r}
  tests:
  - {expression: 'file("/b").exists ? file("/c").content == "" : true', message: m}
  - {expression: '["/d", "/e"].all(p, file(p).atMost("0644"))', message: m}
  - {expression: 'files("/f/*").all(f, f.content == "")', message: m}
  - {none: 'tree("/g").named("*.pem").filter(f, f.content != "")', message: m}
  - {none: 'tree("/g").withCapabilities', message: m}
  - {expression: 'users.size() > 0 || shadow.size() > 0', message: m}
  - {expression: 'process1.uid != 0 && mounts.size() > 0 && ports.size() > 0', message: m}
  - {expression: 'false ? secretsBelow("/h").size() == 0 : config("/i", "ini") == {}', message: "{{ file('/not/for/messages').exists }}"}
`))
	plan := p.Plan()
	got := fmt.Sprintf("files %v\nstats %v\nglobs %v\n", plan.Files, plan.Stats, plan.Globs)
	for _, tr := range plan.Trees {
		got += fmt.Sprintf("tree %s %v\n", tr.Path, len(tr.Contents) > 1 || len(tr.Contents) == 1 && tr.Contents[0] == "*.pem")
	}
	want := "files [/b /c /etc/passwd /etc/shadow /i]\nstats [/a /d /e]\nglobs [{/f/* true}]\ntree /g true\ntree /h true\n"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if !plan.Processes || !plan.Mounts || !plan.Sockets || !plan.FileCapabilities {
		t.Errorf("%+v", plan)
	}
}

// A profile and a snapshot are shared by many evaluations at once.
func TestConcurrentEvaluations(t *testing.T) {
	p, s := loadText(t, fifty()), bigSnapshot(t, 500)
	want := fmt.Sprintf("%+v", statuses(t, p, s))
	done := make(chan string)
	for range 8 {
		go func() {
			r, err := p.Evaluate(context.WithoutCancel(t.Context()), s, profile.Options{})
			if err != nil {
				done <- err.Error()
				return
			}
			done <- fmt.Sprintf("%+v", r.Findings)
		}()
	}
	for range 8 {
		if got := <-done; got != want {
			t.Error("evaluations differ")
		}
	}
}

func TestExpectations(t *testing.T) {
	p := loadText(t, one("  tests: [{expression: 'true', message: m}]\n"))
	name := t.TempDir() + "/e.yaml"
	for text, want := range map[string]string{"a: pass\n": "", "b: pass\n": `e.yaml:1:1: the profile p has no control "b"`, "a: good\n": `e.yaml:1:4: unknown status "good"`, "- a\n": "e.yaml:1:1: the file must be keys with values, not a list"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := p.Expectations(name)
		if want == "" && (err != nil || got["a"] != finding.Pass) || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}

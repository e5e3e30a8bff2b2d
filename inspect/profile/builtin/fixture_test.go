package builtin_test

import (
	"encoding/json"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/inspect/profile"
	"github.com/kubeassay/assay/inspect/snapshot"
)

var (
	present = snapshot.Fact{State: snapshot.Present}
	denied  = snapshot.Fact{State: snapshot.Denied, Detail: "permission denied"}
	began   = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
)

// inside is what a container is made of in a test: a well-made one, small as
// distroless, that cases change.
type inside struct {
	entries   map[string]snapshot.Entry
	contents  map[string]string
	processes []snapshot.Process
	mounts    []snapshot.Mount
	sockets   []snapshot.Socket
	pod       corev1.Pod
}

func wellMade() *inside {
	no, yes, uid := false, true, int64(65532)
	in := &inside{entries: map[string]snapshot.Entry{}, contents: map[string]string{}}
	in.folder("/", 0o755)
	in.file("/app", 0o755, "\x7fELF")
	in.file("/usr/lib/libc.so.6", 0o755, "\x7fELF")
	in.file("/etc/passwd", 0o644, "root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n")
	in.file("/etc/group", 0o644, "root:x:0:\nnonroot:x:65532:\n")
	in.file("/etc/shadow", 0o640, "root:*:19000:0:99999:7:::\nnonroot:*:19000:0:99999:7:::\n")
	in.file("/etc/os-release", 0o644, "ID=debian\n")
	in.file("/var/lib/dpkg/status.d/base", 0o644, "Package: base-files\nVersion: 12\nArchitecture: amd64\n")
	in.file("/proc/sys/kernel/randomize_va_space", 0o644, "2\n")
	in.file("/proc/cpuinfo", 0o444, "processor\t: 0\nflags\t\t: fpu nx lm\n")
	in.folder("/tmp", 0o1777)
	in.processes = []snapshot.Process{{
		PID: 1, Name: "app", Status: present, UID: [4]uint32{65532, 65532, 65532, 65532}, GID: [4]uint32{65532, 65532, 65532, 65532},
		NoNewPrivs: true, Seccomp: 2, Started: began, Args: []string{"/app"}, ArgsFact: present, Exe: "/app", ExeFact: present,
		Env: []string{"PATH", "TOKEN_FILE"}, EnvFact: present,
	}}
	in.mounts = []snapshot.Mount{{ID: 1, Target: "/", Root: "/", Type: "overlay", Options: []string{"ro", "relatime"}}, {ID: 2, Target: "/proc", Root: "/", Type: "proc"}}
	in.pod.APIVersion, in.pod.Kind, in.pod.Name, in.pod.Namespace = "v1", "Pod", "cart", "shop"
	in.pod.Spec.Containers = []corev1.Container{{Name: "app", Image: "cart", Ports: []corev1.ContainerPort{{ContainerPort: 8080}},
		SecurityContext: &corev1.SecurityContext{RunAsNonRoot: &yes, RunAsUser: &uid, RunAsGroup: &uid, ReadOnlyRootFilesystem: &yes, AllowPrivilegeEscalation: &no,
			Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}, SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}}}}
	in.sockets = []snapshot.Socket{{Protocol: "tcp", Address: "0.0.0.0", Port: 8080, PID: 1}}
	return in
}

func (in *inside) put(e snapshot.Entry) {
	for dir := path.Dir(e.Path); dir != "/" && dir != "."; dir = path.Dir(dir) {
		if _, ok := in.entries[dir]; !ok {
			in.folder(dir, 0o755)
		}
	}
	e.Meta, e.CapabilitiesFact = present, snapshot.Fact{State: snapshot.Absent}
	e.ModTime, e.ChangeTime = began.Add(-time.Hour), began.Add(-time.Minute)
	in.entries[e.Path] = e
}

func (in *inside) folder(name string, mode uint32) {
	in.put(snapshot.Entry{Path: name, Mode: snapshot.ModeDir | mode, Listing: present})
}

func (in *inside) file(name string, mode uint32, content string) {
	in.put(snapshot.Entry{Path: name, Mode: snapshot.ModeRegular | mode, Size: int64(len(content))})
	in.contents[name] = content
}

// change changes one entry's metadata.
func (in *inside) change(name string, f func(*snapshot.Entry)) {
	e, ok := in.entries[name]
	if !ok {
		panic("no " + name)
	}
	f(&e)
	in.entries[name] = e
}

func (in *inside) remove(names ...string) {
	for _, n := range names {
		delete(in.entries, n)
		delete(in.contents, n)
	}
}

func (in *inside) security() *corev1.SecurityContext {
	return in.pod.Spec.Containers[0].SecurityContext
}
func (in *inside) one() *snapshot.Process { return &in.processes[0] }

func (in *inside) snapshot(t testing.TB) *snapshot.Snapshot {
	t.Helper()
	b := snapshot.NewBuilder(snapshot.Limits{})
	for _, e := range in.entries {
		b.Add(e)
		if content, ok := in.contents[e.Path]; ok && e.Content.State == "" {
			b.SetContent(e.Path, []byte(content), present)
		}
	}
	b.SetProcesses(in.processes, present)
	b.SetMounts(in.mounts, present)
	b.SetSockets(in.sockets, present)
	b.SetKernel(snapshot.Kernel{Release: "6.1", Machine: "x86_64", Fact: present})
	b.SetTarget(snapshot.Target{Namespace: "shop", Pod: "cart", Container: "app"})
	pod, err := json.Marshal(in.pod)
	if err != nil {
		t.Fatal(err)
	}
	b.SetDeclared(pod)
	return b.Snapshot()
}

func load(t testing.TB, name string) *profile.Profile {
	t.Helper()
	p, err := profile.Builtin(name)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func evaluate(t testing.TB, p *profile.Profile, s *snapshot.Snapshot, inputs map[string]any) map[string]finding.Finding {
	t.Helper()
	r, err := p.Evaluate(t.Context(), s, profile.Options{Inputs: inputs})
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]finding.Finding{}
	for _, f := range r.Findings {
		out[f.Control] = f
	}
	return out
}

// change is one case of one control.
type change struct {
	control string
	name    string
	do      func(in *inside)
	inputs  map[string]any
	want    finding.Status
	message string // part of it
}

// check runs cases, and makes sure that every control has a failing one.
func check(t *testing.T, p *profile.Profile, cases []change, without ...string) {
	t.Helper()
	failing := map[string]bool{}
	for _, c := range cases {
		if c.want == finding.Fail {
			failing[c.control] = true
		}
		t.Run(c.control+"/"+c.name, func(t *testing.T) {
			if p.Control(c.control) == nil {
				t.Fatalf("there is no control %s", c.control)
			}
			in := wellMade()
			c.do(in)
			f := evaluate(t, p, in.snapshot(t), c.inputs)[c.control]
			if f.Status != c.want || !strings.Contains(f.Message, c.message) {
				t.Errorf("%s: %q, want %s: %q", f.Status, f.Message, c.want, c.message)
			}
		})
	}
	for _, c := range p.Controls {
		if !failing[c.ID] && !slices.Contains(without, c.ID) {
			t.Errorf("no case shows that %s can fail", c.ID)
		}
	}
}

// wellMadePasses: what is well-made fails nothing, and nothing is unknown.
func wellMadePasses(t *testing.T, p *profile.Profile) {
	t.Helper()
	for id, f := range evaluate(t, p, wellMade().snapshot(t), nil) {
		if f.Status != finding.Pass && f.Status != finding.NotApplicable {
			t.Errorf("%s: %s: %s", id, f.Status, f.Message)
		}
	}
}

// nothingPasses: where nothing was collected, nothing is certain.
func nothingPasses(t *testing.T, p *profile.Profile, without ...string) {
	t.Helper()
	for id, f := range evaluate(t, p, snapshot.NewBuilder(snapshot.Limits{}).Snapshot(), nil) {
		c := p.Control(id)
		if f.Status != finding.NotReviewed && !slices.Contains(without, id) && !slices.Equal(c.Applies, []profile.Applies{profile.ToHost}) {
			t.Errorf("%s on an empty snapshot: %s: %s", id, f.Status, f.Message)
		}
	}
}

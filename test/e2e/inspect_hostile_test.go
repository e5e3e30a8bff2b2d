package e2e

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/inspect/collect/stream"
)

// everyStatus asks for all verdicts, as JSON.
var everyStatus = []string{"-o", "json", "--status", "fail,pass,error,not-reviewed,not-applicable"}

// falseClaims is a profile of which every control is wrong about the container
// that the tests make, each by evidence of another kind. So whatever passes,
// passes on something that was not read.
const falseClaims = `
name: false-claims
title: Claims that are all wrong
version: 1.0.0
summary: Everything here fails where it is really looked at.
controls:
`

var claims = map[string]string{
	"absent":      `expression: '!file("/etc/passwd").exists'`,
	"owner":       `expression: 'file("/etc/passwd").uid != 0'`,
	"mode":        `expression: '!file("/etc/passwd").worldReadable'`,
	"size":        `expression: 'file("/etc/passwd").size == 0'`,
	"content":     `none: 'file("/etc/passwd").lines.filter(l, l.startsWith("root:"))'`,
	"sha256":      `expression: 'file("/etc/passwd").sha256.startsWith("e3b0c44298fc1c14")'`, // that of nothing
	"link":        `expression: 'file("/plant/link").target == "/plant/link"'`,
	"files":       `none: 'files("/etc/*.conf")'`,
	"tree":        `none: 'tree("/usr/bin").setuid'`,
	"tree-names":  `none: 'tree("/plant").entries'`,
	"users":       `none: 'users.filter(u, u.uid == 0)'`,
	"packages":    `none: 'packages'`,
	"os":          `expression: 'os.id != "debian"'`,
	"processes":   `none: 'processes.filter(p, p.uid == 0)'`,
	"arguments":   `none: 'processes.filter(p, p.command.contains("1000000"))'`,
	"environment": `none: 'processes.filter(p, "MARK" in p.env)'`,
	"program":     `expression: 'process1.exe != "/usr/bin/sleep"'`,
	"mounts":      `none: 'mounts'`,
	"ports":       `none: 'ports'`,
}

func writeProfile(t *testing.T, header string, controls map[string]string) string {
	t.Helper()
	var b strings.Builder
	b.WriteString(header)
	for _, id := range slices.Sorted(maps.Keys(controls)) {
		fmt.Fprintf(&b, "- {id: %s, title: %s, desc: d, impact: 0.7, check: c, fix: f, tests: [{%s, message: m, description: d}]}\n", id, id, controls[id])
	}
	return writeFile(t, filepath.Join(t.TempDir(), "profile.yaml"), b.String())
}

// setup makes, before the container's own process starts, what falseClaims is wrong about.
const setup = `mkdir /plant && echo x >/plant/file && ln -s file /plant/link && chmod u+s /usr/bin/yes && exec sleep 1000000`

// container makes a pod with Debian in it, in which programs of ours come before
// the real ones, and one beside it that listens.
func (c *cluster) hostile(t *testing.T, ns, name string, tools map[string]string, path, start string) {
	t.Helper()
	executable := int32(0o755)
	var grace int64
	config := corev1.ConfigMap{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"}, ObjectMeta: metav1.ObjectMeta{Name: name}, Data: tools}
	c.create(t, &unstructured.Unstructured{Object: asJSON(t, config).(map[string]any)}, ns)
	pod := corev1.Pod{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}, ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"name": name}}}
	pod.Spec = corev1.PodSpec{
		TerminationGracePeriodSeconds: &grace,
		Volumes: []corev1.Volume{{Name: "tools", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{
			LocalObjectReference: corev1.LocalObjectReference{Name: name}, DefaultMode: &executable,
		}}}},
		Containers: []corev1.Container{{
			Name: "main", Image: "registry.test/debian:12", ImagePullPolicy: corev1.PullNever,
			Command: []string{"/bin/bash", "-c", "PATH=/usr/bin:/bin\n" + start},
			// A runtime looks for commands, as shells do, in the path that the spec gives.
			Env:          []corev1.EnvVar{{Name: "PATH", Value: path}, {Name: "MARK", Value: "1"}},
			VolumeMounts: []corev1.VolumeMount{{Name: "tools", MountPath: "/hostile"}},
		}, {
			Name: "listens", Image: "registry.test/busybox:1", ImagePullPolicy: corev1.PullNever, Command: []string{"httpd", "-f", "-p", "8080"},
		}},
	}
	c.create(t, &unstructured.Unstructured{Object: asJSON(t, pod).(map[string]any)}, ns)
	c.pods(t, ns, "name="+name, 1)
	eventually(t, "what comes before the container's own program to be done", func(context.Context) (bool, string, error) {
		first := c.inMain(t, ns, name, "/bin/cat", "/proc/1/comm")
		return first == "sleep\n", first, nil
	})
}

// Where programs are looked for: ours first, or no others at all.
const (
	oursFirst = "/hostile:/usr/bin:/bin"
	oursOnly  = "/hostile"
)

// all gives the programs that a look begins with one text.
func all(script string) map[string]string {
	return only(script, "sh", "tar", "stat", "cat")
}

func only(script string, names ...string) map[string]string {
	tools := map[string]string{}
	for _, name := range names {
		tools[name] = "#!/bin/dash\n" + script + "\n"
	}
	return tools
}

// hostileTools are containers whose programs do what they like. What they can't
// do is to know what Assay would believe: a shell that tells a whole, consistent
// lie is believed, as the container is its own witness in this approach.
var hostileTools = []struct {
	name  string
	tools map[string]string
	// nothing of the container is left that could answer truly.
	nothing bool
}{
	{"all say nothing", all(`exit 0`), true},
	{"all fail", all(`echo "Segmentation fault" >&2; exit 139`), true},
	{"all hang", all(`trap "" HUP INT TERM PIPE; while :; do /bin/sleep 1; done`), true},
	{"all are endless zeros", all(`exec /bin/cat /dev/zero`), true},
	{"all are endless text", all(`exec /usr/bin/yes "root:x:0:0:root:/root:/bin/sh"`), true},
	{"all are endless noise", all(`exec /usr/bin/yes "permission denied" >&2`), true},
	{"all are killed", all(`printf 'assay1\0i\0000\0000'; kill -9 $$`), true},
	// All that it takes, but with the random number of another run.
	{"forged frames", all(`printf 'assay1\0i\0%d\0%d\0%d\0x\0\0m\0\0p\0\0P\0E%s\0' 0 0 7 0123456789abcdef0123456789abcdef`), true},
	// A shell is told the random number: it can end the answer as it likes.
	{"the end at once", all(`read -r n; printf 'assay1\0E%s\0' "$n"`), true},
	{"nobody and nothing", all(`read -r n; printf 'assay1\0i\0%d\0%d\0%d\0x\0\0m\0\0p\0\0P\0n\0\0\0\0E%s\0' 0 0 7 "$n"`), true},
	{"a part that does not end", all(`printf 'assay1\0i\0'; exec /usr/bin/yes x`), true},
	{"names without end", all(`printf 'assay1\0B1048576\0'; /usr/bin/yes "/$(printf '%60000d' 0)" | /usr/bin/tr '\n' '\0'`), true},
	{"a tree without end", all(`read -r n; x=$(printf '%4000d' 0 | /usr/bin/tr ' ' x); printf 'assay1\0i\0%d\0%d\0%d\0x\0\0t\0/usr/bin\0' 0 0 7
		exec /usr/bin/perl -e '$x = "x" x 4000; for (;;) { printf "B1\0/usr/bin/%s%d\0\0000fno\0000.\0", $x, $i++ }'`), true},
	{"content without end", all(`read -r n; printf 'assay1\0i\0%d\0%d\0%d\0x\0\0h\0/etc/passwd\0' 0 0 7; exec /bin/cat /dev/zero`), true},
	// A true shell, and programs that it calls.
	{"stat says nothing", only(`exit 0`, "stat"), false},
	{"stat hangs", only(`exec /bin/sleep 1000`, "stat"), false},
	{"stat is endless", only(`exec /usr/bin/yes "81a4 1000 1000 0 0 0 1 1 /etc/passwd"`, "stat"), false},
	{"stat tells of others", only(`for f; do echo "81a4 1000 1000 0 0 0 1 1 /etc/other"; done`, "stat"), false},
	{"tar and head say nothing", only(`exit 0`, "tar", "head"), false},
	{"tar and head fail", only(`exit 1`, "tar", "head"), false},
	{"tar and head are endless", only(`exec /bin/cat /dev/zero`, "tar", "head"), false},
	{"cat says nothing", only(`exit 0`, "cat"), false},
	{"cat is endless", only(`exec /usr/bin/yes "Name: x"`, "cat"), false},
	{"find says nothing", only(`exit 0`, "find"), false},
	{"find hangs", only(`exec /bin/sleep 1000`, "find"), false},
	{"tr, cut and readlink say nothing", only(`exit 0`, "tr", "cut", "readlink"), false},
	{"no shell, and a cat that says nothing", map[string]string{
		"stat": "#!/bin/dash\nexec /usr/bin/stat \"$@\"\n", "cat": "#!/bin/dash\ncase $1 in /proc/*) exec /bin/cat \"$@\" ;; esac\n",
	}, false},
	{"none but a stat that says nothing", only(`exit 0`, "find", "stat", "tar", "head", "cat", "tr", "cut", "readlink", "id", "uname"), false},
}

// How long a look into a hostile container may take: three rounds, each with
// its time and with what is allowed beyond it, for each rung; and how much memory.
const (
	collectTime = 3 * time.Second
	mostTime    = 2 * time.Minute
	mostMemory  = 1 << 30
)

// TestHostileTools: a container whose programs lie, hang, or never end gets no
// pass that it does not deserve, in bounded time and memory, and the access is
// taken back.
func TestHostileTools(t *testing.T) {
	t.Parallel()
	c := startOnNode(t)
	ns := c.namespace(t, "e2e-hostile-")
	profile := writeProfile(t, falseClaims, claims)
	t.Run("an honest one", func(t *testing.T) {
		c.hostile(t, ns, "honest", only(`exit 0`, "unused"), oursFirst, setup)
		for id, f := range c.claimed(t, ns, "honest", profile) {
			if f.Status != finding.Fail {
				t.Errorf("%s: %s: %s", id, f.Status, f.Message)
			}
		}
	})
	for i, tt := range hostileTools {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			name := fmt.Sprintf("pod-%d", i)
			path := oursFirst
			if strings.HasPrefix(tt.name, "no shell") {
				path = oursOnly
			}
			c.hostile(t, ns, name, tt.tools, path, setup)
			undecided := 0
			for id, f := range c.claimed(t, ns, name, profile) {
				switch f.Status {
				case finding.Error, finding.NotReviewed:
					undecided++
					if f.Message == "" {
						t.Errorf("%s is %s without a reason", id, f.Status)
					}
				case finding.Fail:
					if tt.nothing {
						t.Errorf("%s: %s: %s, though nothing was read", id, f.Status, f.Message)
					}
				default:
					t.Errorf("%s: %s: %s", id, f.Status, f.Message)
				}
			}
			if undecided == 0 {
				t.Error("everything could be judged: these programs harm nothing")
			}
		})
	}
}

// watchMemory gives, when the process has ended, the most memory that it had. (What
// the system tells afterwards counts the memory of the process that started it.)
func (p *process) watchMemory() <-chan int64 {
	most := make(chan int64, 1)
	go func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		var memory int64
		for {
			if b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid)); err == nil {
				_, rest, _ := strings.Cut(string(b), "VmHWM:")
				var kb int64
				if _, err := fmt.Sscan(rest, &kb); err == nil {
					memory = max(memory, kb<<10)
				}
			}
			select {
			case <-p.ended:
				most <- memory
				return
			case <-tick.C:
			}
		}
	}()
	return most
}

// claimed looks into container main of a pod, and gives the verdicts by control.
// Time, memory and what is left are checked on the way.
func (c *cluster) claimed(t *testing.T, ns, pod, profile string, more ...string) map[string]finding.Finding {
	t.Helper()
	begin := time.Now()
	p := c.launch(t, flags([]string{"inspect", ns + "/" + pod + "/main", "--profile", profile, "--least-privilege", "--collect-timeout", collectTime.String()},
		everyStatus, c.admin(), more)...)
	most := p.watchMemory()
	r := p.wait(t)
	took, memory := time.Since(begin), <-most
	t.Logf("%v, %d MiB", took.Round(time.Millisecond), memory>>20)
	limit := int64(mostMemory)
	if raceDetector {
		limit *= 3 // what it takes to find races
	}
	if took > mostTime || memory > limit || memory == 0 {
		t.Errorf("it took %v and %d MiB", took, memory>>20)
	}
	report := r.report(t)
	verdicts := map[string]finding.Finding{}
	for _, f := range report.Findings {
		verdicts[f.Control] = f
	}
	if len(verdicts) == 0 || len(report.Inspections) != 1 {
		t.Fatalf("no verdicts: %v", r)
	}
	if report.Summary.Statuses[finding.Error] > 0 && r.code != 2 {
		t.Errorf("exit code %d with errors", r.code)
	}
	if g := report.Access.Grants; len(g) == 0 || slices.ContainsFunc(g, func(g finding.Grant) bool { return g.RevokedAt.IsZero() || g.Problem != "" }) {
		t.Errorf("the access was not taken back: %+v", g)
	}
	return verdicts
}

// inMain runs a command in container main as the administrator.
func (c *cluster) inMain(t *testing.T, ns, pod string, argv ...string) string {
	t.Helper()
	var out bytes.Buffer
	result, err := stream.New(c.client(t, nil)).Run(t.Context(), stream.Command{Namespace: ns, Pod: pod, Container: "main", Argv: argv, Stdout: &out})
	if err != nil || result.ExitCode != 0 {
		t.Fatalf("%q: %v, exit code %d %s", argv, err, result.ExitCode, result.Stderr)
	}
	return out.String()
}

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
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
	// A whole answer, with the random number of another run.
	{"forged frames", all(`printf 'assay1\0i\0%d\0%d\0%d\0x\0\0m\0\0p\0\0P\0B1\0/etc/passwd\0\0000a\0000.\0E%s\0' 0 0 7 0123456789abcdef0123456789abcdef`), true},
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
	{"none but a stat that says nothing", only(`exit 0`, "find", "stat", "tar", "head", "cat", "tr", "cut", "readlink", "id", "uname"), false},
}

// How long a look into a hostile container may take: three rounds, each with
// its time and with what is allowed beyond it, for each rung; and how much memory.
const (
	collectTime = 3 * time.Second
	mostTime    = 2 * time.Minute
	mostMemory  = 700 << 20
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
			c.hostile(t, ns, name, tt.tools, oursFirst, setup)
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

// claimed looks into container main of a pod, and gives the verdicts by control.
// Time, memory and what is left are checked on the way.
func (c *cluster) claimed(t *testing.T, ns, pod, profile string, more ...string) map[string]finding.Finding {
	t.Helper()
	begin := time.Now()
	p := c.launch(t, flags([]string{"inspect", ns + "/" + pod + "/main", "--profile", profile, "--least-privilege", "--collect-timeout", collectTime.String()},
		everyStatus, c.admin(), more)...)
	r := p.wait(t)
	took := time.Since(begin)
	memory := p.cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss << 10
	t.Logf("%v, %d MiB", took.Round(time.Millisecond), memory>>20)
	if took > mostTime || memory > mostMemory {
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

// nasty are names that do something where they are evaluated. MARK is replaced
// by the path of a file that must never be there.
var nasty = []string{
	"$(touch MARK)", "`touch MARK`", "; touch MARK ;", "| touch MARK", "&& touch MARK", "\ntouch MARK\n", "' ; touch MARK ; '", `" ; touch MARK ; "`,
	"--checkpoint=1", "--checkpoint-action=exec=touch MARK", "-exec", "*", "?", "[a-z]", `\0012touch MARK`, `\n`, "%n%s%d", "$((1/0))", "${IFS}", "~", "!!", "{a,b}",
	" leading and trailing ", "tab\tand\rreturn", "bad \xff\xfe bytes", escapes, "a -> b", "x' -> 'y",
}

// escapes change a terminal's title, clear it, hide text, and end a sequence in one byte.
const escapes = "\x1b]0;pwned\x07\x1b[2J\x1b[8mhidden\u009b31m\u202egnp"

// celText writes a string for CEL, yamlText one for YAML, shellText one for bash.
func celText(s string) string { return strconv.QuoteToASCII(s) }

func yamlText(s string) string {
	b, _ := json.Marshal(s) // a string can always be written
	return string(b)
}

func shellText(s string) string {
	var b strings.Builder
	b.WriteString("$'")
	for i := range len(s) {
		fmt.Fprintf(&b, `\%03o`, s[i])
	}
	return b.String() + "'"
}

// plant makes files with nasty names, each with its number in it, and says of
// each what is true of it.
func plant(mark string) (commands string, controls map[string]string) {
	var b strings.Builder
	b.WriteString("mkdir -p /plant\n")
	controls = map[string]string{}
	for i, name := range nasty {
		path := "/plant/" + strings.ReplaceAll(name, "MARK", mark)
		read := fmt.Sprintf(`file(%s).exists && file(%s).content == "%d"`, celText(path), celText(path), i)
		id := fmt.Sprintf("name-%d", i)
		if strings.Contains(name, "\xff") { // CEL can't write that name
			id = "tree-" + id
			read = fmt.Sprintf(`tree("/plant").files.exists(f, f.name.startsWith("bad ") && f.size == %d)`, len(fmt.Sprint(i)))
		}
		fmt.Fprintf(&b, "mkdir -p -- %s; printf %d >%s\n", shellText(filepath.Dir(path)), i, shellText(path))
		controls[id] = "expression: " + yamlText(read)
	}
	return b.String(), controls
}

// The rungs of the ladder, by what a container holds.
var rungs = []struct {
	name, path string
	tools      map[string]string
}{
	{"shell", oursFirst, only("exit 0", "unused")},
	{"tar", oursOnly, only(`exec /bin/tar "$@"`, "tar")},
	{"cat", oursOnly, map[string]string{"cat": "#!/bin/dash\nexec /bin/cat \"$@\"\n", "stat": "#!/bin/dash\nexec /usr/bin/stat \"$@\"\n"}},
}

// byDebugContainer are the flags for looking by a container of ours.
func byDebugContainer(t *testing.T) []string {
	t.Helper()
	return []string{"--approach", "debug-container", "--yes", "--debug-image", nodeImage(t)}
}

// TestNothingIsEvaluated: names in the container and paths in a profile are
// data, on every rung and in every approach. Each file is found by its name.
func TestNothingIsEvaluated(t *testing.T) {
	t.Parallel()
	c := startOnNode(t)
	ns := c.namespace(t, "e2e-evaluated-")
	mark := "/tmp/pwned-" + ns
	commands, controls := plant(mark)
	profile := writeProfile(t, falseClaims, controls)
	look := func(t *testing.T, pod string, whole bool, more ...string) {
		passed := 0
		for id, f := range c.claimed(t, ns, pod, profile, more...) {
			switch {
			case f.Status == finding.Pass:
				passed++
			// Without a shell, programs write some names in ways of their own.
			case whole || f.Status != finding.Error && f.Status != finding.NotReviewed:
				t.Errorf("%s is %s: %s", id, f.Status, f.Message)
			}
		}
		if passed < len(nasty)/2 {
			t.Errorf("only %d of %d files were found", passed, len(nasty))
		}
		if out := c.inMain(t, ns, pod, "/bin/ls", "-A", "/tmp"); out != "" {
			t.Errorf("something was made in the container's /tmp: %s", out)
		}
		if _, err := os.Lstat(mark); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is on this machine: %v", mark, err)
		}
	}
	for _, rung := range rungs {
		t.Run(rung.name, func(t *testing.T) {
			t.Parallel()
			c.hostile(t, ns, rung.name, rung.tools, rung.path, commands+"exec sleep 1000000")
			look(t, rung.name, rung.name == "shell")
		})
	}
	t.Run("a path that can't be", func(t *testing.T) {
		t.Parallel()
		c.hostile(t, ns, "impossible", only("exit 0", "unused"), oursFirst, "exec sleep 1000000")
		impossible := writeProfile(t, falseClaims, map[string]string{"nul": "expression: " + yamlText(`!file("/etc/x\x00y").exists`)})
		for id, f := range c.claimed(t, ns, "impossible", impossible) {
			if f.Status != finding.Error {
				t.Errorf("%s is %s: %s", id, f.Status, f.Message)
			}
		}
	})
	t.Run("debug container", func(t *testing.T) {
		t.Parallel()
		c.hostile(t, ns, "debug", only("exit 0", "unused"), oursFirst, commands+"exec sleep 1000000")
		look(t, "debug", true, byDebugContainer(t)...)
	})
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

// TestHostileLinks: links lead where they lead in the container, never to the
// machine below it, and a tree does not follow them.
func TestHostileLinks(t *testing.T) {
	t.Parallel()
	c := startOnNode(t)
	ns := c.namespace(t, "e2e-links-")
	// A file that is on the node, outside of every container.
	outside := filepath.Join(c.state, "admin.kubeconfig")
	up := strings.Repeat("../", 40)
	commands := `mkdir -p /links/deep/deeper && cd /links && echo inside >/secret
ln -s /proc proc; ln -s / root; ln -s ` + up + `etc/passwd up; ln -s /links/up again; ln -s loop loop; ln -s b a; ln -s a b; ln -s ` + up + `proc/1/root/secret magic
ln -s ` + outside + ` outside; ln -s ` + up + strings.TrimPrefix(outside, "/") + ` outside-up; ln -s /proc/self/cwd cwd; ln -s /proc/1/fd fd
ln -s ../../../../../../secret deep/deeper/up; ln -s /links deep/deeper/round
ln -s c1 c0; for i in $(seq 1 60); do ln -s c$((i+1)) c$i; done; ln -s /secret c61
for i in $(seq 1 300); do ln -s /proc/self/root/links farm$i; done
exec sleep 1000000`
	controls := map[string]string{
		"up":           `file("/links/up").sha256 == file("/etc/passwd").sha256`,
		"again":        `file("/links/again").target == "/etc/passwd"`,
		"deep":         `file("/links/deep/deeper/up").content.trim() == "inside"`,
		"round":        `file("/links/deep/deeper/round/deep/deeper/round/up").target == "/etc/passwd"`,
		"through-root": `file("/links/root/links/root/secret").content.trim() == "inside"`,
		"not-outside":  `!file("/links/outside").exists && !file("/links/outside-up").exists`,
		// 300 that lead back, and not one of them followed.
		"tree":  `tree("/links").entries.size() < 400 && tree("/links").links.filter(l, l.name.startsWith("farm")).size() == 300`,
		"files": `files("/links/*").filter(f, f.isLink).size() > 300`,
	}
	open := map[string]string{
		"loop":  `file("/links/loop").exists`,
		"pair":  `file("/links/a").exists`,
		"chain": `file("/links/c0").content == ""`,
	}
	all := map[string]string{}
	for id, text := range controls {
		all[id] = "expression: " + yamlText(text)
	}
	for id, text := range open {
		all["open-"+id] = "expression: " + yamlText(text)
		all["open-not-"+id] = "expression: " + yamlText("!("+text+")")
	}
	profile := writeProfile(t, falseClaims, all)
	for name, more := range map[string]func(*testing.T) []string{"shell": func(*testing.T) []string { return nil }, "debug": byDebugContainer} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.hostile(t, ns, name, only("exit 0", "unused"), oursFirst, commands)
			for id, f := range c.claimed(t, ns, name, profile, more(t)...) {
				switch {
				case strings.HasPrefix(id, "open-"):
					if f.Status == finding.Pass {
						t.Errorf("%s passes: %s", id, f.Message)
					}
				case f.Status != finding.Pass:
					t.Errorf("%s is %s: %s", id, f.Status, f.Message)
				}
			}
		})
	}
}

// TestHostileNames: what a container calls its files, processes, users and
// variables reaches a reader as text, never as an order to his terminal.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	c := startOnNode(t)
	ns := c.namespace(t, "e2e-names-")
	commands, _ := plant("/tmp/pwned-" + ns)
	commands += "printf %s:x:0:0:::/bin/sh >>/etc/passwd " + shellText(escapes) + "\n" +
		"printf %s " + shellText(escapes) + " >/plant/content; ln -s " + shellText(escapes) + " /plant/link\n" +
		"exec -a " + shellText(escapes) + " sleep 1000000"
	profile := writeFile(t, filepath.Join(t.TempDir(), "profile.yaml"), falseClaims+`
- {id: files, title: t, desc: d, impact: 0.9, check: c, fix: f, tests: [{none: 'tree("/plant").entries', message: "{{ offenders }}", description: d}]}
- {id: processes, title: t, desc: d, impact: 0.9, check: c, fix: f, tests: [{none: 'processes.map(p, p.command)', message: "{{ offenders }}", description: d}]}
- {id: users, title: t, desc: d, impact: 0.9, check: c, fix: f, tests: [{none: 'users.filter(u, u.uid == 0).map(u, u.name)', message: "{{ offenders }}", description: d}]}
- {id: content, title: t, desc: d, impact: 0.9, check: c, fix: f, tests: [{expression: 'file("/plant/content").content == ""', message: "{{ file('/plant/content').content }}", description: d}]}
- {id: link, title: t, desc: d, impact: 0.9, check: c, fix: f, tests: [{none: 'tree("/plant").links.map(l, l.link)', message: "{{ offenders }}", description: d}]}
`)
	c.hostile(t, ns, "names", only("exit 0", "unused"), oursFirst, commands)
	for id, f := range c.claimed(t, ns, "names", profile) {
		if f.Status != finding.Fail || !strings.Contains(f.Message, "pwned") {
			t.Errorf("%s is %s, and should name what it has found: %s", id, f.Status, f.Message)
		}
	}
	for _, format := range []string{"table", "wide", "json", "ndjson", "yaml", "markdown", "junit"} {
		r := c.assay(t, flags([]string{"inspect", ns + "/names/main", "--profile", profile, "-o", format}, c.admin())...).exits(t, 1)
		for what, text := range map[string]string{"output": r.stdout, "error": r.stderr} {
			if i := strings.IndexFunc(text, func(r rune) bool { return r != '\n' && !strconv.IsPrint(r) }); i >= 0 {
				t.Errorf("%s: in standard %s stands raw: %q", format, what, text[i:min(i+40, len(text))])
			}
		}
		if !strings.Contains(r.stdout, "pwned") {
			t.Errorf("%s does not show what was found: %v", format, r)
		}
	}
}

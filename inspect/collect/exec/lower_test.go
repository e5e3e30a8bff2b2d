package exec

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubeassay/assay/inspect/collect"
	"github.com/kubeassay/assay/inspect/snapshot"
)

// fewTools collects from a root folder that holds nothing but these commands.
func fewTools(t *testing.T, run *local, names ...string) (*snapshot.Snapshot, collect.Usage, error) {
	t.Helper()
	run.root = tools(t, names...)
	mkdir(t, run.root+"/etc/ssl")
	write(t, run.root+"/etc/passwd", []byte("root:x:0:0\n"), 0o644)
	write(t, run.root+"/etc/shadow", []byte("root:*\n"), 0o600)
	write(t, run.root+"/etc/empty", nil, 0o640)
	link(t, "../etc/passwd", run.root+"/etc/link")
	link(t, "/etc/ssl", run.root+"/ssl")
	write(t, run.root+"/etc/ssl/two\nlines", []byte("2"), 0o644)
	write(t, run.root+"/etc/ssl/key", []byte("\x00\xff"), 0o644)
	chmod(t, run.root, 0o755)
	plan := &snapshot.Plan{
		Files: []string{"/etc/passwd", "/etc/shadow", "/etc/empty", "/etc/link", "/ssl/key", "/etc/none", "/none/x", "/ssl/two\nlines"}, Stats: []string{"/etc"},
		Trees: []snapshot.Tree{{Path: "/etc"}}, Globs: []snapshot.Glob{{Pattern: "/etc/*"}}, Processes: true, Mounts: true, Sockets: true,
	}
	b := snapshot.NewBuilder(plan.Limits)
	usage, err := (&Collector{run: run, target: collect.Target{Declared: &corev1.Pod{}}}).Collect(t.Context(), plan, b)
	return b.Snapshot(), usage, err
}

// known compares what every rung that knows metadata must know.
func known(t *testing.T, s *snapshot.Snapshot, shadow snapshot.State) {
	t.Helper()
	for p, want := range map[string]string{"/etc/passwd": "root:x:0:0\n", "/etc/empty": "", "/etc/link": "root:x:0:0\n", "/ssl/key": "\x00\xff"} {
		if data, e := s.Content(p); string(data) != want || e.Content.State != snapshot.Present || e.Mode == 0 {
			t.Errorf("%s holds %q, %+v, want %q", p, data, e, want)
		}
	}
	for _, p := range []string{"/etc/none", "/none/x"} {
		if e := s.Resolve(p); e.Meta.State != snapshot.Absent {
			t.Errorf("%s is %+v, want absent", p, e.Meta)
		}
	}
	if _, e := s.Content("/etc/shadow"); e.Content.State != shadow && e.Meta.State != shadow {
		t.Errorf("/etc/shadow is %+v, %+v, want %s", e.Meta, e.Content, shadow)
	}
}

func TestFewTools(t *testing.T) {
	sh := []string{"dash"}
	t.Run("no find, no tar, no head", func(t *testing.T) {
		s, usage, err := fewTools(t, &local{sh: sh}, "dash", "stat", "cat")
		if err != nil || usage.Method != "sh" {
			t.Fatal(usage.Method, err)
		}
		known(t, s, snapshot.Present)
		if data, _ := s.Content("/ssl/two\nlines"); string(data) != "2" {
			// printf is built in, so this works too.
			t.Errorf("a name with a newline: %q", data)
		}
		if e := s.Entry("/etc"); e.Listing.State != snapshot.Present { // it is in Stats, too
			t.Errorf("names: %+v", e.Listing)
		}
		if found, f := s.Glob("/etc/*"); len(found) != 5 || f.State != snapshot.Present {
			t.Errorf("glob: %d, %+v", len(found), f)
		}
		list, f := s.Processes()
		if len(list) == 0 || f.State != snapshot.Present || list[0].EnvFact.State != snapshot.NotCollected {
			t.Errorf("processes: %d, %+v", len(list), f)
		}
	})
	t.Run("no stat", func(t *testing.T) {
		s, _, err := fewTools(t, &local{sh: sh}, "dash", "cat")
		if err != nil {
			t.Fatal(err)
		}
		if e := s.Entry("/etc/passwd"); e.Meta.State == snapshot.Absent || e.Meta.State == snapshot.Present {
			t.Errorf("without stat: %+v", e.Meta)
		}
	})
	t.Run("tar", func(t *testing.T) {
		s, usage, err := fewTools(t, &local{sh: sh}, "tar")
		if err != nil || usage.Method != "tar" {
			t.Fatal(usage.Method, err)
		}
		known(t, s, snapshot.Present)
		unasked(t, s)
	})
	t.Run("tar as nobody", func(t *testing.T) {
		s, _, err := fewTools(t, &local{sh: sh, uid: someUID}, "tar")
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range []string{"/etc/shadow", "/etc/empty"} {
			if e := s.Entry(p); e.Meta.State != snapshot.Denied {
				t.Errorf("%s is %+v, want denied", p, e.Meta)
			}
		}
	})
	t.Run("stat and cat", func(t *testing.T) {
		s, usage, err := fewTools(t, &local{sh: sh}, "stat", "cat")
		if err != nil || usage.Method != "cat" {
			t.Fatal(usage.Method, err)
		}
		known(t, s, snapshot.Present)
		unasked(t, s)
		if usage.UID == nil || *usage.UID != 0 {
			t.Errorf("uid %v", usage.UID)
		}
		list, f := s.Processes()
		if f.State != snapshot.Truncated || len(list) != 1 || list[0].PID != 1 {
			t.Errorf("processes: %v, %+v", list, f)
		}
		for _, argv := range usage.Commands {
			if slices.ContainsFunc(argv, func(s string) bool { return strings.HasPrefix(s, "/") }) {
				t.Errorf("%q is said to be a fixed command line", argv)
			}
		}
	})
	t.Run("cat as nobody", func(t *testing.T) {
		s, _, err := fewTools(t, &local{sh: sh, uid: someUID}, "cat")
		if err != nil {
			t.Fatal(err)
		}
		if data, e := s.Content("/etc/passwd"); string(data) != "root:x:0:0\n" {
			t.Errorf("/etc/passwd: %q, %+v", data, e)
		}
		if e := s.Entry("/etc/shadow"); e.Content.State != snapshot.Denied {
			t.Errorf("/etc/shadow: %+v", e.Content)
		}
	})
	t.Run("nothing", func(t *testing.T) {
		_, _, err := fewTools(t, &local{sh: sh}, "true")
		var none *NoToolsError
		if !errors.As(err, &none) || !strings.Contains(err.Error(), "image volume") || !slices.Equal(none.Tried, []string{"sh", "tar", "cat"}) {
			t.Errorf("%v", err)
		}
	})
}

// TestOnlyMetadata: of what is asked for its metadata, no content leaves the
// container, also where the links to it are followed.
func TestOnlyMetadata(t *testing.T) {
	run := &local{root: tools(t, "tar")}
	mkdir(t, run.root+"/real")
	write(t, run.root+"/real/token", []byte("secret"), 0o644)
	write(t, run.root+"/real/wanted", []byte("wanted"), 0o644)
	link(t, "real", run.root+"/data")
	chmod(t, run.root, 0o755)
	plan := &snapshot.Plan{Files: []string{"/data/wanted"}, Stats: []string{"/data/token"}}
	b := snapshot.NewBuilder(plan.Limits)
	usage, err := (&Collector{run: run, target: collect.Target{Declared: &corev1.Pod{}}}).Collect(t.Context(), plan, b)
	if err != nil || usage.Method != "tar" {
		t.Fatal(usage.Method, err)
	}
	if data, e := b.Snapshot().Content("/data/wanted"); string(data) != "wanted" {
		t.Errorf("what was asked for: %q, %+v", data, e)
	}
	if data, e := b.Snapshot().Content("/data/token"); e.Meta.State != snapshot.Present || len(data) > 0 {
		t.Errorf("what was not: %q, %+v", data, e)
	}
}

// unasked: what can't be asked for without a shell is neither there nor absent.
func unasked(t *testing.T, s *snapshot.Snapshot) {
	t.Helper()
	if e := s.Entry("/etc"); e.Listing.Known() {
		t.Errorf("names: %+v", e.Listing)
	}
	if _, f := s.Glob("/etc/*"); f.Known() {
		t.Errorf("glob: %+v", f)
	}
	if _, f := s.Sockets(); f.Known() {
		t.Errorf("sockets: %+v", f)
	}
}

func TestPlanIsChecked(t *testing.T) {
	for _, p := range []snapshot.Plan{
		{Files: []string{"etc/passwd"}}, {Stats: []string{"-rf"}}, {Files: []string{"/a\x00b"}}, {Globs: []snapshot.Glob{{Pattern: "/["}}}, {Trees: []snapshot.Tree{{Path: "/", Contents: []string{"["}}}},
		{Files: []string{"/" + strings.Repeat("x", 5000)}}, {Limits: snapshot.Limits{Files: -1}},
	} {
		if _, err := (&Collector{run: &local{}}).Collect(context.Background(), &p, snapshot.NewBuilder(p.Limits)); err == nil {
			t.Errorf("%+v is accepted", p)
		}
	}
}

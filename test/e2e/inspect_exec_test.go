package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"github.com/kubeassay/assay/inspect/access"
	"github.com/kubeassay/assay/inspect/collect"
	"github.com/kubeassay/assay/inspect/collect/exec"
	"github.com/kubeassay/assay/inspect/collect/stream"
	"github.com/kubeassay/assay/inspect/snapshot"
	"github.com/kubeassay/assay/kube"
	"github.com/kubeassay/assay/kube/audit"
)

// lookByExec collects by exec, with an account that may do nothing else.
func (c *cluster) lookByExec(t *testing.T, client *kube.Client, target collect.Target, plan *snapshot.Plan) (*snapshot.Snapshot, collect.Usage) {
	t.Helper()
	b := snapshot.NewBuilder(plan.Limits)
	usage, err := exec.New(client, target).Collect(t.Context(), plan, b)
	if err != nil {
		t.Fatal(err)
	}
	if usage.RoundTrips > 3 || usage.Bytes == 0 || usage.Method != "sh" || usage.UID == nil || len(usage.Commands) != 1 {
		t.Errorf("usage: %d round trips, %d bytes, method %s, uid %v", usage.RoundTrips, usage.Bytes, usage.Method, usage.UID)
	}
	return b.Snapshot(), usage
}

func TestExec(t *testing.T) {
	t.Parallel()
	c := startOnNode(t)
	ns := c.namespace(t, "e2e-exec-")
	for _, tt := range []struct {
		name, image, rest string
		uid               int64
		shadow            snapshot.State
		files             int
		closed            string // a folder that can't be opened
	}{
		{"debian as root", "registry.test/debian:12", sleeps, 0, snapshot.Present, 50, ""},
		{"busybox as root", "registry.test/busybox:1", sleeps, 0, snapshot.Absent, 1, ""},
		{"busybox as another user", "registry.test/busybox-nonroot:1", `, command: [sleep, "100000"]` + hardened + "}]", 65532, snapshot.Absent, 1, ""},
		{"debian as another user", "registry.test/debian:12", `, command: [sleep, "100000"], securityContext: {runAsUser: 1234, runAsGroup: 2345}}]`, 1234, snapshot.Denied, 50, "/root"},
		{"debian, root without capabilities", "registry.test/debian:12", `, command: [sleep, "100000"], securityContext: {capabilities: {drop: [ALL]}}}]`, 0, snapshot.Present, 50, ""},
		{"busybox, read-only", "registry.test/busybox:1", `, command: [sleep, "100000"], securityContext: {readOnlyRootFilesystem: true}}]`, 0, snapshot.Absent, 1, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			target := c.run1(t, ns, strings.NewReplacer(" ", "-", ",", "").Replace(tt.name), tt.image, tt.rest)
			a := c.permitted(t, access.ForApproach(snapshot.KubernetesAPI, ns, []string{target.Pod}, ""))
			plan := planFor("/etc/os-release", "/proc/1/status")
			plan.Trees = []snapshot.Tree{{Path: "/", Contents: []string{"*.conf", "*.list", "*.pem"}}}
			begun := time.Now()
			s, usage := c.lookByExec(t, c.client(t, a), target, plan)
			t.Logf("%d round trips, %d bytes, %v", usage.RoundTrips, usage.Bytes, time.Since(begun))
			if *usage.UID != tt.uid {
				t.Errorf("asked as uid %d, want %d", *usage.UID, tt.uid)
			}
			wantSame(t, c.client(t, nil), target, s, tt.files, "/proc/1/status")
			if _, e := s.Content("/etc/shadow"); e.Meta.State == snapshot.Present {
				wantState(t, "/etc/shadow", e.Content, tt.shadow)
			} else {
				wantState(t, "/etc/shadow", e.Meta, tt.shadow)
			}
			wantState(t, "/no/such/file", s.Resolve("/no/such/file").Meta, snapshot.Absent)
			wantState(t, "names in /proc", s.Entry("/proc").Listing, snapshot.NotCollected)
			wantState(t, "names in /", s.Entry("/").Listing, snapshot.Present)
			if tt.closed != "" {
				wantState(t, "names in "+tt.closed, s.Entry(tt.closed).Listing, snapshot.Denied)
			}
			c.sameTree(t, target, s)
			c.sameProcess(t, target, s)
		})
	}
}

// sameTree compares all names and their metadata with what find and stat show.
func (c *cluster) sameTree(t *testing.T, target collect.Target, s *snapshot.Snapshot) {
	t.Helper()
	var out bytes.Buffer
	_, err := stream.New(c.client(t, nil)).Run(t.Context(), stream.Command{
		Namespace: target.Namespace, Pod: target.Pod, Container: target.Container, Stdout: &out,
		Argv: []string{"find", "/", "-xdev", "-exec", "stat", "-c", "%a %u %g %s %n", "{}", "+"},
	})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(out.String()) {
		fields := strings.SplitN(strings.TrimSuffix(line, "\n"), " ", 5)
		e := s.Entry(fields[4])
		if got := fmt.Sprintf("%o %d %d %d", e.Mode&0o7777, e.UID, e.GID, e.Size); e.Meta.State != snapshot.Present || got != strings.Join(fields[:4], " ") {
			t.Errorf("%s is %s (%+v), want %v", fields[4], got, e.Meta, fields[:4])
		}
		n++
	}
	if n < 20 {
		t.Errorf("find shows %d entries", n)
	}
}

// sameProcess compares process 1 with what the kubelet reports.
func (c *cluster) sameProcess(t *testing.T, target collect.Target, s *snapshot.Snapshot) {
	t.Helper()
	list, f := s.Processes()
	wantState(t, "processes", f, snapshot.Present)
	user := target.Declared.Status.ContainerStatuses[0].User.Linux
	container := target.Declared.Spec.Containers[0]
	if len(list) == 0 {
		t.Fatal("no processes")
	}
	p := list[0]
	if p.PID != 1 || p.Own || int64(p.UID[1]) != user.UID || int64(p.GID[1]) != user.GID || !slices.Equal(p.Args, container.Command) {
		t.Errorf("process 1 is %+v, want user %d:%d and %v", p, user.UID, user.GID, container.Command)
	}
	if !slices.Contains(p.Env, "KUBERNETES_SERVICE_HOST") || !slices.Contains(p.Env, "PATH") {
		t.Errorf("variables %v (%+v)", p.Env, p.EnvFact)
	}
	began := target.Declared.Status.ContainerStatuses[0].State.Running.StartedAt.Time
	if d := p.Started.Sub(began).Abs(); d > 5*time.Second {
		t.Errorf("process 1 began at %v, the kubelet says %v", p.Started, began)
	}
	for _, p := range list[1:] {
		if !p.Own {
			t.Errorf("a process that is not the collector's: %+v", p)
		}
	}
	mounts, f := s.Mounts()
	wantState(t, "mounts", f, snapshot.Present)
	for _, at := range []string{"/", "/proc", "/var/run/secrets/kubernetes.io/serviceaccount", "/etc/hosts"} {
		if !slices.ContainsFunc(mounts, func(m snapshot.Mount) bool { return m.Target == at || m.Target == strings.TrimPrefix(at, "/var") }) {
			t.Errorf("no mount at %s", at)
		}
	}
}

func TestExecWithoutShell(t *testing.T) {
	t.Parallel()
	c := startOnNode(t)
	ns := c.namespace(t, "e2e-exec-")
	target := c.run1(t, ns, "distroless", "registry.test/distroless:1", "}]")
	_, err := exec.New(c.client(t, nil), target).Collect(t.Context(), planFor(), snapshot.NewBuilder(snapshot.Limits{}))
	var none *exec.NoToolsError
	if !errors.As(err, &none) || !strings.Contains(err.Error(), "image volume") {
		t.Errorf("%T %v", err, err)
	}
}

func TestExecSharedProcesses(t *testing.T) {
	t.Parallel()
	c := startOnNode(t)
	ns := c.namespace(t, "e2e-exec-")
	c.apply(t, ns, `{apiVersion: v1, kind: Pod, metadata: {name: two, labels: {name: two}}, spec: {shareProcessNamespace: true, terminationGracePeriodSeconds: 0, containers: [
  {name: app, image: "registry.test/busybox:1", imagePullPolicy: Never, command: [sleep, "11111"]},
  {name: other, image: "registry.test/busybox:1", imagePullPolicy: Never, command: [sleep, "22222"]}]}}`)
	c.pods(t, ns, "name=two", 1)
	s, _ := c.lookByExec(t, c.client(t, nil), c.target(t, ns, "two", "other"), &snapshot.Plan{Processes: true})
	list, _ := s.Processes()
	if len(list) == 0 || !slices.Equal(list[0].Args, []string{"sleep", "22222"}) {
		t.Errorf("the first process is %+v", list)
	}
	for _, p := range list {
		if slices.Contains(p.Args, "11111") || slices.Contains(p.Args, "/pause") {
			t.Errorf("a process of another container: %+v", p)
		}
	}
}

// audited connects with an audit log, and gives a way to read it.
func (c *cluster) audited(t *testing.T, o kube.Options) (*kube.Client, func() []map[string]any) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "audit.jsonl")
	log, err := audit.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Close() })
	o.Audit = log
	client, err := kube.Connect(o)
	if err != nil {
		t.Fatal(err)
	}
	return client, func() []map[string]any {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var all []map[string]any
		for line := range bytes.Lines(data) {
			var one map[string]any
			if err := json.Unmarshal(line, &one); err != nil {
				t.Fatal(err)
			}
			all = append(all, one)
		}
		return all
	}
}

func TestExecIsAuditedOnce(t *testing.T) {
	t.Parallel()
	c := startOnNode(t)
	ns := c.namespace(t, "e2e-exec-")
	target := c.run1(t, ns, "box", "registry.test/busybox:1", sleeps)
	// A proxy that knows no WebSockets.
	config := rest.CopyConfig(c.config)
	config.NextProtos = []string{"http/1.1"} // of which SPDY is an upgrade
	transport, err := rest.TransportFor(config)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Transport: transport, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(&url.URL{Scheme: "https", Host: c.address}) }}
	old := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
			http.Error(w, "what is that?", http.StatusBadRequest)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(old.Close)
	spdy := kube.Options{}
	spdy.Overrides.ClusterInfo.Server = old.URL
	for name, o := range map[string]kube.Options{"WebSocket": {Kubeconfig: c.kubeconfig}, "SPDY": spdy} {
		t.Run(name, func(t *testing.T) {
			client, lines := c.audited(t, o)
			s, usage := c.lookByExec(t, client, target, planFor())
			wantSame(t, c.client(t, nil), target, s, 1)
			ran := 0
			var sent int64
			for _, line := range lines() {
				if argv, ok := line["argv"].([]any); ok {
					ran++
					sent += int64(line["bytes"].(float64))
					if argv[0] != "sh" || line["status"] != 101.0 || line["resource"] != "pods/exec" || line["name"] != "box" {
						t.Errorf("line %.200v", line)
					}
				}
			}
			if ran != usage.RoundTrips || sent != usage.Bytes {
				t.Errorf("%d lines with %d bytes for %d commands with %d", ran, sent, usage.RoundTrips, usage.Bytes)
			}
		})
	}
}

// commandsIn lists what runs in a container, but for what does the listing.
func (c *cluster) commandsIn(ctx context.Context, t *testing.T, target collect.Target) []string {
	t.Helper()
	var out bytes.Buffer
	_, err := stream.New(c.client(t, nil)).Run(ctx, stream.Command{
		Namespace: target.Namespace, Pod: target.Pod, Container: target.Container, Stdout: &out,
		Argv: []string{"sh", "-c", `for p in /proc/[0-9]*; do read -r a b s x <$p/stat && [ $a != $$ ] && echo "$s $(tr '\0\n' '  ' <$p/cmdline)"; done`},
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(out.String()), "\n")
}

func TestExecCancelled(t *testing.T) {
	t.Parallel()
	c := startOnNode(t)
	ns := c.namespace(t, "e2e-exec-")
	for name, find := range map[string]string{"walks": "while :; do /usr/bin/find / -xdev >/dev/null; done", "hangs": "exec sleep 77777"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			target := c.run1(t, ns, name, "registry.test/debian:12", `, env: [{name: PATH, value: "/tmp/bin:/usr/bin:/bin"}], command: [sh, -c, 'mkdir /tmp/bin; echo "#!/bin/sh" >/tmp/bin/find; echo "`+find+`" >>/tmp/bin/find; chmod 755 /tmp/bin/find; exec sleep 100000']}]`)
			eventually(t, "the container to be prepared", func(ctx context.Context) (bool, string, error) {
				now := c.commandsIn(ctx, t, target)
				return len(now) == 1 && strings.Contains(now[0], "sleep 100000"), fmt.Sprint(now), nil
			})
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() {
				_, err := exec.New(c.client(t, nil), target).Collect(ctx, &snapshot.Plan{Trees: []snapshot.Tree{{Path: "/"}}}, snapshot.NewBuilder(snapshot.Limits{}))
				ended <- err
			}()
			eventually(t, "the script to run", func(ctx context.Context) (bool, string, error) {
				now := c.commandsIn(ctx, t, target)
				return slices.ContainsFunc(now, func(s string) bool { return strings.Contains(s, "/tmp/bin/find") || strings.Contains(s, "77777") }), fmt.Sprint(len(now)), nil
			})
			cancel()
			if err := <-ended; !errors.Is(err, context.Canceled) {
				t.Errorf("Collect = %v", err)
			}
			eventually(t, "the script to be gone", func(ctx context.Context) (bool, string, error) {
				now := slices.DeleteFunc(c.commandsIn(ctx, t, target), func(s string) bool { return strings.HasPrefix(s, "Z") })
				return len(now) == 1, fmt.Sprint(now), nil
			})
		})
	}
}

func TestExecLeavesNoProcesses(t *testing.T) {
	t.Parallel()
	c := startOnNode(t)
	ns := c.namespace(t, "e2e-exec-")
	for _, image := range []string{"debian:12", "busybox:1"} {
		target := c.run1(t, ns, image[:6], "registry.test/"+image, sleeps)
		plan := planFor()
		plan.Trees[0].Contents = []string{"*"}
		for range 5 {
			c.lookByExec(t, c.client(t, nil), target, plan)
		}
		// Zombies, too: process 1 is a sleep, and looks after nobody.
		if now := c.commandsIn(t.Context(), t, target); len(now) != 1 {
			t.Errorf("%s: %v", image, now)
		}
	}
}

func TestExecForbiddenAndGone(t *testing.T) {
	t.Parallel()
	c := startOnNode(t)
	ns := c.namespace(t, "e2e-exec-")
	target := c.run1(t, ns, "box", "registry.test/busybox:1", sleeps)
	a := c.account(t, ns, "nobody")
	_, err := exec.New(c.client(t, a), target).Collect(t.Context(), planFor(), snapshot.NewBuilder(snapshot.Limits{}))
	var forbidden *stream.ForbiddenError
	if !errors.As(err, &forbidden) || !strings.Contains(err.Error(), "get and create on pods/exec") {
		t.Errorf("without permissions: %T %v", err, err)
	}
	target.Pod = "none"
	_, err = exec.New(c.client(t, nil), target).Collect(t.Context(), planFor(), snapshot.NewBuilder(snapshot.Limits{}))
	var gone *stream.GoneError
	if !errors.As(err, &gone) || !gone.Pod {
		t.Errorf("without a pod: %T %v", err, err)
	}
}

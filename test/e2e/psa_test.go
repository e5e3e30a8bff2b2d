package e2e

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/pss/survey"
)

const podSecurity = "pod-security.kubernetes.io/"

// psaResult is what assay psa -o json prints.
type psaResult struct {
	Latest     string
	Namespaces []*survey.Namespace
	Commands   []string
	Coverage   []finding.Coverage
	Complete   bool
}

func (r *psaResult) of(t *testing.T, namespace string) *survey.Namespace {
	t.Helper()
	i := slices.IndexFunc(r.Namespaces, func(n *survey.Namespace) bool { return n.Name == namespace })
	if i < 0 {
		t.Fatalf("nothing is said about namespace %s: %+v", namespace, r)
	}
	return r.Namespaces[i]
}

func (c *cluster) psa(t *testing.T, code int, args ...string) *psaResult {
	t.Helper()
	if !slices.Contains(args, "--token") {
		args = flags(args, c.admin())
	}
	run := c.assay(t, flags([]string{"psa", "-o", "json", "-q"}, args)...).exits(t, code)
	var r psaResult
	if err := json.Unmarshal([]byte(run.stdout), &r); err != nil {
		t.Fatalf("%v: %v", err, run)
	}
	return &r
}

// label asks the API server what it would say to labels, and changes nothing.
func (c *cluster) label(t *testing.T, namespace string, labels ...string) []string {
	t.Helper()
	client, w := c.warned(t)
	set := map[string]any{}
	for _, l := range labels {
		key, value, _ := strings.Cut(l, "=")
		set[key] = value
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"labels": set}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Resource(schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}).Patch(t.Context(), namespace, types.MergePatchType, patch, metav1.PatchOptions{DryRun: []string{metav1.DryRunAll}}); err != nil {
		t.Fatalf("labelling %s with %v: %v", namespace, labels, err)
	}
	return w.all
}

// warned is a client, and what servers warn of when it is used.
func (c *cluster) warned(t *testing.T) (dynamic.Interface, *warnings) {
	t.Helper()
	w := &warnings{}
	config := rest.CopyConfig(c.config)
	config.WarningHandler = w
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return client, w
}

// warnings keeps those of API servers.
type warnings struct {
	sync.Mutex
	all []string
}

func (w *warnings) HandleWarningHeader(code int, _ string, text string) {
	if code != 299 || text == "" {
		return
	}
	w.Lock()
	defer w.Unlock()
	w.all = append(w.all, text)
}

// edits make pods of all sorts: each is one thing that some check is about.
// The API server takes all of them, also together, but for what permit undoes.
func edits() []func(*corev1.Pod) {
	context := func(p *corev1.Pod) *corev1.SecurityContext { return p.Spec.Containers[0].SecurityContext }
	add := func(names ...corev1.Capability) func(*corev1.Pod) {
		return func(p *corev1.Pod) { context(p).Capabilities.Add = names }
	}
	volume := func(v corev1.VolumeSource) func(*corev1.Pod) {
		return func(p *corev1.Pod) {
			p.Spec.Volumes = append(p.Spec.Volumes, corev1.Volume{Name: fmt.Sprintf("v%d", len(p.Spec.Volumes)), VolumeSource: v})
		}
	}
	return []func(*corev1.Pod){
		func(p *corev1.Pod) {
			context(p).Privileged, context(p).AllowPrivilegeEscalation = new(true), nil
		},
		func(p *corev1.Pod) { context(p).AllowPrivilegeEscalation = nil },
		func(p *corev1.Pod) { p.Spec.HostPID = true },
		func(p *corev1.Pod) { p.Spec.HostIPC = true },
		func(p *corev1.Pod) { // its ports become host ports by themselves
			p.Spec.HostNetwork = true
			p.Spec.Containers[0].Ports = []corev1.ContainerPort{{ContainerPort: 8080}}
		},
		func(p *corev1.Pod) {
			p.Spec.Containers[1].Ports = []corev1.ContainerPort{{ContainerPort: 9090, HostPort: 9090}}
		},
		volume(corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/tmp"}}),
		volume(corev1.VolumeSource{NFS: &corev1.NFSVolumeSource{Server: "nowhere", Path: "/"}}),
		volume(corev1.VolumeSource{}), // an emptyDir by default
		add("NET_RAW"), add("NET_BIND_SERVICE"), add("CHOWN", "SYS_TIME"),
		func(p *corev1.Pod) { context(p).Capabilities.Drop = nil },
		func(p *corev1.Pod) { p.Spec.SecurityContext.RunAsNonRoot = nil },
		func(p *corev1.Pod) { p.Spec.SecurityContext.RunAsNonRoot = new(false) },
		func(p *corev1.Pod) { context(p).RunAsNonRoot = new(false) },
		func(p *corev1.Pod) { p.Spec.SecurityContext.RunAsUser = new(int64(0)) },
		func(p *corev1.Pod) { context(p).RunAsUser = new(int64(0)) },
		func(p *corev1.Pod) { p.Spec.SecurityContext.SeccompProfile = nil },
		func(p *corev1.Pod) {
			context(p).SeccompProfile = &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeUnconfined}
		},
		func(p *corev1.Pod) {
			p.Spec.SecurityContext.AppArmorProfile = &corev1.AppArmorProfile{Type: corev1.AppArmorProfileTypeUnconfined}
		},
		func(p *corev1.Pod) {
			p.Annotations = map[string]string{"container.apparmor.security.beta.kubernetes.io/proxy": "unconfined"}
		},
		func(p *corev1.Pod) { p.Spec.SecurityContext.SELinuxOptions = &corev1.SELinuxOptions{Type: "spc_t"} },
		func(p *corev1.Pod) {
			context(p).SELinuxOptions = &corev1.SELinuxOptions{User: "u", Type: "container_engine_t"}
		},
		func(p *corev1.Pod) {
			p.Spec.SecurityContext.Sysctls = []corev1.Sysctl{{Name: "kernel.msgmax", Value: "1"}, {Name: "net.ipv4.tcp_rmem", Value: "1"}}
		},
		func(p *corev1.Pod) {
			p.Spec.Containers[1].LivenessProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{
				TCPSocket: &corev1.TCPSocketAction{Host: "10.0.0.1", Port: intstr.FromInt32(80)},
			}}
		},
	}
}

// permit undoes what the API server refuses, in whatever order the edits came:
// sysctls of namespaces that are the node's.
func permit(p *corev1.Pod) {
	if len(p.Spec.SecurityContext.Sysctls) > 0 {
		p.Spec.HostNetwork, p.Spec.HostIPC = false, false
	}
}

// randomPod is a pod that restricted lets in, with some edits.
func randomPod(r *rand.Rand, name string) *unstructured.Unstructured {
	p := &corev1.Pod{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: corev1.PodSpec{
			SchedulerName: "nobody", // it stays Pending
			SecurityContext: &corev1.PodSecurityContext{
				RunAsNonRoot: new(true), SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
			},
		},
	}
	for _, name := range []string{"app", "proxy"} {
		p.Spec.Containers = append(p.Spec.Containers, corev1.Container{
			Name: name, Image: "registry.test/pause:1",
			SecurityContext: &corev1.SecurityContext{
				AllowPrivilegeEscalation: new(false), Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
			},
		})
	}
	all := edits()
	for range r.IntN(4) {
		all[r.IntN(len(all))](p)
	}
	permit(p)
	o, err := runtime.DefaultUnstructuredConverter.ToUnstructured(p)
	if err != nil {
		panic(err)
	}
	return &unstructured.Unstructured{Object: o}
}

// TestPSAAgreesWithTheServer fills a namespace with pods of all sorts, and
// compares what assay psa says with what the API server says: when the
// namespace is labelled, and when the pods are created where a level is enforced.
func TestPSAAgreesWithTheServer(t *testing.T) {
	t.Parallel()
	c := start(t)
	ns := c.namespace(t, "e2e-psa-")
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 1))
	client, _ := c.warned(t) // annotations for AppArmor are deprecated
	podsOf := func(namespace string) dynamic.ResourceInterface {
		return client.Resource(schema.GroupVersionResource{Version: "v1", Resource: "pods"}).Namespace(namespace)
	}
	var pods []*unstructured.Unstructured
	for i := range 60 {
		p := randomPod(r, fmt.Sprintf("pod-%02d", i))
		pods = append(pods, p)
		if _, err := podsOf(ns).Create(t.Context(), p, metav1.CreateOptions{}); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
	levels := []string{"baseline", "restricted"}
	standing := func(n *survey.Namespace, level string) *survey.Standing {
		if level == "baseline" {
			return n.Baseline
		}
		return n.Restricted
	}
	for _, version := range []string{"", "latest", "v1.36", "v1.34", "v1.30", "v1.22", "v1.18"} {
		args, label := []string{"-n", ns}, "latest"
		if version != "" {
			args, label = append(args, "--version", version), version
		}
		n := c.psa(t, 0, args...).of(t, ns)
		for _, level := range levels {
			want := c.label(t, ns, podSecurity+"enforce="+level, podSecurity+"enforce-version="+label)
			if len(want) < 2 {
				t.Fatalf("seed %d: the server says nothing against %s:%s", seed, level, label)
			}
			if diff := cmp.Diff(want, standing(n, level).Warnings); diff != "" {
				t.Errorf("seed %d: %s:%s (-server +assay):\n%s", seed, level, label, diff)
			}
		}
	}
	n := c.psa(t, 0, "-n", ns).of(t, ns)
	checkManifests(t, c, n, pods)
	for _, level := range levels {
		enforcing := c.namespace(t, "e2e-psa-"+level+"-", podSecurity+"enforce="+level)
		denied := map[string]string{}
		for _, b := range standing(n, level).Blockers {
			var texts []string
			for _, d := range b.Denials {
				texts = append(texts, d.String())
			}
			denied[b.Name] = fmt.Sprintf("violates PodSecurity %q: %s", level+":latest", strings.Join(texts, ", "))
		}
		for _, p := range pods {
			_, err := podsOf(enforcing).Create(t.Context(), p, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
			want := denied[p.GetName()]
			switch {
			case err == nil && want == "":
			case err == nil:
				t.Errorf("seed %d: the server lets %s in, assay says it %s", seed, p.GetName(), want)
			case !apierrors.IsForbidden(err) || want == "" || !strings.HasSuffix(err.Error(), want):
				t.Errorf("seed %d: %s\nthe server says: %v\nassay says:      %s", seed, p.GetName(), err, want)
			}
		}
	}
}

// checkManifests compares what is said about pods in a cluster with what is
// said about the manifests that they were made from.
func checkManifests(t *testing.T, c *cluster, live *survey.Namespace, pods []*unstructured.Unstructured) {
	t.Helper()
	var b strings.Builder
	for _, p := range pods {
		p := p.DeepCopy()
		p.SetNamespace(live.Name)
		text, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(append(text, '\n'))
	}
	file := filepath.Join(t.TempDir(), "pods.json")
	if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	run := c.assay(t, "psa", "-f", file, "-o", "json", "--version", live.JudgedBy).exits(t, 0)
	var r psaResult
	if err := json.Unmarshal([]byte(run.stdout), &r); err != nil {
		t.Fatal(err)
	}
	// The server itself makes a field of an annotation for AppArmor, and then
	// finds fault with both.
	single := strings.NewReplacer("profiles", "profile")
	denials := func(s *survey.Standing) (all []string) {
		for _, b := range s.Blockers {
			line := b.Name + ":"
			for _, d := range b.Denials {
				line += " " + single.Replace(d.Reason)
			}
			all = append(all, line)
		}
		slices.Sort(all)
		return all
	}
	n := r.of(t, live.Name)
	for _, both := range [][2]*survey.Standing{{live.Baseline, n.Baseline}, {live.Restricted, n.Restricted}} {
		if diff := cmp.Diff(denials(both[0]), denials(both[1])); diff != "" {
			t.Errorf("%s (-live +manifests):\n%s", both[0].Level, diff)
		}
	}
}

// TestPSACommandsRaiseWithoutAWarning carries out what assay psa prints, as a
// dry run, and enforces it: nothing of what is there may be in the way.
func TestPSACommandsRaiseWithoutAWarning(t *testing.T) {
	t.Parallel()
	c := start(t)
	hardened, plain, privileged := c.namespace(t, "e2e-psa-"), c.namespace(t, "e2e-psa-"), c.namespace(t, "e2e-psa-")
	pinned := c.namespace(t, "e2e-psa-", podSecurity+"enforce=baseline", podSecurity+"enforce-version=v1.30")
	good := randomPod(rand.New(zero{}), "good") // without edits
	for _, ns := range []string{hardened, pinned} {
		c.create(t, good.DeepCopy(), ns)
	}
	c.deployment(t, plain, "web", 2)
	c.create(t, good, privileged)
	c.apply(t, privileged, `
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent}
spec:
  selector: {matchLabels: {app: agent}}
  template:
    metadata: {labels: {app: agent}}
    spec:
      nodeSelector: {nowhere: "true"}
      hostPID: true
      containers: [{name: app, image: "registry.test/pause:1"}]
`)
	r := c.psa(t, 0, "-n", hardened, "-n", plain, "-n", privileged, "-n", pinned)
	for _, x := range []struct{ ns, could, command string }{
		{hardened, "restricted", podSecurity + "enforce=restricted"},
		{plain, "baseline", podSecurity + "enforce=baseline"},
		{privileged, "privileged", ""}, // nothing runs, but the next pod would be refused
		{pinned, "restricted", podSecurity + "enforce=restricted"},
	} {
		n := r.of(t, x.ns)
		if string(n.CouldEnforce) != x.could || strings.Join(n.Labels, " ") != x.command {
			t.Errorf("%s could enforce %s, by %v; want %s, by %s", x.ns, n.CouldEnforce, n.Labels, x.could, x.command)
		}
	}
	if n := r.of(t, pinned); n.Enforces.String() != "baseline:v1.30" || n.JudgedBy != "v1.30" || !slices.Contains(n.StillAdmits, "baseline/hostProbesAndHostLifecycle") {
		t.Errorf("%+v", n)
	}
	if b := r.of(t, plain).Restricted.Blockers; len(b) != 1 || b[0].Kind != "Deployment" || b[0].Name != "web" || b[0].Pods != 2 || !b[0].Template {
		t.Errorf("in the way of restricted: %+v", b)
	}
	if len(r.Commands) != 3 {
		t.Fatalf("commands: %v", r.Commands)
	}
	kubectl, err := exec.LookPath("kubectl")
	for _, command := range r.Commands {
		words := strings.Fields(command)
		if len(words) < 6 || words[0] != "kubectl" || words[1] != "label" || words[2] != "--overwrite" || words[3] != "namespace" {
			t.Fatalf("command: %s", command)
		}
		if warnings := c.label(t, words[4], words[5:]...); len(warnings) > 0 {
			t.Errorf("%s\nthe server warns: %v", command, warnings)
		}
		if err != nil {
			continue // there is no kubectl
		}
		out, err := exec.CommandContext(t.Context(), kubectl, append(words[1:], "--dry-run=server", "--kubeconfig", c.kubeconfig)...).CombinedOutput()
		if err != nil || strings.Contains(string(out), "Warning") {
			t.Errorf("%s: %v\n%s", command, err, out)
		}
	}
	// Once it is enforced, there is nothing left to say.
	c.patch(t, "v1", "Namespace", "", plain, "metadata: {labels: {"+podSecurity+"enforce: baseline}}")
	if n := c.psa(t, 0, "-n", plain).of(t, plain); n.Labels != nil || n.Enforces.String() != "baseline:latest" || n.Violated() {
		t.Errorf("%+v", n)
	}
}

// zero is a source of numbers that are all zero.
type zero struct{}

func (zero) Uint64() uint64 { return 0 }

// TestPSARole takes each permission that --plan lists away, one at a time.
func TestPSARole(t *testing.T) {
	t.Parallel()
	c := start(t)
	ns := c.namespace(t, "e2e-psa-", podSecurity+"enforce=baseline")
	c.deployment(t, ns, "web", 1)
	plan := permissionsIn(t, c.assay(t, flags([]string{"psa", "--plan", "-o", "yaml", "-q", "-n", ns}, c.admin())...).exits(t, 0).stdout)
	if len(plan) < 9 {
		t.Fatalf("the plan is %v", plan)
	}
	grant := func(t *testing.T, name string, but permission) *account {
		a := c.account(t, ns, name)
		for _, p := range plan {
			if p != but {
				a.grant(t, p.namespace, p.rule())
			}
		}
		return a
	}
	t.Run("all", func(t *testing.T) {
		a := grant(t, "all", permission{})
		r := c.psa(t, 0, flags(a.flags(), []string{"-n", ns})...)
		if n := r.of(t, ns); !r.Complete || n.CouldEnforce != "baseline" || n.Restricted.Templates != 1 || n.Restricted.Pods != 1 {
			t.Errorf("%+v", n)
		}
	})
	for _, missing := range plan {
		t.Run("without "+missing.resource, func(t *testing.T) {
			t.Parallel()
			a := grant(t, "without-"+missing.resource, missing)
			r := c.psa(t, 2, flags(a.flags(), []string{"-n", ns})...)
			if r.Complete || len(r.Coverage) == 0 {
				t.Errorf("it should say that something is missing: %+v", r)
			}
			if missing.resource == "pods" {
				if n := r.of(t, ns); n.CouldEnforce != "" || n.Labels != nil {
					t.Errorf("without pods nothing is known: %+v", n)
				}
				return
			}
			n := r.of(t, ns)
			if missing.resource == "namespaces" {
				if n.Enforces != nil || n.Labels != nil {
					t.Errorf("the labels could not be read: %+v", n)
				}
				return
			}
			if !n.TemplatesUnread {
				t.Errorf("it should say that templates could not be read: %+v", n)
			}
		})
	}
}

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubeassay/assay/inspect/access"
	"github.com/kubeassay/assay/inspect/collect/commands"
	"github.com/kubeassay/assay/kube"
)

const policyImage = "registry.test/assay-collector:policy"

// policies applies the printed policies, under names of their own and for one
// namespace only: other tests go on meanwhile.
func (c *cluster) policies(t *testing.T, ns string) {
	t.Helper()
	objects, err := access.Policies(access.PolicyOptions{Exec: commands.Exec(), Hold: commands.Hold(), Images: []string{policyImage}})
	if err != nil {
		t.Fatal(err)
	}
	printed, err := access.YAML(objects)
	if err != nil {
		t.Fatal(err)
	}
	r := c.assay(t, "grant", "policy", "--debug-image", policyImage).exits(t, 0)
	if !strings.HasSuffix(r.stdout, string(printed)) {
		t.Errorf("assay grant policy prints other policies:\n%s\nwant\n%s", r.stdout, printed)
	}
	for _, o := range objects {
		u := &unstructured.Unstructured{Object: asJSON(t, o).(map[string]any)}
		u.SetName(u.GetName() + "-" + ns)
		if u.GetKind() == "ValidatingAdmissionPolicyBinding" {
			spec := u.Object["spec"].(map[string]any)
			spec["policyName"] = u.GetName()
			spec["matchResources"] = map[string]any{"namespaceSelector": map[string]any{"matchLabels": map[string]any{"kubernetes.io/metadata.name": ns}}}
		}
		c.create(t, u, "")
	}
}

// editor lets a grant's account do everything in its namespace, as a mistake
// in a role would.
func (c *cluster) editor(t *testing.T, ns string, g *access.Grant) {
	t.Helper()
	c.apply(t, ns, fmt.Sprintf(`
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: mistake-%[2]s}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: admin}
subjects: [{kind: ServiceAccount, name: %[2]s, namespace: %[1]s}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: mistake-%[2]s}
rules: [{apiGroups: [""], resources: ["pods/ephemeralcontainers"], verbs: [patch]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: mistake-too-%[2]s}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: mistake-%[2]s}
subjects: [{kind: ServiceAccount, name: %[2]s, namespace: %[1]s}]
`, ns, g.Name()))
}

// TestPolicies: under the printed policies, an account of Assay's inspections
// runs Assay's own commands and containers and nothing else, whatever a role allows.
func TestPolicies(t *testing.T) {
	t.Parallel()
	c := startOnNode(t)
	ns := c.boxes(t)
	g, handed := c.looker(t, ns, false), c.looker(t, ns, true)
	t.Cleanup(func() { // else the grants would not be gone when they are revoked
		for _, name := range []string{"mistake-" + g.Name(), "mistake-too-" + g.Name()} {
			if err := c.client(t, nil).Delete(context.Background(), kube.Ref{Resource: kube.RoleBindings, Namespace: ns, Name: name}, kube.WriteOptions{}); err != nil {
				t.Error(err)
			}
		}
	})
	c.editor(t, ns, g)
	c.policies(t, ns)
	try := func(pod string, o corev1.PodExecOptions) error {
		_, err := execIn(t.Context(), g.Client().RESTConfig(), false, ns, pod, o)
		return err
	}
	const says = "Assay's inspection accounts "
	eventually(t, "the policies to count", func(context.Context) (bool, string, error) {
		err := try("other", command("true"))
		return err != nil && strings.Contains(err.Error(), says), fmt.Sprint(err), nil
	})
	var script []string
	for _, known := range commands.Exec() {
		if argv := fixedWords(&known); argv != nil && argv[0] == "sh" {
			script = argv
		}
	}
	if script == nil {
		t.Fatal("the script is not among the commands")
	}
	t.Run("exec", func(t *testing.T) {
		if err := try("box", command(script...)); err != nil && !strings.Contains(err.Error(), "exit code") {
			t.Errorf("Assay's own script: %v", err)
		}
		if err := try("box", command("cat", "/etc/passwd", "/etc/group")); err != nil {
			t.Errorf("reading files: %v", err)
		}
		for name, argv := range map[string][]string{
			"a shell":             {"sh"},
			"another script":      {"sh", "-c", "id"},
			"the script and more": append(script[:len(script):len(script)], "more"),
			"a changed script":    {script[0], script[1], script[2] + "\nid", script[3]},
			"an option for cat":   {"cat", "--help"},
			"an option for tar":   {"tar", "-c", "-f", "-", "--checkpoint-action=exec=id", "/etc"},
			"no path":             {"cat", "etc/passwd"},
			"any collector":       {"/assay-collector", "collect", "--root", "/"},
			"an ID of a kind":     {"/assay-collector", "collect", "--container-id", "../../x"},
			"nearly":              {"/assay-collector", "stop", ""},
		} {
			if err := try("box", command(argv...)); err == nil || !strings.Contains(err.Error(), says+"may run only Assay's own command lines") {
				t.Errorf("%s: %v", name, err)
			}
		}
		terminal := command(script...)
		terminal.TTY = true
		if err := try("box", terminal); err == nil || !strings.Contains(err.Error(), says+"get no terminal") {
			t.Errorf("a terminal: %v", err)
		}
		if _, err := execIn(t.Context(), g.Client().RESTConfig(), true, ns, "box", command("id")); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("by SPDY: %v", err)
		}
	})
	t.Run("others are not held to it", func(t *testing.T) {
		if _, err := execIn(t.Context(), handed.Client().RESTConfig(), false, ns, "box", command("id")); err != nil {
			t.Errorf("access that was handed out: %v", err)
		}
		if _, err := execIn(t.Context(), c.client(t, nil).RESTConfig(), false, ns, "box", command("id")); err != nil {
			t.Errorf("the administrator: %v", err)
		}
	})
	t.Run("attach", func(t *testing.T) {
		err := g.Client().Create(t.Context(), kube.Ref{Resource: kube.Pods, Namespace: ns, Name: "box", Subresource: "attach"}, map[string]any{}, nil, kube.WriteOptions{})
		if err == nil || !strings.Contains(err.Error(), says+"may exec, but not attach") {
			t.Error(err)
		}
	})
	t.Run("ephemeral containers", func(t *testing.T) { ephemeralPolicies(t, g, ns, says) })
	t.Run("pods", func(t *testing.T) { podPolicies(t, g, ns, says) })
}

// fixedWords are a command line that is always the same; nil for others.
func fixedWords(c *access.Command) []string {
	var argv []string
	for _, w := range c.Words {
		if w.Pattern != "" {
			return nil
		}
		argv = append(argv, w.Text)
	}
	if c.More != "" {
		return nil
	}
	return argv
}

func ephemeralPolicies(t *testing.T, g *access.Grant, ns, says string) {
	add := func(changes map[string]any) error {
		container := map[string]any{
			"name": "assay-debug-abc", "image": policyImage, "imagePullPolicy": "IfNotPresent", "targetContainerName": "app",
			"command": []string{"/assay-collector", "hold", "--for", "10m0s"},
		}
		for k, v := range changes {
			container[k] = v
		}
		patch, err := json.Marshal(map[string]any{"spec": map[string]any{"ephemeralContainers": []any{container}}})
		if err != nil {
			t.Fatal(err)
		}
		ref := kube.Ref{Resource: kube.Pods, Namespace: ns, Name: "box", Subresource: "ephemeralcontainers"}
		return g.Client().Patch(t.Context(), ref, types.StrategicMergePatchType, patch, nil, kube.WriteOptions{DryRun: true})
	}
	eventually(t, "the policy for ephemeral containers to count", func(context.Context) (bool, string, error) {
		err := add(map[string]any{"name": "debugger"})
		return err != nil, fmt.Sprint(err), nil
	})
	drop := map[string]any{"runAsUser": 0, "capabilities": map[string]any{"drop": []string{"ALL"}}}
	for name, changes := range map[string]map[string]any{"Assay's own": nil, "as another user": {"securityContext": drop}} {
		if err := add(changes); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, tt := range map[string]struct {
		changes map[string]any
		want    string
	}{
		"another name":    {map[string]any{"name": "debugger"}, "containers named assay-"},
		"another image":   {map[string]any{"image": "registry.test/busybox:1"}, "Assay's collector image"},
		"another command": {map[string]any{"command": []string{"/assay-collector", "hold", "--for", "10m0s; id"}}, "its fixed command"},
		"no command":      {map[string]any{"command": nil}, "its fixed command"},
		"arguments":       {map[string]any{"args": []string{"x"}}, "without arguments"},
		"environment":     {map[string]any{"env": []any{map[string]any{"name": "LD_PRELOAD", "value": "x"}}}, "without arguments, environment"},
		"a terminal":      {map[string]any{"stdin": true, "tty": true}, "terminal"},
		"privileged":      {map[string]any{"securityContext": map[string]any{"privileged": true}}, "privileges"},
		"a capability":    {map[string]any{"securityContext": map[string]any{"capabilities": map[string]any{"add": []string{"SYS_PTRACE"}}}}, "only capabilities that the target container has"},
	} {
		if err := add(tt.changes); err == nil || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func podPolicies(t *testing.T, g *access.Grant, ns, says string) {
	try := func(change func(*corev1.Pod)) error {
		yes, no, user := true, false, int64(65532)
		pod := &corev1.Pod{}
		pod.APIVersion, pod.Kind, pod.Name, pod.Namespace = "v1", "Pod", "assay-image-x", ns
		pod.Spec = corev1.PodSpec{
			AutomountServiceAccountToken: &no, SecurityContext: &corev1.PodSecurityContext{RunAsNonRoot: &yes, RunAsUser: &user},
			Containers: []corev1.Container{{
				Name: "collector", Image: policyImage, ImagePullPolicy: corev1.PullIfNotPresent, Command: []string{"/assay-collector", "hold", "--for", "10m0s"},
				VolumeMounts: []corev1.VolumeMount{{Name: "target", MountPath: "/target", ReadOnly: true}},
			}},
			Volumes: []corev1.Volume{{Name: "target", VolumeSource: corev1.VolumeSource{Image: &corev1.ImageVolumeSource{Reference: "registry.test/busybox:1", PullPolicy: corev1.PullNever}}}},
		}
		change(pod)
		return g.Client().Create(t.Context(), kube.Ref{Resource: kube.Pods, Namespace: ns}, pod, nil, kube.WriteOptions{DryRun: true})
	}
	eventually(t, "the policy for pods to count", func(context.Context) (bool, string, error) {
		err := try(func(p *corev1.Pod) { p.Name = "x" })
		return err != nil, fmt.Sprint(err), nil
	})
	if err := try(func(*corev1.Pod) {}); err != nil {
		t.Errorf("Assay's own: %v", err)
	}
	for name, change := range map[string]func(*corev1.Pod){
		"another name":    func(p *corev1.Pod) { p.Name = "x" },
		"another image":   func(p *corev1.Pod) { p.Spec.Containers[0].Image = "registry.test/busybox:1" },
		"another command": func(p *corev1.Pod) { p.Spec.Containers[0].Command = []string{"sh"} },
		"an init container": func(p *corev1.Pod) {
			p.Spec.InitContainers = []corev1.Container{*p.Spec.Containers[0].DeepCopy()}
			p.Spec.InitContainers[0].Name = "first"
		},
		"a second container": func(p *corev1.Pod) {
			p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Name: "b", Image: "x"})
		},
		"a host path": func(p *corev1.Pod) {
			p.Spec.Volumes[0].VolumeSource = corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/"}}
		},
		"a secret": func(p *corev1.Pod) {
			p.Spec.Volumes[0].VolumeSource = corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "s"}}
		},
		"a token":       func(p *corev1.Pod) { p.Spec.AutomountServiceAccountToken = nil },
		"the network":   func(p *corev1.Pod) { p.Spec.HostNetwork = true },
		"its processes": func(p *corev1.Pod) { p.Spec.HostPID = true },
		"root":          func(p *corev1.Pod) { p.Spec.SecurityContext = nil },
		"environment": func(p *corev1.Pod) {
			p.Spec.Containers[0].EnvFrom = []corev1.EnvFromSource{{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "s"}}}}
		},
		"privileges": func(p *corev1.Pod) {
			yes := true
			p.Spec.Containers[0].SecurityContext = &corev1.SecurityContext{Privileged: &yes}
		},
		"a capability": func(p *corev1.Pod) {
			p.Spec.Containers[0].SecurityContext = &corev1.SecurityContext{Capabilities: &corev1.Capabilities{Add: []corev1.Capability{"NET_ADMIN"}}}
		},
		"a hook": func(p *corev1.Pod) {
			p.Spec.Containers[0].Lifecycle = &corev1.Lifecycle{PreStop: &corev1.LifecycleHandler{Exec: &corev1.ExecAction{Command: []string{"id"}}}}
		},
	} {
		if err := try(change); err == nil || !strings.Contains(err.Error(), says+"may make only pods") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

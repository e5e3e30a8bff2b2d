package pod_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	nodev1 "k8s.io/api/node/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/yaml"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/image"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/check/container"
	"github.com/kubeassay/assay/posture/check/pod"
	"github.com/kubeassay/assay/posture/index"
	"github.com/kubeassay/assay/posture/pss"
	"github.com/kubeassay/assay/workload"
)

// flawless is a pod that every check about containers and pods lets through.
// It has one container of each kind, so that a check that looks at the wrong
// one is noticed.
const flawless = `
metadata:
  name: cart
  namespace: shop
  labels: {app: cart}
  ownerReferences:
  - {apiVersion: apps/v1, kind: ReplicaSet, name: cart-1, uid: u, controller: true}
spec:
  hostUsers: false
  serviceAccountName: cart
  automountServiceAccountToken: false
  topologySpreadConstraints:
  - {maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: DoNotSchedule}
  securityContext:
    runAsNonRoot: true
    runAsUser: 10001
    runAsGroup: 10001
    seccompProfile: {type: RuntimeDefault}
  initContainers:
  - name: migrate
    image: registry.example/shop/migrate:1@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
    securityContext: &own
      allowPrivilegeEscalation: false
      readOnlyRootFilesystem: true
      capabilities: {drop: [ALL]}
    resources: &resources
      limits: {cpu: 100m, memory: 64Mi, ephemeral-storage: 1Gi}
  - name: proxy
    restartPolicy: Always
    image: registry.example/shop/proxy:1@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
    securityContext: *own
    resources: *resources
    livenessProbe: &probe
      tcpSocket: {port: 8080}
    readinessProbe: *probe
  containers:
  - name: app
    image: registry.example/shop/cart:1@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
    securityContext: *own
    resources: *resources
    livenessProbe: *probe
    readinessProbe: *probe
    ports:
    - containerPort: 8080
    env:
    - {name: LOG_LEVEL, value: info}
    volumeMounts:
    - {name: data, mountPath: /data}
  volumes:
  - name: data
    emptyDir: {}
`

// a change of one thing, and all that may then fail.
type change struct {
	name string
	make func(*corev1.Pod)
	// want are the checks that newly fail, as "check" or, where a container
	// other than app fails, "check of container".
	want string
}

func app(p *corev1.Pod) *corev1.Container { return &p.Spec.Containers[0] }

func ofApp(f func(*corev1.SecurityContext)) func(*corev1.Pod) {
	return func(p *corev1.Pod) { f(app(p).SecurityContext) }
}

func ofPod(f func(*corev1.PodSecurityContext)) func(*corev1.Pod) {
	return func(p *corev1.Pod) { f(p.Spec.SecurityContext) }
}

func hostPath(path string) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		p.Spec.Volumes[0].VolumeSource = corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: path}}
	}
}

// TestOneCauseOneFinding changes one thing at a time in a pod without fault.
// What then fails must be what is named here, and nothing else: neither a
// second check for the same cause, nor a container that has nothing to do with it.
func TestOneCauseOneFinding(t *testing.T) {
	if got := failures(t, read(t)); len(got) > 0 {
		t.Fatalf("the pod without fault has some: %v", got)
	}
	for _, c := range slices.Concat(imageChanges(), identityChanges(), settingChanges(), shapeChanges(), nodeChanges(), podChanges(), windowsChanges()) {
		t.Run(c.name, func(t *testing.T) {
			p := read(t)
			c.make(p)
			want := strings.Fields(c.want)
			slices.Sort(want)
			if diff := cmp.Diff(want, failures(t, p), cmp.Transformer("", func(s []string) string { return strings.Join(s, "\n") })); diff != "" {
				t.Errorf("(- want, + got):\n%s", diff)
			}
		})
	}
}

func imageChanges() []change {
	return []change{
		{"latest", func(p *corev1.Pod) { app(p).Image = "registry.example/shop/cart:latest" }, "image-latest-tag"},
		{"no tag", func(p *corev1.Pod) { app(p).Image = "registry.example/shop/cart" }, "image-latest-tag"},
		{"latest and Always", func(p *corev1.Pod) {
			app(p).Image, app(p).ImagePullPolicy = "registry.example/shop/cart:latest", corev1.PullAlways
		}, "image-latest-tag"},
		{"a tag", func(p *corev1.Pod) { app(p).Image = "registry.example/shop/cart:1" }, "image-not-pinned"},
		{"a tag and IfNotPresent", func(p *corev1.Pod) {
			app(p).Image, app(p).ImagePullPolicy = "registry.example/shop/cart:1", corev1.PullIfNotPresent
		}, "image-not-pinned"},
		{"Never, of a digest", func(p *corev1.Pod) { app(p).ImagePullPolicy = corev1.PullNever }, "image-pull-policy-never"},
		{"latest beside a digest", func(p *corev1.Pod) { app(p).Image = strings.Replace(app(p).Image, ":1@", ":latest@", 1) }, ""},
		{"an image volume by tag", func(p *corev1.Pod) {
			p.Spec.Volumes[0].VolumeSource = corev1.VolumeSource{Image: &corev1.ImageVolumeSource{Reference: "registry.example/models:1"}}
		}, "image-not-pinned/data"},
		{"from elsewhere", func(p *corev1.Pod) {
			app(p).Image = strings.Replace(app(p).Image, "registry.example", "registry.other.example", 1)
		}, "image-registry-not-allowed"},
	}
}

func identityChanges() []change {
	return []change{
		{"user 0 of the container", ofApp(func(c *corev1.SecurityContext) { c.RunAsUser = new(int64(0)) }), "run-as-root"},
		{"user 0, and it may be", ofApp(func(c *corev1.SecurityContext) { c.RunAsUser, c.RunAsNonRoot = new(int64(0)), new(false) }), "run-as-root"},
		{"user and group 0", ofApp(func(c *corev1.SecurityContext) { c.RunAsUser, c.RunAsGroup = new(int64(0)), new(int64(0)) }), "run-as-root"},
		{"no promise, but a user", ofApp(func(c *corev1.SecurityContext) { c.RunAsNonRoot = new(false) }), ""},
		{"nothing about the user", ofPod(func(c *corev1.PodSecurityContext) { *c = corev1.PodSecurityContext{SeccompProfile: c.SeccompProfile} }),
			"run-as-root run-as-root/migrate run-as-root/proxy"},
		{"group 0", ofApp(func(c *corev1.SecurityContext) { c.RunAsGroup = new(int64(0)) }), "root-group"},
		{"no group", ofPod(func(c *corev1.PodSecurityContext) { c.RunAsGroup = nil }), "root-group root-group/migrate root-group/proxy"},
		{"files of group 0", ofPod(func(c *corev1.PodSecurityContext) { c.FSGroup = new(int64(0)) }), "root-group root-group/migrate root-group/proxy"},
		{"a low user", func(p *corev1.Pod) { p.Spec.HostUsers, app(p).SecurityContext.RunAsUser = nil, new(int64(33)) }, "host-users low-user-id"},
		{"a low user and group", func(p *corev1.Pod) {
			p.Spec.HostUsers, app(p).SecurityContext.RunAsUser, app(p).SecurityContext.RunAsGroup = nil, new(int64(33)), new(int64(33))
		}, "host-users low-user-id"},
		{"a low user in a user namespace", ofApp(func(c *corev1.SecurityContext) { c.RunAsUser = new(int64(33)) }), ""},
		{"no user namespace", func(p *corev1.Pod) { p.Spec.HostUsers = nil }, "host-users"},
		{"the node's users", func(p *corev1.Pod) { p.Spec.HostUsers = new(true) }, "host-users"},
	}
}

func settingChanges() []change {
	return []change{
		// The API server takes no false beside privileged, so two settings are wrong then, and both have to change.
		{"privileged", ofApp(func(c *corev1.SecurityContext) { c.Privileged, c.AllowPrivilegeEscalation = new(true), nil }), "privileged-container privilege-escalation-allowed"},
		{"privileged, as no API server takes it", ofApp(func(c *corev1.SecurityContext) { c.Privileged = new(true) }), "privileged-container"},
		{"escalation unset", ofApp(func(c *corev1.SecurityContext) { c.AllowPrivilegeEscalation = nil }), "privilege-escalation-allowed"},
		{"escalation allowed", ofApp(func(c *corev1.SecurityContext) { c.AllowPrivilegeEscalation = new(true) }), "privilege-escalation-allowed"},
		{"nothing dropped", ofApp(func(c *corev1.SecurityContext) { c.Capabilities = nil }), "capabilities-not-dropped"},
		{"one dropped", ofApp(func(c *corev1.SecurityContext) { c.Capabilities.Drop = []corev1.Capability{"CHOWN"} }), "capabilities-not-dropped"},
		{"all in small letters", ofApp(func(c *corev1.SecurityContext) { c.Capabilities.Drop = []corev1.Capability{"all"} }), "capabilities-not-dropped"},
		{"a usual one back", ofApp(func(c *corev1.SecurityContext) { c.Capabilities.Add = []corev1.Capability{"CHOWN"} }), "capabilities-not-dropped"},
		{"the harmless one back", ofApp(func(c *corev1.SecurityContext) { c.Capabilities.Add = []corev1.Capability{"NET_BIND_SERVICE"} }), ""},
		{"SYS_ADMIN", ofApp(func(c *corev1.SecurityContext) { c.Capabilities.Add = []corev1.Capability{"SYS_ADMIN"} }), "capabilities-added"},
		{"NET_RAW", ofApp(func(c *corev1.SecurityContext) { c.Capabilities.Add = []corev1.Capability{"NET_RAW"} }), "capabilities-added"},
		{"no seccomp profile", ofPod(func(c *corev1.PodSecurityContext) { c.SeccompProfile = nil }), "seccomp-missing seccomp-missing/migrate seccomp-missing/proxy"},
		{"seccomp off", ofApp(func(c *corev1.SecurityContext) {
			c.SeccompProfile = &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeUnconfined}
		}), "seccomp-unconfined"},
		{"seccomp off for the pod", ofPod(func(c *corev1.PodSecurityContext) { c.SeccompProfile.Type = corev1.SeccompProfileTypeUnconfined }),
			"seccomp-unconfined seccomp-unconfined/migrate seccomp-unconfined/proxy"},
		{"AppArmor off", ofApp(func(c *corev1.SecurityContext) {
			c.AppArmorProfile = &corev1.AppArmorProfile{Type: corev1.AppArmorProfileTypeUnconfined}
		}), "apparmor-unconfined"},
		{"AppArmor off by annotation", func(p *corev1.Pod) {
			p.Annotations = map[string]string{corev1.DeprecatedAppArmorBetaContainerAnnotationKeyPrefix + "app": "unconfined"}
		}, "apparmor-unconfined"},
		{"spc_t", ofApp(func(c *corev1.SecurityContext) { c.SELinuxOptions = &corev1.SELinuxOptions{Type: "spc_t"} }), "selinux-options"},
		{"all of /proc", ofApp(func(c *corev1.SecurityContext) { c.ProcMount = new(corev1.UnmaskedProcMount) }), "proc-mount-unmasked"},
		{"writable root", ofApp(func(c *corev1.SecurityContext) { c.ReadOnlyRootFilesystem = nil }), "writable-root-filesystem"},
	}
}

func shapeChanges() []change {
	return []change{
		{"no limits", func(p *corev1.Pod) {
			c := app(p)
			c.Resources.Requests, c.Resources.Limits = c.Resources.Limits, nil
		}, "resource-limits-missing ephemeral-storage-limit-missing"},
		{"no memory limit", func(p *corev1.Pod) {
			c := app(p)
			c.Resources.Requests = c.Resources.Limits.DeepCopy()
			delete(c.Resources.Limits, corev1.ResourceMemory)
		}, "resource-limits-missing"},
		{"no resources at all", func(p *corev1.Pod) { app(p).Resources = corev1.ResourceRequirements{} },
			"resource-limits-missing resource-requests-missing ephemeral-storage-limit-missing"},
		{"no liveness probe", func(p *corev1.Pod) { app(p).LivenessProbe = nil }, "liveness-probe-missing"},
		{"no readiness probe", func(p *corev1.Pod) { app(p).ReadinessProbe = nil }, "readiness-probe-missing"},
		{"a probe's host", func(p *corev1.Pod) { app(p).ReadinessProbe.TCPSocket.Host = "10.0.0.1" }, "probe-host"},
		{"a port of the node", func(p *corev1.Pod) { app(p).Ports[0].HostPort = 80 }, "host-port"},
		{"a terminal", func(p *corev1.Pod) { app(p).TTY, app(p).Stdin = true, true }, "interactive-terminal"},
		{"a password", func(p *corev1.Pod) { app(p).Env[0] = corev1.EnvVar{Name: "DB_PASSWORD", Value: "tiger"} }, "secrets-in-configuration"},
		{"a password as argument", func(p *corev1.Pod) { app(p).Args = []string{"--password=tiger"} }, "secrets-in-configuration"},
		{"a Secret in the environment", func(p *corev1.Pod) {
			app(p).Env[0] = corev1.EnvVar{Name: "DB_PASSWORD", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
				LocalObjectReference: corev1.LocalObjectReference{Name: "db"}, Key: "password",
			}}}
		}, "secrets-in-env"},
		{"a part of a volume", func(p *corev1.Pod) { app(p).VolumeMounts[0].SubPath = "a" }, "sub-path-mount"},
		{"a raw disk", func(p *corev1.Pod) {
			app(p).VolumeDevices = []corev1.VolumeDevice{{Name: "data", DevicePath: "/dev/x"}}
		}, "raw-block-volume"},
	}
}

func nodeChanges() []change {
	own := func(f func(*corev1.PodSpec)) func(*corev1.Pod) { // no user namespace goes with them
		return func(p *corev1.Pod) { p.Spec.HostUsers = nil; f(&p.Spec) }
	}
	return []change{
		{"the node's processes", own(func(s *corev1.PodSpec) { s.HostPID = true }), "host-pid"},
		{"the node's shared memory", own(func(s *corev1.PodSpec) { s.HostIPC = true }), "host-ipc"},
		{"the node's network", own(func(s *corev1.PodSpec) { s.HostNetwork = true }), "host-network"},
		{"the node's network, with a port of the container", own(func(s *corev1.PodSpec) {
			s.HostNetwork = true
			s.Containers[0].Ports[0].HostPort = 8080 // as the API server sets it
		}), "host-network"},
		{"the runtime's socket", hostPath("/run/containerd/containerd.sock"), "container-runtime-socket"},
		{"the node's files", hostPath("/"), "host-path-volume"},
		{"a harmless path", hostPath("/data"), "host-path-volume"},
		{"a part of the node's files", func(p *corev1.Pod) { hostPath("/data")(p); app(p).VolumeMounts[0].SubPath = "a" }, "host-path-volume sub-path-mount"},
		{"NFS", func(p *corev1.Pod) {
			p.Spec.Volumes[0].VolumeSource = corev1.VolumeSource{NFS: &corev1.NFSVolumeSource{Server: "nfs.example", Path: "/"}}
		}, "volume-type-not-allowed"},
		{"a kernel parameter", ofPod(func(c *corev1.PodSecurityContext) { c.Sysctls = []corev1.Sysctl{{Name: "kernel.msgmax", Value: "1"}} }), "unsafe-sysctl"},
		{"shared processes", func(p *corev1.Pod) { p.Spec.ShareProcessNamespace = new(true) }, "share-process-namespace"},
	}
}

func podChanges() []change {
	token := func(t corev1.ServiceAccountTokenProjection) func(*corev1.Pod) {
		return func(p *corev1.Pod) {
			p.Spec.Volumes[0].VolumeSource = corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{{ServiceAccountToken: &t}}}}
		}
	}
	return []change{
		{"a token for long", token(corev1.ServiceAccountTokenProjection{Path: "t", ExpirationSeconds: new(int64(1 << 30))}), "projected-token-lifetime"},
		{"a token for others", token(corev1.ServiceAccountTokenProjection{Path: "t", Audience: "vault"}), "projected-token-audience"},
		{"the default account, without a token", func(p *corev1.Pod) { p.Spec.ServiceAccountName = "" }, ""},
		{"the default account", func(p *corev1.Pod) { p.Spec.ServiceAccountName, p.Spec.AutomountServiceAccountToken = "", nil }, "default-service-account"},
		{"nobody's pod", func(p *corev1.Pod) { p.OwnerReferences = nil }, "bare-pod"},
		{"not spread", func(p *corev1.Pod) { p.Spec.TopologySpreadConstraints = nil }, "no-topology-spread"},
		{"an empty rule to spread", func(p *corev1.Pod) {
			p.Spec.TopologySpreadConstraints, p.Spec.Affinity = nil, &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{}}
		}, "no-topology-spread"},
		{"no budget", func(p *corev1.Pod) { p.Labels["app"] = "till" }, "no-disruption-budget"},
		{"a node by name", func(p *corev1.Pod) { p.Spec.NodeName = "node-1" }, "node-name-set"},
		{"not in the sandbox", func(p *corev1.Pod) { p.Labels["test"] = "no-sandbox" }, "runtime-class-not-sandboxed"},
		{"a system priority", func(p *corev1.Pod) { p.Spec.PriorityClassName = "system-node-critical" }, "system-priority-class"},
		{"names of its own", func(p *corev1.Pod) {
			p.Spec.HostAliases = []corev1.HostAlias{{IP: "10.0.0.1", Hostnames: []string{"db"}}}
		}, "host-aliases"},
		{"on any node", func(p *corev1.Pod) { p.Spec.Tolerations = []corev1.Toleration{{Operator: corev1.TolerationOpExists}} }, "control-plane-toleration"},
		{"a debug container", func(p *corev1.Pod) {
			p.Spec.EphemeralContainers = []corev1.EphemeralContainer{{EphemeralContainerCommon: corev1.EphemeralContainerCommon{
				Name: "debug", Image: app(p).Image, SecurityContext: app(p).SecurityContext, TTY: true, Stdin: true,
			}}}
		}, "debug-container-left"},
	}
}

func windowsChanges() []change {
	// What Linux alone has is not there, as the API server wants it.
	windows := func(f func(*corev1.Pod)) func(*corev1.Pod) {
		return func(p *corev1.Pod) {
			p.Spec.OS, p.Spec.HostUsers = &corev1.PodOS{Name: corev1.Windows}, nil
			p.Spec.SecurityContext = &corev1.PodSecurityContext{RunAsNonRoot: new(true), WindowsOptions: &corev1.WindowsSecurityContextOptions{RunAsUserName: new("ContainerUser")}}
			for _, list := range [][]corev1.Container{p.Spec.InitContainers, p.Spec.Containers} {
				for i := range list {
					list[i].SecurityContext = nil
				}
			}
			f(p)
		}
	}
	return []change{
		{"a Windows pod", windows(func(*corev1.Pod) {}), ""},
		{"an administrator", windows(func(p *corev1.Pod) {
			p.Spec.SecurityContext.RunAsNonRoot, p.Spec.SecurityContext.WindowsOptions.RunAsUserName = nil, new("ContainerAdministrator")
		}), "run-as-root run-as-root/migrate run-as-root/proxy"},
		{"no Windows user", windows(func(p *corev1.Pod) { p.Spec.SecurityContext.WindowsOptions = nil }), "run-as-root run-as-root/migrate run-as-root/proxy"},
		// The API server takes hostProcess together with hostNetwork only.
		{"a process of the host", windows(func(p *corev1.Pod) {
			p.Spec.SecurityContext.WindowsOptions.HostProcess, p.Spec.SecurityContext.WindowsOptions.RunAsUserName = new(true), new(`NT AUTHORITY\Local Service`)
			p.Spec.HostNetwork = true
		}), "windows-host-process windows-host-process/migrate windows-host-process/proxy host-network"},
	}
}

func read(t *testing.T) *corev1.Pod {
	t.Helper()
	var p corev1.Pod
	if err := yaml.UnmarshalStrict([]byte(flawless), &p); err != nil {
		t.Fatal(err)
	}
	return &p
}

// failures are the IDs of the checks that fail; with the container's name where
// it is not app.
func failures(t *testing.T, p *corev1.Pod) []string {
	t.Helper()
	standards, err := check.NewStandards(pss.Newest())
	if err != nil {
		t.Fatal(err)
	}
	v := check.View{
		Meta: &p.ObjectMeta, Spec: &p.Spec, Status: &p.Status, SpecPath: "spec", Replicas: 2,
		Images: &image.Cache{}, Standards: standards, Settings: &check.Settings{Registries: []string{"registry.example"}},
	}
	for _, o := range p.OwnerReferences {
		v.Owner = o.Kind
	}
	var failed []string
	note := func(c *check.Check, ctr *workload.Container, out check.Verdict) {
		switch out.Status {
		case finding.Fail:
			id := c.ID
			if ctr != nil && ctr.Name != "app" {
				id += "/" + ctr.Name
			}
			failed = append(failed, id)
		case finding.Error, finding.NotReviewed:
			t.Errorf("%s is %s: %s", c.ID, out.Status, out.Message)
		}
	}
	joint := world(p, &v)
	for _, c := range slices.Concat(container.All(), pod.All()) {
		switch {
		case c.JudgePod != nil:
			note(c, nil, c.JudgePod(v))
		case c.Join != nil:
			note(c, nil, c.Join(joint))
		case c.Judge != nil:
			for ctr := range workload.Containers(&p.Spec) {
				of := v
				of.Container = ctr
				note(c, ctr, c.Judge(of))
			}
		}
	}
	slices.Sort(failed)
	return failed
}

// world is a cluster with a disruption budget for the pod, and, for one that
// asks for it by a label, a sandboxed runtime.
func world(p *corev1.Pod, v *check.View) *check.Joint {
	x := index.New()
	x.Live = true
	add := func(apiVersion, kind string, o metav1.Object) {
		x.Add(&index.Object{APIVersion: apiVersion, Kind: kind, Object: o})
	}
	one := intstr.FromInt32(1)
	add("policy/v1", "PodDisruptionBudget", &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Name: "cart", Namespace: "shop"},
		Spec:       policyv1.PodDisruptionBudgetSpec{MinAvailable: &one, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "cart"}}},
	})
	if p.Labels["test"] == "no-sandbox" {
		add("node.k8s.io/v1", "RuntimeClass", &nodev1.RuntimeClass{ObjectMeta: metav1.ObjectMeta{Name: "gvisor"}, Handler: "runsc"})
	}
	compact := index.PodOf(&p.ObjectMeta, &p.Spec)
	compact.Owner, compact.Replicas = v.Owner, v.Replicas
	return &check.Joint{Pod: &compact, Namespace: x.Namespace("shop"), SpecPath: "spec"}
}

// TestEveryCheckHasItsChange: a check that no change makes fail is one that this
// test says nothing about.
func TestEveryCheckHasItsChange(t *testing.T) {
	var named []string
	for _, c := range slices.Concat(imageChanges(), identityChanges(), settingChanges(), shapeChanges(), nodeChanges(), podChanges(), windowsChanges()) {
		for _, w := range strings.Fields(c.want) {
			id, _, _ := strings.Cut(w, "/")
			named = append(named, id)
		}
	}
	elsewhere := []string{
		"image-tag-drift",     // about pods side by side
		"device-admin-access", // about claims
	}
	for _, c := range slices.Concat(container.All(), pod.All()) {
		if !slices.Contains(named, c.ID) && !slices.Contains(elsewhere, c.ID) {
			t.Error(fmt.Sprint("no change makes ", c.ID, " fail"))
		}
	}
}

package populate

import (
	"crypto/sha256"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// userSource is where a container's user comes from.
type userSource int

const (
	fromSpec  userSource = iota // the security context names it
	fromImage                   // only the image, and so the status, says it
	fromRoot                    // the image says root
	fromNoOne                   // the status does not say it either
)

// design is all that is decided about a workload's pods.
type design struct {
	template corev1.PodTemplateSpec
	users    map[string]userSource // by container
	uid      int64
}

// design decides what a workload's pods look like.
func (b *builder) design() design {
	d := design{users: map[string]userSource{}, uid: 1000 + int64(b.rng.IntN(50))}
	labels := map[string]string{
		"app.kubernetes.io/name":       b.w.name,
		"app.kubernetes.io/instance":   b.w.name + "-" + b.w.namespace,
		"app.kubernetes.io/version":    b.version(),
		"app.kubernetes.io/part-of":    strings.SplitN(b.w.name, "-", 2)[0],
		"app.kubernetes.io/managed-by": "Helm",
	}
	d.template.Labels = labels
	d.template.Annotations = map[string]string{
		"prometheus.io/scrape":              "true",
		"prometheus.io/port":                "9090",
		"prometheus.io/path":                "/metrics",
		"checksum/config":                   b.hex(64),
		"kubectl.kubernetes.io/restartedAt": b.time().Format("2006-01-02T15:04:05Z07:00"),
	}
	spec := &d.template.Spec
	spec.ServiceAccountName = b.w.name
	spec.TerminationGracePeriodSeconds = new(int64(30 + 15*b.rng.IntN(3)))
	spec.Volumes = []corev1.Volume{
		{Name: "config", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: b.w.name + "-config"}}}},
		{Name: "tmp", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}},
	}
	spec.Affinity = &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{
		PreferredDuringSchedulingIgnoredDuringExecution: []corev1.WeightedPodAffinityTerm{{
			Weight: 100, PodAffinityTerm: corev1.PodAffinityTerm{TopologyKey: "kubernetes.io/hostname", LabelSelector: b.selector()},
		}}}}

	spec.Containers = []corev1.Container{b.container("app", 1+b.rng.IntN(5))}
	for _, beside := range []struct {
		name string
		in   int // of ten workloads
	}{{"proxy", 4}, {"metrics", 1}} {
		if b.rng.IntN(10) < beside.in {
			c := b.container(beside.name, 0)
			c.LivenessProbe, c.Ports = nil, c.Ports[:1]
			spec.Containers = append(spec.Containers, c)
		}
	}
	if b.rng.IntN(10) < 1 {
		spec.InitContainers = append(spec.InitContainers, b.helper("migrate"))
	}
	if b.rng.IntN(10) < 1 {
		c := b.helper("log-shipper")
		c.RestartPolicy = new(corev1.ContainerRestartPolicyAlways)
		spec.InitContainers = append(spec.InitContainers, c)
	}
	b.setUsers(&d)
	return d
}

// setUsers says for every container which user it runs as, and lets the
// first one have the workload's problem.
func (b *builder) setUsers(d *design) {
	spec := &d.template.Spec
	ofApp := fromSpec
	// Long-running pods alone: their status settles what the spec leaves open.
	if k := b.w.kind; (k == "Deployment" || k == "StatefulSet" || k == "DaemonSet") && b.rng.IntN(2) == 0 {
		ofApp = fromImage
	}
	ofOthers := ofApp
	switch b.w.problem {
	case latestTag:
		c := &spec.Containers[0]
		c.Image = c.Image[:strings.LastIndexByte(c.Image, ':')] + ":latest"
		c.ImagePullPolicy = corev1.PullAlways
	case rootUser:
		ofApp = fromRoot
	case mayBeRoot:
		ofApp = fromNoOne
	}
	eachContainer(spec, func(c *corev1.Container) {
		user := ofOthers
		if c.Name == "app" {
			user = ofApp
		}
		d.users[c.Name] = user
		c.SecurityContext = &corev1.SecurityContext{
			AllowPrivilegeEscalation: new(false),
			Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
			ReadOnlyRootFilesystem:   new(true),
			SeccompProfile:           &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		}
		if user == fromSpec {
			c.SecurityContext.RunAsNonRoot = new(true)
			c.SecurityContext.RunAsUser, c.SecurityContext.RunAsGroup = &d.uid, &d.uid
		}
	})
}

// eachContainer calls do for all containers: init containers, then the others.
func eachContainer(spec *corev1.PodSpec, do func(c *corev1.Container)) {
	for i := range spec.InitContainers {
		do(&spec.InitContainers[i])
	}
	for i := range spec.Containers {
		do(&spec.Containers[i])
	}
}

// container is a container that serves, with so many environment variables and two more.
func (b *builder) container(name string, variables int) corev1.Container {
	c := corev1.Container{
		Name:            name,
		Image:           fmt.Sprintf("registry.example/%s/%s:%s", strings.SplitN(b.w.name, "-", 2)[0], name, b.version()),
		ImagePullPolicy: corev1.PullIfNotPresent,
		Args:            []string{"--config=/etc/" + name + "/config.yaml", "--log-level=info", "--listen=:8080"},
		Ports: []corev1.ContainerPort{
			{Name: name, ContainerPort: 8080, Protocol: corev1.ProtocolTCP},
			{Name: name + "-m", ContainerPort: 9090, Protocol: corev1.ProtocolTCP},
		},
		Resources: corev1.ResourceRequirements{
			Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("50m"), corev1.ResourceMemory: resource.MustParse("64Mi")},
			Limits:   corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("256Mi")},
		},
		VolumeMounts: []corev1.VolumeMount{
			{Name: "config", MountPath: "/etc/" + name, ReadOnly: true},
			{Name: "tmp", MountPath: "/tmp"},
		},
		ReadinessProbe: probe("/ready", 5),
		LivenessProbe:  probe("/healthz", 10),
	}
	if variables == 0 {
		return c
	}
	c.Env = []corev1.EnvVar{
		{Name: "POD_NAME", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.name"}}},
		{Name: "DATABASE_PASSWORD", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
			LocalObjectReference: corev1.LocalObjectReference{Name: b.w.name + "-database"}, Key: "password"}}},
	}
	for i := range variables {
		product := products[(b.w.index+i)%len(products)]
		c.Env = append(c.Env, corev1.EnvVar{
			Name:  fmt.Sprintf("%s_%s_URL", strings.ToUpper(name), strings.ToUpper(product)),
			Value: fmt.Sprintf("http://%s.%s.svc.cluster.local:8080", product, b.w.namespace),
		})
	}
	return c
}

// helper is an init container.
func (b *builder) helper(name string) corev1.Container {
	c := b.container(name, 0)
	c.Ports, c.ReadinessProbe, c.LivenessProbe = nil, nil, nil
	return c
}

func probe(path string, period int32) *corev1.Probe {
	return &corev1.Probe{
		ProbeHandler:        corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: path, Port: intstr.FromInt32(8080)}},
		InitialDelaySeconds: 5, PeriodSeconds: period, TimeoutSeconds: 2,
	}
}

// imageID is what the kubelet reports for an image: one digest for one reference.
func imageID(image string) string {
	return fmt.Sprintf("%s@sha256:%x", image[:strings.LastIndexByte(image, ':')], sha256.Sum256([]byte(image)))
}

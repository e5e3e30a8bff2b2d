package workload

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/kubeassay/assay/finding"
)

// everyKind is a pod spec with a container of each kind.
func everyKind() *corev1.PodSpec {
	return &corev1.PodSpec{
		InitContainers: []corev1.Container{
			{Name: "init", Image: "i"},
			{Name: "proxy", Image: "p", RestartPolicy: new(corev1.ContainerRestartPolicyAlways)},
			{Name: "retry", Image: "r", RestartPolicy: new(corev1.ContainerRestartPolicyOnFailure)},
		},
		Containers: []corev1.Container{{Name: "app", Image: "a", ImagePullPolicy: corev1.PullNever, SecurityContext: &corev1.SecurityContext{}}},
		EphemeralContainers: []corev1.EphemeralContainer{
			{EphemeralContainerCommon: corev1.EphemeralContainerCommon{Name: "debug", Image: "d"}},
		},
		Volumes: []corev1.Volume{
			{Name: "none"},
			{Name: "models", VolumeSource: corev1.VolumeSource{Image: &corev1.ImageVolumeSource{Reference: "m", PullPolicy: corev1.PullAlways}}},
		},
	}
}

func TestContainers(t *testing.T) {
	type row struct {
		Type        finding.ContainerType
		Name, Image string
		Path        string
		ImagePath   string
		PullPolicy  corev1.PullPolicy
		Secured     bool
	}
	var got []row
	for c := range Containers(everyKind()) {
		got = append(got, row{c.Type, c.Name, c.Image, c.Path(), c.ImagePath(), c.PullPolicy, c.Security != nil})
	}
	want := []row{
		{finding.InitContainer, "init", "i", "initContainers[0]", "initContainers[0].image", "", false},
		{finding.SidecarContainer, "proxy", "p", "initContainers[1]", "initContainers[1].image", "", false},
		{finding.InitContainer, "retry", "r", "initContainers[2]", "initContainers[2].image", "", false},
		{finding.Container, "app", "a", "containers[0]", "containers[0].image", corev1.PullNever, true},
		{finding.EphemeralContainer, "debug", "d", "ephemeralContainers[0]", "ephemeralContainers[0].image", "", false},
		{finding.ImageVolume, "models", "m", "volumes[1]", "volumes[1].image.reference", corev1.PullAlways, false},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(- want, + got):\n%s", diff)
	}
}

// TestContainersStops breaks off after each container in turn: the rest must not come.
func TestContainersStops(t *testing.T) {
	for stop := 1; stop <= 6; stop++ {
		n := 0
		for range Containers(everyKind()) {
			if n++; n == stop {
				break
			}
		}
		if n != stop {
			t.Errorf("%d containers came, %d were wanted", n, stop)
		}
	}
}

func TestStatus(t *testing.T) {
	status := &corev1.PodStatus{
		ContainerStatuses:          []corev1.ContainerStatus{{Name: "other"}, {Name: "app", Image: "of containers"}},
		InitContainerStatuses:      []corev1.ContainerStatus{{Name: "app", Image: "of init containers"}},
		EphemeralContainerStatuses: []corev1.ContainerStatus{{Name: "app", Image: "of ephemeral containers"}},
	}
	tests := []struct {
		name        string
		kind        finding.ContainerType
		image, path string
	}{
		{"app", finding.Container, "of containers", "status.containerStatuses[1]"},
		{"app", finding.InitContainer, "of init containers", "status.initContainerStatuses[0]"},
		{"app", finding.SidecarContainer, "of init containers", "status.initContainerStatuses[0]"},
		{"app", finding.EphemeralContainer, "of ephemeral containers", "status.ephemeralContainerStatuses[0]"},
		{"app", finding.ImageVolume, "", ""},
		{"none", finding.Container, "", ""},
	}
	for _, tt := range tests {
		t.Run(string(tt.kind)+" "+tt.name, func(t *testing.T) {
			c := &Container{Type: tt.kind, Name: tt.name}
			var image string
			if s := Status(status, c); s != nil {
				image = s.Image
			}
			if image != tt.image || StatusPath(status, c) != tt.path {
				t.Errorf("got %q at %q, want %q at %q", image, StatusPath(status, c), tt.image, tt.path)
			}
			if Status(nil, c) != nil || StatusPath(nil, c) != "" {
				t.Error("a template has no status")
			}
		})
	}
}

func TestEffectiveUserMergesFieldByField(t *testing.T) {
	spec := &corev1.PodSpec{
		HostUsers: new(false),
		SecurityContext: &corev1.PodSecurityContext{
			RunAsUser: new(int64(1)), RunAsNonRoot: new(true),
			WindowsOptions: &corev1.WindowsSecurityContextOptions{RunAsUserName: new("pod"), HostProcess: new(true)},
		},
	}
	tests := []struct {
		name string
		own  *corev1.SecurityContext
		want User
	}{
		{"nothing of its own", nil, User{
			RunAsUser: new(int64(1)), RunAsUserFromPod: true, RunAsNonRoot: new(true), RunAsNonRootFromPod: true,
			RunAsUserName: new("pod"), RunAsUserNameFromPod: true, HostProcess: true, HostProcessFromPod: true,
		}},
		{"its own user", &corev1.SecurityContext{RunAsUser: new(int64(0))}, User{
			RunAsUser: new(int64(0)), RunAsNonRoot: new(true), RunAsNonRootFromPod: true,
			RunAsUserName: new("pod"), RunAsUserNameFromPod: true, HostProcess: true, HostProcessFromPod: true,
		}},
		{"its own runAsNonRoot", &corev1.SecurityContext{RunAsNonRoot: new(false)}, User{
			RunAsUser: new(int64(1)), RunAsUserFromPod: true, RunAsNonRoot: new(false),
			RunAsUserName: new("pod"), RunAsUserNameFromPod: true, HostProcess: true, HostProcessFromPod: true,
		}},
		{"its own name", &corev1.SecurityContext{WindowsOptions: &corev1.WindowsSecurityContextOptions{RunAsUserName: new("own")}}, User{
			RunAsUser: new(int64(1)), RunAsUserFromPod: true, RunAsNonRoot: new(true), RunAsNonRootFromPod: true,
			RunAsUserName: new("own"), HostProcess: true, HostProcessFromPod: true,
		}},
		{"its own hostProcess", &corev1.SecurityContext{WindowsOptions: &corev1.WindowsSecurityContextOptions{HostProcess: new(false)}}, User{
			RunAsUser: new(int64(1)), RunAsUserFromPod: true, RunAsNonRoot: new(true), RunAsNonRootFromPod: true,
			RunAsUserName: new("pod"), RunAsUserNameFromPod: true,
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.want.OwnUsers, tt.want.WindowsOptions = true, true
			got := EffectiveUser(spec, &Container{Security: tt.own})
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(- want, + got):\n%s", diff)
			}
		})
	}
}

func TestOS(t *testing.T) {
	affinity := func(terms ...corev1.NodeSelectorTerm) *corev1.PodSpec {
		return &corev1.PodSpec{Affinity: &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{
			RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{NodeSelectorTerms: terms},
		}}}
	}
	term := func(key string, op corev1.NodeSelectorOperator, values ...string) corev1.NodeSelectorTerm {
		return corev1.NodeSelectorTerm{MatchExpressions: []corev1.NodeSelectorRequirement{
			{Key: "disk", Operator: corev1.NodeSelectorOpExists}, {Key: key, Operator: op, Values: values},
		}}
	}
	const label = corev1.LabelOSStable
	tests := []struct {
		name string
		spec *corev1.PodSpec
		want corev1.OSName
	}{
		{"nothing says", &corev1.PodSpec{}, ""},
		{"spec.os", &corev1.PodSpec{OS: &corev1.PodOS{Name: corev1.Windows}}, corev1.Windows},
		{"spec.os before the selector", &corev1.PodSpec{OS: &corev1.PodOS{Name: corev1.Linux}, NodeSelector: map[string]string{label: "windows"}}, corev1.Linux},
		{"an empty spec.os", &corev1.PodSpec{OS: &corev1.PodOS{}, NodeSelector: map[string]string{label: "windows"}}, corev1.Windows},
		{"selector", &corev1.PodSpec{NodeSelector: map[string]string{label: "windows"}}, corev1.Windows},
		{"selector with the old label", &corev1.PodSpec{NodeSelector: map[string]string{"beta.kubernetes.io/os": "windows"}}, corev1.Windows},
		{"another selector", &corev1.PodSpec{NodeSelector: map[string]string{"disk": "ssd"}}, ""},
		{"affinity", affinity(term(label, corev1.NodeSelectorOpIn, "windows")), corev1.Windows},
		{"all terms the same", affinity(term(label, corev1.NodeSelectorOpIn, "windows"), term(label, corev1.NodeSelectorOpIn, "windows")), corev1.Windows},
		{"terms differ", affinity(term(label, corev1.NodeSelectorOpIn, "windows"), term(label, corev1.NodeSelectorOpIn, "linux")), ""},
		{"one term leaves it open", affinity(term(label, corev1.NodeSelectorOpIn, "windows"), term("zone", corev1.NodeSelectorOpExists)), ""},
		{"either of two", affinity(term(label, corev1.NodeSelectorOpIn, "windows", "linux")), ""},
		{"not that one", affinity(term(label, corev1.NodeSelectorOpNotIn, "linux")), ""},
		{"affinity without a requirement", &corev1.PodSpec{Affinity: &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{}}}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := OS(tt.spec); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestWindowsAccount(t *testing.T) {
	for in, want := range map[string]string{
		"ContainerAdministrator":     "containeradministrator",
		`NT AUTHORITY\Local Service`: "localservice",
		`NT AUTHORITY\SYSTEM`:        "system",
		`CONTOSO\app`:                "app",
		"":                           "",
		`a\`:                         "",
	} {
		if got := WindowsAccount(in); got != want {
			t.Errorf("WindowsAccount(%q) = %q, want %q", in, got, want)
		}
	}
}

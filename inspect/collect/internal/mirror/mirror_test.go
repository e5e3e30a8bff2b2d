package mirror

import (
	"encoding/json"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	sigsyaml "sigs.k8s.io/yaml"
)

func read[T any](t *testing.T, text string) *T {
	t.Helper()
	v := new(T)
	if err := sigsyaml.UnmarshalStrict([]byte(text), v); err != nil {
		t.Fatal(err)
	}
	return v
}

// TestTheLevelIsKept asks the API server's own code: where a pod keeps a level
// of Pod Security, it keeps it with our container in it.
func TestTheLevelIsKept(t *testing.T) {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, pod, own string
		ids            IDs
		level          api.Level
	}{
		{"restricted by the pod", "{runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}", "{allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}", IDs{7, 0}, api.LevelRestricted},
		{"restricted by the container", "{}", "{runAsNonRoot: true, seccompProfile: {type: Localhost, localhostProfile: x}, allowPrivilegeEscalation: false, capabilities: {drop: [ALL], add: [NET_BIND_SERVICE]}}", IDs{7, 7}, api.LevelRestricted},
		{"baseline, as root", "{}", "{}", IDs{0, 0}, api.LevelBaseline},
		{"baseline, with capabilities", "{}", "{capabilities: {drop: [ALL], add: [CHOWN]}}", IDs{0, 0}, api.LevelBaseline},
	} {
		t.Run(tt.name, func(t *testing.T) {
			own := read[corev1.SecurityContext](t, tt.own)
			spec := &corev1.PodSpec{SecurityContext: read[corev1.PodSecurityContext](t, tt.pod), Containers: []corev1.Container{{Name: "app", SecurityContext: own}}}
			level := api.LevelVersion{Level: tt.level, Version: api.LatestVersion()}
			if r := policy.AggregateCheckResults(evaluator.EvaluatePod(level, &metav1.ObjectMeta{}, spec)); !r.Allowed {
				t.Fatalf("without ours already: %s", r.ForbiddenDetail())
			}
			spec.EphemeralContainers = []corev1.EphemeralContainer{{EphemeralContainerCommon: corev1.EphemeralContainerCommon{Name: "ours", SecurityContext: Context(own, tt.ids, false)}}}
			if r := policy.AggregateCheckResults(evaluator.EvaluatePod(level, &metav1.ObjectMeta{}, spec)); !r.Allowed {
				t.Errorf("with ours: %s", r.ForbiddenDetail())
			}
		})
	}
}

func TestContext(t *testing.T) {
	for _, tt := range []struct {
		name, own, want string
		ids             IDs
		ptrace          bool
	}{
		{"another user has no capabilities", "{capabilities: {add: [NET_ADMIN]}}", "{runAsUser: 5, runAsGroup: 0, runAsNonRoot: true, capabilities: {drop: [ALL]}}", IDs{5, 0}, false},
		{"root has the target's", "{capabilities: {drop: [ALL], add: [CHOWN]}, privileged: true, procMount: Unmasked}", "{runAsUser: 0, runAsGroup: 0, runAsNonRoot: false, capabilities: {drop: [ALL], add: [CHOWN]}}", IDs{0, 0}, false},
		{"root has the runtime's", "", "{runAsUser: 0, runAsGroup: 0, runAsNonRoot: false}", IDs{0, 0}, false},
		{"ptrace is added to root's", "{capabilities: {drop: [SYS_PTRACE, CHOWN]}}", "{runAsUser: 0, runAsGroup: 1, runAsNonRoot: false, capabilities: {drop: [CHOWN], add: [SYS_PTRACE]}}", IDs{0, 1}, true},
		{"ptrace is there already", "{capabilities: {add: [CAP_SYS_PTRACE]}}", "{runAsUser: 0, runAsGroup: 1, runAsNonRoot: false, capabilities: {add: [CAP_SYS_PTRACE]}}", IDs{0, 1}, true},
		{"ptrace makes another user root", "{runAsNonRoot: true}", "{runAsUser: 0, runAsGroup: 6, runAsNonRoot: false, capabilities: {drop: [ALL], add: [SYS_PTRACE]}}", IDs{5, 6}, true},
	} {
		var own *corev1.SecurityContext
		if tt.own != "" {
			own = read[corev1.SecurityContext](t, tt.own)
		}
		before, _ := json.Marshal(own)
		want := read[corev1.SecurityContext](t, tt.want)
		yes, no := true, false
		want.ReadOnlyRootFilesystem, want.AllowPrivilegeEscalation = &yes, &no
		want.SeccompProfile = &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}
		w, _ := json.Marshal(want)
		got, _ := json.Marshal(Context(own, tt.ids, tt.ptrace))
		if string(got) != string(w) {
			t.Errorf("%s:\n%s, want\n%s", tt.name, got, w)
		}
		if after, _ := json.Marshal(own); string(after) != string(before) {
			t.Errorf("%s: the target's context was changed to %s", tt.name, after)
		}
	}
}

func TestDeclared(t *testing.T) {
	for _, tt := range []struct {
		pod, own string
		want     IDs
		ok       bool
	}{
		{"{}", "{}", IDs{}, false},
		{"{runAsUser: 1}", "{}", IDs{}, false},
		{"{runAsUser: 1}", "{runAsGroup: 2}", IDs{1, 2}, true},
		{"{runAsUser: 1, runAsGroup: 2}", "{runAsUser: 0, runAsGroup: 0}", IDs{0, 0}, true},
	} {
		got, ok := Declared(&corev1.PodSpec{SecurityContext: read[corev1.PodSecurityContext](t, tt.pod)}, read[corev1.SecurityContext](t, tt.own))
		if got != tt.want || ok != tt.ok {
			t.Errorf("%s %s: %v, %v", tt.pod, tt.own, got, ok)
		}
	}
}

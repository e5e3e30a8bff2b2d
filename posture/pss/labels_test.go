package pss_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/pod-security-admission/api"

	"github.com/kubeassay/assay/posture/pss"
)

func TestLabels(t *testing.T) {
	for _, x := range []struct {
		name   string
		labels map[string]string
		want   string // enforce, audit, warn
		wrong  []string
	}{
		{"none", nil, "privileged:latest privileged:latest privileged:latest", nil},
		{"others", map[string]string{"team": "shop"}, "privileged:latest privileged:latest privileged:latest", nil},
		{"enforced, and so warned", map[string]string{api.EnforceLevelLabel: "baseline"}, "baseline:latest privileged:latest baseline:latest", nil},
		{
			"all of them", map[string]string{
				api.EnforceLevelLabel: "baseline", api.EnforceVersionLabel: "v1.30", api.AuditLevelLabel: "restricted",
				api.WarnLevelLabel: "restricted", api.WarnVersionLabel: "v1.31",
			}, "baseline:v1.30 restricted:latest restricted:v1.31", nil,
		},
		{"a wrong level closes", map[string]string{api.EnforceLevelLabel: "Baseline"}, "restricted:latest privileged:latest privileged:latest", []string{api.EnforceLevelLabel}},
		{
			"wrong levels of the others open", map[string]string{api.AuditLevelLabel: "strict", api.WarnLevelLabel: ""},
			"privileged:latest privileged:latest privileged:latest", []string{api.AuditLevelLabel, api.WarnLevelLabel},
		},
		{
			"a wrong version is the latest", map[string]string{api.EnforceLevelLabel: "baseline", api.EnforceVersionLabel: "1.30"},
			"baseline:latest privileged:latest baseline:latest", []string{api.EnforceVersionLabel},
		},
	} {
		t.Run(x.name, func(t *testing.T) {
			p, problems := pss.Labels(x.labels)
			if got := p.Enforce.String() + " " + p.Audit.String() + " " + p.Warn.String(); got != x.want {
				t.Errorf("got %s, want %s", got, x.want)
			}
			var wrong []string
			for _, problem := range problems {
				wrong = append(wrong, problem.Label)
				if problem.Value != x.labels[problem.Label] || problem.Message == "" {
					t.Errorf("%+v", problem)
				}
			}
			if diff := cmp.Diff(x.wrong, wrong); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func FuzzLabels(f *testing.F) {
	f.Add("baseline", "v1.30", "restricted", "latest", "privileged", "v1.99999999999999999999")
	f.Add("", "", "", "", "", "")
	f.Fuzz(func(t *testing.T, el, ev, al, av, wl, wv string) {
		labels := map[string]string{
			api.EnforceLevelLabel: el, api.EnforceVersionLabel: ev, api.AuditLevelLabel: al,
			api.AuditVersionLabel: av, api.WarnLevelLabel: wl, api.WarnVersionLabel: wv,
		}
		p, problems := pss.Labels(labels)
		for _, lv := range []api.LevelVersion{p.Enforce, p.Audit, p.Warn} {
			if !lv.Valid() {
				t.Errorf("%v is no level", lv)
			}
		}
		open := api.LevelVersion{Level: api.LevelPrivileged, Version: api.LatestVersion()}
		want, wrong := api.PolicyToEvaluate(labels, api.Policy{Enforce: open, Audit: open, Warn: open})
		if p != want || len(problems) != len(wrong) {
			t.Errorf("%v with %v, the library says %v with %v", p, problems, want, wrong)
		}
		for _, problem := range problems {
			if value, ok := labels[problem.Label]; !ok || value != problem.Value {
				t.Errorf("%+v is about no label of %q", problem, labels)
			}
		}
	})
}

func TestVersion(t *testing.T) {
	for given, want := range map[string]string{
		"v1.36.2": "v1.36", "1.30.0": "v1.30", "v1.31.4-gke.100": "v1.31", "v1.29.3+k3s1": "v1.29", "v1.37.0-alpha.1": "v1.37",
	} {
		if got, err := pss.Version(given); err != nil || got.String() != want {
			t.Errorf("%s: %s, %v", given, got, err)
		}
	}
	for _, given := range []string{"", "latest", "v2.0.0", "one.two", "v1"} {
		if got, err := pss.Version(given); err == nil {
			t.Errorf("%q is %s", given, got)
		}
	}
	got, err := pss.Version("v1.99.0")
	var newer *pss.NewerError
	if !errors.As(err, &newer) || newer.Server.String() != "v1.99" || got != pss.Newest() {
		t.Errorf("a newer server: %s, %v", got, err)
	}
}

func FuzzVersion(f *testing.F) {
	for _, s := range []string{"v1.36.2", "v1.99999999999999999999.0", "v1.4294967295.0", "1..2", "v1.31.4-gke.100"} {
		f.Add(s)
	}
	e := newEvaluator(f)
	p := plain()
	f.Fuzz(func(t *testing.T, s string) {
		v, err := pss.Version(s)
		var newer *pss.NewerError
		if err != nil && !errors.As(err, &newer) {
			return
		}
		if newest := pss.Newest(); newest.Older(v) || v.Minor() < 0 {
			t.Fatalf("%q is %s", s, v)
		}
		e.Denials(api.LevelRestricted, v, &p.ObjectMeta, &p.Spec)
	})
}

func TestWhatIsStillAdmitted(t *testing.T) {
	e := newEvaluator(t)
	ids := func(level api.Level, version string) (all []string) {
		v, err := api.ParseVersion(version)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range e.Admits(api.LevelVersion{Level: level, Version: v}, api.MajorMinorVersion(1, 36)) {
			all = append(all, i.ID)
		}
		return all
	}
	if got := ids(api.LevelRestricted, "latest"); got != nil {
		t.Errorf("restricted admits %v", got)
	}
	restricted := []string{
		"allowPrivilegeEscalation", "capabilities_restricted", "procMount_restricted", "restrictedVolumes", "runAsNonRoot", "runAsUser", "seccompProfile_restricted",
	}
	if got := ids(api.LevelBaseline, "latest"); !slices.Equal(got, restricted) {
		t.Errorf("baseline admits %v", got)
	}
	if got, want := ids(api.LevelBaseline, "v1.33"), append([]string{"hostProbesAndHostLifecycle"}, restricted...); !slices.Equal(got, want) {
		t.Errorf("baseline:v1.33 admits %v", got)
	}
	if got := ids(api.LevelPrivileged, "latest"); len(got) != len(pss.Checks()) {
		t.Errorf("privileged admits %v", got)
	}
}

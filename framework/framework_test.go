package framework

import (
	"slices"
	"strings"
	"testing"
)

func TestItems(t *testing.T) {
	// How many items and headings each table has, as its README says.
	want := map[string][2]int{
		"cis-kubernetes": {131, 0}, "nsa-cisa": {50, 5}, "pss": {19, 0}, "mitre-attack-containers": {48, 0},
		"owasp-k8s-top10": {20, 0}, "nist-800-190": {47, 10}, "nist-800-53": {63, 0}, "disa-k8s-stig": {92, 0}, "pci-dss": {86, 0},
	}
	for _, f := range All() {
		items, headings := 0, 0
		for _, i := range f.Items {
			if i.Heading {
				headings++
			} else {
				items++
			}
			found, err := f.Item(strings.ToUpper(i.ID))
			if err != nil || found.ID != i.ID {
				t.Errorf("%s: item %s is not found: %v", f.ID, i.ID, err)
			}
		}
		if got := [2]int{items, headings}; got != want[f.ID] {
			t.Errorf("%s: %v items and headings, want %v", f.ID, got, want[f.ID])
		}
	}
	if len(All()) != len(want) {
		t.Errorf("%d frameworks, want %d", len(All()), len(want))
	}
}

func TestUnconfirmedItemsAreNotClaimed(t *testing.T) {
	nsa, err := Get("nsa")
	if err != nil {
		t.Fatal(err)
	}
	if i, err := nsa.Item("network/rec-default-deny"); err == nil {
		t.Errorf("%v is unconfirmed, and shown", i)
	}
}

func TestGet(t *testing.T) {
	for name, want := range map[string]string{
		"cis": "cis-kubernetes", "CIS-Kubernetes": "cis-kubernetes", "nsa": "nsa-cisa", "pss": "pss", "mitre": "mitre-attack-containers",
		"ATT": "", "attack": "mitre-attack-containers", "owasp": "owasp-k8s-top10", "nist-190": "nist-800-190", "nist-53": "nist-800-53",
		"stig": "disa-k8s-stig", "pci": "pci-dss", "": "", "nist": "",
	} {
		f, err := Get(name)
		switch {
		case want == "" && err == nil:
			t.Errorf("Get(%q) is %s, and should be an error", name, f.ID)
		case want == "":
			for _, f := range All() {
				if !strings.Contains(err.Error(), f.ID) {
					t.Errorf("Get(%q): %v: %s is not listed", name, err, f.ID)
				}
			}
		case err != nil || f.ID != want:
			t.Errorf("Get(%q) is %v, %v, want %s", name, f, err, want)
		}
	}
}

func TestNamesAreOfOneFramework(t *testing.T) {
	seen := map[string]string{}
	for _, f := range All() {
		for _, name := range append([]string{f.ID}, f.Aliases...) {
			if other := seen[name]; other != "" {
				t.Errorf("%q is both %s and %s", name, other, f.ID)
			}
			seen[name] = f.ID
		}
	}
}

func TestAt(t *testing.T) {
	tests := []struct {
		framework, level string
		name             string // of the level, as the framework writes it
		items            int
		has, hasNot      string
	}{
		{"cis", "", "", 131, "5.2.9", ""},
		{"cis", "1", "L1", 116, "5.2.2", "5.2.9"},
		{"cis", "l2", "L2", 131, "5.2.9", ""},
		{"pss", "baseline", "baseline", 12, "baseline/privileged", "restricted/runAsUser"},
		{"pss", "Restricted", "restricted", 19, "baseline/privileged", ""},
		{"owasp", "2025", "2025", 10, "K01:2025", "K01:2022"},
		{"stig", "high", "high", 18, "V-242390", "V-242376"},
		{"stig", "low", "low", 92, "V-242376", ""},
		{"nist-53", "low", "low", 32, "AC-3", "AC-6"},
		{"nist-53", "high", "high", 60, "AC-6", "SC-6"},
	}
	for _, tt := range tests {
		t.Run(tt.framework+" "+tt.level, func(t *testing.T) {
			f, err := Get(tt.framework)
			if err != nil {
				t.Fatal(err)
			}
			items, err := f.At(tt.level)
			if err != nil {
				t.Fatal(err)
			}
			name, err := f.Level(tt.level)
			if err != nil || name != tt.name {
				t.Errorf("the level is %q, %v, want %q", name, err, tt.name)
			}
			has := func(id string) bool { return slices.ContainsFunc(items, func(i Item) bool { return i.ID == id }) }
			if len(items) != tt.items || !has(tt.has) || has(tt.hasNot) {
				t.Errorf("%d items, want %d, with %s (%v), without %s (%v)", len(items), tt.items, tt.has, has(tt.has), tt.hasNot, has(tt.hasNot))
			}
		})
	}
}

func TestUnknownLevels(t *testing.T) {
	for framework, want := range map[string]string{"cis": "L1, L2", "pss": "baseline, restricted", "pci": "no levels", "mitre": "no levels"} {
		f, err := Get(framework)
		if err != nil {
			t.Fatal(err)
		}
		_, err = f.At("3")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s, level 3: %v: %q is not in it", framework, err, want)
		}
		if _, err := NewTally(f, "3"); err == nil {
			t.Errorf("%s: a tally of level 3", framework)
		}
		if _, err := Checks(f, "3"); err == nil {
			t.Errorf("%s: checks of level 3", framework)
		}
	}
}

// TestLevelsAreThoseOfTheItems: a level that is written otherwise in the table
// would leave its items out.
func TestLevelsAreThoseOfTheItems(t *testing.T) {
	for _, f := range All() {
		if len(f.Levels) == 0 {
			continue
		}
		for _, i := range f.Items {
			if !slices.Contains(f.Levels, i.Level) && (f.ID != "nist-800-53" || i.Level != "none") {
				t.Errorf("%s %s has level %q, which is not one of %v", f.ID, i.ID, i.Level, f.Levels)
			}
		}
	}
}

func TestUnserved(t *testing.T) {
	for id, want := range map[string]string{
		"1.1.1": "it takes files of the node, which the API does not show",
		"3.1.1": "for people to judge: no program can see it",
		"4.2.7": "no check looks at it; it takes a look at running processes",
		"4.2.1": "no check looks at it; it takes the kubelet's configuration",
		"5.2.2": "no check looks at it; it takes objects of the cluster",
	} {
		f, err := Get("cis")
		if err != nil {
			t.Fatal(err)
		}
		i, err := f.Item(id)
		if err != nil {
			t.Fatal(err)
		}
		if got := i.Unserved(); got != want {
			t.Errorf("%s: %q, want %q", id, got, want)
		}
	}
}

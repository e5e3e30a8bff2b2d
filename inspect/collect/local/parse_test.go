package local

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubeassay/assay/inspect/snapshot"
)

const (
	idA = "0a5e18f651c7eda9a4a2677ca6136186b99be4c1cd5e83dba43541146c8bb367"
	idB = "ade4fb030e976ab7a7d4a7834eab5b9400e162696d1e9b4b78719c3340f54a79"
	idC = "69aa717244267b7a6c71881f7edcc68241dd7536fdc41abcb64bbbdd8ad0cbc2"
)

func TestContainerOf(t *testing.T) {
	for name, test := range map[string]struct{ cgroup, want string }{
		"cgroupfs driver":                    {"/kubepods/besteffort/podedaf5ccd-b52e-48d6-8695-ab49ac4a3cef/" + idA, idA},
		"cgroupfs driver below another root": {"/cluster/kubepods/podedaf5ccd-b52e-48d6-8695-ab49ac4a3cef/" + idA, idA},
		"systemd driver, containerd":         {"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1.slice/cri-containerd-" + idA + ".scope", idA},
		"systemd driver, CRI-O":              {"/kubepods.slice/kubepods-pod1.slice/crio-" + idA + ".scope", idA},
		"systemd driver, crun's inner group": {"/kubepods.slice/kubepods-pod1.slice/crio-" + idA + ".scope/container", idA},
		"systemd driver, docker":             {"/kubepods.slice/kubepods-pod1.slice/docker-" + idA + ".scope", idA},
		"docker alone":                       {"/docker/" + idA, idA},
		"podman":                             {"/machine.slice/libpod-" + idA + ".scope", idA},
		"containerd that knows no systemd":   {"/system.slice/containerd.service/kubepods-burstable-pod1.slice:cri-containerd:" + idA, idA},
		"a sibling, seen from a namespace":   {"/../cri-containerd-" + idA + ".scope", idA},
		"the same with cgroupfs":             {"/../" + idA, idA},
		"another pod, seen from a namespace": {"/../../pod1/" + idA, idA},
		"a service in the container":         {"/kubepods/pod1/" + idA + "/system.slice/sshd.service", idA},
		"removed":                            {"/kubepods/pod1/" + idA + " (deleted)", idA},
		"a container in a container":         {"/kubepods/pod1/" + idA + "/docker/" + idB, idA},
		"a made-up kubelet in a container":   {"/kubepods/pod1/" + idA + "/kubepods/pod2/" + idB, idA},
		"a node that is a container":         {"/docker/" + idB + "/kubelet/kubepods/pod1/" + idA, idA},
		"that with the systemd driver":       {"/docker/" + idB + "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod1.slice/cri-containerd-" + idA + ".scope", idA},
		"CRI-O's monitor":                    {"/kubepods.slice/kubepods-pod1.slice/crio-conmon-" + idA + ".scope", ""},
		"podman's monitor":                   {"/machine.slice/libpod-conmon-" + idA + ".scope", ""},
		"a name that ends like one":          {"/kubepods/pod1/x" + idA, ""},
		"a service named like one":           {"/system.slice/my-" + idA + ".scope", ""},
		"capital digits":                     {"/kubepods/pod1/" + strings.ToUpper(idA), ""},
		"one digit too few":                  {"/kubepods/pod1/" + idA[1:], ""},
		"one too many":                       {"/kubepods/pod1/a" + idA, ""},
		"the root":                           {"/", ""},
		"the pod alone":                      {"/kubepods/besteffort/pod1", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := containerOf(test.cgroup); got != test.want {
				t.Errorf("containerOf(%q) = %q, want %q", test.cgroup, got, test.want)
			}
		})
	}
}

func TestParseCgroup(t *testing.T) {
	for name, test := range map[string]struct {
		data  string
		id    string
		ids   []string
		wrong bool
	}{
		"version 2":                     {data: "0::/../cri-containerd-" + idA + ".scope\n", id: idA, ids: []string{idA}},
		"version 2, own namespace":      {data: "0::/\n"},
		"version 1":                     {data: "9:name=systemd:/kubepods/pod1/" + idA + "\n4:cpu,cpuacct:/kubepods/pod1/" + idA + "\n0::/\n", id: idA, ids: []string{idA}},
		"a path with a colon":           {data: "1:cpu:/system.slice:cri-containerd:" + idA + "\n", id: idA, ids: []string{idA}},
		"hierarchies disagree":          {data: "2:cpu:/kubepods/pod1/" + idA + "\n1:pids:/kubepods/pod1/" + idB + "\n", ids: []string{idA, idB}},
		"no last newline":               {data: "0::/kubepods/pod1/" + idA, id: idA, ids: []string{idA}},
		"empty, as of an ended process": {},
		"no cgroup file":                {data: "hello\n", wrong: true},
		"a relative path":               {data: "0::kubepods\n", wrong: true},
	} {
		t.Run(name, func(t *testing.T) {
			g, err := parseCgroup([]byte(test.data))
			if (err != nil) != test.wrong {
				t.Fatalf("error %v, wanted one: %v", err, test.wrong)
			}
			if g.id() != test.id || !slices.Equal(g.ids, test.ids) {
				t.Errorf("got %q of %q, want %q of %q", g.id(), g.ids, test.id, test.ids)
			}
		})
	}
}

func FuzzCgroup(f *testing.F) {
	f.Add([]byte("0::/../cri-containerd-" + idA + ".scope\n"))
	f.Add([]byte("2:cpu:/kubepods/pod1/" + idA + "\n1:pids:/docker/" + idB + "/kubepods/pod1/crio-" + idC + ".scope (deleted)\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		g, err := parseCgroup(data)
		if err != nil {
			return
		}
		for _, id := range g.ids {
			if parsed, err := parseID(id); err != nil || parsed != id || !strings.Contains(string(data), id) {
				t.Errorf("%q is no ID in %q", id, data)
			}
		}
		if id := g.id(); id != "" && len(g.ids) != 1 {
			t.Errorf("chose %q of %q", id, g.ids)
		}
	})
}

func TestParseID(t *testing.T) {
	for in, want := range map[string]string{
		idA: idA, "containerd://" + idA: idA, "cri-o://" + idB: idB,
		"": "", "containerd://": "", "cart": "", "containerd://../" + idA: "", idA + "/": "", idA[:63]: "", strings.ToUpper(idA): "",
	} {
		if got, err := parseID(in); got != want || (err == nil) != (want != "") {
			t.Errorf("parseID(%q) = %q, %v; want %q", in, got, err, want)
		}
	}
}

const aStatus = "Name:\tev\\nil\\\\x\nUmask:\t0022\nState:\tS (sleeping)\nTgid:\t18\nPid:\t18\nPPid:\t3\nUid:\t1000\t1001\t1002\t1003\nGid:\t5\t6\t7\t8\n" +
	"Groups:\t5 10 \nNSpid:\t18\t4\t1\nCapInh:\t0000000000000001\nCapPrm:\t00000000a80425fb\nCapEff:\t0000000000000002\nCapBnd:\t000001ffffffffff\n" +
	"CapAmb:\t0000000000000004\nNoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t1\n"

func TestParseStatus(t *testing.T) {
	got, err := parseStatus([]byte(aStatus))
	if err != nil {
		t.Fatal(err)
	}
	want := status{
		name: "ev\nil\\x", parent: 3, uid: [4]uint32{1000, 1001, 1002, 1003}, gid: [4]uint32{5, 6, 7, 8}, groups: []uint32{5, 10},
		inheritable: 1, permitted: 0xa80425fb, effective: 2, bounding: 0x1ffffffffff, ambient: 4, noNewPrivs: true, seccomp: 2,
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(status{})); diff != "" {
		t.Error(diff)
	}
	for name, change := range map[string][2]string{
		"no IDs":          {"Uid:\t1000\t1001\t1002\t1003\n", ""},
		"three IDs":       {"\t1003\n", "\n"},
		"no capabilities": {"CapPrm", "CapXxx"},
		"no NoNewPrivs":   {"NoNewPrivs", "Xxx"},
		"no seccomp":      {"Seccomp:", "Xxx:"},
		"no mask":         {"00000000a80425fb", "all"},
		"an ID too large": {"\t1003\n", "\t4294967296\n"},
	} {
		if _, err := parseStatus([]byte(strings.Replace(aStatus, change[0], change[1], 1))); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if s, err := parseStatus([]byte(strings.Replace(aStatus, "S (sleeping)", "Z (zombie)", 1))); err != nil || !s.zombie {
		t.Errorf("a zombie: %+v, %v", s, err)
	}
	if s, err := parseStatus([]byte(aStatus + "Uid:\t0\t0\t0\t0\n")); err != nil || s.uid[0] != 1000 {
		t.Errorf("a second line of a kind counted: %+v, %v", s, err)
	}
}

func FuzzStatus(f *testing.F) {
	f.Add([]byte(aStatus))
	f.Add([]byte("Name:\tx\nPPid:\t0\nUid:\t0 0 0 0\nGid:\t0 0 0 0\nCapPrm:\t0\nCapEff:\t0\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := parseStatus(data)
		if err == nil && !strings.Contains(string(data), "Uid:") {
			t.Errorf("accepted a status without IDs: %+v", s)
		}
	})
}

func TestParseStat(t *testing.T) {
	const rest = " S 1 18 18 0 -1 4194560 145 0 0 0 0 0 0 0 20 0 1 0 7731 2322432 344 18446744073709551615\n"
	for name, comm := range map[string]string{"plain": "sleep", "brackets": ") S 0 (", "blanks and numbers": "a 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22"} {
		if got, err := parseStat([]byte("18 (" + comm + ")" + rest)); err != nil || got != 7731 {
			t.Errorf("%s: %d, %v", name, got, err)
		}
	}
	for _, wrong := range []string{"", "18 (sleep)", "18 (sleep) S 1 2 3", "18 (sleep)" + strings.Replace(rest, "7731", "x", 1)} {
		if got, err := parseStat([]byte(wrong)); err == nil {
			t.Errorf("%q gave %d", wrong, got)
		}
	}
}

func FuzzStat(f *testing.F) {
	f.Add("sleep")
	f.Add(") S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 (")
	f.Fuzz(func(t *testing.T, comm string) {
		_, _ = parseStat([]byte(comm))
		const rest = ") R 1 18 18 0 -1 4194560 145 0 0 0 0 0 0 0 20 0 1 0 7731 2322432 344\n"
		if got, err := parseStat([]byte("18 (" + comm + rest)); err != nil || got != 7731 {
			t.Errorf("the name %q changes the start to %d (%v)", comm, got, err)
		}
	})
}

func TestParseArgsAndEnv(t *testing.T) {
	for name, test := range map[string]struct {
		in   string
		want []string
	}{
		"usual":                {"sleep\x0010\x00", []string{"sleep", "10"}},
		"an empty argument":    {"sh\x00\x00-x\x00", []string{"sh", "", "-x"}},
		"one that was renamed": {"nginx: worker process", []string{"nginx: worker process"}},
		"none":                 {"", nil},
	} {
		if got := parseArgs([]byte(test.in)); !slices.Equal(got, test.want) {
			t.Errorf("%s: %q", name, got)
		}
	}
	got := parseEnv([]byte("PATH=/bin\x00TOKEN=a=b\x00swordfish\x00=x\x00PATH=/sbin\x00EMPTY=\x00"))
	if want := []string{"EMPTY", "PATH", "TOKEN"}; !slices.Equal(got, want) {
		t.Errorf("names %q, want %q", got, want)
	}
}

func FuzzEnv(f *testing.F) {
	f.Add([]byte("A=b\x00C=d\x00secret\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, name := range parseEnv(data) {
			if name == "" || strings.ContainsAny(name, "=\x00") {
				t.Errorf("%q is no name", name)
			}
		}
	})
}

func TestCapabilityList(t *testing.T) {
	if got := len(strings.Fields(capabilityNames)); got != 41 {
		t.Errorf("%d capabilities have a name, and Linux has 41", got)
	}
	if got, want := capabilityList(1<<capSetgid|1<<capSetuid|1<<capPtrace|1<<40|1<<63), "CAP_SETGID, CAP_SETUID, CAP_SYS_PTRACE, CAP_CHECKPOINT_RESTORE, capability 63"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestPlansThatCannotBe(t *testing.T) {
	if _, err := Collect(t.Context(), Source{Root: t.TempDir()}, &snapshot.Plan{Files: []string{"etc/passwd"}}); !errors.Is(err, ErrPlan) {
		t.Errorf("a relative path: %v", err)
	}
	if _, err := Collect(t.Context(), Source{}, &snapshot.Plan{}); err == nil {
		t.Error("a source that is nothing: no error")
	}
	if _, err := Collect(t.Context(), Source{Root: os.TempDir(), ContainerID: idA}, &snapshot.Plan{}); err == nil {
		t.Error("a source that is two things: no error")
	}
}

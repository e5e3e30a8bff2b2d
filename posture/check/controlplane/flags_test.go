package controlplane

import (
	"flag"
	"io"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/workload"
)

// lineOf is the command line of a pod in kube-system with this command and arguments.
func lineOf(t testing.TB, command, args []string) commandLine {
	t.Helper()
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system"}}
	pod.Spec.Containers = []corev1.Container{{Name: "c", Command: command, Args: args}}
	for c := range workload.Containers(&pod.Spec) {
		return read(&check.View{Meta: &pod.ObjectMeta, Spec: &pod.Spec, Container: c, SpecPath: "spec"})
	}
	t.Fatal("no container")
	return commandLine{}
}

// TestLikePflag: what is read from thousands of random command lines is what
// the library of Kubernetes' own components reads.
func TestLikePflag(t *testing.T) {
	tokens := []string{
		"--text=a", "--text=b", "--text=", "--text", "x", "--te_xt=u", "--bool", "--bool=false", "--bool=true", "--bool=1",
		"--list=a,b", "--list=c", "--list", "a,d", "-v=2", "--other=1", "--te-xt=z", "--te-xt", "y", "--pairs=A=true,B=false", "--pairs=A=false",
	}
	r := rand.New(rand.NewPCG(1, 9))
	agreed := 0
	for range 20_000 {
		var given []string
		for range r.IntN(7) {
			given = append(given, tokens[r.IntN(len(tokens))])
		}
		if r.IntN(10) == 0 {
			given = slices.Insert(given, r.IntN(len(given)+1), "--")
		}
		if swallows(given) {
			continue
		}
		fs := pflag.NewFlagSet("x", pflag.ContinueOnError)
		fs.SetOutput(io.Discard)
		fs.SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
			return pflag.NormalizedName(strings.ReplaceAll(name, "_", "-"))
		})
		text, dashed := fs.String("text", "default", ""), fs.String("te-xt", "", "")
		boolean := fs.Bool("bool", true, "")
		list := fs.StringSlice("list", nil, "")
		pairs := fs.StringToString("pairs", nil, "")
		fs.String("other", "", "")
		fs.IntP("v", "v", 0, "")
		if fs.Parse(given) != nil {
			continue // the component would not start
		}
		agreed++
		cut := r.IntN(len(given) + 1)
		l := lineOf(t, append([]string{"/usr/bin/kube-apiserver"}, given[:cut]...), given[cut:])
		if f, ok := l.get("text", false); ok != fs.Changed("text") || ok && f.text != *text {
			t.Fatalf("%q: text is %q, read %q", given, *text, f.text)
		}
		if got := l.text("te-xt"); got != *dashed {
			t.Fatalf("%q: te-xt is %q, read %q", given, *dashed, got)
		}
		if got, ok := l.boolean("bool", true); !ok || got != *boolean {
			t.Fatalf("%q: bool is %v, read %v", given, *boolean, got)
		}
		for _, item := range []string{"a", "b", "c", "d"} {
			if got := l.lists("list", item); got != slices.Contains(*list, item) {
				t.Fatalf("%q: %s in the list is %v", given, item, got)
			}
		}
		for _, key := range []string{"A", "B"} {
			if got := l.pair("pairs", key); got != (*pairs)[key] {
				t.Fatalf("%q: %s is %q, read %q", given, key, (*pairs)[key], got)
			}
		}
	}
	if agreed < 5_000 {
		t.Errorf("only %d command lines were compared: that tests too little", agreed)
	}
}

// swallows reports whether a flag takes another one for its value, as in
// "--text --bool". Which flags do so is known only to who knows all of them.
func swallows(given []string) bool {
	for i, token := range given[:max(len(given)-1, 0)] {
		if strings.HasPrefix(token, "-") && !strings.Contains(token, "=") && !strings.Contains(token, "bool") && token != "--" && strings.HasPrefix(given[i+1], "-") {
			return true
		}
	}
	return false
}

// TestLikeEtcd does so with the library that etcd reads its flags with.
func TestLikeEtcd(t *testing.T) {
	tokens := []string{"--text=a", "-text=b", "--text", "-text", "x", "-bool", "--bool=false", "--bool=t", "--other=1", "--te-xt=z", "--"}
	r := rand.New(rand.NewPCG(3, 9))
	agreed := 0
	for range 20_000 {
		var given []string
		for range r.IntN(6) {
			given = append(given, tokens[r.IntN(len(tokens))])
		}
		if swallows(given) {
			continue
		}
		fs := flag.NewFlagSet("x", flag.ContinueOnError)
		fs.SetOutput(io.Discard)
		text, dashed := fs.String("text", "", ""), fs.String("te-xt", "", "")
		boolean := fs.Bool("bool", false, "")
		fs.String("other", "", "")
		if fs.Parse(given) != nil || fs.NArg() > 0 {
			continue // etcd would not start
		}
		agreed++
		l := lineOf(t, []string{"etcd"}, given)
		gotBool, ok := l.boolean("bool", false)
		if l.text("text") != *text || l.text("te-xt") != *dashed || !ok || gotBool != *boolean {
			t.Fatalf("%q: text is %q, te-xt %q, bool %v; read %q, %q, %v", given, *text, *dashed, *boolean, l.text("text"), l.text("te-xt"), gotBool)
		}
	}
	if agreed < 5_000 {
		t.Errorf("only %d command lines were compared: that tests too little", agreed)
	}
}

func TestWhichProgram(t *testing.T) {
	tests := []struct {
		name          string
		command, args []string
		want          component
		from          int
		shell         bool
	}{
		{"by name", []string{"kube-apiserver", "--a"}, nil, apiServer, 1, false},
		{"by path", []string{"/usr/local/bin/kube-scheduler"}, []string{"--a"}, scheduler, 1, false},
		{"in the arguments", nil, []string{"etcd", "--a"}, etcd, 1, false},
		{"started by another", []string{"/go-runner", "--log-file=/x", "/usr/local/bin/kube-controller-manager", "--a"}, nil, controllerManager, 3, false},
		{"in a script", []string{"/bin/sh", "-c", "exec /usr/local/bin/kube-apiserver --a 1>>/var/log/x"}, nil, apiServer, 0, true},
		{"in a script among the arguments", []string{"sh", "-ec"}, []string{"etcd\n"}, etcd, 0, true},
		{"in a script that another starts", []string{"/usr/bin/tini", "--", "/bin/sh", "-c"}, []string{"exec etcd --data-dir=/var/lib/etcd"}, etcd, 0, true},
		{"as an argument of something else", []string{"backup", "etcd"}, nil, "", 0, false},
		{"as part of a name", []string{"etcd-manager", "--etcd"}, nil, "", 0, false},
		{"as part of a word in a script", []string{"sh", "-c", "etcdctl get /x; ls /var/lib/etcd/member"}, nil, "", 0, true},
		{"as a flag", []string{"env", "--etcd"}, nil, "", 0, false},
		{"nothing", nil, nil, "", 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := lineOf(t, tt.command, tt.args)
			if l.component != tt.want || l.from != tt.from || l.shell != tt.shell {
				t.Errorf("got %q from %d, shell %v", l.component, l.from, l.shell)
			}
		})
	}
}

// TestTheFilterCostsNothing: it is asked about every container of a cluster.
func TestTheFilterCostsNothing(t *testing.T) {
	meta := &metav1.ObjectMeta{Namespace: "shop", Labels: map[string]string{"app": "cart"}, Annotations: map[string]string{"a": "b"}}
	spec := &corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Command: []string{"sh", "-c", strings.Repeat("x", 9)}}}}
	for c := range workload.Containers(spec) {
		v := &check.View{Meta: meta, Spec: spec, Container: c}
		if n := testing.AllocsPerRun(100, func() { wants(v) }); n != 0 {
			t.Errorf("it allocates %v times", n)
		}
		if wants(v) {
			t.Error("an ordinary container is wanted")
		}
	}
}

func TestStrengthOfSuites(t *testing.T) {
	for name, want := range map[string]strength{
		"TLS_AES_128_GCM_SHA256": strong, "TLS_CHACHA20_POLY1305_SHA256": strong, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": strong,
		"TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305": strong, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": strong,
		"TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": dated, "TLS_RSA_WITH_RC4_128_SHA": insecure, "TLS_RSA_WITH_3DES_EDE_CBC_SHA": insecure,
		"TLS_RSA_WITH_AES_128_GCM_SHA256": insecure, "": nameless, "tls_aes_128_gcm_sha256": nameless,
	} {
		if got := strengthOf(name); got != want {
			t.Errorf("%s is %d, want %d", strconv.Quote(name), got, want)
		}
	}
	for one := range strings.SplitSeq(strongSuites, ",") {
		if strengthOf(one) != strong {
			t.Errorf("the fix shows %s, which is not strong", one)
		}
	}
}

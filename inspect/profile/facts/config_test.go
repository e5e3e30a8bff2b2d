package facts

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubeassay/assay/inspect/snapshot"
)

type object = map[string]any

func TestConfig(t *testing.T) {
	for _, c := range []struct {
		name, format, file string
		want               any
	}{
		{"ini", "ini", "top = 1\n; c\n[one]\na = b # c\nb=\"q r\"\n[two]\nflag\na=1\na=2\n",
			object{"": object{"top": "1"}, "one": object{"a": "b", "b": "q r"}, "two": object{"flag": "true", "a": "2"}}},
		{"ini interpolates nothing", "ini", "[s]\na=%(b)s\nb=%(a)s\n", object{"s": object{"a": "%(b)s", "b": "%(a)s"}}},
		{"ini, empty", "ini", "", object{}},
		{"keyvalue", "keyvalue", "# c\nnet.ipv4.ip_forward = 0\na b c\nd=\"e f\"\ng\n a = 'x'\n= y\n",
			object{"net.ipv4.ip_forward": "0", "d": "e f", "g": "", "a": "x"}},
		{"login.defs", "login.defs", "# c\nPASS_MAX_DAYS\t99999\nUMASK 022\nENV_PATH \"a b\" c\nUMASK\t\t077\nEMPTY\n",
			object{"PASS_MAX_DAYS": "99999", "ENV_PATH": "a b", "UMASK": "077"}},
		{"json", "json", `{"a": [1, 1.5, true, null, "x", {"b": 9223372036854775807}], "big": 1e400}`,
			object{"a": []any{int64(1), 1.5, true, nil, "x", object{"b": int64(9223372036854775807)}}, "big": "1e400"}},
		{"yaml", "yaml", "a: &x [1, 0x10, 1.5, yes, true]\nb: *x\n1: one\nd: 2020-01-02\n",
			object{"a": []any{int64(1), int64(16), 1.5, "yes", true}, "b": []any{int64(1), int64(16), 1.5, "yes", true}, "1": "one", "d": "2020-01-02 00:00:00 +0000 UTC"}},
		{"yaml documents", "yaml", "a: 1\n---\nb: 2\n", []any{object{"a": int64(1)}, object{"b": int64(2)}}},
		{"yaml, empty", "yaml", "# nothing\n", object{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, source := Config(tree(t, map[string]string{"/etc/x": c.file}), "/etc/x", c.format)
			if d := cmp.Diff(c.want, got); d != "" || source.Fact.State != snapshot.Present {
				t.Error(d, source)
			}
		})
	}
}

func TestConfigFails(t *testing.T) {
	for _, c := range []struct{ name, format, file, want string }{
		{"json", "json", "{", "unexpected EOF"},
		{"json with a rest", "json", "{} {}", "something follows"},
		{"yaml", "yaml", "a: [", "yaml:"},
		{"yaml bomb", "yaml", bomb(), ""},
		{"format", "toml", "", "use one of ini, keyvalue, json"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, source := Config(tree(t, map[string]string{"/etc/x": c.file}), "/etc/x", c.format)
			if source.Fact.State != snapshot.Failed || !strings.Contains(source.Fact.Detail, c.want) {
				t.Errorf("%v, %+v", got, source)
			}
		})
	}
	for _, format := range Formats() {
		if _, source := Config(tree(t, nil), "/etc/x", format); source.Fact.State != snapshot.Absent {
			t.Errorf("%s, absent: %+v", format, source)
		}
		denied := snapshot.Fact{State: snapshot.Denied, Detail: "permission denied"}
		if _, source := Config(blind("/etc/x", denied, ""), "/etc/x", format); source.Fact.State != snapshot.Denied {
			t.Errorf("%s, denied: %+v", format, source)
		}
	}
}

// bomb is a small document that stands for a billion values.
func bomb() string {
	var b strings.Builder
	b.WriteString("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n")
	for i := range 9 {
		p, n := string(rune('0'+i)), string(rune('1'+i))
		b.WriteString("a" + n + ": &a" + n + " [" + strings.Repeat("*a"+p+",", 9) + "*a" + p + "]\n")
	}
	return b.String()
}

package settings

import (
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/kubeassay/assay/internal/strictyaml"
)

func TestParseErrors(t *testing.T) {
	for _, tt := range []struct{ name, file, want string }{
		{"nothing", "", "f: the file is empty: it begins with apiVersion: assay.dev/v1alpha1 and kind: Settings"},
		{"only comments", "# nothing\n", "f: the file is empty: it begins with apiVersion: assay.dev/v1alpha1 and kind: Settings"},
		{"not YAML", "a: [", "f:1: not valid YAML: did not find expected node content"},
		{"a list", "- a", "f:1:1: a file of settings must be keys with values, not a list"},
		{"two documents", head + "---\na: b\n", "f:3:1: a second document begins here: make them one, or give it a file of its own"},
		{"no apiVersion", "kind: Settings\n", "f:1:1: apiVersion is missing: a file of settings says apiVersion: assay.dev/v1alpha1"},
		{"no kind", "apiVersion: assay.dev/v1alpha1\n", "f:1:1: kind is missing: a file of settings says kind: Settings"},
		{"another version", "apiVersion: assay.dev/v1\nkind: Settings\n", `f:1:13: apiVersion is "assay.dev/v1", and must be assay.dev/v1alpha1`},
		{"another kind", "apiVersion: assay.dev/v1alpha1\nkind: Waivers\n", `f:2:7: kind is "Waivers", and must be Settings`},
		{"unknown section", head + "scna: {}", `f:3:1: there is no section "scna" (did you mean scan?)`},
		{"unknown section, nothing near", head + "zebra: {}", `f:3:1: there is no section "zebra": use one of common, grant, judge, scan`},
		{"a setting outside of a section", head + "parallel: 3", `f:3:1: there is no section "parallel": parallel is a setting: put it under scan, or another command's section`},
		{"a command without settings", head + "explain: {}", `f:3:1: there is no section "explain": use one of common, grant, judge, scan`},
		{"a setting without its dash", head + "scan:\n  failOn: low", `f:4:3: scan has no setting "failOn" (did you mean fail-on?)`},
		{"a setting of another command", head + "judge:\n  parallel: 1", `f:4:3: judge has no setting "parallel": that is a setting of scan`},
		{"a setting of no command", head + "scan:\n  zebra: 1", `f:4:3: scan has no setting "zebra"; see assay scan --help, or assay config schema`},
		{"a setting of a group", head + "grant:\n  zebra: 1", `f:4:3: grant has no setting "zebra": it is in sections of its own: create`},
		{"a common setting of one command", head + "common:\n  life: 5m", "f:4:3: life is a setting of one command: put it under grant: create"},
		{"a common setting that is two things", head + "common:\n  namespace: [a]", "f:4:3: namespace does not mean the same in all commands: put it under judge or scan"},
		{"--config", head + "scan:\n  config: x", `f:4:3: scan has no setting "config"; see assay scan --help, or assay config schema`},
		{"--help", head + "scan:\n  help: true", `f:4:3: scan has no setting "help"; see assay scan --help, or assay config schema`},
		{"a secret", head + "scan:\n  token: abc", "f:4:3: token can't be set by a file: it is a secret"},
		{"a secret for all", head + "common:\n  token: abc", "f:4:3: token can't be set by a file: it is a secret"},
		{"an empty section", head + "scan:\n", "f:3:6: scan is empty: give it settings, or leave it out"},
		{"a section that is text", head + "scan: x\n", `f:3:7: scan must be keys with values, not the text "x"`},
		{"twice", head + "scan:\n  quiet: true\n  fail-on: low\n  quiet: false", `f:6:3: "quiet" is given twice; the other is in line 4`},
		{"a section twice", head + "scan: {quiet: true}\njudge: {}\nscan: {}", `f:5:1: "scan" is given twice; the other is in line 3`},
		{"no value", head + "scan:\n  parallel:\n", "f:4:12: parallel has no value: give one, or leave it out"},
		{"a number for a text", head + "scan: {fail-on: 3}", "f:3:17: fail-on must be text, not 3: put it into quotes"},
		{"a list for a text", head + "scan: {fail-on: [low]}", "f:3:17: fail-on must be text, not a list"},
		{"a text for a bool", head + "scan: {quiet: yes}", `f:3:15: quiet must be true or false, not the text "yes"`},
		{"a quoted bool", head + "scan: {quiet: 'true'}", `f:3:15: quiet must be true or false, not the text "true"`},
		{"a text for a number", head + "scan: {parallel: many}", `f:3:18: parallel must be a whole number, not the text "many"`},
		{"half a number", head + "scan: {parallel: 1.5}", "f:3:18: parallel must be a whole number, not 1.5"},
		{"too large a number", head + "scan: {parallel: 99999999999999999999}", "f:3:18: parallel must be a whole number, not 99999999999999999999"},
		{"no number", head + "scan: {qps: .nan}", "f:3:13: qps must be a number, not .nan"},
		{"infinite", head + "scan: {qps: .inf}", "f:3:13: qps must be a number, not .inf"},
		{"too large for its flag", head + "scan: {qps: 1e70}", "f:3:13: qps is out of range: 1e70"},
		{"no length of time", head + "scan: {timeout: soon}", `f:3:17: timeout must be a length of time such as 30s or 10m, not the text "soon"`},
		{"a length of time without unit", head + "scan: {timeout: 30}", "f:3:17: timeout must be a length of time such as 30s or 10m, not 30"},
		{"no quantity", head + "scan: {max-bytes: 5Zi}", `f:3:19: max-bytes must be a quantity such as 500Ki or 64Mi, not the text "5Zi"`},
		{"a text for a list", head + "scan: {output: json}", `f:3:16: output must be a list, not the text "json": write [json]`},
		{"an empty list", head + "scan: {output: []}", "f:3:16: output is an empty list: give it a value, or leave it out"},
		{"an empty value", head + "scan: {output: [a, '']}", "f:3:20: output has an empty value: give one, or leave it out"},
		{"a number in a list", head + "scan: {output: [1]}", "f:3:17: each of output must be text, not 1: put it into quotes"},
		{"a path of a home", head + "scan: {waivers: ~/w.yaml}", `f:3:17: waivers: "~/w.yaml": ~ means nothing in a file: write the whole path, or ./~/w.yaml for a file that is called so`},
		{"an alias", head + "scan: &a {quiet: true}\njudge: *a", "f:4:8: an alias (*a) is not supported here: write it out"},
		{"an alias in a list", head + "scan: {output: [&a json, *a]}", "f:3:26: an alias (*a) is not supported here: write it out"},
		{"an alias of itself", head + "scan: &a {output: *a}", "f:3:19: an alias (*a) is not supported here: write it out"},
		{"an alias of nothing", head + "scan: *a", "f:3:7: an alias (*a) is not supported here: write it out"},
		{"a merge key", head + "scan: &a {quiet: true}\njudge: {<<: *a}", "f:4:9: a merge key (<<) is not supported here: write it out"},
		{"a key that is a list", head + "? [a]\n: b", "f:3:3: a key must be a plain word, not a list"},
		{"a tag", head + "scan: {fail-on: !secret low}", "f:3:17: a tag (!secret) is not supported here: leave it out"},
		{"deep nesting", head + "scan: " + strings.Repeat("[", 20000), "f:3: this is nested too deeply"},
		{"a deep value", head + "scan: {fail-on: " + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + "}", "f:3:115: this is nested deeper than 100 levels, which a file of settings never needs"},
		{"all mistakes, in their order", head + "scan: {quiet: 1, output: x, output: y}\n", "f:3:15: quiet must be true or false, not 1\nf:3:26: output must be a list, not the text \"x\": write [x]\nf:3:29: \"output\" is given twice; the other is in line 3"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			file, err := Of(tree(), rules()).Parse("f", folder, strings.NewReader(tt.file))
			if err == nil {
				t.Fatalf("no error, want %s", tt.want)
			}
			if file != nil {
				t.Error("a file beside an error")
			}
			if got := err.Error(); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestParseKeepsToALimit(t *testing.T) {
	t.Run("of mistakes", func(t *testing.T) {
		_, err := Of(tree(), rules()).Parse("f", folder, strings.NewReader(head+"scan:\n"+strings.Repeat("  ? [x]\n  : y\n", 1000)))
		if err == nil {
			t.Fatal("no error")
		}
		lines := strings.Split(err.Error(), "\n")
		if len(lines) != strictyaml.MaxProblems+1 || lines[strictyaml.MaxProblems] != "f: and 950 more" {
			t.Errorf("%d lines, the last %s", len(lines), lines[len(lines)-1])
		}
	})
	t.Run("of what a message repeats", func(t *testing.T) {
		long := strings.Repeat("x", 100000)
		_, err := Of(tree(), rules()).Parse("f", folder, strings.NewReader(head+"scan: {"+long+": "+long+", quiet: "+long+"}"))
		if err == nil || len(err.Error()) > 1000 {
			t.Errorf("%.2000s", err)
		}
	})
	t.Run("of what is read", func(t *testing.T) {
		endless := &endless{}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := Of(tree(), rules()).Parse("f", folder, endless)
		runtime.ReadMemStats(&after)
		if err == nil || !strings.Contains(err.Error(), "f: the file is larger than 256 KiB") {
			t.Error(err)
		}
		if endless.read > 2*fileForm.MaxBytes {
			t.Errorf("read %d bytes", endless.read)
		}
		if used := after.TotalAlloc - before.TotalAlloc; used > 16*uint64(fileForm.MaxBytes) {
			t.Errorf("took %d bytes of memory", used)
		}
	})
}

// endless is one line without an end.
type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	e.read += len(p)
	return len(p), nil
}

// TestHostileFiles: the largest file that is read at all takes neither much
// memory nor long, whatever is in it.
func TestHostileFiles(t *testing.T) {
	fill := func(s string) string { return strings.Repeat(s, (fileForm.MaxBytes-len(head)-32)/len(s)) }
	for name, text := range map[string]string{
		"a list":         head + "scan: {output: [" + fill("a,") + "]}",
		"no values":      head + "scan: {" + fill("?,") + "}",
		"keys":           head + "scan:\n" + fill(" a:\n"),
		"aliases":        head + "scan: [&a a, " + fill("*a,") + "]",
		"anchors":        head + "scan: [" + fill("&a a,") + "]",
		"flow":           head + "scan: " + fill("["),
		"flow mappings":  head + "scan: " + fill("{a: "),
		"block":          head + fill("- "),
		"empty lists":    head + "scan: [" + fill("[],") + "]",
		"tags":           head + "scan: [" + fill("!a b,") + "]",
		"documents":      fill("---\n"),
		"comments":       head + fill("#\n"),
		"carriage":       head + fill("\r"),
		"no UTF-8":       head + fill("\xff"),
		"one long value": head + "scan: {fail-on: " + fill("x") + "}",
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			start := time.Now()
			_, err := Of(tree(), rules()).Parse("f", folder, strings.NewReader(text))
			took := time.Since(start)
			runtime.ReadMemStats(&after)
			if err != nil && len(err.Error()) > 10000 {
				t.Errorf("a message of %d bytes", len(err.Error()))
			}
			if used := after.TotalAlloc - before.TotalAlloc; used > 128<<20 {
				t.Errorf("took %d MiB of memory", used>>20)
			}
			if took > 5*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestAReadThatFails(t *testing.T) {
	if _, err := Of(tree(), rules()).Parse("f", folder, broken{}); err == nil || !strings.Contains(err.Error(), "unexpected EOF") {
		t.Error(err)
	}
}

// FuzzParse: whatever a file holds, it is refused with a message that begins
// with its name, or can be applied to every command.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"", head, head + "scan: {fail-on: low, output: [a, b]}", head + "common: {quiet: true}\ngrant: {create: {life: 5m}}",
		head + "scan: {qps: 1e70}", head + "scan: {qps: 1e3, parallel: 0b11, max-bytes: 1e9, timeout: -1h}", head + "scan: &a {waivers: ~x, token: *a}", "{\"kind\": \"Settings\"}",
		head + "scan: {parallel: 1_000, qps: 1_0.5, fail-on: !!str 5, quiet: TRUE}", head + "? {a: b}\n: c", head + "%x: \xff",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		root := tree()
		c := Of(root, rules())
		file, err := c.Parse("f", folder, strings.NewReader(text))
		if err != nil {
			for line := range strings.SplitSeq(err.Error(), "\n") {
				// A name from the file may stand in the second line of an error of the library.
				if !strings.HasPrefix(line, "f:") && !strings.HasPrefix(err.Error(), "f:") {
					t.Errorf("%q does not begin with the file's name", line)
				}
			}
			return
		}
		for _, cmd := range c.Commands() {
			if err := c.Apply(cmd, func(string) (string, bool) { return "", false }, file); err != nil {
				t.Errorf("what was accepted can't be applied: %v", err)
			}
		}
		for _, s := range c.Settings(nil) {
			if from := OriginOf(s.Flag); from.Source == FromFile && s.Flag.Name == "token" {
				t.Error("a secret was taken from the file")
			}
		}
	})
}

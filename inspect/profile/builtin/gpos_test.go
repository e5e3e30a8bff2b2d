package builtin_test

import (
	"bytes"
	"encoding/csv"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	yaml "go.yaml.in/yaml/v3"
)

var update = flag.Bool("update", false, "write what is generated")

// answers are how the requirements are judged, see gpos/answers.yaml.
type answers struct {
	Expressions map[string]string
	Conditions  map[string]condition
	Answers     map[string]answer
}

type answer struct {
	Desc, Check, Fix string
	Applies          []string
	When             any
	Tests            []test
}

type condition struct {
	Expression string `yaml:"expression"`
	Reason     string `yaml:"reason"`
}

type test struct {
	Expression  string `yaml:"expression,omitempty"`
	None        string `yaml:"none,omitempty"`
	Message     string `yaml:"message"`
	Description string `yaml:"description"`
}

type generated struct {
	Name     string    `yaml:"name"`
	Title    string    `yaml:"title"`
	Version  string    `yaml:"version"`
	Summary  string    `yaml:"summary"`
	Inputs   yaml.Node `yaml:"inputs"`
	Controls []control `yaml:"controls"`
}

type control struct {
	ID         string              `yaml:"id"`
	Title      string              `yaml:"title"`
	Desc       string              `yaml:"desc"`
	Impact     float64             `yaml:"impact"`
	Tags       map[string][]string `yaml:"tags,flow"`
	References []reference         `yaml:"references,flow"`
	Check      string              `yaml:"check"`
	Fix        string              `yaml:"fix"`
	Applies    []string            `yaml:"applies,omitempty,flow"`
	When       []condition         `yaml:"when,omitempty"`
	Tests      []test              `yaml:"tests"`
}

type reference struct {
	Framework string `yaml:"framework"`
	ID        string `yaml:"id"`
}

const gposInputs = `
remoteServers:
  type: strings
  default: [sshd, sshd-session, dropbear, xrdp, Xvnc, x11vnc, vncserver, cockpit-ws]
  description: Names of programs that let people log in over the network.
cleartextPrograms:
  type: strings
  default: [telnet, telnetd, in.telnetd, utelnetd, ftp, ftpd, in.ftpd, vsftpd, proftpd, tftp, tftpd, in.tftpd, rlogin, rlogind, in.rlogind, rsh, rshd, in.rshd, rexec, rexecd]
  description: Names of programs that send passwords in the clear.
needlessPrograms:
  type: strings
  default: [apt, apt-get, dpkg, apk, rpm, yum, dnf, dnf-3, dnf5, microdnf, tdnf, zypper, pacman, opkg, gcc, cc, clang, make, gdb, strace, tcpdump, nmap, nc, ncat, netcat, socat, wget, curl]
  description: Names of programs that a container needs not.
strongHashes:
  type: strings
  default: [sha512, yescrypt, gost-yescrypt, bcrypt, scrypt]
  description: Kinds of password hashes that are strong enough.
trustStores:
  type: strings
  default: []
  description: SHA-256 sums, in hex, of bundles of certificates that were approved.
`

func TestGPOSIsGenerated(t *testing.T) {
	want := generate(t)
	if *update {
		if err := os.WriteFile("gpos-container.yaml", want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile("gpos-container.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("gpos-container.yaml is not what its parts make: go test ./inspect/profile/builtin -run TestGPOSIsGenerated -update")
	}
}

func readYAML(t testing.TB, name string, into any) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("gpos", name))
	if err != nil {
		t.Fatal(err)
	}
	d := yaml.NewDecoder(bytes.NewReader(data))
	d.KnownFields(true)
	if err := d.Decode(into); err != nil {
		t.Fatal(err)
	}
}

func requirements(t testing.TB) []map[string]string {
	t.Helper()
	f, err := os.Open(filepath.Join("gpos", "requirements.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.Comma = '\t'
	rows, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var all []map[string]string
	for _, row := range rows[1:] {
		m := map[string]string{}
		for i, name := range rows[0] {
			m[name] = row[i]
		}
		all = append(all, m)
	}
	return all
}

func generate(t *testing.T) []byte {
	var a answers
	readYAML(t, "answers.yaml", &a)
	out := generated{
		Name: "gpos-container", Title: "General Purpose OS SRG inside a container", Version: "0.1.0",
		Summary: "The requirements of the General Purpose Operating System SRG (V3R2) that make sense inside a container, in our words and by their identifiers. " +
			"Where a container meets a requirement by not having something (people who log in, passwords, remote access), it is not applicable with that reason, which is tested.",
	}
	if err := yaml.Unmarshal([]byte(gposInputs), &out.Inputs); err != nil {
		t.Fatal(err)
	}
	out.Inputs = *out.Inputs.Content[0]
	used := map[string]bool{}
	for _, r := range requirements(t) {
		name := r["answer"]
		ans, ok := a.Answers[name]
		if !ok {
			t.Fatalf("%s: no answer %q", r["id"], name)
		}
		used[name] = true
		c := control{ID: r["id"], Title: r["title"], Desc: ans.Desc, Impact: map[string]float64{"high": 0.7, "medium": 0.5, "low": 0.3}[r["severity"]],
			Tags:       map[string][]string{"gtitle": {r["id"]}, "stig_id": {r["id"]}, "gid": {r["vuln-id"]}, "cci": strings.Split(r["cci"], ",")},
			References: []reference{{"gpos-srg-container", r["id"]}}, Check: ans.Check, Fix: ans.Fix, Applies: ans.Applies}
		if r["nist"] != "-" {
			c.Tags["nist"] = strings.Split(r["nist"], ",")
		}
		c.When = a.when(t, ans.When)
		for _, x := range ans.Tests {
			x.Expression, x.None, x.Message = a.expand(x.Expression), a.expand(x.None), a.expand(x.Message)
			c.Tests = append(c.Tests, x)
		}
		out.Controls = append(out.Controls, c)
	}
	for name := range a.Answers {
		if !used[name] {
			t.Errorf("no requirement has the answer %s", name)
		}
	}
	var b bytes.Buffer
	b.WriteString("# Generated from gpos/requirements.tsv and gpos/answers.yaml: see gpos/README.md.\n")
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(out); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// when is a condition's name, a condition, or several.
func (a *answers) when(t *testing.T, v any) []condition {
	var all []condition
	switch w := v.(type) {
	case nil:
		return nil
	case string:
		c, ok := a.Conditions[w]
		if !ok {
			t.Fatalf("no condition %q", w)
		}
		all = []condition{c}
	case []any:
		for _, e := range w {
			all = append(all, a.when(t, e)...)
		}
		return all
	case map[string]any:
		all = []condition{{w["expression"].(string), w["reason"].(string)}}
	}
	for i := range all {
		all[i].Expression = a.expand(all[i].Expression)
	}
	return all
}

var shared = regexp.MustCompile(`\$[a-zA-Z]+`)

// expand writes shared expressions out; a $ at the end of a regular expression stays.
func (a *answers) expand(s string) string {
	for range 5 {
		s = shared.ReplaceAllStringFunc(s, func(name string) string {
			if x, ok := a.Expressions[name[1:]]; ok {
				return x
			}
			return name
		})
	}
	return s
}

// TestGPOSIsComplete: every requirement is a control, in its order, with its facts.
func TestGPOSIsComplete(t *testing.T) {
	p := load(t, "gpos-container")
	rows := requirements(t)
	if len(rows) != 106 || len(p.Controls) != len(rows) {
		t.Fatalf("%d requirements, %d controls", len(rows), len(p.Controls))
	}
	for i, r := range rows {
		c := p.Controls[i]
		if c.ID != r["id"] || !slices.Equal(c.Tags["gid"], []string{r["vuln-id"]}) || !slices.Equal(c.Tags["cci"], strings.Split(r["cci"], ",")) {
			t.Errorf("%s: %v", c.ID, c.Tags)
		}
		if strings.Contains(c.Tests[0].Expression, "$login") {
			t.Errorf("%s: an expression was not written out", c.ID)
		}
	}
	var a answers
	readYAML(t, "answers.yaml", &a)
	t.Logf("%d answers: %v", len(a.Answers), slices.Sorted(maps.Keys(a.Answers)))
}

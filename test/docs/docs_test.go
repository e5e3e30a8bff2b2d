package docs

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	// go test can't see that the program is looked at: with this, a change of it
	// is a change of these tests, and no old result is shown.
	_ "github.com/kubeassay/assay/internal/cli"
)

var update = flag.Bool("update", false, "write into the pages what commands print and the program knows")

// TestPages runs what the pages say to run, and compares what they say came out.
func TestPages(t *testing.T) {
	r := newRunner(t)
	for _, page := range pages(t) {
		t.Run(page, func(t *testing.T) {
			lines := read(t, page)
			all := parts(t, page, lines)
			// From the end, so that the lines of those before stay where they are.
			changed := false
			texts := make([]string, len(all))
			for i, p := range all {
				texts[i] = p.text
				t.Run(fmt.Sprintf("line %d", p.line), func(t *testing.T) { texts[i] = r.check(t, &p) })
			}
			for i, p := range slices.Backward(all) {
				if same(texts[i], p.text) {
					continue
				}
				changed = true
				lines = slices.Replace(lines, p.line, p.end, strings.Split(texts[i], "\n")...)
			}
			if changed && *update {
				if err := os.WriteFile(filepath.Join(root, page), []byte(strings.Join(lines, "\n")), 0o666); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// check tests one part and returns what should stand there.
func (r *runner) check(t *testing.T, p *part) string {
	want := p.text
	switch p.kind {
	case "sh":
		r.commands(t, p.text)
	case "test":
		switch where, reason, _ := strings.Cut(p.arg, " "); where {
		case "server":
			r.serve(t)
			r.commands(t, p.text)
		case "serves":
			for _, c := range commands(p.text) {
				r.serves(t, c)
			}
		case "cluster":
			onCluster(t)
			r.commands(t, p.text)
		case "node":
			r.onNode(t)
			r.commands(t, p.text)
		case "skip":
			t.Skipf("not run, because %s:\n%s", reason, p.text)
		default:
			t.Fatalf("%q is no place to run commands; see the package's comment", p.arg)
		}
	case "output", "cluster output", "node output":
		switch p.kind {
		case "cluster output":
			onCluster(t)
		case "node output":
			r.onNode(t)
		}
		if strings.Contains(p.arg, docsServer) {
			r.serve(t)
		}
		want = r.output(t, p.arg)
		if p.language == "console" {
			want = "$ " + p.arg + "\n" + want
		}
	case "generated":
		g := generators[p.arg]
		if g == nil {
			t.Fatalf("nothing generates %q", p.arg)
		}
		want = g(t, r)
	}
	if !same(want, p.text) && !*update {
		t.Errorf("%s %s: the page says\n%s\nbut it should say\n%s\n(go test ./test/docs -update writes it)", p.kind, p.arg, p.text, want)
	}
	return want
}

// onCluster leaves a test out where the test cluster is not there.
func onCluster(t *testing.T) {
	t.Helper()
	if os.Getenv("TEST_CLUSTER_INDEX") == "" {
		t.Skip("not run: it needs the test cluster, which test/cluster/run brings")
	}
}

// onNode brings, once, what the pages about running containers speak of:
// Deployment cart in namespace shop. It needs the test cluster's real node.
func (r *runner) onNode(t *testing.T) {
	t.Helper()
	onCluster(t)
	if os.Getenv("TEST_CLUSTER_COLLECTOR_IMAGE") == "" {
		t.Skip("not run: it needs the test cluster's node with the collector's image (test/cluster/up --collector)")
	}
	if r.shop {
		return
	}
	r.shop = true
	manifest, err := filepath.Abs("testdata/shop.yaml")
	if err != nil {
		t.Fatal(err)
	}
	r.t.Cleanup(func() {
		out, err := exec.Command("kubectl", "delete", "-f", manifest, "--ignore-not-found").CombinedOutput()
		if err != nil {
			r.t.Errorf("removing the shop: %v: %s", err, out)
		}
	})
	r.output(t, "kubectl apply -f "+manifest)
	r.output(t, "kubectl wait -n shop --for=condition=Available deployment/cart --timeout=60s")
}

var link = regexp.MustCompile(`\]\(([^)]+)\)`)

func TestLinks(t *testing.T) {
	linked := map[string]bool{}
	for _, page := range pages(t) {
		for i, line := range read(t, page) {
			for _, m := range link.FindAllStringSubmatch(line, -1) {
				target, anchor, _ := strings.Cut(m[1], "#")
				if strings.Contains(target, "://") {
					continue
				}
				file := page
				if target != "" {
					file = filepath.ToSlash(filepath.Join(filepath.Dir(page), target))
				}
				linked[file] = true
				if _, err := os.Stat(filepath.Join(root, file)); err != nil {
					t.Errorf("%s:%d: the link to %s leads nowhere", page, i+1, m[1])
				} else if anchor != "" && !slices.Contains(anchors(read(t, file)), anchor) {
					t.Errorf("%s:%d: %s has no heading for the link to %s", page, i+1, file, m[1])
				}
			}
		}
	}
	for _, page := range pages(t) {
		if page != "README.md" && !linked[page] {
			t.Errorf("no page links to %s", page)
		}
	}
}

var notInAnchors = regexp.MustCompile(`[^a-z0-9 _-]`)

// anchors are the names by which a page's headings can be linked to.
func anchors(lines []string) []string {
	var all []string
	for _, line := range lines {
		if heading := strings.TrimLeft(line, "#"); heading != line {
			all = append(all, strings.ReplaceAll(notInAnchors.ReplaceAllString(strings.ToLower(strings.TrimSpace(heading)), ""), " ", "-"))
		}
	}
	return all
}

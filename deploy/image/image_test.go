package main

import (
	"archive/tar"
	"bytes"
	"debug/buildinfo"
	"debug/elf"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// makeImage runs the command, and returns what it printed and the archive.
func makeImage(t *testing.T, name string) (string, string) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "folder", "image.tar")
	var stdout, stderr bytes.Buffer
	if err := run(t.Context(), []string{"-o", out, "-name", name, "-version", "1.2.3"}, &stdout, &stderr); err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	return strings.TrimSpace(stdout.String()), out
}

func TestTheSameSourceGivesTheSameBytes(t *testing.T) {
	const name = "registry.example.com/assay-collector:1.2.3"
	first, archive1 := makeImage(t, name)
	second, archive2 := makeImage(t, name)
	a, err := os.ReadFile(archive1)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(archive2)
	if err != nil {
		t.Fatal(err)
	}
	if first != second || !bytes.Equal(a, b) {
		t.Errorf("%s (%d bytes) and %s (%d bytes) differ", first, len(a), second, len(b))
	}
	if other, _ := makeImage(t, "registry.example.com/other:2"); other[strings.Index(other, "@"):] != first[strings.Index(first, "@"):] {
		t.Errorf("the name changes the digest: %s, %s", first, other)
	}
}

func TestImage(t *testing.T) {
	printed, archive := makeImage(t, "registry.example.com/assay-collector:1.2.3")
	path := layout.Path(unpack(t, archive))
	top, err := path.ImageIndex()
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := top.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	if len(manifest.Manifests) != 1 {
		t.Fatalf("the archive holds %d images", len(manifest.Manifests))
	}
	d := manifest.Manifests[0]
	if want := "registry.example.com/assay-collector:1.2.3@" + d.Digest.String(); printed != want {
		t.Errorf("printed %s, want %s", printed, want)
	}
	if d.Annotations["io.containerd.image.name"] != "registry.example.com/assay-collector:1.2.3" || d.Annotations["org.opencontainers.image.ref.name"] != "1.2.3" {
		t.Errorf("annotations %v", d.Annotations)
	}
	index, err := top.ImageIndex(d.Digest)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(index); err != nil {
		t.Error(err)
	}
	images, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	machines := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}
	if len(images.Manifests) != len(machines) || images.MediaType != types.OCIImageIndex {
		t.Errorf("%d platforms, of type %s", len(images.Manifests), images.MediaType)
	}
	for _, d := range images.Manifests {
		t.Run(d.Platform.String(), func(t *testing.T) {
			img, err := index.Image(d.Digest)
			if err != nil {
				t.Fatal(err)
			}
			checkConfig(t, img, d.Platform.Architecture)
			checkLayer(t, img, machines[d.Platform.Architecture])
		})
	}
}

func checkConfig(t *testing.T, img v1.Image, arch string) {
	t.Helper()
	file, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	c := file.Config
	if file.OS != "linux" || file.Architecture != arch || !file.Created.Time.Equal(epoch) {
		t.Errorf("for %s/%s, made %v", file.OS, file.Architecture, file.Created)
	}
	if c.User != "65532:65532" || len(c.Entrypoint) != 1 || c.Entrypoint[0] != "/assay-collector" || len(c.Cmd) > 0 || len(c.Env) > 0 || len(c.Volumes) > 0 {
		t.Errorf("%+v", c)
	}
	if c.Labels["org.opencontainers.image.version"] != "1.2.3" || c.Labels["org.opencontainers.image.source"] == "" {
		t.Errorf("labels %v", c.Labels)
	}
}

// checkLayer makes sure that the program is all there is.
func checkLayer(t *testing.T, img v1.Image, machine elf.Machine) {
	t.Helper()
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	if len(layers) != 1 {
		t.Fatalf("%d layers", len(layers))
	}
	content, err := layers[0].Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	defer content.Close()
	r := tar.NewReader(content)
	h, err := r.Next()
	if err != nil {
		t.Fatal(err)
	}
	if h.Name != "assay-collector" || h.Typeflag != tar.TypeReg || h.Mode != 0o111 || h.Uid != 0 || h.Gid != 0 || !h.ModTime.Equal(epoch) {
		t.Errorf("%+v", h)
	}
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	program, err := elf.NewFile(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if libraries, err := program.ImportedLibraries(); program.Machine != machine || len(libraries) > 0 || err != nil && !errors.Is(err, elf.ErrNoSymbols) {
		t.Errorf("for %v, with libraries %q (%v)", program.Machine, libraries, err)
	}
	for _, s := range program.Progs {
		if s.Type == elf.PT_INTERP {
			t.Error("the program is not static")
		}
	}
	if dir, err := os.Getwd(); err != nil || bytes.Contains(data, []byte(filepath.Dir(filepath.Dir(dir)))) {
		t.Errorf("the program names the folder that it was built in (%v)", err)
	}
	info, err := buildinfo.Read(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range info.Settings {
		if strings.HasPrefix(s.Key, "vcs") {
			t.Errorf("the program holds the state of the checkout: %s=%s", s.Key, s.Value)
		}
	}
	if h, err := r.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("there is more: %+v, %v", h, err)
	}
}

// The program in the image runs.
func TestProgramOfTheImage(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the program runs on Linux")
	}
	for _, p := range platforms {
		if p.arch != runtime.GOARCH {
			continue
		}
		out := filepath.Join(t.TempDir(), program)
		if err := compile(t.Context(), p, out); err != nil {
			t.Fatal(err)
		}
		if text, err := exec.CommandContext(t.Context(), out, "hold", "--for", "1ms").CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, text)
		}
		return
	}
	t.Skipf("there is no image for %s", runtime.GOARCH)
}

func TestNames(t *testing.T) {
	for name, good := range map[string]bool{
		"registry.example.com/assay-collector:1.0":                                 true,
		"localhost/assay-collector:dev":                                            true,
		"registry.example.com:5000/team/collector:v1":                              true,
		"assay-collector:1.0":                                                      false,
		"assay-collector":                                                          false,
		"registry.example.com/assay-collector":                                     false,
		"registry.example.com/Assay:1":                                             false,
		"registry.example.com/assay-collector:1@sha256:" + strings.Repeat("0", 64): false,
		"": false,
	} {
		if _, err := parseName(name); (err == nil) != good {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestWrongUsage(t *testing.T) {
	for _, args := range [][]string{{"-name", "collector"}, {"something"}, {"-unknown"}} {
		var out bytes.Buffer
		if err := run(t.Context(), args, &out, io.Discard); err == nil || out.Len() > 0 {
			t.Errorf("%q: %v, %s", args, err, &out)
		}
	}
}

// unpack unpacks a tar file into a folder.
func unpack(t *testing.T, archive string) string {
	t.Helper()
	f, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	dir := t.TempDir()
	r := tar.NewReader(f)
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return dir
		}
		if err != nil {
			t.Fatal(err)
		}
		if !h.ModTime.Equal(epoch) || h.Uid != 0 || h.Uname != "" {
			t.Errorf("%+v", h)
		}
		name := filepath.Join(dir, filepath.FromSlash(h.Name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

package main

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

const (
	command = "github.com/kubeassay/assay/cmd/assay-collector"
	program = "assay-collector"
	// user is nobody in particular: what runs the image sets the user that it needs.
	user = "65532:65532"
)

// platform is an architecture, and the least of its processors that will do.
type platform struct{ arch, variable, level string }

var platforms = []platform{
	{"amd64", "GOAMD64", "v1"},
	{"arm64", "GOARM64", "v8.0"},
}

// epoch is the time of everything in the image: the time of a build is no part of the source.
var epoch = time.Unix(0, 0).UTC()

// compile makes the static program. Neither the folder, the state of the
// checkout nor the link's identifier gets into it.
func compile(ctx context.Context, p platform, out string) error {
	//nolint:gosec // the one variable is a file in a folder of our own
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=", "-o", out, command)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+p.arch, p.variable+"="+p.level)
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building %s for linux/%s: %w\n%s", program, p.arch, err, output)
	}
	return nil
}

// build puts the programs into an index of images, one for each platform.
func build(binaries map[platform]string, version string) (v1.ImageIndex, error) {
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, p := range platforms {
		binary, err := os.ReadFile(binaries[p])
		if err != nil {
			return nil, err
		}
		img, err := image(p, binary, version)
		if err != nil {
			return nil, fmt.Errorf("making the image for linux/%s: %w", p.arch, err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add:        img,
			Descriptor: v1.Descriptor{MediaType: types.OCIManifestSchema1, Platform: &v1.Platform{OS: "linux", Architecture: p.arch}},
		})
	}
	return index, nil
}

func image(p platform, binary []byte, version string) (v1.Image, error) {
	layer, err := oneFile(program, binary)
	if err != nil {
		return nil, err
	}
	img := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	img, err = mutate.ConfigFile(img, &v1.ConfigFile{
		OS: "linux", Architecture: p.arch, Created: v1.Time{Time: epoch},
		Config: v1.Config{
			Entrypoint: []string{"/" + program},
			User:       user,
			WorkingDir: "/",
			Labels: map[string]string{
				"org.opencontainers.image.title":       program,
				"org.opencontainers.image.description": "Reads files and processes of a container for Assay",
				"org.opencontainers.image.source":      "https://github.com/kubeassay/assay",
				"org.opencontainers.image.licenses":    "Apache-2.0",
				"org.opencontainers.image.version":     version,
			},
		},
		RootFS: v1.RootFS{Type: "layers"},
	})
	if err != nil {
		return nil, err
	}
	return mutate.Append(img, mutate.Addendum{
		Layer:   layer,
		History: v1.History{Created: v1.Time{Time: epoch}, CreatedBy: "go build " + command},
	})
}

// oneFile is a layer that holds a program and nothing else, not even its folder.
//
// Nobody but root can read the file: the kernel then forbids a process of the
// same user in the inspected container to look into the collector, or to
// change what it says, from its first instruction on.
func oneFile(name string, content []byte) (v1.Layer, error) {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	if err := w.WriteHeader(&tar.Header{
		Typeflag: tar.TypeReg, Name: name, Size: int64(len(content)), Mode: 0o111, ModTime: epoch, Format: tar.FormatUSTAR,
	}); err != nil {
		return nil, err
	}
	if _, err := w.Write(content); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(buf.Bytes())), nil }
	return tarball.LayerFromOpener(open, tarball.WithMediaType(types.OCILayer), tarball.WithCompressedCaching)
}

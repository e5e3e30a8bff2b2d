package main

import (
	"archive/tar"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/distribution/reference"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
)

// parseName reads the image's name. It must say the registry: a short name
// would mean whatever somebody has put on the public one.
func parseName(name string) (reference.NamedTagged, error) {
	named, err := reference.ParseNamed(name)
	if err != nil {
		return nil, fmt.Errorf("the name %q: %w (it must be whole, such as registry.example.com/assay-collector:1.0)", name, err)
	}
	tagged, ok := named.(reference.NamedTagged)
	if _, digested := named.(reference.Digested); !ok || digested {
		return nil, fmt.Errorf("the name %q must end with a tag, such as %s:1.0, and hold no digest", name, named.Name())
	}
	return tagged, nil
}

// archive writes the index as an OCI image layout in a tar file. The file
// appears whole or not at all.
func archive(index v1.ImageIndex, ref reference.NamedTagged, dir, out string) error {
	path, err := layout.Write(dir, empty.Index)
	if err != nil {
		return err
	}
	// containerd takes the name from the one, other programs from the other.
	if err := path.AppendIndex(index, layout.WithAnnotations(map[string]string{
		"io.containerd.image.name":          ref.String(),
		"org.opencontainers.image.ref.name": ref.Tag(),
	})); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(out), 0o750); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(out), ".assay-image-")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	if err := writeTar(f, dir); err != nil {
		_ = f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Chmod(f.Name(), 0o644); err != nil { //nolint:gosec // an image is for everybody
		return err
	}
	return os.Rename(f.Name(), out)
}

// writeTar writes the files of a folder, sorted, without anything that differs
// from one machine or one run to the next.
func writeTar(out io.Writer, dir string) error {
	w := tar.NewWriter(out)
	root := os.DirFS(dir)
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		content, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		if err := w.WriteHeader(&tar.Header{
			Typeflag: tar.TypeReg, Name: name, Size: int64(len(content)), Mode: 0o644, ModTime: epoch, Format: tar.FormatUSTAR,
		}); err != nil {
			return err
		}
		_, err = w.Write(content)
		return err
	})
	if err != nil {
		return err
	}
	return w.Close()
}

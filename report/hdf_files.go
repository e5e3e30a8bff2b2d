package report

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"strings"

	"github.com/kubeassay/assay/finding"
)

// HDFFiles writes a file for each target and profile into a folder, as their
// results come: readers of HDF take controls of the same ID for the same. The
// files are named NAMESPACE_POD_CONTAINER_PROFILE.json.
func HDFFiles(dir string) InspectionWriter {
	return &hdfFiles{dir: dir, names: map[string]int{}}
}

type hdfFiles struct {
	dir    string
	header hdfHeader
	names  map[string]int
}

// Begin makes the folder: a run should not end with finding out that it can't.
func (h *hdfFiles) Begin(header Header) error {
	h.header = hdfHeaderOf(header)
	if err := os.MkdirAll(h.dir, 0o755); err != nil { //nolint:gosec // results are to be read by others, as other output files are
		return fmt.Errorf("making the folder for HDF files: %w", err)
	}
	return nil
}

func (h *hdfFiles) Inspection(i *finding.Inspection) error {
	b, err := hdfBytes(i, &h.header)
	if err != nil {
		return err
	}
	name := hdfName(i)
	h.names[name]++
	if n := h.names[name]; n > 1 { // the same container in two clusters, or looked at twice
		name = fmt.Sprintf("%s_%d", name, n)
	}
	if err := h.write(name+".json", b); err != nil {
		return fmt.Errorf("writing the result of %s as HDF: %w", i.Target, err)
	}
	return nil
}

func (h *hdfFiles) End(*finding.Report) error { return nil }

// write makes a file that is whole or not there. Nothing in the folder, such
// as a link, can lead it elsewhere.
func (h *hdfFiles) write(name string, b []byte) error {
	root, err := os.OpenRoot(h.dir)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }() // it was only looked up in
	part := name + ".part"
	if err := root.Remove(part); err != nil && !os.IsNotExist(err) {
		return err
	}
	if err := root.WriteFile(part, b, 0o666); err != nil {
		return err
	}
	return root.Rename(part, name)
}

// maxName leaves room for a suffix in the 255 bytes of a file's name.
const maxName = 200

// hdfName is the file's name without its ending. The names of Kubernetes fit
// as they are, and none has a _; where a name from elsewhere does not fit, it
// is changed, and a hash over the true ones keeps it apart.
func hdfName(i *finding.Inspection) string {
	parts := []string{i.Target.Namespace, i.Target.Pod, i.Target.Container, i.Profile.Name}
	names := fmt.Sprintf("%q", parts)
	changed := false
	for n, part := range parts {
		safe := strings.Map(func(r rune) rune {
			if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' || r == '.' {
				return r
			}
			return '-'
		}, strings.ToLower(part))
		if safe = strings.TrimLeft(safe, ".-"); safe == "" {
			safe = "x"
		}
		changed = changed || safe != part
		parts[n] = safe
	}
	name := strings.Join(parts, "_")
	if len(name) > maxName {
		name, changed = name[:maxName], true
	}
	if changed {
		sum := sha256.Sum256([]byte(names))
		name += "_" + hex.EncodeToString(sum[:])[:16]
	}
	return name
}

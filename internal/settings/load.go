package settings

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/spf13/pflag"
)

// Variable names the file where --config is not given.
const Variable = "ASSAY_CONFIG"

// None is the name that stands for no file at all.
const None = "none"

// fileName is what the file is called in the user's folder for settings.
const fileName = "config.yaml"

// Location is where the file of settings is, or why there is none.
type Location struct {
	Path  string // empty where there is no file to look for
	Named bool   // somebody named it; else it may be absent
	Why   string // there is none
}

// Locate finds the file: what --config says, then ASSAY_CONFIG, then the file
// in the user's own folder. It is never one of the current folder.
func Locate(config *pflag.Flag, lookup func(string) (string, bool)) (Location, error) {
	path, by := config.Value.String(), "--config"
	if !config.Changed {
		value, ok := lookup(Variable)
		if !ok {
			return own(os.UserConfigDir()), nil
		}
		path, by = value, Variable
	}
	switch path {
	case "":
		return Location{}, fmt.Errorf("%s is empty: name a file, or %q to read none", by, None)
	case None:
		return Location{Why: fmt.Sprintf("%s says %s", by, None)}, nil
	}
	return Location{Path: path, Named: true}, nil
}

func own(folder string, err error) Location {
	switch {
	case err != nil:
		return Location{Why: "your folder for settings is not known: " + err.Error()}
	case !filepath.IsAbs(folder):
		return Location{Why: fmt.Sprintf("your folder for settings, %s, is no whole path", folder)}
	}
	return Location{Path: filepath.Join(folder, "assay", fileName)}
}

// Load reads the file; it is nil where there is none.
func (c *Catalog) Load(l Location) (*File, error) {
	if l.Path == "" {
		return nil, nil //nolint:nilnil // no file is no mistake, and says nothing
	}
	path, err := filepath.Abs(l.Path)
	if err != nil {
		return nil, fmt.Errorf("reading the settings in %s: %w", l.Path, err)
	}
	file, err := os.Open(l.Path)
	if absent(err) && !l.Named {
		return nil, misnamed(filepath.Dir(path))
	}
	if err != nil {
		return nil, fmt.Errorf("reading the settings: %w; --config names another file, and --config none reads none", err)
	}
	defer func() { _ = file.Close() }() // only read
	if info, err := file.Stat(); err == nil && info.IsDir() {
		return nil, fmt.Errorf("reading the settings: %s is a folder: name a file in it", l.Path)
	}
	return c.Parse(l.Path, filepath.Dir(path), file)
}

// absent reports whether a file is surely not there. Nothing is below what is
// no folder, such as the home of an account that has none.
func absent(err error) bool { return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) }

// misnamed finds a file of settings that nothing would read.
func misnamed(folder string) error {
	for _, name := range []string{"config.yml", "config.json"} {
		if _, err := os.Lstat(filepath.Join(folder, name)); err == nil {
			return fmt.Errorf("%s is not read: a file of settings is called %s; rename it (YAML or JSON, both are fine in it)", filepath.Join(folder, name), fileName)
		}
	}
	return nil
}

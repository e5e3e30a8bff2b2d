package report

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

var hdfSafe = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]*(_[a-z0-9][a-z0-9.-]*){3,4}$|^[a-z0-9._-]{200}_[0-9a-f]{16}$`)

var hdfHashed = regexp.MustCompile(`_[0-9a-f]{16}\.json$`)

func TestHDFFiles(t *testing.T) {
	l := looks()["both"]
	dir := filepath.Join(t.TempDir(), "new", "results")
	l.through(t, HDFFiles(dir))
	l.inspections = append(l.inspections, l.inspections[0])
	for _, p := range []string{"../../escape", "UPPER", "upper", "a_b", strings.Repeat("long", 100), strings.Repeat("long", 100) + "er", ""} {
		other := l.inspections[0]
		other.Profile.Name = p
		l.inspections = append(l.inspections, other)
	}
	// Links that are there already lead nowhere.
	outside := filepath.Join(t.TempDir(), "outside")
	for _, name := range []string{"shop_cart-6d5f9c7b8-2xkqz_app_upper.json", "shop_cart-6d5f9c7b8-2xkqz_app_upper.json.part"} {
		if err := os.Symlink(outside, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	l.through(t, HDFFiles(dir)) // over those of the first run
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != len(l.inspections) {
		t.Errorf("%d files of %d inspections", len(files), len(l.inspections))
	}
	var names []string
	s := hdfSchema(t)
	for _, f := range files {
		names = append(names, f.Name())
		b, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
		if err == nil {
			err = s.Validate(v)
		}
		if err != nil {
			t.Errorf("%s: %v", f.Name(), err)
		}
		if info, err := f.Info(); err != nil || !info.Mode().IsRegular() {
			t.Errorf("%s is no plain file: %v %v", f.Name(), info.Mode(), err)
		}
	}
	for _, want := range []string{"shop_cart-6d5f9c7b8-2xkqz_app_container-core.json", "shop_cart-6d5f9c7b8-2xkqz_app_container-core_2.json",
		"shop_cart-6d5f9c7b8-2xkqz_metrics_container-core.json", "shop_cart-6d5f9c7b8-2xkqz_app_upper.json"} {
		if !slices.Contains(names, want) {
			t.Errorf("there is no %s in %q", want, names)
		}
	}
	// A name that was changed says so with a hash, whatever came before it in the run.
	hashed := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return !hdfHashed.MatchString(n) })
	if len(hashed) != 6 {
		t.Errorf("%d names have a hash, want those of the 6 that don't fit: %q", len(hashed), hashed)
	}
	if _, err := os.Stat(outside); err == nil {
		t.Error("a link was followed out of the folder")
	}
}

func TestHDFFilesCannotWrite(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := HDFFiles(file).Begin(Header{}); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("a file in the folder's place: %v", err)
	}
}

package cli

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kubeassay/assay/inspect/snapshot"
)

func passwords(t *testing.T) *snapshot.Snapshot {
	t.Helper()
	here := snapshot.Fact{State: snapshot.Present}
	b := snapshot.NewBuilder(snapshot.Limits{})
	b.Add(snapshot.Entry{Path: "/etc/shadow", Meta: here, Mode: snapshot.ModeRegular | 0o640})
	b.SetContent("/etc/shadow", []byte("root:$6$salt$thisIsTheHashOfThePassword:20000::::::\n"), here)
	b.SetTarget(snapshot.Target{Namespace: "shop", Pod: "cart-1", Container: "app"})
	return b.Snapshot()
}

// content is that of /etc/shadow in a file of evidence.
func content(t *testing.T, path string) string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	s, err := snapshot.Load(f, snapshot.LoadLimits{})
	if err != nil {
		t.Fatal(err)
	}
	text, _ := s.Content("/etc/shadow")
	return string(text)
}

// TestSaveSnapshot: evidence is for its owner alone, also in a file that was
// open to others, and without secrets unless they were asked for.
func TestSaveSnapshot(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cart.snapshot")
	if err := os.WriteFile(path, []byte("older, and longer than what comes: "+strings.Repeat("x", 1<<16)), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, keep := range []bool{false, true} {
		digest, err := saveSnapshot(path, passwords(t), keep)
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%v, %v", info, err)
		}
		data, err := os.ReadFile(path)
		if sum := sha256.Sum256(data); err != nil || hex.EncodeToString(sum[:]) != digest {
			t.Errorf("the digest is not the file's: %v", err)
		}
		if has := strings.Contains(content(t, path), "thisIsTheHash"); has != keep {
			t.Errorf("the password's hash is in it: %v, want %v", has, keep)
		}
	}
	if _, err := saveSnapshot(filepath.Join(path, "below"), passwords(t), false); err == nil {
		t.Error("a file below a file")
	}
	if _, err := saveSnapshot("/dev/null", passwords(t), false); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat("/dev/null"); err != nil || info.Mode().IsRegular() {
		t.Errorf("/dev/null is %v now, %v", info.Mode(), err)
	}
}

// TestSaver: one file is for one target; a folder takes all.
func TestSaver(t *testing.T) {
	dir := t.TempDir()
	one := &inspectFlags{save: filepath.Join(dir, "one.snapshot")}
	keep, err := one.saver(&streams{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := keep(passwords(t), nil); err != nil {
		t.Error(err)
	}
	if _, err := keep(passwords(t), nil); err == nil || !strings.Contains(err.Error(), "holds the evidence of shop/cart-1/app already: give --save-snapshot a folder") {
		t.Error(err)
	}
	all := &inspectFlags{save: filepath.Join(dir, "new") + string(filepath.Separator)}
	if keep, err = all.saver(&streams{}); err != nil {
		t.Fatal(err)
	}
	if _, err := keep(passwords(t), nil); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(filepath.Join(dir, "new", "shop_cart-1_app.snapshot")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if info, err := os.Stat(filepath.Join(dir, "new")); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info, err)
	}
}

package cli

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubeassay/assay/inspect/snapshot"
	"github.com/kubeassay/assay/inspect/snapshot/redact"
)

// saver keeps snapshots: in the file named, or in a folder, a file for each target.
func (f *inspectFlags) saver(s *streams) (func(*snapshot.Snapshot, *corev1.Pod) (string, error), error) {
	if f.keepSecrets {
		_, _ = fmt.Fprintln(s.err, "assay: warning: snapshots will hold secrets as they are (--keep-secrets): keep them as safe as the containers")
	}
	folder := strings.HasSuffix(f.save, string(filepath.Separator))
	if info, err := os.Stat(f.save); err == nil && info.IsDir() {
		folder = true
	}
	if folder {
		if err := os.MkdirAll(f.save, 0o700); err != nil {
			return nil, usagef("--save-snapshot: %w", err)
		}
	}
	var mu sync.Mutex
	first := ""
	return func(snap *snapshot.Snapshot, _ *corev1.Pod) (string, error) {
		t := snap.Target
		path := f.save
		if folder {
			path = filepath.Join(f.save, t.Namespace+"_"+t.Pod+"_"+t.Container+".snapshot")
		} else {
			mu.Lock()
			defer mu.Unlock()
			if first != "" {
				return "", fmt.Errorf("%s holds the evidence of %s already: give --save-snapshot a folder, such as snapshots/", path, first)
			}
			first = t.Namespace + "/" + t.Pod + "/" + t.Container
		}
		digest, err := saveSnapshot(path, snap, f.keepSecrets)
		if err != nil {
			return "", fmt.Errorf("keeping the evidence: %w", err)
		}
		return digest, nil
	}, nil
}

// saveSnapshot writes a file that only its owner may read: even without
// secrets it says much about the container.
func saveSnapshot(path string, snap *snapshot.Snapshot, keepSecrets bool) (digest string, err error) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return "", err
	}
	info, err := file.Stat()
	plain := err == nil && info.Mode().IsRegular() // and not /dev/stdout
	defer func() {
		if closed := file.Close(); err == nil && closed != nil {
			err = closed
		}
		if err != nil && plain {
			_ = os.Remove(path) // half of it would be of no use
		}
	}()
	if err == nil && plain {
		err = file.Chmod(0o600) // also where it was there before
	}
	if err != nil {
		return "", err
	}
	hash := sha256.New()
	o := snapshot.SaveOptions{KeepSecrets: keepSecrets}
	if !keepSecrets {
		o.Redactor = redact.New()
	}
	if err := snapshot.Save(io.MultiWriter(file, hash), snap, o); err != nil {
		return "", err
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

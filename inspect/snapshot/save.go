package snapshot

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/klauspost/compress/zstd"
)

// SaveOptions say what becomes of secrets: exactly one of them must be set.
type SaveOptions struct {
	// KeepSecrets stores everything as it is.
	KeepSecrets bool
	// Redactor takes the secrets out; package redact has one.
	Redactor Redactor
}

// Redactor takes secrets out of snapshots.
type Redactor interface {
	// Begin prepares for one snapshot.
	Begin(s *Snapshot) (Redaction, error)
}

// Redaction replaces the secrets of one snapshot by something of the same
// shape. What it is given belongs to the snapshot and must not be changed.
type Redaction interface {
	// Content of a file, whole or its beginning; false: there was no secret in it.
	Content(e Entry, content []byte) ([]byte, bool)
	// Args of a process.
	Args(args []string) ([]string, bool)
	// Pod is the declared one.
	Pod(d Declared) (Declared, error)
}

// Save writes the snapshot to one file that [Load] reads. Equal snapshots give
// equal bytes. Where secrets are taken out, the entry is marked as redacted.
func Save(w io.Writer, s *Snapshot, o SaveOptions) error {
	if o.KeepSecrets == (o.Redactor != nil) {
		return errors.New("saving a snapshot: say what becomes of secrets, KeepSecrets or a Redactor")
	}
	packed, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(frameWindow))
	if err != nil {
		return fmt.Errorf("saving a snapshot: %w", err)
	}
	sv := saver{s: s, tar: tar.NewWriter(packed)}
	if err := errors.Join(sv.save(o), packed.Close()); err != nil {
		return fmt.Errorf("saving a snapshot: %w", err)
	}
	return nil
}

type saver struct {
	s        *Snapshot
	tar      *tar.Writer
	redacted map[int32][]byte  // contents that differ from those in s, by record
	stored   map[int32]string  // the hash of each record's bytes
	contents map[string][]byte // by hash
}

func (sv *saver) save(o SaveOptions) error {
	var redaction Redaction
	if o.Redactor != nil {
		var err error
		if redaction, err = o.Redactor.Begin(sv.s); err != nil {
			return fmt.Errorf("taking the secrets out: %w", err)
		}
	}
	m, err := sv.manifest(redaction)
	if err != nil {
		return err
	}
	data, err := marshal(m)
	if err != nil {
		return err
	}
	if err := sv.member(manifestName, data); err != nil {
		return err
	}
	if err := sv.entries(); err != nil {
		return err
	}
	for _, sum := range slices.Sorted(maps.Keys(sv.contents)) {
		if err := sv.member(contentPrefix+sum, sv.contents[sum]); err != nil {
			return err
		}
	}
	return sv.tar.Close()
}

func (sv *saver) manifest(redaction Redaction) (*manifest, error) {
	s := sv.s
	m := &manifest{
		Format: formatName, Version: formatVersion, Secrets: secretsKept,
		Target: s.Target, Origin: s.Origin, Declared: s.Declared,
		Kernel:    wireKernel{s.Kernel.Fact.tidy(), text(s.Kernel.Release), text(s.Kernel.Version), text(s.Kernel.Machine)},
		Processes: wireProcesses(s.processes), Mounts: wireMounts(s.mounts), Sockets: wireSockets(s.sockets),
		LeftOut: s.over,
	}
	if s.redacted {
		m.Secrets = secretsRedacted
	}
	if redaction != nil {
		m.Secrets = secretsRedacted
		for i := range m.Processes.Items {
			p := &m.Processes.Items[i]
			if args, changed := redaction.Args(texts[string](p.Args)); changed {
				p.Args, p.Redacted = texts[text](args), true
			}
		}
		if len(s.Declared) > 0 {
			var err error
			if m.Declared, err = redaction.Pod(s.Declared); err != nil {
				return nil, fmt.Errorf("taking secrets out of the declared pod: %w", err)
			}
		}
	}
	sv.hash(redaction)
	m.Contents = len(sv.contents)
	for i := range s.recs {
		if !s.recs[i].implied {
			m.Entries++
		}
	}
	return m, nil
}

// hash takes secrets out of the contents and gives each its name.
func (sv *saver) hash(redaction Redaction) {
	sv.redacted, sv.stored, sv.contents = map[int32][]byte{}, map[int32]string{}, map[string][]byte{}
	for i := range sv.s.recs {
		r := &sv.s.recs[i]
		held := sv.s.blobs[r.blob]
		if !held.here {
			continue
		}
		at := int32(i)
		data, changed := held.data, false
		if redaction != nil {
			if data, changed = redaction.Content(sv.s.entryAt(at), held.data); changed {
				sv.redacted[at] = data
			} else {
				data = held.data
			}
		}
		var sum string
		if !changed && !r.redacted && sv.s.facts[r.content].State == Present {
			sum = held.sha256
		} else {
			b := sha256.Sum256(data)
			sum = hex.EncodeToString(b[:])
		}
		sv.stored[at], sv.contents[sum] = sum, data
	}
}

// entries writes them in members of bounded size, so that no reader needs them all at once.
func (sv *saver) entries() error {
	var chunk bytes.Buffer
	n := 0
	flush := func() error {
		if chunk.Len() == 0 {
			return nil
		}
		n++
		err := sv.member(entriesName(n), chunk.Bytes())
		chunk.Reset()
		return err
	}
	for i := range sv.s.recs {
		r := &sv.s.recs[i]
		if r.implied {
			continue
		}
		at := int32(i)
		line := r.wire(sv.s.facts, sv.s.blobs)
		line.Stored = sv.stored[at]
		if _, ok := sv.redacted[at]; ok {
			// With the digest of the original, a short secret could be guessed.
			line.Redacted, line.SHA256 = true, ""
		}
		data, err := marshal(line)
		if err != nil {
			return err
		}
		if len(data) > maxLine {
			return fmt.Errorf("the entry of %.100q… takes %d bytes, more than %d", r.path, len(data), maxLine)
		}
		chunk.Write(data)
		if chunk.Len() >= chunkSize {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

// marshal is one line of JSON, with < and & as they are.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func (sv *saver) member(name string, data []byte) error {
	h := tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o600, Size: int64(len(data)), Format: tar.FormatPAX}
	if err := sv.tar.WriteHeader(&h); err != nil {
		return err
	}
	_, err := sv.tar.Write(data)
	return err
}

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
	"strings"

	"github.com/klauspost/compress/zstd"
)

// LoadLimits bound what [Load] takes from a file, which may come from anywhere.
// Zero values mean the defaults.
type LoadLimits struct {
	Bytes    int64 // of everything, unpacked; 1 GiB
	Entries  int   // a million
	Manifest int64 // its bytes; 64 MiB
}

// WithDefaults fills in what is zero.
func (l LoadLimits) WithDefaults() LoadLimits {
	if l.Bytes == 0 {
		l.Bytes = 1 << 30
	}
	if l.Entries == 0 {
		l.Entries = 1_000_000
	}
	if l.Manifest == 0 {
		l.Manifest = 64 << 20
	}
	return l
}

// Load reads a file that [Save] wrote. Every content is compared with its
// SHA-256; a file that is cut off, damaged, longer than it should be, or of
// another version is refused as a whole.
func Load(r io.Reader, limits LoadLimits) (*Snapshot, error) {
	s, err := load(r, limits.WithDefaults())
	if err != nil {
		return nil, fmt.Errorf("loading a snapshot: %w", err)
	}
	return s, nil
}

func load(r io.Reader, limits LoadLimits) (*Snapshot, error) {
	frame := newOneFrame(r)
	plain, err := zstd.NewReader(frame, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(frameWindow))
	if err != nil {
		return nil, explain(frame, err)
	}
	defer plain.Close()
	bounded := &bounded{r: plain, left: limits.Bytes, limit: limits.Bytes}
	ld := loader{tar: tar.NewReader(bounded), limits: limits, stored: map[string][]int32{}}
	if err := ld.load(); err != nil {
		return nil, explain(frame, err)
	}
	switch n, err := io.ReadFull(bounded, make([]byte, 1)); {
	case n > 0:
		return nil, errors.New("something follows the end of the archive")
	case err != io.EOF:
		return nil, explain(frame, err)
	}
	return ld.b.Snapshot(), nil
}

// explain prefers the first cause to what the layers above made of it.
func explain(f *oneFrame, err error) error {
	if f.err != nil && !errors.Is(f.err, io.EOF) {
		return f.err
	}
	if errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, errCutOff) {
		return errCutOff
	}
	return err
}

// bounded fails once more was read than allowed.
type bounded struct {
	r           io.Reader
	left, limit int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left == 0 {
		// At the limit exactly there may be nothing more.
		if n, err := b.r.Read(make([]byte, 1)); n == 0 {
			return 0, err
		}
		return 0, fmt.Errorf("unpacked, it has more than %d bytes, the limit", b.limit)
	}
	n, err := b.r.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

type loader struct {
	tar    *tar.Reader
	limits LoadLimits
	b      *Builder
	stored map[string][]int32 // which records want a content
}

func (ld *loader) load() error {
	m, err := ld.manifest()
	if err != nil {
		return err
	}
	next, err := ld.entries(m)
	if err != nil {
		return err
	}
	if m.Contents != len(ld.stored) {
		return fmt.Errorf("the manifest counts %d contents, the entries %d", m.Contents, len(ld.stored))
	}
	return ld.contents(next)
}

// member goes to the next one; nil at the end.
func (ld *loader) member() (*tar.Header, error) {
	h, err := ld.tar.Next()
	switch {
	case err == io.EOF:
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("reading the archive: %w", err)
	case h.Typeflag != tar.TypeReg || len(h.PAXRecords) > 0:
		return nil, fmt.Errorf("the archive's member %q is not a plain one", h.Name)
	}
	return h, nil
}

func (ld *loader) manifest() (*manifest, error) {
	h, err := ld.member()
	if err != nil {
		return nil, err
	}
	if h == nil || h.Name != manifestName {
		return nil, fmt.Errorf("this is no saved snapshot: it does not begin with %s", manifestName)
	}
	if h.Size > ld.limits.Manifest {
		return nil, fmt.Errorf("the manifest has %d bytes, more than %d", h.Size, ld.limits.Manifest)
	}
	data, err := ld.read(h)
	if err != nil {
		return nil, err
	}
	// The version first: what comes with another one need not be understood.
	var v struct {
		Format  string `json:"format"`
		Version int    `json:"version"`
	}
	var m manifest
	switch err := json.Unmarshal(data, &v); {
	case err != nil:
		return nil, fmt.Errorf("the manifest: %w", err)
	case v.Format != formatName:
		return nil, fmt.Errorf("this is no saved snapshot: its format is %q, not %q", v.Format, formatName)
	case v.Version != formatVersion:
		return nil, fmt.Errorf("it has version %d of the format; this program knows version %d", v.Version, formatVersion)
	}
	if err := strict(data, &m); err != nil {
		return nil, fmt.Errorf("the manifest: %w", err)
	}
	return &m, ld.take(&m)
}

// take begins the snapshot with all but the files.
func (ld *loader) take(m *manifest) error {
	switch {
	case m.Secrets != secretsKept && m.Secrets != secretsRedacted:
		return fmt.Errorf("the manifest: secrets are %q, neither %q nor %q", m.Secrets, secretsKept, secretsRedacted)
	case m.Entries < 0 || m.LeftOut < 0 || m.Contents < 0:
		return errors.New("the manifest: a count is negative")
	case m.Entries > ld.limits.Entries:
		return fmt.Errorf("it has %d entries, more than %d, the limit", m.Entries, ld.limits.Entries)
	}
	processes, err := processesOf(m.Processes)
	mounts, err2 := mountsOf(m.Mounts)
	sockets, err3 := socketsOf(m.Sockets)
	if err := errors.Join(err, err2, err3, checkFact(m.Kernel.Fact)); err != nil {
		return fmt.Errorf("the manifest: %w", err)
	}
	ld.b = NewBuilder(Limits{Files: ld.limits.Entries})
	ld.b.over, ld.b.head.redacted = m.LeftOut, m.Secrets == secretsRedacted
	ld.b.SetTarget(m.Target)
	ld.b.SetOrigin(m.Origin)
	ld.b.SetDeclared(m.Declared)
	ld.b.SetKernel(Kernel{string(m.Kernel.Release), string(m.Kernel.Version), string(m.Kernel.Machine), m.Kernel.Fact})
	ld.b.SetProcesses(processes, m.Processes.Fact)
	ld.b.SetMounts(mounts, m.Mounts.Fact)
	ld.b.SetSockets(sockets, m.Sockets.Fact)
	return nil
}

// entries reads the members with entries and returns the first one after them.
func (ld *loader) entries(m *manifest) (*tar.Header, error) {
	count, last := 0, ""
	for n := 1; ; n++ {
		h, err := ld.member()
		if err != nil {
			return nil, err
		}
		if h == nil || h.Name != entriesName(n) {
			if count != m.Entries {
				return nil, fmt.Errorf("the manifest counts %d entries, the file has %d", m.Entries, count)
			}
			return h, nil
		}
		if h.Size > chunkSize+maxLine {
			return nil, fmt.Errorf("the member %s has %d bytes, more than %d", h.Name, h.Size, chunkSize+maxLine)
		}
		data, err := ld.read(h)
		if err != nil {
			return nil, err
		}
		for d := strictly(data); ; count++ {
			if last, err = ld.entry(d, last); errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return nil, fmt.Errorf("entry %d: %w", count+1, err)
			}
			if count == m.Entries {
				return nil, fmt.Errorf("the manifest counts %d entries, the file has more", m.Entries)
			}
		}
	}
}

func (ld *loader) entry(d *json.Decoder, last string) (string, error) {
	var w wireEntry
	if err := d.Decode(&w); err != nil {
		return last, err
	}
	e, err := w.entry()
	if err != nil {
		return "", err
	}
	if e.Path <= last {
		return "", fmt.Errorf("%s comes twice, or after %s", quote(e.Path), quote(last))
	}
	ld.b.Add(e)
	if w.Stored != "" {
		ld.stored[w.Stored] = append(ld.stored[w.Stored], ld.b.byPath[e.Path])
	}
	return e.Path, nil
}

func (ld *loader) contents(h *tar.Header) error {
	for last := ""; h != nil; {
		sum, ok := strings.CutPrefix(h.Name, contentPrefix)
		switch {
		case !ok || !isSHA256(sum) || ld.stored[sum] == nil:
			return fmt.Errorf("the archive's member %q was not expected", h.Name)
		case h.Name <= last:
			return fmt.Errorf("the archive's member %q comes twice, or too late", h.Name)
		}
		data, err := ld.read(h)
		if err != nil {
			return err
		}
		if got := sha256.Sum256(data); hex.EncodeToString(got[:]) != sum {
			return fmt.Errorf("the content %s is damaged: its SHA-256 is another", sum)
		}
		for _, i := range ld.stored[sum] {
			r := &ld.b.recs[i]
			ld.b.setBlob(r, blob{data: data, here: true, sha256: ld.b.blobs[r.blob].sha256})
		}
		delete(ld.stored, sum)
		next, err := ld.member()
		if err != nil {
			return err
		}
		last, h = h.Name, next
	}
	for sum := range ld.stored {
		return fmt.Errorf("%d contents are missing, among them %s", len(ld.stored), sum)
	}
	return nil
}

// read takes a member whole. Room is made as the bytes come, not as the header promises.
func (ld *loader) read(h *tar.Header) ([]byte, error) {
	if h.Size > ld.limits.Bytes {
		return nil, fmt.Errorf("the member %s has %d bytes, more than %d, the limit", h.Name, h.Size, ld.limits.Bytes)
	}
	var b bytes.Buffer
	b.Grow(int(min(h.Size, 1<<20)))
	if _, err := io.Copy(&b, ld.tar); err != nil {
		return nil, fmt.Errorf("reading %s: %w", h.Name, err)
	}
	if b.Cap() > b.Len()+b.Len()/4+512 {
		return bytes.Clone(b.Bytes()), nil
	}
	return b.Bytes(), nil
}

// strict reads exactly one JSON value without fields that nobody knows.
func strict(data []byte, into any) error {
	d := strictly(data)
	if err := d.Decode(into); err != nil {
		if errors.Is(err, io.EOF) {
			err = errors.New("there is no JSON here")
		}
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("something follows the JSON")
	}
	return nil
}

func strictly(data []byte) *json.Decoder {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	return d
}

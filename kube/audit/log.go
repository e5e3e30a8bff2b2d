package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
)

// start is what the first line carries in place of a hash.
var start = strings.Repeat("0", 2*sha256.Size)

// longestLine is more than any record can need; a longer one is not ours.
const longestLine = 64 << 10

// WriteError means that the trail can't be written. No API call is made
// without a trail, so it ends the run.
type WriteError struct {
	File string
	Err  error
}

func (e *WriteError) Error() string {
	return fmt.Sprintf("audit log %s: %v; no API call is made that can't be written down: free some space, choose another file, or leave out --audit-log",
		e.File, e.Err)
}

func (e *WriteError) Unwrap() error { return e.Err }

// Log appends records to a file. It may be used by several goroutines at once.
type Log struct {
	mu   sync.Mutex
	file *os.File
	// size is where the next line begins; -1 when the file has no such place (a pipe).
	size  int64
	lines int
	head  string
	err   error
}

// Open opens the file, or creates it, readable by its owner only. A file that
// already holds a trail is continued; its last line must be whole and ours.
func Open(path string) (*Log, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the audit log: %w", err)
	}
	l := &Log{file: f, size: -1, head: start}
	if err := l.resume(); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("audit log %s: %w", path, err)
	}
	return l, nil
}

// resume finds where an existing trail ends.
func (l *Log) resume() error {
	info, err := l.file.Stat()
	if err != nil {
		return err
	}
	if info.IsDir() {
		return errors.New("is a folder, not a file")
	}
	if !info.Mode().IsRegular() {
		return nil // a pipe or a device: a new trail each time
	}
	if err := lock(l.file); err != nil {
		return fmt.Errorf("another run is writing to it; give each run that goes on at the same time its own file: %w", err)
	}
	// Only now: the run that held the lock may have written more.
	if info, err = l.file.Stat(); err != nil {
		return err
	}
	l.size = info.Size()
	if l.size == 0 {
		return nil
	}
	last, err := lastLine(l.file, l.size)
	if err != nil {
		return err
	}
	rec, err := decode(last)
	if err != nil {
		return fmt.Errorf("its last line was not written by this program (%w); choose another file", err)
	}
	l.lines, l.head = rec.N, hash(last)
	return nil
}

// lastLine returns the last line without its newline.
func lastLine(f io.ReaderAt, size int64) ([]byte, error) {
	tail := make([]byte, min(size, longestLine))
	if _, err := f.ReadAt(tail, size-int64(len(tail))); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("reading its end: %w", err)
	}
	body, whole := bytes.CutSuffix(tail, []byte("\n"))
	if !whole {
		return nil, errors.New("its last line is cut off (a run was ended while writing); keep the file as it is and choose another one")
	}
	i := bytes.LastIndexByte(body, '\n')
	if i < 0 && size > int64(len(tail)) {
		return nil, errors.New("its last line is too long to be ours; choose another file")
	}
	return body[i+1:], nil
}

// decode reads one line and says whether it can be ours.
func decode(b []byte) (*line, error) {
	var rec line
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&rec); err != nil {
		return nil, fmt.Errorf("not a record: %w", err)
	}
	if dec.InputOffset() != int64(len(b)) {
		return nil, errors.New("not a record: more after its end")
	}
	if rec.N < 1 || rec.Verb == "" || rec.Time.IsZero() {
		return nil, errors.New("not a record: number, time or verb is missing")
	}
	if h, err := hex.DecodeString(rec.Prev); err != nil || len(h) != sha256.Size {
		return nil, errors.New("not a record: no hash of the line before")
	}
	return &rec, nil
}

func hash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// Append writes one record. After a failure every further call fails with the
// same *WriteError, and nothing more is written.
func (l *Log) Append(r Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return l.err
	}
	b, err := r.encode(l.lines+1, l.head)
	if err != nil {
		return l.fail(err)
	}
	if _, err := l.file.Write(append(b, '\n')); err != nil {
		// Take back half a line, so that the trail still ends with a whole one.
		if l.size >= 0 {
			err = errors.Join(err, l.file.Truncate(l.size))
		}
		return l.fail(err)
	}
	if l.size >= 0 {
		l.size += int64(len(b)) + 1
	}
	l.lines++
	l.head = hash(b)
	return nil
}

func (l *Log) fail(err error) error {
	l.err = &WriteError{File: l.file.Name(), Err: err}
	return l.err
}

// Err returns the *WriteError that ended the trail, if any: ask it before a call.
func (l *Log) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// Head returns the hash of the last line, and the number of lines.
func (l *Log) Head() (hash string, lines int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.head, l.lines
}

// Close writes everything to disk and ends the trail.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if errors.Is(l.err, os.ErrClosed) {
		return nil
	}
	failed := l.err
	var err error
	if l.size >= 0 {
		err = l.file.Sync()
	}
	err = errors.Join(err, l.file.Close())
	_ = l.fail(os.ErrClosed)
	if failed != nil {
		return failed
	}
	if err != nil {
		return fmt.Errorf("audit log %s: closing: %w", l.file.Name(), err)
	}
	return nil
}

package guard

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

const (
	// minToken is the shortest token that is accepted; shorter ones can be guessed.
	minToken = 16
	// maxToken keeps a wrong file (a device, a huge log) from being read whole.
	maxToken = 4096
	// reread is how old the knowledge of the token file may be.
	reread = time.Second
)

// ErrUnavailable means that the token file can't be read at the moment.
var ErrUnavailable = errors.New("the token file can't be read")

// Token is the bearer token that callers must show, kept in a file. The file
// is read again when it may have changed, so that a token can be rotated
// without a restart. When it can't be read any more, nobody is let in.
type Token struct {
	path   string
	logger *slog.Logger
	now    func() time.Time

	mu   sync.Mutex
	sum  [sha256.Size]byte
	err  error
	read time.Time
}

// ReadToken reads the token file, and warns where others can read it too.
func ReadToken(path string, logger *slog.Logger) (*Token, error) {
	t := &Token{path: path, logger: logger, now: time.Now}
	token, mode, err := readToken(path)
	if err != nil {
		return nil, err
	}
	if mode.Perm()&0o007 != 0 {
		logger.Warn("every user of this machine can read the token file; chmod 600 keeps it to its owner",
			"file", path, "mode", mode.Perm().String())
	}
	t.sum, t.read = sha256.Sum256([]byte(token)), t.now()
	return t, nil
}

func readToken(path string) (string, os.FileMode, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", 0, fmt.Errorf("reading the token file: %w", err)
	}
	defer func() { _ = f.Close() }() // only read
	info, err := f.Stat()
	if err != nil {
		return "", 0, fmt.Errorf("reading the token file: %w", err)
	}
	raw, err := io.ReadAll(io.LimitReader(f, maxToken+1))
	if err != nil {
		return "", 0, fmt.Errorf("reading the token file: %w", err)
	}
	token := strings.TrimSpace(string(raw))
	switch {
	case len(raw) > maxToken:
		err = fmt.Errorf("is longer than %d bytes; is it the right file?", maxToken)
	case token == "":
		err = errors.New("is empty")
	case len(token) < minToken:
		err = fmt.Errorf("holds only %d characters, and at least %d are needed", len(token), minToken)
	case strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }):
		err = errors.New("holds spaces or characters that can't stand in a header")
	}
	if err != nil {
		return "", 0, fmt.Errorf("the token file %s %w: put one line of random characters there, such as `openssl rand -hex 32` prints", path, err)
	}
	return token, info.Mode(), nil
}

// Allows reports whether the request shows the token. The error is
// [ErrUnavailable].
func (t *Token) Allows(r *http.Request) (bool, error) {
	want, err := t.current()
	if err != nil {
		return false, ErrUnavailable
	}
	headers := r.Header.Values("Authorization")
	if len(headers) != 1 {
		return false, nil
	}
	scheme, shown, _ := strings.Cut(headers[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return false, nil
	}
	// Hashes are of equal length, so the comparison tells nothing about that either.
	got := sha256.Sum256([]byte(strings.TrimSpace(shown)))
	return subtle.ConstantTimeCompare(got[:], want[:]) == 1, nil
}

func (t *Token) current() ([sha256.Size]byte, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now := t.now(); now.Sub(t.read) >= reread {
		t.read = now
		token, _, err := readToken(t.path)
		switch {
		case err != nil && t.err == nil:
			t.logger.Error("nobody is let in until the token file can be read again", "error", err)
		case err == nil && t.err != nil:
			t.logger.Info("the token file can be read again", "file", t.path)
		case err == nil && sha256.Sum256([]byte(token)) != t.sum:
			t.logger.Info("the token has changed", "file", t.path)
		}
		t.err = err
		if err == nil {
			t.sum = sha256.Sum256([]byte(token))
		}
	}
	return t.sum, t.err
}

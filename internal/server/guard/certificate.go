package guard

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// Certificate is a server certificate in two files. They are read again when
// they have changed, so that a renewed one is used without a restart.
type Certificate struct {
	certFile, keyFile string
	logger            *slog.Logger
	now               func() time.Time

	mu      sync.Mutex
	current *tls.Certificate
	stamp   [2]fileStamp
	checked time.Time
}

type fileStamp struct {
	modified time.Time
	size     int64
}

// ReadCertificate reads certificate and key.
func ReadCertificate(certFile, keyFile string, logger *slog.Logger) (*Certificate, error) {
	if certFile == "" || keyFile == "" {
		return nil, errors.New("TLS needs both a certificate and its key: give --tls-cert and --tls-key")
	}
	c := &Certificate{certFile: certFile, keyFile: keyFile, logger: logger, now: time.Now}
	c.checked, c.stamp = c.now(), c.stamps()
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, fmt.Errorf("reading the TLS certificate %s and its key %s: %w", certFile, keyFile, err)
	}
	c.current = &pair
	return c, nil
}

// Config returns a server's TLS settings.
func (c *Certificate) Config() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.get}
}

func (c *Certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	if now.Sub(c.checked) < reread {
		return c.current, nil
	}
	c.checked = now
	stamp := c.stamps()
	if stamp == c.stamp {
		return c.current, nil
	}
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		// One of the two files may be a moment late, so the stamp stays and the
		// next connection tries again. The old certificate is still a true one.
		c.logger.Error("the TLS certificate has changed but can't be read; the one before stays in use", "error", err)
		return c.current, nil
	}
	c.current, c.stamp = &pair, stamp
	c.logger.Info("the TLS certificate has changed", "file", c.certFile)
	return c.current, nil
}

func (c *Certificate) stamps() [2]fileStamp {
	var s [2]fileStamp
	for i, path := range []string{c.certFile, c.keyFile} {
		if info, err := os.Stat(path); err == nil {
			s[i] = fileStamp{info.ModTime(), info.Size()}
		}
	}
	return s
}

package server

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/kubeassay/assay/internal/server/flight"
	"github.com/kubeassay/assay/posture"
	"github.com/kubeassay/assay/posture/check"
)

// The defaults of [Config].
const (
	DefaultAddr        = "127.0.0.1:8080"
	DefaultMaxScans    = 4
	DefaultScanTimeout = 30 * time.Minute
	DefaultGracePeriod = 30 * time.Second
	DefaultResultBytes = 128 << 20
	DefaultKeepFor     = 5 * time.Minute
)

// Limits that nobody has needed to set yet.
const (
	writeTimeout      = 30 * time.Second // for one write; a stream has many
	readHeaderTimeout = 10 * time.Second
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 32 << 10
	maxConnections    = 500 // open at once; further ones wait until they are accepted
	readyTimeout      = 5 * time.Second
	readyFor          = time.Second // how long an answer about readiness is good
	retryAfter        = "5"         // seconds
	// heldPerScan is how many finished results may still be read for each scan
	// that may run, before new scans are refused.
	heldPerScan = 4
)

// Config is everything the server is told. Only Backend and Checks are needed.
type Config struct {
	// Addr is host:port. Anything but a loopback address needs TLS or
	// Insecure, and a token.
	Addr string
	// TLSCert and TLSKey are PEM files.
	TLSCert, TLSKey string
	// Insecure allows an address that others can reach to go without TLS.
	Insecure bool
	// TokenFile holds the bearer token that callers must show.
	TokenFile string
	// Hosts are names, besides localhost, for which a server without a token answers.
	Hosts []string

	Backend Backend
	// Checks are those of /v1/findings and /v1/checks; those of /scan must be among them.
	Checks []*check.Check
	// Scan is posture.Scan, unless a test wants another.
	Scan    ScanFunc
	Version string
	Logger  *slog.Logger

	// MaxScans is how many different scans may run at once.
	MaxScans int
	// ScanTimeout ends a scan; what it has found until then is the answer, and incomplete.
	ScanTimeout time.Duration
	// GracePeriod is how long requests may go on when the server is told to stop.
	GracePeriod time.Duration
	// MaxResultBytes bounds the result of one scan, and all results together
	// that are kept for cursors.
	MaxResultBytes int64
	// KeepFor is how long a result is kept after its last page was read.
	KeepFor time.Duration
}

func (c *Config) complete() error {
	if c.Backend == nil {
		return errors.New("the server has nothing to scan: Config.Backend is missing")
	}
	if c.Addr == "" {
		c.Addr = DefaultAddr
	}
	if c.Scan == nil {
		c.Scan = posture.Scan
	}
	if c.Version == "" {
		c.Version = "unknown"
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	orDefault(&c.MaxScans, DefaultMaxScans)
	orDefault(&c.ScanTimeout, DefaultScanTimeout)
	orDefault(&c.GracePeriod, DefaultGracePeriod)
	orDefault(&c.MaxResultBytes, DefaultResultBytes)
	orDefault(&c.KeepFor, DefaultKeepFor)
	for _, id := range scanChecks() {
		if c.check(id) == nil {
			return fmt.Errorf("the server can't offer /scan: the check %q is missing from Config.Checks", id)
		}
	}
	return nil
}

func orDefault[T int | int64 | time.Duration](v *T, otherwise T) {
	if *v <= 0 {
		*v = otherwise
	}
}

func (c *Config) check(id string) *check.Check {
	for _, known := range c.Checks {
		if known.ID == id {
			return known
		}
	}
	return nil
}

func (c *Config) limits() flight.Limits {
	return flight.Limits{Running: c.MaxScans, Alive: c.MaxScans * heldPerScan, Bytes: c.MaxResultBytes}
}

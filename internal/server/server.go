package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/kubeassay/assay/internal/server/flight"
	"github.com/kubeassay/assay/internal/server/guard"
	"github.com/kubeassay/assay/internal/server/metrics"
)

// Server answers the HTTP API. Make one with [New].
type Server struct {
	cfg     Config
	logger  *slog.Logger
	bound   guard.Bound
	token   *guard.Token // nil: no authentication
	hosts   *guard.Hosts // nil: every Host header is fine
	tls     *tls.Config
	metrics *metrics.Metrics
	scans   *flight.Group[record, *outcome]
	kept    *shelf
	ready   *readiness
	handler http.Handler

	listener      net.Listener
	headerTimeout time.Duration
	connections   int // that may be open at once
}

// New checks everything that can be checked before the server listens, and
// refuses what would let strangers in.
func New(cfg Config) (*Server, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, logger: cfg.Logger, headerTimeout: readHeaderTimeout, connections: maxConnections}
	if err := s.guard(); err != nil {
		return nil, err
	}
	s.metrics = metrics.New(cfg.Version, cfg.Backend.APICalls)
	s.scans = flight.New[record, *outcome](cfg.limits(), record.size)
	s.kept = newShelf(cfg.MaxResultBytes, cfg.KeepFor)
	s.ready = newReadiness(cfg.Backend.Ready)
	handler, err := s.routes()
	if err != nil {
		return nil, err
	}
	s.handler = handler
	return s, nil
}

// guard settles where to listen and who may ask.
func (s *Server) guard() error {
	c := &s.cfg
	bind := guard.Bind{Addr: c.Addr, TLS: c.TLSCert != "" || c.TLSKey != "", Insecure: c.Insecure, Token: c.TokenFile != ""}
	ctx, cancel := context.WithTimeout(context.Background(), readyTimeout)
	defer cancel()
	var err error
	if s.bound, err = bind.Check(ctx, net.DefaultResolver); err != nil {
		return err
	}
	if bind.TLS {
		certificate, err := guard.ReadCertificate(c.TLSCert, c.TLSKey, c.Logger)
		if err != nil {
			return err
		}
		s.tls = certificate.Config()
	}
	if bind.Token {
		if s.token, err = guard.ReadToken(c.TokenFile, c.Logger); err != nil {
			return err
		}
	} else {
		s.hosts = guard.NewHosts(c.Hosts)
	}
	if !s.bound.Loopback && s.tls == nil {
		c.Logger.Warn("serving without TLS on an address that other machines can reach: whoever is on the way can read the token", "address", c.Addr)
	}
	return nil
}

// Handler is the whole API, for a server of the caller's own. The caller then
// also calls [Server.Close].
func (s *Server) Handler() http.Handler { return s.handler }

// Listen binds the address, so that it is known and taken before [Server.Run].
func (s *Server) Listen() error {
	if s.listener != nil {
		return nil
	}
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", s.bound.Addr)
	if err != nil {
		return fmt.Errorf("listening on %s: %w (is something else using this port? Another one can be chosen with --listen)", s.cfg.Addr, err)
	}
	// What was bound is what counts, whatever the name said before.
	if tcp, ok := listener.Addr().(*net.TCPAddr); s.bound.Loopback && (!ok || !tcp.IP.IsLoopback()) {
		_ = listener.Close()
		return fmt.Errorf("listening on %s: this is not a loopback address after all, but %s", s.cfg.Addr, listener.Addr())
	}
	s.listener = limit(listener, s.connections)
	return nil
}

// Addr is the address that is listened on, or nil before [Server.Listen].
func (s *Server) Addr() net.Addr {
	if s.listener == nil {
		return nil
	}
	return s.listener.Addr()
}

// URL is the address for a person to open.
func (s *Server) URL() string {
	scheme := "http"
	if s.tls != nil {
		scheme = "https"
	}
	addr := s.bound.Addr
	if s.listener != nil {
		addr = s.listener.Addr().String()
	}
	return scheme + "://" + addr
}

// web is the HTTP server. It limits how long the header may take; a request
// has nothing else. An answer may take long, so instead of all of it every
// single write has a limit.
func (s *Server) web() *http.Server {
	return &http.Server{
		Handler:           s.handler,
		ReadHeaderTimeout: s.headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		TLSConfig:         s.tls,
		ErrorLog:          slog.NewLogLogger(s.logger.Handler(), slog.LevelDebug),
	}
}

// Run serves until ctx ends. Then it takes no new connections, lets requests go
// on for the grace period, stops the scans that are left, and returns when
// everything has ended. It returns nil for an orderly end.
func (s *Server) Run(ctx context.Context) error {
	if err := s.Listen(); err != nil {
		return err
	}
	web := s.web()
	s.logger.Info("serving", "url", s.URL(), "cluster", s.cfg.Backend.Cluster(), "authentication", s.token != nil)
	ended := make(chan error, 1)
	go func() {
		if s.tls != nil {
			ended <- web.ServeTLS(s.listener, "", "")
		} else {
			ended <- web.Serve(s.listener)
		}
	}()
	select {
	case err := <-ended:
		s.Close()
		_ = web.Close()
		return fmt.Errorf("serving on %s: %w", s.Addr(), err)
	case <-ctx.Done():
	}
	s.stop(web)
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving on %s: %w", s.Addr(), err)
	}
	return nil
}

// stop ends the web server: first politely, then by stopping the scans, whose
// readers are told so, and at last by closing their connections.
func (s *Server) stop(web *http.Server) {
	s.logger.Info("shutting down", "grace_period", s.cfg.GracePeriod)
	polite, cancel := context.WithTimeout(context.Background(), s.cfg.GracePeriod)
	defer cancel()
	if err := web.Shutdown(polite); err != nil {
		s.logger.Warn("requests are still running after the grace period: stopping their scans", "scans", s.scans.Running())
		s.Close()
		last, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		if err := web.Shutdown(last); err != nil {
			_ = web.Close()
		}
	}
	s.Close()
	s.logger.Info("stopped")
}

// Close stops all scans and waits for them. Requests that are still running
// are told that the server is shutting down.
func (s *Server) Close() {
	s.scans.Close(errShuttingDown)
	s.kept.close()
}

package server

import "time"

// SetHeaderTimeout makes the limit short enough for a test.
func (s *Server) SetHeaderTimeout(d time.Duration) { s.headerTimeout = d }

// SetConnections makes the limit low enough for a test.
func (s *Server) SetConnections(n int) { s.connections = n }

package server

import "time"

// SetHeaderTimeout makes the limit short enough for a test.
func (s *Server) SetHeaderTimeout(d time.Duration) { s.headerTimeout = d }

// Package server is the HTTP API of `assay serve` and `assay demo`: GET /scan,
// GET /v1/findings and /v1/checks, health, metrics, the OpenAPI description and
// its browser. It runs scans on demand, shares each among those who ask for
// the same at the same time, and says in problem documents what went wrong.
//
// It does not know where objects come from (the caller's [Backend] does), does
// not judge (package posture does) and keeps no history.
//
// Its parts: flight shares scans, guard decides who may ask, problem lists
// what can go wrong, metrics counts, requestlog writes a line per request.
//
//	s, err := server.New(server.Config{Backend: backend, Checks: builtin.Default()})
//	err = s.Run(ctx) // until ctx ends
package server

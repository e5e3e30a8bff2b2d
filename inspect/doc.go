// Package inspect looks inside running containers: it takes temporary access,
// collects evidence, judges it by profiles and gives the access back.
//
// The parts are packages of their own: access (grants), collect (the ways in),
// snapshot (the evidence), profile (controls over it), risk (what a look costs).
// This package chooses the targets and the approach and sees to it that nothing
// is left. It prints nothing and asks nobody; questions go through Options.
//
//	report, err := inspect.Run(ctx, client, inspect.Selection{Targets: targets}, options, sink)
package inspect

//go:build !linux

package main

import (
	"context"
	"os"
)

// There is nothing to collect elsewhere, and so nothing to guard.
func shield() error { return nil }

func watch(context.Context, *os.File, context.CancelCauseFunc) {}

package exec

import (
	"fmt"
	"strings"
)

// NoToolsError means that the container holds nothing that could answer. It
// says nothing about what is in it.
type NoToolsError struct {
	Container string // "container app of pod cart in namespace shop"
	// Tried are the commands that were tried; Err is what came of the first.
	Tried []string
	Err   error
}

func (e *NoToolsError) Error() string {
	return fmt.Sprintf("%s can't be looked into by running commands in it: none of %s can be used there (%v); an image volume (--approach image-volume) or a debug container (--approach debug-container) sees into such a container",
		e.Container, strings.Join(e.Tried, ", "), e.Err)
}

func (e *NoToolsError) Unwrap() error { return e.Err }

//go:build !linux

package interop

import "os/exec"

func offline(*exec.Cmd) {}

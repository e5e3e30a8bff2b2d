// Package commands lists every command line that Assay runs in containers, in
// the form in which an admission policy can hold its accounts to them. It takes
// them from the functions that make them, so that the two can't drift apart. It
// runs nothing.
//
//	policies, err := access.Policies(access.PolicyOptions{Exec: commands.Exec(), Hold: commands.Hold()})
package commands

import (
	"slices"
	"time"

	"github.com/kubeassay/assay/inspect/access"
	"github.com/kubeassay/assay/inspect/collect/exec"
	"github.com/kubeassay/assay/inspect/collect/internal/remote"
)

const (
	// A container's ID, without the runtime's name before it.
	containerID = "[0-9A-Za-z][0-9A-Za-z_-]{7,127}"
	// What time.Duration.String makes of whole milliseconds.
	duration = "[0-9hms.]{1,30}"
	// Options of commands don't begin like this.
	absolutePath = "(?s:/.*)"
	// placeholder stands for a word that differs from run to run.
	placeholder = "…"
	// imageRoot is where package imagevolume mounts the image.
	imageRoot = "/target"
)

// Exec are the command lines that are run in containers that are there.
func Exec() []access.Command {
	all := []access.Command{
		access.Fixed(remote.CollectRoot(imageRoot)...),
		pattern(remote.CollectContainer(placeholder, false), containerID),
		pattern(remote.CollectContainer(placeholder, true), containerID),
		access.Fixed(remote.Stop()...),
	}
	for _, argv := range exec.Commands() {
		c := access.Fixed(argv.Words...)
		if argv.Prefix {
			c.More = absolutePath
		}
		all = append(all, c)
	}
	return all
}

// Hold is what containers of ours begin with.
func Hold() access.Command {
	argv := slices.Clone(remote.Hold(time.Minute))
	argv[len(argv)-1] = placeholder
	return pattern(argv, duration)
}

// pattern is a command line with a pattern in place of each placeholder.
func pattern(argv []string, words string) access.Command {
	c := access.Fixed(argv...)
	for i := range c.Words {
		if c.Words[i].Text == placeholder {
			c.Words[i] = access.Word{Pattern: words}
		}
	}
	return c
}

package container

import (
	"strconv"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
)

// interactiveTerminal fails where a container keeps its input open.
//
// Fields: stdin and tty of the container.
func interactiveTerminal() *check.Check {
	return &check.Check{
		Rule: finding.Rule{
			ID:       "interactive-terminal",
			Title:    "Terminal or input kept open",
			Severity: finding.Info,
			Description: "The container keeps its standard input open, or has a terminal. Programs that serve others need neither; it is mostly left over from trying something out. " +
				"Whoever may attach to the pod can type into the program, without a permission to run commands.",
			Check: "stdin and tty of the container must not be true. Ephemeral containers are there for people and may have them.",
			Fix: "Leave both out:\n\n" +
				"    containers:\n" +
				"    - name: app\n" +
				"      stdin: false\n" +
				"      tty: false\n",
			References: references("interactive-terminal", aboutContainers),
		},
		Fields: []string{
			"spec.containers[*].stdin", "spec.containers[*].tty", "spec.initContainers[*].stdin", "spec.initContainers[*].tty",
		},
		Judge: running(finding.Info, judgeTerminal),
	}
}

func judgeTerminal(v check.View) check.Verdict {
	if v.Container.Type == finding.EphemeralContainer {
		return notApplicable(finding.Info, "An ephemeral container is there for people.")
	}
	c := v.Container.Spec
	out := failIf(c.Stdin || c.TTY, finding.Info)
	if v.Brief {
		return out
	}
	switch {
	case c.Stdin && c.TTY:
		out.Message = "Has a terminal, and keeps its input open."
	case c.TTY:
		out.Message = "Has a terminal."
	case c.Stdin:
		out.Message = "Keeps its standard input open."
	default:
		out.Message = "Has no terminal, and no input is kept open."
	}
	flag := func(name string, set bool) finding.Basis {
		value := check.Unset // false is written as nothing
		if set {
			value = strconv.FormatBool(set)
		}
		return v.InContainer(name, value)
	}
	out.Basis = []finding.Basis{flag("stdin", c.Stdin), flag("tty", c.TTY)}
	if !c.Stdin && c.TTY {
		out.Basis[0], out.Basis[1] = out.Basis[1], out.Basis[0]
	}
	return out
}

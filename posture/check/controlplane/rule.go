package controlplane

import (
	"slices"
	"strings"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
)

// rule is a check of flags.
type rule struct {
	id, title string
	severity  finding.Severity
	of        component
	// also, where set, is another program that the rule has something to say
	// about, by alsoFlags.
	also      component
	alsoFlags []string
	// flags are those that it reads, the most telling one first; see
	// commandLine.basis for the marks before some of them.
	flags []string
	// why says what is wrong and what it gives an attacker, decides how the check
	// decides; fix are flags as they should be, without any: those are to go.
	why, decides string
	fix          []string
	judge        func(*commandLine) answer
}

// answer is what a rule says about a command line.
type answer struct {
	status   finding.Status
	severity finding.Severity // empty: the rule's
	message  string
	// carrier, where set, is the flag or field that decides, where it is not the
	// rule's first.
	carrier string
}

// by names the flag or field that decides.
func (a answer) by(carrier string) answer {
	a.carrier = carrier
	return a
}

// order puts what decides first.
func (a answer) order(all []string) []string {
	i := slices.IndexFunc(all, func(s string) bool { return strings.TrimLeft(s, "?+") == a.carrier })
	if i <= 0 {
		return all
	}
	return slices.Concat(all[i:i+1], all[:i], all[i+1:])
}

func pass(message string) answer { return answer{status: finding.Pass, message: message} }
func fail(message string) answer { return answer{status: finding.Fail, message: message} }
func failAs(s finding.Severity, message string) answer {
	return answer{status: finding.Fail, severity: s, message: message}
}
func unknown(message string) answer { return answer{status: finding.NotReviewed, message: message} }
func broken(message string) answer  { return answer{status: finding.Error, message: message} }
func aside(message string) answer   { return answer{status: finding.NotApplicable, message: message} }

// check makes a check of the rule.
func (r rule) check(only *check.Filter) *check.Check {
	return &check.Check{
		Rule: finding.Rule{
			ID: r.id, Title: r.title, Severity: r.severity, Description: r.why,
			Check: r.decides + " It is asked of pods in kube-system, mirror pods, and pods that are labelled as kubeadm does, whose command or arguments name " + string(r.of) +
				". Of a flag that is given more than once the last one counts, but lists add up. A program that a script starts, and values from the environment that only the node knows, are not reviewed.",
			Fix:        r.howToFix(),
			References: references(r.id, r.page()),
		},
		Fields: r.fields(),
		Judge:  r.decide,
		Only:   only,
	}
}

func (r rule) page() string {
	if r.of == etcd {
		return "tasks/administer-cluster/configure-upgrade-etcd/"
	}
	return "reference/command-line-tools-reference/" + string(r.of) + "/"
}

func (r rule) fields() []string {
	all := []string{"spec.containers[*].command", "spec.containers[*].args"}
	if r.of == etcd {
		all = append(all, "spec.containers[*].env")
	}
	return all
}

// howToFix shows the command as it should be.
func (r rule) howToFix() string {
	var b strings.Builder
	file := "the manifest of " + string(r.of) + " on every control plane node (kubeadm keeps it in /etc/kubernetes/manifests)"
	if len(r.fix) == 0 {
		b.WriteString("Take --" + strings.TrimPrefix(r.flags[0], "?") + " out of " + file)
	} else {
		b.WriteString("Set this in " + file)
	}
	b.WriteString(":\n\n    spec:\n      containers:\n      - name: " + string(r.of) + "\n        command:\n        - " + string(r.of) + "\n")
	for _, f := range r.fix {
		b.WriteString("        - " + f + "\n")
	}
	return b.String()
}

func (r rule) decide(v check.View) check.Verdict {
	out := check.Verdict{Status: finding.NotApplicable, Severity: r.severity, Evidence: finding.Declared}
	if v.Container.Spec == nil {
		out.Message = "An image volume runs nothing."
		return out
	}
	l := read(&v)
	if l.component != r.of && (r.also == "" || l.component != r.also) {
		out.Message = "The container does not run " + string(r.of) + "."
		return out
	}
	if at, a := l.hidden(); a.status != "" {
		return r.verdict(&v, a, at)
	}
	a := r.judge(&l)
	if l.unclear != "" && a.status != finding.NotApplicable {
		a = unknown("The value of --" + l.unclear + " is put together on the node, from the environment, and can't be seen here.")
	}
	out = r.verdict(&v, a, nil)
	if !v.Brief && out.Status != finding.NotApplicable {
		flags := r.flags
		if l.component != r.of {
			flags = r.alsoFlags
		}
		out.Basis = l.basis(a.order(flags))
	}
	return out
}

// hidden says why no flag of the program can be told; its status is empty where they can.
func (l *commandLine) hidden() ([]finding.Basis, answer) {
	if l.shell {
		return l.one(0), unknown("A script starts the program, so nobody can say from here which flags it gets.")
	}
	if i := l.stray(); i >= 0 {
		return l.one(i), unknown("An argument comes from the environment, and could be any flag.")
	}
	if l.component != etcd {
		return nil, answer{}
	}
	if f, ok := l.get("config-file", false); ok && f.text != "" || l.unclear != "" {
		var at []finding.Basis
		if !l.view.Brief {
			at = l.basis([]string{"config-file"})
		}
		return at, unknown("etcd reads a configuration file, or may: then it passes over all flags, and what stands in the file can't be seen here.")
	}
	return nil, answer{}
}

func (l *commandLine) one(i int) []finding.Basis {
	if l.view.Brief {
		return nil
	}
	return []finding.Basis{l.token(i)}
}

func (r rule) verdict(v *check.View, a answer, at []finding.Basis) check.Verdict {
	out := check.Verdict{Status: a.status, Severity: r.severity, Evidence: finding.Declared}
	if a.severity != "" {
		out.Severity = a.severity
	}
	if !v.Brief {
		out.Message, out.Basis = a.message, at
	}
	return out
}

// wants a flag to be true or false. What it is where it is not set is known
// from the program.
func wantsBool(name string, want, unset bool, good, bad string) func(*commandLine) answer {
	return func(l *commandLine) answer {
		switch value, ok := l.boolean(name, unset); {
		case !ok:
			return broken(notBoolean)
		case value != want:
			return fail(bad)
		}
		return pass(good)
	}
}

const notBoolean = "The flag's value is neither true nor false, so the program can't start with it."

// wantsSet wants all of the flags to have a value.
func wantsSet(good, bad string, names ...string) func(*commandLine) answer {
	return func(l *commandLine) answer {
		if l.isSet(names...) {
			return pass(good)
		}
		return fail(bad)
	}
}

// wantsUnset wants a flag to be away.
func wantsUnset(name, good, bad string) func(*commandLine) answer {
	return func(l *commandLine) answer {
		if l.text(name) == "" {
			return pass(good)
		}
		return fail(bad)
	}
}

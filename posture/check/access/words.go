package access

import (
	"fmt"
	"strconv"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/rbac"
)

// mostNamed bounds how many subjects, names or values a message lists.
const mostNamed = 3

// name is a subject in words.
func name(s rbac.Subject) string {
	switch s.Kind {
	case rbacv1.ServiceAccountKind:
		return "ServiceAccount " + s.Namespace + "/" + s.Name
	case rbacv1.GroupKind:
		switch s.Name {
		case rbac.Unauthenticated:
			return "everybody who can reach the API server (group " + s.Name + ")"
		case rbac.Authenticated:
			return "everybody with any account, each pod's too (group " + s.Name + ")"
		case "system:serviceaccounts":
			return "every service account of the cluster (group " + s.Name + ")"
		}
		if in, ok := strings.CutPrefix(s.Name, "system:serviceaccounts:"); ok {
			return "every service account of namespace " + in + " (group " + s.Name + ")"
		}
		return "group " + s.Name
	}
	if s.Name == rbac.Anonymous {
		return "everybody who can reach the API server (user " + s.Name + ")"
	}
	return "user " + s.Name
}

// names are the first few subjects in words; first comes before the others.
func names(first *rbac.BoundSubject, all []rbac.BoundSubject) string {
	var said []string
	seen := map[rbac.Subject]bool{}
	say := func(s rbac.Subject) {
		if !seen[s] && len(said) < mostNamed {
			said = append(said, name(s))
		}
		seen[s] = true
	}
	if first != nil {
		say(first.Subject)
	}
	for _, s := range all {
		say(s.Subject)
	}
	return few(said, len(seen))
}

// few joins the first of several with their number.
func few(said []string, all int) string {
	switch more := all - len(said); {
	case more > 0:
		return fmt.Sprintf("%s and %d more", strings.Join(said, ", "), more)
	case len(said) > 1:
		return strings.Join(said[:len(said)-1], ", ") + " and " + said[len(said)-1]
	}
	return strings.Join(said, "")
}

func firstFew(all []string) string { return few(all[:min(len(all), mostNamed)], len(all)) }

func upper(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// where says in what part of the cluster a binding counts.
func where(b *bound) string {
	if b.Ref.Namespace == "" {
		return "in the whole cluster"
	}
	return "in namespace " + b.Ref.Namespace
}

// onward tells a lead: who does what, what that makes of them, and so on.
func onward(l *rbac.Lead, who rbac.Subject) string {
	return path("The way on: ", who.String(), l.Steps)
}

func path(start, who string, steps []rbac.Step) string {
	var b strings.Builder
	b.WriteString(start + who)
	var conditions []string
	for _, s := range steps {
		b.WriteString(" -> " + s.Does)
		if s.Namespace != "" {
			b.WriteString(" (namespace " + s.Namespace + ")")
		}
		b.WriteString(" -> " + s.Gets)
		if s.If != "" {
			conditions = append(conditions, s.If)
		}
	}
	b.WriteByte('.')
	for i, c := range conditions {
		if i == 0 {
			b.WriteString(" It works " + c + ".")
		} else {
			b.WriteString(" Also: " + c + ".")
		}
	}
	return b.String()
}

// asPod says that pods run as whom a finding is about.
func (s *survey) asPod(who *rbac.BoundSubject) string {
	if who != nil && s.classOf(who.Subject) == running {
		return " Pods run as " + name(who.Subject) + ": whoever breaks into one has this."
	}
	return ""
}

// basis lists the role, the rule that gives most, and the subject that counts most.
func basis(b *bound, h *rbac.Held, who *rbac.BoundSubject) []finding.Basis {
	all := []finding.Basis{declared("roleRef.name", b.Role.Name, "")}
	if h != nil && h.Rule >= 0 && h.Rule < b.Rules() {
		rule, in, at := b.Rule(h.Rule)
		field := "rules"
		if at >= 0 {
			field += "[" + strconv.Itoa(at) + "]"
		}
		all = append(all, declared(field, rbac.Describe(rule), in.Kind+"/"+in.Name))
	}
	if who != nil {
		all = append(all, declared(fmt.Sprintf("subjects[%d].name", who.At), check.OrUnset(writtenName(who)), ""))
	}
	return all
}

// writtenName is a subject's name as it stands in the binding: a user may be
// named as the API server names service accounts.
func writtenName(who *rbac.BoundSubject) string { return who.Name }

func declared(field, value, object string) finding.Basis {
	return finding.Basis{Evidence: finding.Declared, Field: field, Value: value, Object: object}
}

// verdict puts one together.
func verdict(status finding.Status, severity finding.Severity, message string, basis ...finding.Basis) check.Verdict {
	return check.Verdict{Status: status, Severity: severity, Evidence: finding.Declared, Message: message, Basis: basis}
}

// roleBasis is the role alone, for what is in order.
func roleBasis(b *bound) finding.Basis { return declared("roleRef.name", b.Role.Name, "") }

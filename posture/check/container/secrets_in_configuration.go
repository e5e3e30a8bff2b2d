package container

import (
	"fmt"
	"strings"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/credential"
)

// secretsInConfiguration fails where a password or key stands in plain text
// in a container's environment or command line. Their values appear nowhere in
// what it says.
//
// Fields: env[*].name and value, command and args of the container.
func secretsInConfiguration() *check.Check {
	return &check.Check{
		Rule: finding.Rule{
			ID:       "secrets-in-configuration",
			Title:    "Password or key in plain text",
			Severity: finding.High,
			Description: "A password, token or key stands in plain text in the container's environment or on its command line. " +
				"Everybody who may read the pod or its manifest can read it, and it also stands in backups, in version control and in the history of the object.",
			Check: "The values of environment variables, command and args are searched for well-known forms (private keys, tokens of cloud providers and services, addresses with a password in them), " +
				"for names that speak of a credential with a value that is one (DB_PASSWORD, apiKey, --token), and for values that look random under names that could hold a key (medium). " +
				"Placeholders, switches, paths, references such as $(NAME) and names of Secrets do not count. Nobody tries whether a credential works, and no value is ever shown or kept.",
			Fix: "Replace the credential, for it has been seen. Put the new one into a Secret, and mount that:\n\n" +
				"    containers:\n" +
				"    - name: app\n" +
				"      env:\n" +
				"      - name: DB_PASSWORD_FILE\n" +
				"        value: /run/secrets/db/password\n" +
				"      volumeMounts:\n" +
				"      - name: db\n" +
				"        mountPath: /run/secrets/db\n" +
				"        readOnly: true\n" +
				"    volumes:\n" +
				"    - name: db\n" +
				"      secret:\n" +
				"        secretName: db\n",
			References: references("secrets-in-configuration", aboutGoodPractices),
		},
		Fields: inEvery("env[*].name", "env[*].value", "command", "args"),
		Judge:  running(finding.High, judgePlainSecrets),
	}
}

// hidden stands for a value that is never shown.
const hidden = "(not shown)"

// plain is a secret in plain text and its place: never its value.
type plain struct {
	found credential.Found
	where finding.Basis
	what  string
}

func judgePlainSecrets(v check.View) check.Verdict {
	c := v.Container.Spec
	out := failIf(false, finding.High)
	var all []plain
	sure := false
	// note returns false where there is no need to go on.
	note := func(p plain) bool {
		out.Status, sure = finding.Fail, sure || p.found.Sure
		all = append(all, p)
		return !v.Brief || !sure
	}
	searchEnvironment(&v, note)
	for _, words := range []struct {
		field string
		args  []string
	}{{"command", c.Command}, {"args", c.Args}} {
		if v.Brief && sure {
			break
		}
		credential.InArguments(words.args, func(i int, f credential.Found) bool {
			p := plain{found: f}
			if !v.Brief {
				field := fmt.Sprintf("%s[%d]", words.field, i)
				p.where, p.what = v.InContainer(field, hidden), field
			}
			return note(p)
		})
	}
	if out.Status == finding.Fail && !sure {
		out.Severity = finding.Medium
	}
	if v.Brief {
		return out
	}
	if all == nil {
		out.Message = "No password and no key was found in its environment or on its command line."
		out.Basis = []finding.Basis{v.InContainer("name", check.OrUnset(v.Container.Name))}
		return out
	}
	out.Message, out.Basis = describePlain(all)
	return out
}

func searchEnvironment(v *check.View, note func(plain) bool) {
	for i := range v.Container.Spec.Env {
		e := &v.Container.Spec.Env[i]
		if e.Value == "" {
			continue
		}
		f, ok := credential.InSetting(e.Name, e.Value)
		if !ok {
			continue
		}
		p := plain{found: f}
		if !v.Brief {
			p.where, p.what = v.InContainer(fmt.Sprintf("env[%d].value", i), hidden), e.Name
		}
		if !note(p) {
			return
		}
	}
}

// describePlain names what was found, those that leave no doubt first.
func describePlain(all []plain) (string, []finding.Basis) {
	const most = 5
	var sorted []plain
	for _, sure := range []bool{true, false} {
		for _, p := range all {
			if p.found.Sure == sure {
				sorted = append(sorted, p)
			}
		}
	}
	said := make([]string, 0, most)
	basis := make([]finding.Basis, len(sorted))
	for i, p := range sorted {
		basis[i] = p.where
		if i < most {
			said = append(said, fmt.Sprintf("%s holds %s", p.what, p.found.Kind))
		}
	}
	text := "In plain text: " + strings.Join(said, "; ")
	if n := len(sorted) - most; n > 0 {
		text += fmt.Sprintf("; and %d more", n)
	}
	return text + ".", basis
}

package container

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/credential"
)

// secretsInConfiguration fails where a password or key stands in plain text
// in a container's environment, on a command line of it, or in a header that a
// probe or hook sends. Their values appear nowhere in what it says.
//
// Fields: env[*].name and value, command and args of the container, and
// exec.command and httpGet.httpHeaders of its probes and lifecycle hooks.
func secretsInConfiguration() *check.Check {
	return &check.Check{
		Rule: finding.Rule{
			ID:       "secrets-in-configuration",
			Title:    "Password or key in plain text",
			Severity: finding.High,
			Description: "A password, token or key stands in plain text in the container's environment, on its command line, or in a probe or hook. " +
				"Everybody who may read the pod or its manifest can read it, and it also stands in backups, in version control and in the history of the object.",
			Check: "The values of environment variables, command and args, and the commands and HTTP headers of probes and lifecycle hooks, are searched for well-known forms (private keys, tokens of cloud providers and services, addresses with a password in them), " +
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
		Fields: inEvery("env[*].name", "env[*].value", "command", "args", "livenessProbe", "readinessProbe", "startupProbe", "lifecycle"),
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
	searchWords(&v, "command", c.Command, note)
	searchWords(&v, "args", c.Args, note)
	handlers(c, func(at string, exec *corev1.ExecAction, get *corev1.HTTPGetAction) {
		if exec != nil {
			searchWords(&v, at+".exec.command", exec.Command, note)
		}
		if get != nil {
			searchHeaders(&v, at, get.HTTPHeaders, note)
		}
	})
	if out.Status == finding.Fail && !sure {
		out.Severity = finding.Medium
	}
	if v.Brief {
		return out
	}
	if all == nil {
		out.Message = "No password and no key was found in its environment, on its command line, or in its probes and hooks."
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

// searchWords looks into a command line.
func searchWords(v *check.View, field string, words []string, note func(plain) bool) {
	credential.InArguments(words, func(i int, f credential.Found) bool {
		p := plain{found: f}
		if !v.Brief {
			p.what = fmt.Sprintf("%s[%d]", field, i)
			p.where = v.InContainer(p.what, hidden)
		}
		return note(p)
	})
}

// searchHeaders looks into what a probe or hook sends.
func searchHeaders(v *check.View, at string, headers []corev1.HTTPHeader, note func(plain) bool) {
	for i := range headers {
		f, ok := credential.InSetting(headers[i].Name, headers[i].Value)
		if !ok {
			continue
		}
		p := plain{found: f}
		if !v.Brief {
			p.what = fmt.Sprintf("%s.httpGet.httpHeaders[%d]", at, i)
			p.where = v.InContainer(p.what+".value", hidden)
		}
		if !note(p) {
			return
		}
	}
}

// handlers calls see with everything that a container's probes and hooks do,
// and with its path below the container.
func handlers(c *corev1.Container, see func(at string, exec *corev1.ExecAction, get *corev1.HTTPGetAction)) {
	probe := func(at string, p *corev1.Probe) {
		if p != nil {
			see(at, p.Exec, p.HTTPGet)
		}
	}
	probe("livenessProbe", c.LivenessProbe)
	probe("readinessProbe", c.ReadinessProbe)
	probe("startupProbe", c.StartupProbe)
	if c.Lifecycle == nil {
		return
	}
	if h := c.Lifecycle.PostStart; h != nil {
		see("lifecycle.postStart", h.Exec, h.HTTPGet)
	}
	if h := c.Lifecycle.PreStop; h != nil {
		see("lifecycle.preStop", h.Exec, h.HTTPGet)
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

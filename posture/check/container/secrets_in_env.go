package container

import (
	"fmt"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
)

// secretsInEnv fails where a container gets Secrets as environment variables.
//
// Fields: env[*].valueFrom.secretKeyRef and envFrom[*].secretRef of the container.
func secretsInEnv() *check.Check {
	return &check.Check{
		Rule: finding.Rule{
			ID:       "secrets-in-env",
			Title:    "Secret as environment variable",
			Severity: finding.Low,
			Description: "The container gets a Secret as environment variables. Every program that it starts inherits them, many programs write their environment into logs and crash reports, " +
				"anybody who can read /proc/PID/environ sees them, and they keep the old value until the container starts anew.",
			Check: "The container must have no env entry with secretKeyRef and no envFrom entry with secretRef. Passwords that stand there in plain text are for secrets-in-configuration.",
			Fix: "Mount the Secret as files, which are renewed and which the program can read when it needs them:\n\n" +
				"    containers:\n" +
				"    - name: app\n" +
				"      volumeMounts:\n" +
				"      - name: db\n" +
				"        mountPath: /run/secrets/db\n" +
				"        readOnly: true\n" +
				"    volumes:\n" +
				"    - name: db\n" +
				"      secret:\n" +
				"        secretName: db\n",
			References: references("secrets-in-env", aboutGoodPractices),
		},
		Fields: inEvery("env[*].valueFrom.secretKeyRef", "envFrom[*].secretRef"),
		Judge:  running(finding.Low, judgeSecretsInEnv),
	}
}

func judgeSecretsInEnv(v check.View) check.Verdict {
	c := v.Container.Spec
	out := failIf(false, finding.Low)
	note := func(basis func() finding.Basis) (goOn bool) {
		out.Status = finding.Fail
		if v.Brief {
			return false
		}
		out.Basis = append(out.Basis, basis())
		return true
	}
	variables := 0
	for i := range c.Env {
		if c.Env[i].ValueFrom == nil || c.Env[i].ValueFrom.SecretKeyRef == nil {
			continue
		}
		variables++
		if !note(func() finding.Basis {
			return v.InContainer(fmt.Sprintf("env[%d].valueFrom.secretKeyRef.name", i), check.OrUnset(c.Env[i].ValueFrom.SecretKeyRef.Name))
		}) {
			return out
		}
	}
	whole := 0
	for i := range c.EnvFrom {
		if c.EnvFrom[i].SecretRef == nil {
			continue
		}
		whole++
		if !note(func() finding.Basis {
			return v.InContainer(fmt.Sprintf("envFrom[%d].secretRef.name", i), check.OrUnset(c.EnvFrom[i].SecretRef.Name))
		}) {
			return out
		}
	}
	if v.Brief {
		return out
	}
	switch {
	case variables > 0 && whole > 0:
		out.Message = fmt.Sprintf("Gets %s from Secrets as environment variables, and all of %s.", counted(variables, "value", "values"), counted(whole, "Secret", "Secrets"))
	case variables > 0:
		out.Message = fmt.Sprintf("Gets %s from Secrets as environment variables.", counted(variables, "value", "values"))
	case whole > 0:
		out.Message = fmt.Sprintf("Gets all of %s as environment variables.", counted(whole, "Secret", "Secrets"))
	default:
		out.Message = "Gets no Secret as environment variables."
		out.Basis = []finding.Basis{v.InContainer("envFrom[0].secretRef.name", check.Unset)}
		if len(c.Env) == 0 && len(c.EnvFrom) == 0 {
			out.Basis = []finding.Basis{v.InContainer("env", check.Unset)}
		}
	}
	return out
}

// counted is a number with its word.
func counted(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}

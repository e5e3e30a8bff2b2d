package container

import (
	"fmt"
	"strconv"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
)

// livenessProbeMissing fails where nothing tells that a container hangs.
//
// Fields: livenessProbe of the container; restartPolicy, and the kind of the owner.
func livenessProbeMissing() *check.Check {
	return probeMissing("liveness-probe-missing", "livenessProbe", "No liveness probe",
		"Nothing tells the kubelet that the program hangs, so a container that answers nobody any more keeps running until a person restarts it.",
		"Ask the program whether it still works, and ask only about itself, not about what it depends on:\n\n",
		func(c *corev1.Container) *corev1.Probe { return c.LivenessProbe })
}

// readinessProbeMissing fails where nothing tells that a container is not ready.
//
// Fields: readinessProbe of the container; restartPolicy, and the kind of the owner.
func readinessProbeMissing() *check.Check {
	return probeMissing("readiness-probe-missing", "readinessProbe", "No readiness probe",
		"Nothing tells whether the program is ready for requests, so Services send it some as soon as it has started, and while it can't answer.",
		"Ask the program whether it can take requests:\n\n",
		func(c *corev1.Container) *corev1.Probe { return c.ReadinessProbe })
}

func probeMissing(id, field, title, description, fix string, probe func(*corev1.Container) *corev1.Probe) *check.Check {
	return &check.Check{
		Rule: finding.Rule{
			ID: id, Title: title, Severity: finding.Info, Description: description,
			Check: fmt.Sprintf("Containers that should run on and on, and sidecar containers, must have a %s. "+
				"Init containers, ephemeral containers, Jobs and pods that run to their end (restartPolicy Never or OnFailure) need none.", field),
			Fix: fix +
				"    containers:\n" +
				"    - name: app\n" +
				"      " + field + ":\n" +
				"        httpGet:\n" +
				"          path: /healthz\n" +
				"          port: 8080\n",
			References: references(id, aboutProbes),
		},
		Fields: []string{"spec.containers[*]." + field, "spec.initContainers[*]." + field, "spec.restartPolicy"},
		Judge: running(finding.Info, func(v check.View) check.Verdict {
			if why := runsToItsEnd(&v); why != "" {
				return notApplicable(finding.Info, why)
			}
			out := failIf(probe(v.Container.Spec) == nil, finding.Info)
			if v.Brief {
				return out
			}
			if out.Status == finding.Fail {
				out.Message = fmt.Sprintf("Has no %s.", field)
				out.Basis = []finding.Basis{v.InContainer(field, check.Unset)}
				return out
			}
			out.Message = fmt.Sprintf("Has a %s.", field)
			below, value := handler(probe(v.Container.Spec))
			out.Basis = []finding.Basis{v.InContainer(field+below, value)}
			return out
		}),
	}
}

// runsToItsEnd says why a container needs no probes; empty for one that should
// run on and on.
func runsToItsEnd(v *check.View) string {
	switch v.Container.Type {
	case finding.InitContainer:
		return "An init container runs to its end."
	case finding.EphemeralContainer:
		return "An ephemeral container has no probes."
	}
	switch v.Owner {
	case "Job", "CronJob":
		return "A job runs to its end."
	}
	if p := v.Spec.RestartPolicy; p == corev1.RestartPolicyNever || p == corev1.RestartPolicyOnFailure {
		return "The pod runs to its end."
	}
	return ""
}

// handler is a field of a probe that says what it does.
func handler(p *corev1.Probe) (field, value string) {
	switch {
	case p.HTTPGet != nil:
		return ".httpGet.port", check.OrUnset(p.HTTPGet.Port.String())
	case p.TCPSocket != nil:
		return ".tcpSocket.port", check.OrUnset(p.TCPSocket.Port.String())
	case p.GRPC != nil:
		return ".grpc.port", strconv.Itoa(int(p.GRPC.Port))
	case p.Exec != nil && len(p.Exec.Command) > 0:
		return ".exec.command[0]", check.OrUnset(p.Exec.Command[0])
	}
	return ".exec.command[0]", check.Unset
}

package access

import (
	"errors"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubeassay/assay/kube"
)

// PolicyOptions say what Assay's own inspections do. Their accounts may then do
// nothing else, whatever a role allows them.
type PolicyOptions struct {
	// Exec are the command lines that run in containers.
	Exec []Command
	// Hold is the command line that a container of ours starts with.
	Hold Command
	// Images of our collector. Without one, our accounts may add no container.
	Images []string
	// Ptrace lets a debug container have CAP_SYS_PTRACE.
	Ptrace bool
}

// accounts matches the users that the policies are for. The name is all that a
// policy sees of an account; nobody can give his own another name.
const accounts = `request.userInfo.username.matches("^system:serviceaccount:[^:]+:` + StandingAccount + `(-[^:]+)?$")`

// Policies returns ValidatingAdmissionPolicies and their bindings, for the
// whole cluster, under which Assay's inspection accounts run nothing but
// Assay's commands and containers: a token that was stolen is then of little
// use. Access that was handed out to other tools is not held to them.
func Policies(o PolicyOptions) ([]any, error) {
	if len(o.Exec) == 0 {
		return nil, errors.New("no command is named that our accounts may run")
	}
	if o.Hold.More != "" {
		return nil, errors.New("the command of our containers must be of a fixed number of words")
	}
	for _, c := range append([]Command{o.Hold}, o.Exec...) {
		if err := c.check(); err != nil {
			return nil, err
		}
	}
	var all []any
	for _, p := range []*policy{o.connect(), o.ephemeral(), o.pods()} {
		all = append(all, p.objects()...)
	}
	return all, nil
}

// policy is one ValidatingAdmissionPolicy, still to be written out.
type policy struct {
	name      string
	operation admissionv1.OperationType
	resources []string
	variables []admissionv1.Variable
	rules     []admissionv1.Validation
}

func forbid(message, expression string) admissionv1.Validation {
	return admissionv1.Validation{Expression: expression, Message: "Assay's inspection accounts " + message}
}

// connect is about everything that opens a stream into a pod.
func (o *PolicyOptions) connect() *policy {
	return &policy{
		name: "assay-inspect-exec", operation: admissionv1.Connect,
		resources: []string{"pods/exec", "pods/attach", "pods/portforward", "pods/proxy"},
		variables: []admissionv1.Variable{
			{Name: "command", Expression: `request.subResource == "exec" ? object.?command.orValue([]) : []`},
			{Name: "indexes", Expression: celIndexes()},
		},
		rules: []admissionv1.Validation{
			forbid("may exec, but not attach, forward ports or use the proxy", `request.subResource == "exec"`),
			forbid("must name the container", `request.subResource != "exec" || object.?container.orValue("") != ""`),
			forbid("get no terminal", `request.subResource != "exec" || !object.?tty.orValue(false)`),
			forbid("may run only Assay's own command lines", celAny("variables.command", o.Exec)),
		},
	}
}

// bare holds for a container e that has nothing but what ours have.
const bare = `e.?args.orValue([]).size() == 0 && e.?env.orValue([]).size() == 0 && e.?envFrom.orValue([]).size() == 0 && ` +
	`e.?volumeDevices.orValue([]).size() == 0 && !has(e.lifecycle) && !has(e.livenessProbe) && !has(e.startupProbe) && !has(e.readinessProbe) && ` +
	`!e.?stdin.orValue(false) && !e.?tty.orValue(false) && e.?workingDir.orValue("") == "" && ` +
	`!e.?securityContext.?privileged.orValue(false) && e.?securityContext.?procMount.orValue("Default") == "Default"`

// ours holds for a container e that runs our collector, waiting to be asked.
func (o *PolicyOptions) ours() string {
	return "e.?image.orValue(\"\") in " + celList(o.Images) + " && e.?command.orValue([]).size() > 0 && (" + o.Hold.cel("e.command") + ")"
}

// ephemeral is about adding containers to pods that run.
func (o *PolicyOptions) ephemeral() *policy {
	// What the target has, ours may have: else it could not look into it.
	capability := "variables.containers.exists(t, t.name == e.?targetContainerName.orValue(\"\") && c in t.?securityContext.?capabilities.?add.orValue([]))"
	if o.Ptrace {
		capability = `c == "SYS_PTRACE" || ` + capability
	}
	each := func(expression string) string { return "variables.added.all(e, " + expression + ")" }
	return &policy{
		name: "assay-inspect-ephemeral", operation: admissionv1.Update, resources: []string{"pods/ephemeralcontainers"},
		variables: []admissionv1.Variable{
			{Name: "before", Expression: "oldObject.spec.?ephemeralContainers.orValue([]).map(e, e.name)"},
			{Name: "added", Expression: "object.spec.?ephemeralContainers.orValue([]).filter(e, !(e.name in variables.before))"},
			{Name: "containers", Expression: "object.spec.containers + object.spec.?initContainers.orValue([])"},
		},
		rules: []admissionv1.Validation{
			forbid("may add only containers named "+ObjectPrefix+"…, one at a time", "variables.added.size() <= 1 && "+each("e.name.startsWith("+celString(ObjectPrefix)+")")),
			forbid("may add only containers of Assay's collector image, running its fixed command", each(o.ours())),
			forbid("may add only containers without arguments, environment, mounts, terminal or privileges", each(bare+` && e.?volumeMounts.orValue([]).size() == 0`)),
			forbid("may add only capabilities that the target container has", each("e.?securityContext.?capabilities.?add.orValue([]).all(c, "+capability+")")),
		},
	}
}

// pods is about making pods: those that mount an image and read it.
func (o *PolicyOptions) pods() *policy {
	each := func(expression string) string { return "object.spec.containers.all(e, " + expression + ")" }
	return &policy{
		name: "assay-inspect-pods", operation: admissionv1.Create, resources: []string{"pods"},
		rules: []admissionv1.Validation{
			forbid("may make only pods named "+ObjectPrefix+"…, of one container", "object.metadata.name.startsWith("+celString(ObjectPrefix)+
				") && object.spec.containers.size() == 1 && object.spec.?initContainers.orValue([]).size() == 0"),
			forbid("may make only pods of Assay's collector image, running its fixed command", each(o.ours())),
			forbid("may make only pods that mount images, and nothing else", "object.spec.?volumes.orValue([]).all(v, has(v.image))"),
			forbid("may make only pods without arguments, environment, capabilities, privileges or the node's namespaces", each(bare)+
				` && object.spec.containers.all(e, e.?securityContext.?capabilities.?add.orValue([]).size() == 0 && e.?ports.orValue([]).size() == 0)`+
				` && !object.spec.?hostNetwork.orValue(false) && !object.spec.?hostPID.orValue(false) && !object.spec.?hostIPC.orValue(false)`+
				` && object.spec.?securityContext.?runAsNonRoot.orValue(false)`),
			forbid("may make only pods without a service account's token", "!object.spec.?automountServiceAccountToken.orValue(true)"),
		},
	}
}

// objects are the policy and its binding.
func (p *policy) objects() []any {
	fail, equivalent := admissionv1.Fail, admissionv1.Equivalent
	meta := metav1.ObjectMeta{Name: p.name, Labels: map[string]string{"app.kubernetes.io/part-of": "assay"}}
	of := func(r kube.Resource) metav1.TypeMeta {
		return metav1.TypeMeta{APIVersion: r.APIVersion(), Kind: r.Kind}
	}
	for i := range p.rules {
		reason := metav1.StatusReasonForbidden
		p.rules[i].Reason = &reason
	}
	return []any{
		&admissionv1.ValidatingAdmissionPolicy{
			TypeMeta: of(kube.ValidatingAdmissionPolicies), ObjectMeta: meta,
			Spec: admissionv1.ValidatingAdmissionPolicySpec{
				FailurePolicy: &fail,
				MatchConstraints: &admissionv1.MatchResources{MatchPolicy: &equivalent, ResourceRules: []admissionv1.NamedRuleWithOperations{{
					RuleWithOperations: admissionv1.RuleWithOperations{
						Operations: []admissionv1.OperationType{p.operation},
						Rule:       admissionv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: p.resources},
					},
				}}},
				MatchConditions: []admissionv1.MatchCondition{{Name: "assay-inspection-account", Expression: accounts}},
				Variables:       p.variables, Validations: p.rules,
			},
		},
		&admissionv1.ValidatingAdmissionPolicyBinding{
			TypeMeta: of(kube.ValidatingAdmissionPolicyBindings), ObjectMeta: meta,
			Spec: admissionv1.ValidatingAdmissionPolicyBindingSpec{
				PolicyName: p.name, ValidationActions: []admissionv1.ValidationAction{admissionv1.Deny, admissionv1.Audit},
			},
		},
	}
}

package network

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/index"
	graph "github.com/kubeassay/assay/posture/network"
)

// serviceExternalIPs fails where a Service claims addresses by externalIPs.
func serviceExternalIPs() *check.Check {
	const id = "service-external-ips"
	return serviceCheck(finding.Rule{
		ID:       id,
		Title:    "Service that claims addresses",
		Severity: finding.Medium,
		Description: "The Service has externalIPs. The nodes then take traffic for those addresses and give it to the pods of this Service, whoever the address belongs to: " +
			"pods that want to talk to that address talk to these instead (CVE-2020-8554). There is no fix in Kubernetes but to forbid the field, and newer API servers warn that it is deprecated.",
		Check: "Fails where spec.externalIPs has any entry.",
		Fix: "Use a load balancer instead, or have the admission plugin DenyServiceExternalIPs refuse the field for everybody:\n\n" +
			"    apiVersion: v1\n    kind: Service\n    metadata:\n      name: cart\n      namespace: shop\n    spec:\n      type: LoadBalancer\n      selector:\n        app.kubernetes.io/name: cart\n      ports:\n      - port: 443\n",
		References: references(id, "https://kubernetes.io/docs/concepts/services-networking/service/#external-ips", "https://github.com/kubernetes/kubernetes/issues/97076"),
	}, []string{"spec.externalIPs"}, func(svc *corev1.Service) check.Verdict {
		ips := svc.Spec.ExternalIPs
		if len(ips) == 0 {
			return say(finding.Pass, finding.Medium, "The Service claims no addresses.", declared("spec.externalIPs", check.Unset))
		}
		return say(finding.Fail, finding.Medium, "Nodes give traffic for "+listed(ips)+" to the pods of this Service, whoever that address belongs to.", declared("spec.externalIPs", fmt.Sprint(ips)))
	})
}

// serviceExternalName fails where a Service is but another name.
func serviceExternalName() *check.Check {
	const id = "service-external-name"
	return serviceCheck(finding.Rule{
		ID:       id,
		Title:    "Service that is another name",
		Severity: finding.Info,
		Description: "The Service is of type ExternalName: who looks it up is sent to another name. Programs take it for a part of the cluster, and talk to something else. " +
			"Where the name means the one who asks (localhost) or a cloud's metadata service, an Ingress controller or another proxy that follows it can be made to open what it must not.",
		Check: "Passes for Services of any other type. Of type ExternalName: high where the name is a link-local address or that of a cloud's metadata service; medium where it is localhost or a loopback address; low where it is another address (which is no name, and is resolved in different ways) " +
			"or a Service of a cluster, whose namespace's network rules may be gone around; info for names outside. Goes by the name alone, nothing is looked up.",
		Fix: "Name what is outside in the program's own settings, and let an egress policy say where it may go. Where the alias must stay, keep it to a name that you own:\n\n" +
			"    apiVersion: v1\n    kind: Service\n    metadata:\n      name: database\n      namespace: shop\n    spec:\n      type: ExternalName\n      externalName: db.example.com\n",
		References: references(id, "https://kubernetes.io/docs/concepts/services-networking/service/#externalname"),
	}, []string{"spec.type", "spec.externalName"}, judgeExternalName)
}

func judgeExternalName(svc *corev1.Service) check.Verdict {
	if svc.Spec.Type != corev1.ServiceTypeExternalName {
		return say(finding.Pass, finding.Info, "The Service is not of type ExternalName.", declared("spec.type", check.OrUnset(string(svc.Spec.Type))))
	}
	name := svc.Spec.ExternalName
	basis := []finding.Basis{declared("spec.externalName", check.OrUnset(name)), declared("spec.type", string(svc.Spec.Type))}
	if name == "" {
		return say(finding.Error, finding.Info, "The Service is of type ExternalName and has no externalName. The API server refuses such an object, and it could not be judged.", basis...)
	}
	switch graph.ClassifyName(name) {
	case graph.LoopbackName:
		return say(finding.Fail, finding.Medium, name+" means whoever follows it: a proxy that does is led to itself.", basis...)
	case graph.MetadataName:
		return say(finding.Fail, finding.High, name+" is where clouds give out the node's credentials: a proxy that follows it fetches them.", basis...)
	case graph.AddressName:
		return say(finding.Fail, finding.Low, name+" is an address and no name. Some resolve it, others don't.", basis...)
	case graph.InternalName:
		return say(finding.Fail, finding.Low, name+" is a Service of a cluster: this is another way to it.", basis...)
	case graph.OutsideName:
	}
	return say(finding.Fail, finding.Info, name+" is outside of the cluster, and looks like a Service in it.", basis...)
}

// serviceWithoutPods fails where a Service's selector matches no pod.
func serviceWithoutPods() *check.Check {
	const id = "service-without-pods"
	return &check.Check{
		Rule: finding.Rule{
			ID:          id,
			Title:       "Service without pods",
			Severity:    finding.Info,
			Description: "The Service selects no pod. Whoever calls it gets no answer. It is forgotten, or a label was renamed; and whoever may make pods in the namespace can put one behind its name, and get what callers send.",
			Check: "The selector is evaluated against the labels of all pods of the namespace and of everything that makes pods, also of what wants none now. Not applicable to Services without a selector, or of type ExternalName: " +
				"somebody else says what is behind them. Not-reviewed where only a part of the pods was read, and in files.",
			Fix: "Name the labels that the pods have (kubectl get pods --show-labels), or delete the Service:\n\n" +
				"    apiVersion: v1\n    kind: Service\n    metadata:\n      name: cart\n      namespace: shop\n    spec:\n      selector:\n        app.kubernetes.io/name: cart\n      ports:\n      - port: 80\n",
			References: references(id, "https://kubernetes.io/docs/tasks/debug/debug-application/debug-service/"),
		},
		Fields: []string{"spec.type", "spec.selector", "metadata.labels of pods and templates"},
		Kinds:  []schema.GroupKind{serviceKind},
		SurveyNamespace: func(n *index.Namespace, yield check.Yield) {
			for _, o := range n.Objects(serviceKind) {
				if svc, ok := o.Object.(*corev1.Service); ok {
					yield(o, surveyService(n, svc))
				}
			}
		},
	}
}

func surveyService(n *index.Namespace, svc *corev1.Service) check.Verdict {
	if !graph.Selects(svc) {
		return say(finding.NotApplicable, finding.Info, "The Service finds nothing by a selector.")
	}
	basis := declared("spec.selector", labels.FormatLabels(svc.Spec.Selector))
	switch {
	case spaceOf(n).ServiceSelected(svc.Name) > 0:
		return say(finding.Pass, finding.Info, "The Service selects pods.", basis)
	case partial(n) != "":
		return say(finding.NotReviewed, finding.Info, "The Service selects nothing of what was read. "+partial(n), basis)
	}
	return say(finding.Fail, finding.Info, fmt.Sprintf("The Service selects no pod: nothing in the namespace has the labels %s.", strings.ReplaceAll(basis.Value, ",", ", ")), basis)
}

package cluster

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/index"
)

var serviceKind = schema.GroupKind{Kind: "Service"}

// webhookService fails where a webhook's Service is not there, so that it is
// never asked.
func webhookService() *check.Check {
	const id = "webhook-service-missing"
	return &check.Check{
		Rule: finding.Rule{
			ID:       id,
			Title:    "Admission webhook whose Service does not exist",
			Severity: finding.Medium,
			Description: "The webhook names a Service that is not there, or that has no such port, so every call fails. With failurePolicy Ignore it guards nothing, and nobody notices; " +
				"with Fail everything that it would be asked about is refused. Often it is what a program left behind that was taken away.",
			Check: "The Service that each webhook names is looked up by namespace and name, and its ports by number (443 where the webhook names none). " +
				"A Service of type ExternalName may have any port; one without an address of its own (clusterIP None) is not-reviewed, because it depends on a flag of the API server whether that can be called. " +
				"Medium where requests go through then (failurePolicy Ignore), else low. Webhooks with a url are not looked at. " +
				"In files, and where only a part of the cluster was asked for, a Service that is not there is not-reviewed.",
			Fix: "Take the configuration away with the program that it belonged to, or correct the name:\n\n" +
				"    apiVersion: admissionregistration.k8s.io/v1\n    kind: ValidatingWebhookConfiguration\n    metadata:\n      name: policy\n    webhooks:\n" +
				"    - name: pods.policy.example\n      clientConfig:\n        service:\n          namespace: policy-system\n          name: webhook\n          port: 443\n",
			References: references(id, webhookPage+"#service-reference"),
		},
		Fields: []string{
			"webhooks[*].clientConfig.service.namespace", "webhooks[*].clientConfig.service.name", "webhooks[*].clientConfig.service.port",
			"webhooks[*].failurePolicy", "spec.ports[*].port", "spec.type", "spec.clusterIP",
		},
		Kinds:           webhookKinds(serviceKind, namespaceKind),
		SurveyNamespace: surveyServices,
	}
}

// caller is a configuration whose webhooks name Services. Those are known only
// while their namespace is looked at, so its verdict waits for the last one.
type caller struct {
	*index.Object
	hooks []hook
	marks []remark
	// waits are the namespaces that are still to come.
	waits map[string]bool
}

// callersKey is for the callers of an index.
type callersKey struct{}

// callers are all of them, and swept tells that those which wait for a
// namespace that does not exist have been dealt with.
type callers struct {
	all   []*caller
	swept bool
}

func surveyServices(n *index.Namespace, yield check.Yield) {
	c := index.Memo(n.Index, callersKey{}, func() *callers { return &callers{all: newCallers(n.Index)} })
	gone := map[string]bool{n.Name: true}
	if !c.swept {
		c.swept = true
		known := map[string]bool{}
		for _, o := range everyOf(n.Index, namespaceKind) {
			known[o.GetName()] = true
		}
		for _, o := range n.Index.Namespaces() {
			known[o.Name] = true
		}
		for _, one := range c.all {
			for name := range one.waits {
				if !known[name] {
					gone[name] = true
				}
			}
		}
	}
	for _, one := range c.all {
		if len(one.waits) == 0 {
			continue
		}
		one.look(n.Index, gone)
		if len(one.waits) == 0 {
			yield(one.Object, sumUp(one.hooks, one.marks, finding.Medium))
			one.hooks, one.marks = nil, nil
		}
	}
}

// newCallers lists the configurations with a webhook that names a Service.
func newCallers(x *index.Index) []*caller {
	var all []*caller
	for _, o := range slices.Concat(everyOf(x, validatingKind), everyOf(x, mutatingKind)) {
		list, _ := hooks(o) // other checks tell of a version that is not read
		c := &caller{Object: o, hooks: list, marks: make([]remark, len(list)), waits: map[string]bool{}}
		for i := range list {
			if s := list[i].client.Service; s != nil {
				c.waits[s.Namespace] = true
			} else {
				c.marks[i] = remark{finding.NotApplicable, finding.Medium, "it names no Service", nil}
			}
		}
		if len(c.waits) > 0 {
			all = append(all, c)
		}
	}
	return all
}

// look judges the webhooks whose Services are in namespaces that are known now.
func (c *caller) look(x *index.Index, known map[string]bool) {
	for i := range c.hooks {
		h := &c.hooks[i]
		if s := h.client.Service; s != nil && known[s.Namespace] {
			c.marks[i] = judgeService(x, h)
		}
	}
	for name := range known {
		delete(c.waits, name)
	}
}

func judgeService(x *index.Index, h *hook) remark {
	ref := h.client.Service
	name := ref.Namespace + "/" + ref.Name
	basis := h.declared("clientConfig.service.name", check.OrUnset(ref.Name))
	port := int32(443)
	if ref.Port != nil {
		port = *ref.Port
	}
	o := x.Find(serviceKind, ref.Namespace, ref.Name)
	if o == nil {
		if !x.Live || x.Partial {
			return remark{finding.NotReviewed, finding.Medium, "its Service " + name + " is not among what was read", []finding.Basis{basis}}
		}
		return h.broken("its Service "+name+" does not exist", basis)
	}
	service, ok := o.Object.(*corev1.Service)
	if !ok {
		return remark{finding.NotReviewed, finding.Medium, "its Service " + name + " is of a version that is not read", []finding.Basis{basis}}
	}
	hasPort := slices.ContainsFunc(service.Spec.Ports, func(p corev1.ServicePort) bool { return p.Port == port })
	switch {
	case service.Spec.Type == corev1.ServiceTypeExternalName || hasPort && service.Spec.ClusterIP != corev1.ClusterIPNone:
		return remark{finding.Pass, finding.Medium, fmt.Sprintf("its Service %s has the port %d", name, port), []finding.Basis{basis}}
	case hasPort:
		return remark{finding.NotReviewed, finding.Medium, "its Service " + name + " has no address of its own (clusterIP is None), and only an API server that asks for endpoints itself (--enable-aggregator-routing) can call it", []finding.Basis{
			{Evidence: finding.Declared, Field: "spec.clusterIP", Value: corev1.ClusterIPNone, Object: o.Ref().String()},
		}}
	}
	return h.broken(fmt.Sprintf("its Service %s has no port %d", name, port), h.declared("clientConfig.service.port", check.Int(ref.Port)))
}

package cluster

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/index"
)

const aggregationPage = "https://kubernetes.io/docs/concepts/extend-kubernetes/api-extension/apiserver-aggregation/"

var apiServiceKind = schema.GroupKind{Group: "apiregistration.k8s.io", Kind: "APIService"}

// aggregated reports whether another server serves the API, and which.
func aggregated(o *index.Object) (service string, ok bool) {
	namespace, name := word(o, "spec", "service", "namespace"), word(o, "spec", "service", "name")
	return namespace + "/" + name, name != ""
}

// apiServiceTLS fails where the API server does not look who it talks to.
func apiServiceTLS() *check.Check {
	const id = "api-service-insecure-tls"
	return &check.Check{
		Rule: finding.Rule{
			ID:       id,
			Title:    "Aggregated API server that is not verified",
			Severity: finding.Medium,
			Description: "The API server passes requests for this API on without looking who answers (insecureSkipTLSVerify). Whoever gets between the two, or takes over the Service, " +
				"reads those requests and answers them as they like: with made-up metrics, or with objects that programs act on.",
			Check: "Fails where insecureSkipTLSVerify is true on an APIService that names a Service; low for the groups of metrics (metrics.k8s.io, custom.metrics.k8s.io, external.metrics.k8s.io), in which nothing but numbers is read. " +
				"An APIService of the API server itself is not applicable.",
			Fix: "Give the authority that signed the certificate of the aggregated server, instead of skipping the look:\n\n" +
				"    apiVersion: apiregistration.k8s.io/v1\n    kind: APIService\n    metadata:\n      name: v1beta1.metrics.k8s.io\n    spec:\n      insecureSkipTLSVerify: false\n      caBundle: <authority in base64>\n",
			References: references(id, aggregationPage),
		},
		Fields: []string{"spec.insecureSkipTLSVerify", "spec.service.name", "spec.group"},
		Kinds:  []schema.GroupKind{apiServiceKind},
		JudgeObject: func(o *index.Object, _ *index.Index) check.Verdict {
			service, ok := aggregated(o)
			if !ok {
				return say(finding.NotApplicable, finding.Medium, "The API server itself serves this API.")
			}
			skip, set, _ := unstructured.NestedBool(content(o), "spec", "insecureSkipTLSVerify") // another type is none
			value := check.Unset
			if set {
				value = fmt.Sprint(skip)
			}
			if group := word(o, "spec", "group"); skip && (group == "metrics.k8s.io" || strings.HasSuffix(group, ".metrics.k8s.io")) {
				return say(finding.Fail, finding.Low, "The API server does not look who answers as "+service+". It is ranked low because what is served there are numbers: "+
					"whoever answers in its place can mislead people, and what scales programs, but learns no secret.", declared("spec.insecureSkipTLSVerify", value))
			}
			if skip {
				return say(finding.Fail, finding.Medium, "The API server does not look who answers as "+service+".", declared("spec.insecureSkipTLSVerify", value))
			}
			return say(finding.Pass, finding.Medium, "The API server verifies "+service+".", declared("spec.insecureSkipTLSVerify", value))
		},
	}
}

// apiServiceUnavailable fails where the server of an API does not answer.
func apiServiceUnavailable() *check.Check {
	const id = "api-service-unavailable"
	return &check.Check{
		Rule: finding.Rule{
			ID:       id,
			Title:    "Aggregated API that does not answer",
			Severity: finding.Low,
			Description: "The API server can't reach what serves this API. Everything that lists all APIs stumbles over it: namespaces hang while they are deleted, and scanners miss objects. " +
				"Where its Service does not exist, whoever may create one of that name answers the requests of everybody.",
			Check: "Goes by the condition Available, which the API server reports: False fails, with severity medium where the Service does not exist and insecureSkipTLSVerify is true, so that anybody's answer would be believed. " +
				"Without that condition, as in files, it is not-reviewed. An APIService of the API server itself is not applicable.",
			Fix: "Take the APIService away where its program is gone, else repair what it names:\n\n" +
				"    apiVersion: apiregistration.k8s.io/v1\n    kind: APIService\n    metadata:\n      name: v1beta1.metrics.k8s.io\n    spec:\n      service:\n        namespace: kube-system\n        name: metrics-server\n        port: 443\n",
			References: references(id, aggregationPage),
		},
		Fields:      []string{"status.conditions[*].type", "status.conditions[*].status", "status.conditions[*].reason", "spec.insecureSkipTLSVerify", "spec.service.name"},
		Kinds:       []schema.GroupKind{apiServiceKind},
		JudgeObject: judgeAvailable,
	}
}

func judgeAvailable(o *index.Object, _ *index.Index) check.Verdict {
	service, ok := aggregated(o)
	if !ok {
		return say(finding.NotApplicable, finding.Low, "The API server itself serves this API.")
	}
	conditions, _, _ := unstructured.NestedSlice(content(o), "status", "conditions") // another type is none
	for i := range conditions {
		c, _ := conditions[i].(map[string]any)
		if c["type"] != "Available" {
			continue
		}
		status, _ := c["status"].(string)
		reason, _ := c["reason"].(string)
		out := check.Verdict{
			Status: finding.Pass, Severity: finding.Low, Evidence: finding.Reported, Message: "The API server reaches " + service + ".",
			Basis: []finding.Basis{{Evidence: finding.Reported, Field: fmt.Sprintf("status.conditions[%d].status", i), Value: check.OrUnset(status)}},
		}
		switch status {
		case "True":
			return out
		case "False":
			out.Status, out.Message = finding.Fail, fmt.Sprintf("The API server does not reach %s (%s).", service, check.OrUnset(reason))
		default:
			out.Status, out.Message = finding.NotReviewed, fmt.Sprintf("The API server does not know whether it reaches %s.", service)
		}
		out.Basis = append(out.Basis, finding.Basis{Evidence: finding.Reported, Field: fmt.Sprintf("status.conditions[%d].reason", i), Value: check.OrUnset(reason)})
		skip, _, _ := unstructured.NestedBool(content(o), "spec", "insecureSkipTLSVerify") // another type is none
		if out.Status == finding.Fail && reason == "ServiceNotFound" && skip {
			out.Severity = finding.Medium
			out.Message += " Whoever may create that Service gets the requests for this API, and is believed: insecureSkipTLSVerify is true."
			out.Basis = append(out.Basis, declared("spec.insecureSkipTLSVerify", "true"))
		}
		return out
	}
	return say(finding.NotReviewed, finding.Low, "Only an API server tells whether it reaches "+service+", and none does here.", declared("status.conditions", check.Unset))
}

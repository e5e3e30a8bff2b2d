package cluster

import (
	"net"
	"net/url"
	"strings"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/index"
)

// webhookOutside fails where requests are sent to something outside of the cluster.
func webhookOutside() *check.Check {
	const id = "webhook-outside-cluster"
	return &check.Check{
		Rule: finding.Rule{
			ID:       id,
			Title:    "Admission webhook outside of the cluster",
			Severity: finding.Medium,
			Description: "The API server sends every object that the webhook is asked about to an address outside of the cluster's own Services. " +
				"Whoever runs that address, or can change where its name leads, reads those objects (Secrets with their values among them), and a mutating webhook rewrites them.",
			Check: "A webhook that names a Service passes. A url passes where its host is the API server's own machine (localhost or a loopback address), or the name of a Service (it ends with .svc or .svc.cluster.local). " +
				"Any other host fails with medium for a validating webhook and high for a mutating one, a private address with low. A url that is not https, or can't be read, is one that an API server does not take: low.",
			Fix: "Run the webhook in the cluster, and name its Service:\n\n" +
				"    apiVersion: admissionregistration.k8s.io/v1\n    kind: ValidatingWebhookConfiguration\n    metadata:\n      name: policy\n    webhooks:\n" +
				"    - name: pods.policy.example\n      clientConfig:\n        service:\n          namespace: policy-system\n          name: webhook\n          path: /validate\n",
			References: references(id, webhookPage+"#contacting-the-webhook"),
		},
		Fields: []string{"webhooks[*].clientConfig.url", "webhooks[*].clientConfig.service.name"},
		Kinds:  webhookKinds(),
		JudgeObject: func(o *index.Object, _ *index.Index) check.Verdict {
			return eachHook(o, finding.Medium, judgeOutside)
		},
	}
}

func judgeOutside(h *hook) remark {
	if h.client.URL == nil {
		if h.client.Service == nil {
			return remark{finding.NotReviewed, finding.Medium, "it names neither a Service nor a url", []finding.Basis{h.declared("clientConfig.url", check.Unset)}}
		}
		return remark{finding.Pass, finding.Medium, "it is a Service of the cluster", []finding.Basis{h.declared("clientConfig.service.name", check.OrUnset(h.client.Service.Name))}}
	}
	basis := []finding.Basis{h.declared("clientConfig.url", check.OrUnset(*h.client.URL))}
	u, err := url.Parse(*h.client.URL)
	switch {
	case err != nil || u.Hostname() == "":
		return remark{finding.Fail, finding.Low, "its url can't be read, and an API server does not take it", basis}
	case u.Scheme != "https":
		return remark{finding.Fail, finding.Low, "its url is not https, and an API server does not take it", basis}
	}
	host := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	ip := net.ParseIP(host)
	switch {
	case host == "localhost" || ip != nil && ip.IsLoopback():
		return remark{finding.Pass, finding.Medium, "it runs on the API server's own machine", basis}
	case strings.HasSuffix(host, ".svc") || strings.HasSuffix(host, ".svc.cluster.local"):
		return remark{finding.Pass, finding.Medium, "its url names a Service of the cluster", basis}
	case ip != nil && (ip.IsPrivate() || ip.IsLinkLocalUnicast()):
		return remark{finding.Fail, finding.Low, "objects are sent to a private address that is no Service of the cluster", basis}
	case h.mutating:
		return remark{finding.Fail, finding.High, "objects are sent out of the cluster, and what comes back is stored", basis}
	}
	return remark{finding.Fail, finding.Medium, "objects are sent out of the cluster", basis}
}

package cluster

import (
	"fmt"
	"time"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/index"
)

// webhookCABundle fails where the API server can't believe who a webhook is,
// so that it is never asked.
func webhookCABundle(now func() time.Time) *check.Check {
	const id = "webhook-ca-bundle"
	return &check.Check{
		Rule: finding.Rule{
			ID:       id,
			Title:    "Admission webhook that the API server can't verify",
			Severity: finding.Medium,
			Description: "The API server has no authority by which it could verify the webhook, so every call fails. With failurePolicy Ignore the webhook guards nothing, " +
				"and nobody notices; with Fail everything that it would be asked about is refused.",
			Check: "caBundle is read as the API server reads it. Fails where no certificate in it can be read, or where none is valid at the time of the scan (an expired authority verifies nothing). " +
				"No caBundle passes with a url, because the authorities of the API server's machine then count; with a Service of a cluster it fails, because those sign no names of Services. " +
				"Medium where requests then go through (failurePolicy Ignore), else low. In files an empty caBundle is not-reviewed, since it is mostly filled in later, and so is any where an annotation asks cert-manager or OpenShift to write it.",
			Fix: "Put in the authority that signed the webhook's certificate, or let something keep it up to date (here an annotation for cert-manager):\n\n" +
				"    apiVersion: admissionregistration.k8s.io/v1\n    kind: ValidatingWebhookConfiguration\n    metadata:\n      name: policy\n" +
				"      annotations:\n        cert-manager.io/inject-ca-from: policy-system/webhook\n",
			References: references(id, webhookPage+"#contacting-the-webhook"),
		},
		Fields: []string{
			"webhooks[*].clientConfig.caBundle", "webhooks[*].clientConfig.url", "webhooks[*].failurePolicy", "metadata.annotations['cert-manager.io/inject-ca-from']",
			"metadata.annotations['cert-manager.io/inject-ca-from-secret']", "metadata.annotations['cert-manager.io/inject-apiserver-ca']", "metadata.annotations['service.beta.openshift.io/inject-cabundle']",
		},
		Kinds: webhookKinds(),
		JudgeObject: func(o *index.Object, x *index.Index) check.Verdict {
			at := now()
			by := injector(o.GetAnnotations())
			return eachHook(o, finding.Medium, func(h *hook) remark { return judgeBundle(h, x.Live, by, at) })
		},
	}
}

// injector is the annotation that asks another program to write caBundle; empty
// where there is none.
func injector(annotations map[string]string) string {
	for _, a := range [...]string{
		"cert-manager.io/inject-ca-from", "cert-manager.io/inject-ca-from-secret", "cert-manager.io/inject-apiserver-ca", "service.beta.openshift.io/inject-cabundle",
	} {
		if v := annotations[a]; v != "" && v != "false" {
			return a
		}
	}
	return ""
}

func judgeBundle(h *hook, live bool, by string, now time.Time) remark {
	text := h.client.CABundle
	unset := h.declared("clientConfig.caBundle", check.Unset)
	switch {
	case by != "" && !live:
		return remark{finding.NotReviewed, finding.Medium, "the annotation " + by + " asks another program to write caBundle in the cluster", []finding.Basis{declared(annotation(by), "(set)")}}
	case placeholder(text) && !live && (h.client.URL == nil || len(text) > 0):
		// Also an empty line, which stands for a bundle to come.
		if len(text) > 0 {
			unset.Value = "(an empty line)"
		}
		return remark{finding.NotReviewed, finding.Medium, "caBundle is empty in the file. In a cluster something may fill it in", []finding.Basis{unset}}
	case len(text) == 0 && h.client.URL != nil:
		return remark{finding.Pass, finding.Medium, "it has a url and no caBundle, so that the authorities of the API server's machine count", []finding.Basis{unset}}
	case len(text) == 0 && by != "":
		return h.broken("caBundle is empty: the annotation "+by+" asks another program to write it, and that has not happened", unset)
	case len(text) == 0:
		return h.broken("caBundle is empty, so the authorities of the API server's machine count, and those normally sign no names of Services", unset)
	}
	b := readBundle(text, now)
	// The bundle itself is long, and says nothing to a person.
	basis := h.declared("clientConfig.caBundle", fmt.Sprintf("(%d certificates, %d of them valid)", b.usable, b.valid))
	if why := b.wrong(); why != "" {
		return h.broken(why, basis)
	}
	return remark{finding.Pass, finding.Medium, "caBundle has a valid certificate", []finding.Basis{basis}}
}

// broken is the remark about a webhook that no call reaches.
func (h *hook) broken(why string, basis finding.Basis) remark {
	r := remark{finding.Fail, finding.Low, why + ". Calls of it fail, and what it is asked about is refused", []finding.Basis{basis, h.failure()}}
	if h.open() {
		r.severity, r.text = finding.Medium, why+". Calls of it fail, and what it should judge goes through: failurePolicy is Ignore"
	}
	return r
}

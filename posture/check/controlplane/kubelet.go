package controlplane

import (
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/internal/excerpt"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/index"
)

// kubeletKind is the kind under which kubelets' configurations come: those that
// kubelets tell themselves are named after their node.
var kubeletKind = schema.GroupKind{Group: "kubelet.config.k8s.io", Kind: "KubeletConfiguration"}

// kubeletRule is a check of a kubelet's configuration.
type kubeletRule struct {
	id, title string
	severity  finding.Severity
	// fields are those that it reads, the most telling one first.
	fields       []string
	why, decides string
	fix          string // YAML, as it should be
	judge        func(*config) answer
}

func (r kubeletRule) check() *check.Check {
	return &check.Check{
		Rule: finding.Rule{
			ID: r.id, Title: r.title, Severity: r.severity, Description: r.why,
			Check: r.decides + " In a cluster the configuration is the one that the kubelet itself says it has, flags included (reading it has to be permitted, --read-kubelet). " +
				"In files it is a KubeletConfiguration as it stands there; flags of the kubelet, which go before it, can't be seen then.",
			Fix: "Set this in the kubelet's configuration file on every node (kubeadm keeps it in /var/lib/kubelet/config.yaml), and restart the kubelet:\n\n" +
				"    apiVersion: kubelet.config.k8s.io/v1beta1\n    kind: KubeletConfiguration\n    " + strings.ReplaceAll(r.fix, "\n", "\n    ") + "\n",
			References: references(r.id, "reference/config-api/kubelet-config.v1beta1/"),
		},
		Fields: r.fields, Kinds: []schema.GroupKind{kubeletKind}, OptIn: check.ReadKubelet,
		JudgeObject: r.decide,
	}
}

func (r kubeletRule) decide(o *index.Object, x *index.Index) check.Verdict {
	out := check.Verdict{Status: finding.NotApplicable, Severity: r.severity, Evidence: finding.Declared, Message: "It is no configuration of a kubelet."}
	u, ok := o.Object.(*unstructured.Unstructured)
	if !ok || o.GroupKind() != kubeletKind {
		return out
	}
	c := &config{fields: u.Object, live: x.Live}
	a := r.judge(c)
	if c.bad != "" {
		a = broken("The field " + c.bad + " is not of the type that it should be, so the kubelet can't start with it.")
	}
	out.Status, out.Message = a.status, a.message
	if a.severity != "" {
		out.Severity = a.severity
	}
	if out.Status == finding.NotApplicable {
		return out
	}
	for _, f := range a.order(r.fields) {
		out.Basis = append(out.Basis, finding.Basis{Evidence: finding.Declared, Field: f, Value: c.value(f)})
	}
	return out
}

// config is a kubelet's configuration.
type config struct {
	fields map[string]any
	// live: the kubelet itself said so, and what it does not say is zero; in a
	// file it is the default, which is the same but where a rule knows better.
	live bool
	bad  string // a field that is of another type than it should be
}

// find returns what stands at a path; nil where nothing does.
func (c *config) find(path string) any {
	var at any = c.fields
	for step := range strings.SplitSeq(path, ".") {
		m, ok := at.(map[string]any)
		if !ok {
			if at != nil {
				c.bad = path
			}
			return nil
		}
		at = m[step]
	}
	return at
}

// value is what stands at a path, for people.
func (c *config) value(path string) string {
	v := c.find(path)
	if v == nil {
		return check.Unset
	}
	s := fmt.Sprint(v)
	if strings.Contains(s, "://") && strings.ContainsAny(s, "@?") {
		return "(not shown, because it may hold a password)"
	}
	return check.OrUnset(excerpt.Of(s, 300))
}

func (c *config) boolean(path string, unset bool) bool {
	switch v := c.find(path).(type) {
	case nil:
		return unset
	case bool:
		return v
	}
	c.bad = path
	return unset
}

func (c *config) text(path string) string {
	switch v := c.find(path).(type) {
	case nil:
	case string:
		return v
	default:
		c.bad = path
	}
	return ""
}

func (c *config) number(path string, unset int64) int64 {
	switch v := c.find(path).(type) {
	case nil:
		return unset
	case int64:
		return v
	case float64:
		if n := int64(v); float64(n) == v {
			return n
		}
	}
	c.bad = path
	return unset
}

func (c *config) duration(path string) (d time.Duration, set bool) {
	text := c.text(path)
	if text == "" {
		return 0, false
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		c.bad = path
	}
	return d, true
}

func (c *config) list(path string) (all []string, set bool) {
	switch v := c.find(path).(type) {
	case nil:
		return nil, false
	case []any:
		for _, one := range v {
			s, ok := one.(string)
			if !ok {
				c.bad = path
			}
			all = append(all, s)
		}
		return all, true
	}
	c.bad = path
	return nil, false
}

// wantsTrue wants a field to be true.
func wantsTrue(path string, unset bool, good, bad string) func(*config) answer {
	return func(c *config) answer {
		if c.boolean(path, unset) {
			return pass(good)
		}
		return fail(bad)
	}
}

package controlplane

import "github.com/kubeassay/assay/finding"

// apiServerAdmission is about admission plugins.
func apiServerAdmission() []rule {
	return []rule{
		plugin("apiserver-deny-external-ips", "DenyServiceExternalIPs", "Admission plugin DenyServiceExternalIPs is not on", low, off,
			"Whoever may write a Service may give it any external address, and nodes then send what is meant for that address to the Service's pods: a way to read other people's traffic. Where nobody needs external addresses, this plugin forbids them.",
			"Services may not be given external addresses.", "Services may be given any external address, and so draw traffic that is meant for others."),
		plugin("apiserver-event-rate-limit", "EventRateLimit", "Admission plugin EventRateLimit is not on", info, off,
			"Nothing limits how many events are written to the API server. A program that fails over and over, or means harm, can fill etcd and slow the server down.",
			"Events are limited.", "Nothing limits how many events are written, so a single program can flood the API server."),
		pluginOff("apiserver-always-admit", "AlwaysAdmit", "Admission plugin AlwaysAdmit is on", low,
			"The plugin AlwaysAdmit is on. It lets everything in and has been out of use for years. Today the other plugins decide all the same, but in old servers it stood instead of them.",
			"AlwaysAdmit is not on.", "AlwaysAdmit is on, which lets everything in. It is out of use, and has no place among the plugins."),
		plugin("apiserver-always-pull-images", "AlwaysPullImages", "Admission plugin AlwaysPullImages is not on", info, off,
			"An image that is on a node may be used by every pod there, also by one that has no credentials for its registry. This plugin makes the kubelet ask the registry for each pod, at the price that no pod starts while the registry is out of reach.",
			"The registry is asked for every pod.", "A pod may use an image that is on its node without credentials for the image's registry."),
		plugin("apiserver-service-account-plugin", "ServiceAccount", "Admission plugin ServiceAccount is disabled", medium, on,
			"Without this plugin pods get no service account and no token by themselves, and nobody checks which one they name. What they then use instead is likely to be worse.",
			"The plugin ServiceAccount is on.", "The plugin ServiceAccount is disabled: nobody checks which service account a pod names, and pods get no tokens by themselves."),
		plugin("apiserver-namespace-lifecycle", "NamespaceLifecycle", "Admission plugin NamespaceLifecycle is disabled", medium, on,
			"Without this plugin objects can be made in namespaces that do not exist or are being deleted, and the namespaces that the cluster needs can be deleted.",
			"The plugin NamespaceLifecycle is on.", "The plugin NamespaceLifecycle is disabled: objects can be made in namespaces that are being deleted, and namespaces that the cluster needs can be deleted."),
		plugin("apiserver-node-restriction", "NodeRestriction", "Admission plugin NodeRestriction is not on", medium, off,
			"Without this plugin a kubelet may change every node and every pod. Who breaks into one node can label it so that pods with Secrets come there, or change the pods of others.",
			"A kubelet may change its own node and its own pods only.", "A kubelet may change every node and every pod: one node that was broken into reaches for the others."),
		plugin("apiserver-validating-webhooks", "ValidatingAdmissionWebhook", "Admission plugin ValidatingAdmissionWebhook is disabled", medium, on,
			"Without this plugin no validating webhook is asked, so that policies which somebody set up that way are simply not in force.",
			"Validating webhooks are asked.", "The plugin ValidatingAdmissionWebhook is disabled: policies that rest on such webhooks are not in force."),
	}
}

const (
	on  = true
	off = false
)

// plugin wants an admission plugin to be on; normally says whether it is where
// nobody says anything.
func plugin(id, name, title string, s finding.Severity, normally bool, why, good, bad string) rule {
	r := rule{
		id: id, title: title, severity: s, of: apiServer, why: why,
		flags: []string{"enable-admission-plugins", "+admission-control"},
		fix:   []string{"--enable-admission-plugins=NodeRestriction," + name},
		judge: func(l *commandLine) answer {
			if l.admits(name, normally) {
				return pass(good)
			}
			return fail(bad)
		},
	}
	if name == "NodeRestriction" {
		r.fix = []string{"--enable-admission-plugins=NodeRestriction"}
	}
	if normally {
		r.decides = "The plugin is on by default: it fails where --disable-admission-plugins names it and --enable-admission-plugins does not, or where the old --admission-control leaves it out."
		r.flags = []string{"disable-admission-plugins", "enable-admission-plugins", "+admission-control"}
		r.fix = nil
	} else {
		r.decides = "The plugin is off by default: --enable-admission-plugins (or the old --admission-control) has to name it. What is in its own configuration can't be seen."
	}
	return r
}

func pluginOff(id, name, title string, s finding.Severity, why, good, bad string) rule {
	return rule{
		id: id, title: title, severity: s, of: apiServer, why: why, flags: []string{"enable-admission-plugins", "+admission-control"},
		fix:     []string{"--enable-admission-plugins=NodeRestriction"},
		decides: "The plugin is off by default: it fails where --enable-admission-plugins (or the old --admission-control) names it.",
		judge: func(l *commandLine) answer {
			if l.admits(name, off) {
				return fail(bad)
			}
			return pass(good)
		},
	}
}

// admits reports whether an admission plugin is on. The old flag names all of
// them at once; else what is enabled goes before what is disabled.
func (l *commandLine) admits(plugin string, normally bool) bool {
	if l.isSet("admission-control") {
		return l.lists("admission-control", plugin)
	}
	return l.lists("enable-admission-plugins", plugin) || normally && !l.lists("disable-admission-plugins", plugin)
}

package controlplane

import "strings"

// kubeletAccess is about who gets at a kubelet.
func kubeletAccess() []kubeletRule {
	return []kubeletRule{
		{
			id: "kubelet-anonymous-auth", title: "Kubelet answers anonymous requests", severity: high,
			fields: []string{"authentication.anonymous.enabled", "authorization.mode"}, fix: "authentication:\n  anonymous:\n    enabled: false",
			why: "The kubelet lets requests without any credentials in, as system:anonymous. Whatever that user may do, and with the authorization mode AlwaysAllow that is everything, " +
				"anybody who reaches port 10250 of the node may do: run commands in every container there.",
			decides: "authentication.anonymous.enabled has to be false, which is its default. Where the API server is asked what a user may do (authorization.mode Webhook, the default), a failure is medium: system:anonymous may do nothing there unless somebody let it.",
			judge: func(c *config) answer {
				switch {
				case !c.boolean("authentication.anonymous.enabled", false):
					return pass("The kubelet refuses requests without credentials.")
				case c.text("authorization.mode") == "AlwaysAllow":
					return fail("The kubelet lets requests without credentials in, and asks nobody what they may do.")
				}
				return failAs(medium, "The kubelet lets requests without credentials in. What they may do is up to the roles of system:anonymous.")
			},
		},
		{
			id: "kubelet-authorization-mode", title: "Kubelet authorization mode is AlwaysAllow", severity: high,
			fields: []string{"authorization.mode", "authentication.anonymous.enabled"}, fix: "authorization:\n  mode: Webhook",
			why: "The kubelet asks nobody what a user may do: whoever it lets in may read logs and run commands in every container of the node. " +
				"Where it lets anonymous requests in, that is everybody who reaches it.",
			decides: "authorization.mode AlwaysAllow fails; with anonymous requests it is critical. Unset means Webhook.",
			judge: func(c *config) answer {
				if c.text("authorization.mode") != "AlwaysAllow" {
					return pass("The kubelet asks the API server what a user may do.")
				}
				if c.boolean("authentication.anonymous.enabled", false) {
					return failAs(critical, "Whoever reaches the kubelet, without any credentials, may run commands in every container of the node.")
				}
				return fail("Whoever the kubelet lets in may run commands in every container of the node.")
			},
		},
		{
			id: "kubelet-client-ca-file", title: "Kubelet has no CA for client certificates", severity: medium,
			fields: []string{"authentication.x509.clientCAFile"}, fix: "authentication:\n  x509:\n    clientCAFile: /etc/kubernetes/pki/ca.crt",
			why:     "No authority is named for client certificates, so that the API server can't log in to the kubelet with one. Then something weaker has to do, or logs and exec do not work.",
			decides: "authentication.x509.clientCAFile has to be set.",
			judge: func(c *config) answer {
				if c.text("authentication.x509.clientCAFile") == "" {
					return fail("No authority is named for client certificates, so the API server can't log in to the kubelet with one.")
				}
				return pass("Clients can log in to the kubelet with certificates.")
			},
		},
		{
			id: "kubelet-read-only-port", title: "Kubelet's read-only port is open", severity: high,
			fields: []string{"readOnlyPort"}, fix: "readOnlyPort: 0",
			why:     "The kubelet has a second port without TLS and without logins. Whoever reaches it, pods of the node included, reads the specs of all pods there, with their environment, and figures about them.",
			decides: "readOnlyPort has to be 0, which is its default.",
			judge: func(c *config) answer {
				if c.number("readOnlyPort", 0) != 0 {
					return fail("The kubelet has a port without TLS and logins, on which anybody can read the specs of all pods of the node.")
				}
				return pass("The kubelet has no port without TLS and logins.")
			},
		},
	}
}

// kubeletCertificates is about the kubelet's certificates.
func kubeletCertificates() []kubeletRule {
	return []kubeletRule{
		{
			id: "kubelet-tls-certificate", title: "Kubelet has no TLS certificate and key", severity: low,
			fields: []string{"tlsCertFile", "tlsPrivateKeyFile", "serverTLSBootstrap"}, fix: "serverTLSBootstrap: true",
			why: "The kubelet makes a certificate for itself, which nobody can verify. Somebody between it and the API server can pose as the kubelet, and read and change logs and exec sessions.",
			decides: "tlsCertFile and tlsPrivateKeyFile both have to be set, or serverTLSBootstrap true, with which the kubelet gets a certificate from the cluster. A kubelet that makes its own says that it is /var/lib/kubelet/pki/kubelet.crt, " +
				"where somebody may also have put one: that is not reviewed.",
			judge: judgeKubeletCertificate,
		},
		{
			id: "kubelet-rotate-certificates", title: "Kubelet's client certificate is not rotated", severity: low,
			fields: []string{"rotateCertificates"}, fix: "rotateCertificates: true",
			why:     "The kubelet does not renew the certificate with which it logs in to the API server. Either it runs out and the node is lost, or it lives so long that a stolen one is of use for years.",
			decides: "rotateCertificates has to be true. Its default is false.",
			judge: wantsTrue("rotateCertificates", false, "The kubelet renews its client certificate.",
				"The kubelet does not renew the certificate with which it logs in to the API server."),
		},
		{
			id: "kubelet-rotate-server-certificates", title: "Kubelet's serving certificate is not rotated", severity: low,
			fields: []string{"serverTLSBootstrap", "featureGates.RotateKubeletServerCertificate", "tlsCertFile"}, fix: "serverTLSBootstrap: true",
			why:     "The kubelet does not renew the certificate that it serves with. It runs out one day, and then nobody can verify the kubelet any more; until then, a stolen one is of use for all its life.",
			decides: "serverTLSBootstrap has to be true, and the feature RotateKubeletServerCertificate not switched off. Where tlsCertFile is set instead, somebody else has to renew it, which is not reviewed.",
			judge: func(c *config) answer {
				switch {
				case !c.boolean("featureGates.RotateKubeletServerCertificate", true):
					return fail("The feature with which the kubelet renews its serving certificate is switched off.").by("featureGates.RotateKubeletServerCertificate")
				case c.boolean("serverTLSBootstrap", false):
					return pass("The kubelet gets its serving certificate from the cluster, and renews it.")
				case c.text("tlsCertFile") != "":
					return unknown("The kubelet serves with a certificate from a file. Whether somebody renews it can't be seen here.").by("tlsCertFile")
				}
				return fail("The kubelet makes a certificate for itself, once, and does not renew it.")
			},
		},
		{
			id: "kubelet-tls-cipher-suites", title: "Kubelet accepts weak cipher suites", severity: low,
			fields: []string{"tlsCipherSuites", "tlsMinVersion"}, fix: "tlsCipherSuites: [" + strongSuites + "]",
			why:     "The kubelet takes part in connections with ciphers that are no longer thought good enough. Somebody in between who can break one of them reads logs and exec sessions.",
			decides: suitesDecide("tlsCipherSuites", "tlsMinVersion"),
			judge: func(c *config) answer {
				names, set := c.list("tlsCipherSuites")
				return suites(set, names, c.text("tlsMinVersion"), "tlsMinVersion")
			},
		},
	}
}

func judgeKubeletCertificate(c *config) answer {
	const own = "/pki/kubelet.crt"
	cert, key := c.text("tlsCertFile"), c.text("tlsPrivateKeyFile")
	switch {
	case c.boolean("serverTLSBootstrap", false):
		return pass("The kubelet gets its serving certificate from the cluster.").by("serverTLSBootstrap")
	case cert == "" || key == "":
		return fail("The kubelet makes a certificate for itself, which nobody can verify.")
	case c.live && strings.HasSuffix(cert, own):
		return unknown("The kubelet serves with " + cert + ". That is where it puts a certificate that it makes for itself, but somebody may have put one there.")
	}
	return pass("The kubelet serves with a certificate that it was given.")
}

// kubeletOthers is what remains.
func kubeletOthers() []kubeletRule {
	return []kubeletRule{
		{
			id: "kubelet-streaming-timeout", title: "Kubelet never ends idle streaming connections", severity: low,
			fields: []string{"streamingConnectionIdleTimeout"}, fix: "streamingConnectionIdleTimeout: 4h0m0s",
			why:     "Exec and port-forward sessions that nobody uses stay open for ever. They take up connections, and a shell that was left open is there for whoever comes by.",
			decides: "streamingConnectionIdleTimeout must not be 0 where the kubelet itself says so. In a file, 0 and unset mean the default of four hours. (Recent kubelets leave the matter to the container runtime, and pass over the field.)",
			judge: func(c *config) answer {
				if d, set := c.duration("streamingConnectionIdleTimeout"); set && d == 0 && c.live {
					return fail("The kubelet never ends streaming connections that nobody uses.")
				}
				return pass("The kubelet ends streaming connections that nobody uses.")
			},
		},
		{
			id: "kubelet-iptables-chains", title: "Kubelet does not set up its iptables chains", severity: low,
			fields: []string{"makeIPTablesUtilChains"}, fix: "makeIPTablesUtilChains: true",
			why:     "The kubelet does not set up the chains in the node's packet filter that other programs go by. They may then write their rules in another way, and leave ports open that should not be.",
			decides: "makeIPTablesUtilChains has to be true, which is its default.",
			judge:   wantsTrue("makeIPTablesUtilChains", true, "The kubelet sets up its iptables chains.", "The kubelet does not set up its iptables chains, by which other programs go."),
		},
		{
			id: "kubelet-event-qps", title: "Kubelet may lose events", severity: info,
			fields: []string{"eventRecordQPS"}, fix: "eventRecordQPS: 50",
			why:     "The kubelet writes few events a second. When much happens at once, as during an attack, the rest is lost, and with it traces of what happened.",
			decides: "eventRecordQPS has to be 0 (no limit) or at least 50, which is its default.",
			judge: func(c *config) answer {
				if n := c.number("eventRecordQPS", 50); n != 0 && n < 50 {
					return fail("The kubelet writes fewer events a second than it does by default: when much happens at once, the rest is lost.")
				}
				return pass("The kubelet writes at least 50 events a second.")
			},
		},
		{
			id: "kubelet-pod-pids-limit", title: "Number of processes per pod is not limited", severity: low,
			fields: []string{"podPidsLimit"}, fix: "podPidsLimit: 4096",
			why:     "A pod may start as many processes as it likes. A single one that does so over and over takes the whole node down.",
			decides: "podPidsLimit has to be above 0. Its default is -1, no limit.",
			judge: func(c *config) answer {
				if c.number("podPidsLimit", -1) > 0 {
					return pass("The number of processes of a pod is limited.")
				}
				return fail("A pod may start as many processes as it likes, and so take the node down.")
			},
		},
		{
			id: "kubelet-seccomp-default", title: "Kubelet does not apply the default seccomp profile", severity: low,
			fields: []string{"seccompDefault"}, fix: "seccompDefault: true",
			why:     "Containers that do not ask for a seccomp profile run without one: all calls of the kernel are open to them, and with them every hole that is found in a rare one.",
			decides: "seccompDefault has to be true. Its default is false.",
			judge:   wantsTrue("seccompDefault", false, "Containers get the runtime's seccomp profile where they ask for none.", "Containers that ask for no seccomp profile run without one."),
		},
		{
			id: "kubelet-static-pods", title: "Kubelet starts static pods", severity: low,
			fields: []string{"staticPodPath", "staticPodURL"}, fix: "staticPodPath: \"\"",
			why: "The kubelet runs every manifest that is put into a folder of the node, or that a web address gives it, past all admission control. On nodes of the control plane that is how it starts; on others it is a place to hide. " +
				"Who may write there has the node for good.",
			decides: "staticPodPath set fails, and staticPodURL set fails as high. Nodes of the control plane that were made by kubeadm need the path.",
			judge: func(c *config) answer {
				switch {
				case c.text("staticPodURL") != "":
					return failAs(high, "The kubelet runs whatever a web address gives it, past all admission control.").by("staticPodURL")
				case c.text("staticPodPath") != "":
					return fail("The kubelet runs every manifest in " + c.text("staticPodPath") + ", past all admission control. Only nodes of the control plane need that.")
				}
				return pass("The kubelet runs no pods but those that the API server gives it.")
			},
		},
		{
			id: "kubelet-protect-kernel-defaults", title: "Kubelet does not protect kernel defaults", severity: low,
			fields: []string{"protectKernelDefaults"}, fix: "protectKernelDefaults: true",
			why:     "Where the node's kernel settings differ from what the kubelet expects, it changes them silently, instead of telling somebody.",
			decides: "protectKernelDefaults has to be true. Its default is false.",
			judge:   wantsTrue("protectKernelDefaults", false, "The kubelet refuses to start on a node with other kernel settings than it expects.", "The kubelet silently changes kernel settings that are other than it expects."),
		},
	}
}

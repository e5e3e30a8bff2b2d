package controlplane

import (
	"time"

	"github.com/kubeassay/assay/finding"
)

const (
	critical = finding.Critical
	high     = finding.High
	medium   = finding.Medium
	low      = finding.Low
	info     = finding.Info
)

// apiServerAccess is about who gets in, and what they may do.
func apiServerAccess() []rule {
	return []rule{
		{
			id: "apiserver-anonymous-auth", title: "API server answers anonymous requests", severity: low, of: apiServer,
			flags: []string{"?anonymous-auth", "authentication-config", "authorization-mode"}, fix: []string{"--anonymous-auth=false"},
			why: "The API server lets requests without any credentials in, as system:anonymous. What they may do is up to authorization: by default they see the version and health pages only. " +
				"But every role that is bound to them by mistake is then open to everyone who reaches the server, and so is every hole that needs no login.",
			decides: "--anonymous-auth is true by default, and true fails. It is false by itself where AlwaysAllow is an authorization mode. Where --authentication-config is given and the flag is not, the file decides, and it is not reviewed.",
			judge:   judgeAnonymous,
		},
		{
			id: "apiserver-token-auth-file", title: "API server uses a static token file", severity: medium, of: apiServer, flags: []string{"token-auth-file"},
			why:     "Users log in with tokens from a file on the control plane node. They stand there in the clear, never expire, and can't be taken back without a restart: whoever reads the file once has them for good.",
			decides: "--token-auth-file with a value fails.",
			judge:   wantsUnset("token-auth-file", "There is no file of static tokens.", "Users log in with tokens from a file: they stand there in the clear, and never expire."),
		},
		{
			id: "apiserver-basic-auth-file", title: "API server uses basic authentication", severity: high, of: apiServer, flags: []string{"basic-auth-file"},
			why:     "Users log in with passwords from a file on the control plane node, where they stand in the clear. Kubernetes 1.19 took this out: a server that knows the flag is one that gets no fixes any more.",
			decides: "--basic-auth-file with a value fails.",
			judge:   wantsUnset("basic-auth-file", "There is no file of passwords.", "Users log in with passwords from a file, where they stand in the clear. Servers since 1.19 do not know the flag, so this one is old, or does not start."),
		},
		{
			id: "apiserver-authorization-always-allow", title: "API server authorization mode is AlwaysAllow", severity: critical, of: apiServer,
			flags: []string{"authorization-mode", "authorization-config"}, fix: []string{"--authorization-mode=Node,RBAC"},
			why:     "Nobody's rights are looked at: whoever can log in, every pod with a token included, may do everything in the cluster.",
			decides: "AlwaysAllow among the modes of --authorization-mode fails. So does leaving both --authorization-mode and --authorization-config out, because AlwaysAllow is the default. With --authorization-config the file decides, and it is not reviewed.",
			judge: withModes(func(l *commandLine) answer {
				if l.lists("authorization-mode", "AlwaysAllow") {
					return fail("AlwaysAllow is an authorization mode: whoever logs in may do everything.")
				}
				if l.text("authorization-mode") == "" {
					return fail("No authorization mode is set, which means AlwaysAllow: whoever logs in may do everything.")
				}
				return pass("AlwaysAllow is no authorization mode.")
			}),
		},
		{
			id: "apiserver-authorization-node", title: "Node is not among the authorization modes", severity: medium, of: apiServer,
			flags: []string{"authorization-mode", "authorization-config"}, fix: []string{"--authorization-mode=Node,RBAC"},
			why:     "Without the Node mode, kubelets get their rights in another way, which can't tell one node's pods from another's: a single node that was broken into can read the Secrets of all pods of the cluster.",
			decides: "Node has to be among the modes of --authorization-mode. With --authorization-config the file decides, and it is not reviewed.",
			judge:   withModes(wantsMode("Node", "Kubelets are held to what their own pods need.", "Node is not among the authorization modes: nothing holds a kubelet to what its own pods need.")),
		},
		{
			id: "apiserver-authorization-rbac", title: "RBAC is not among the authorization modes", severity: high, of: apiServer,
			flags: []string{"authorization-mode", "authorization-config"}, fix: []string{"--authorization-mode=Node,RBAC"},
			why:     "Roles and role bindings are not looked at. What people and pods may do is decided in another way, if at all, and nobody sees it in the cluster.",
			decides: "RBAC has to be among the modes of --authorization-mode. With --authorization-config the file decides, and it is not reviewed.",
			judge:   withModes(wantsMode("RBAC", "Roles decide what people and pods may do.", "RBAC is not among the authorization modes: roles and role bindings decide nothing.")),
		},
	}
}

func judgeAnonymous(l *commandLine) answer {
	value, ok := l.boolean("anonymous-auth", true)
	_, set := l.get("anonymous-auth", true)
	switch {
	case !ok:
		return broken(notBoolean)
	case !value:
		return pass("Anonymous requests are refused.")
	case l.allowsAlways():
		return pass("With AlwaysAllow, which is another check's matter, anonymous requests are refused by themselves.").by("authorization-mode")
	case !set && l.isSet("authentication-config"):
		return unknown("Whether anonymous requests are answered is said in the file of --authentication-config, which can't be seen here.").by("authentication-config")
	case set:
		return fail("Requests without credentials are let in, as system:anonymous.")
	}
	return fail("Requests without credentials are let in, as system:anonymous: --anonymous-auth is true where it is not set.")
}

// allowsAlways reports whether AlwaysAllow is in force.
func (l *commandLine) allowsAlways() bool {
	return l.lists("authorization-mode", "AlwaysAllow") || l.text("authorization-mode") == "" && !l.isSet("authorization-config")
}

// withModes leaves the matter to the file of --authorization-config, where there is one.
func withModes(judge func(*commandLine) answer) func(*commandLine) answer {
	return func(l *commandLine) answer {
		if l.isSet("authorization-config") {
			return unknown("The authorization modes stand in the file of --authorization-config, which can't be seen here.").by("authorization-config")
		}
		return judge(l)
	}
}

func wantsMode(mode, good, bad string) func(*commandLine) answer {
	return func(l *commandLine) answer {
		if l.lists("authorization-mode", mode) {
			return pass(good)
		}
		return fail(bad)
	}
}

// apiServerOthers is what remains: TLS, profiling, timeouts and APIs.
func apiServerOthers() []rule {
	return []rule{
		profiling("apiserver-profiling", apiServer, "API server serves its profiling endpoint", nil),
		{
			id: "apiserver-request-timeout", title: "API request timeout is not a chosen one", severity: info, of: apiServer,
			flags: []string{"request-timeout"}, fix: []string{"--request-timeout=300s"},
			why:     "Nobody chose how long a request to the API server may take. The default of one minute can be too short for slow links; with a very long one, or none, slow requests pile up until the server is out of reach.",
			decides: "--request-timeout has to be set. Unset means one minute and is for your information; 0 fails as medium.",
			judge:   judgeRequestTimeout,
		},
		minVersion("apiserver-tls-min-version", apiServer),
		{
			id: "apiserver-tls-cipher-suites", title: "API server accepts weak cipher suites", severity: low, of: apiServer,
			flags: []string{"tls-cipher-suites", "tls-min-version"}, fix: []string{"--tls-cipher-suites=" + strongSuites},
			why:     "The API server takes part in connections with ciphers that are no longer thought good enough. Somebody in between who can break one of them reads credentials and Secrets.",
			decides: suitesDecide("--tls-cipher-suites", "--tls-min-version"),
			judge:   judgeSuites,
		},
		{
			id: "apiserver-secure-port", title: "API server's secure port is off", severity: high, of: apiServer, flags: []string{"secure-port"}, fix: []string{"--secure-port=6443"},
			why:     "Port 0 turns the port with TLS and logins off. Servers of today refuse that; an old one then served without both.",
			decides: "--secure-port 0 fails. Unset means 6443.",
			judge: func(l *commandLine) answer {
				if l.text("secure-port") == "0" {
					return fail("The secure port is turned off: a server of today does not start so, and an old one serves without TLS.")
				}
				return pass("The API server serves on a port with TLS and logins.")
			},
		},
		{
			id: "apiserver-alpha-apis", title: "Alpha APIs are on", severity: medium, of: apiServer, flags: []string{"feature-gates", "runtime-config"},
			why:     "All alpha features, or all alpha APIs, are on. They are not finished, may have holes that nobody fixes in old versions, and can change or go at any time.",
			decides: "AllAlpha=true in --feature-gates fails, and so does api/all=true or api/alpha=true in --runtime-config.",
			judge: func(l *commandLine) answer {
				if isTrue(l.pair("feature-gates", "AllAlpha")) {
					return fail("All alpha features are on, which are not finished.")
				}
				if isTrue(l.pair("runtime-config", "api/alpha")) || isTrue(l.pair("runtime-config", "api/all")) && l.pair("runtime-config", "api/alpha") == "" {
					return fail("All alpha APIs are on, which are not finished.").by("runtime-config")
				}
				return pass("Alpha features are not switched on all at once.")
			},
		},
	}
}

func judgeRequestTimeout(l *commandLine) answer {
	f, set := l.get("request-timeout", false)
	if !set {
		return fail("Nobody chose how long a request may take: it is one minute by default.")
	}
	d, err := time.ParseDuration(f.text)
	switch {
	case err != nil || d < 0:
		return broken("The flag's value is no duration, so the program can't start with it.")
	case d == 0:
		return failAs(medium, "Requests are never ended for taking too long.")
	}
	return pass("Somebody chose how long a request may take.")
}

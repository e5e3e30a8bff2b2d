package controlplane

import (
	"net/netip"
	"strconv"
)

// controllerManagerRules are those about the controller manager.
func controllerManagerRules() []rule {
	const of = controllerManager
	return []rule{
		{
			id: "controller-manager-pod-gc-threshold", title: "Threshold for collecting finished pods is not a chosen one", severity: info, of: of,
			flags: []string{"terminated-pod-gc-threshold"}, fix: []string{"--terminated-pod-gc-threshold=1000"},
			why:     "Nobody chose how many finished pods are kept. The default of 12500 is a lot for etcd and for whoever lists pods; with no limit, somebody who starts pods that end at once fills etcd.",
			decides: "--terminated-pod-gc-threshold has to be set. Unset means 12500 and is for your information; 0 or less means that none is ever collected, and fails as low.",
			judge: func(l *commandLine) answer {
				f, set := l.get("terminated-pod-gc-threshold", false)
				if !set {
					return fail("Nobody chose how many finished pods are kept: it is 12500 by default.")
				}
				switch n, err := strconv.ParseInt(f.text, 10, 32); {
				case err != nil:
					return broken("The flag's value is no number, so the program can't start with it.")
				case n <= 0:
					return failAs(low, "Finished pods are never collected.")
				}
				return pass("Somebody chose how many finished pods are kept.")
			},
		},
		profiling("controller-manager-profiling", of, "Controller manager serves its profiling endpoint", nil),
		{
			id: "controller-manager-service-account-credentials", title: "Controllers share one identity", severity: medium, of: of,
			flags: []string{"?use-service-account-credentials"}, fix: []string{"--use-service-account-credentials=true"},
			why:     "All controllers use the controller manager's own credentials, instead of one service account each. Those need the rights of all of them together, and the audit log can't tell one from another.",
			decides: "--use-service-account-credentials is false by default, and false fails.",
			judge: wantsBool("use-service-account-credentials", true, false, "Every controller has a service account of its own.",
				"All controllers share the controller manager's credentials, which need the rights of all of them together."),
		},
		{
			id: "controller-manager-service-account-key-file", title: "Controller manager has no key for service account tokens", severity: low, of: of,
			flags: []string{"service-account-private-key-file"}, fix: []string{"--service-account-private-key-file=/etc/kubernetes/pki/sa.key"},
			why:     "No key is named for service account tokens that are kept in Secrets. Without one the controller manager signs none, and whoever needs them looks for worse ways.",
			decides: "--service-account-private-key-file has to be set.",
			judge: wantsSet("The controller manager has a key of its own for service account tokens.",
				"The controller manager has no key for service account tokens that are kept in Secrets.", "service-account-private-key-file"),
		},
		{
			id: "controller-manager-root-ca-file", title: "Controller manager publishes no root CA to pods", severity: medium, of: of,
			flags: []string{"root-ca-file"}, fix: []string{"--root-ca-file=/etc/kubernetes/pki/ca.crt"},
			why:     "Pods do not get the authority that signs the API server's certificate. Programs in them can't verify whom they give their tokens to, and are likely to switch verification off.",
			decides: "--root-ca-file has to be set.",
			judge:   wantsSet("Pods get the authority of the cluster.", "Pods do not get the authority of the cluster, so their programs can't verify the API server.", "root-ca-file"),
		},
		{
			id: "controller-manager-rotate-kubelet-certificates", title: "Rotation of kubelets' serving certificates is disabled", severity: low, of: of,
			flags:   []string{"feature-gates"},
			fix:     []string{"--feature-gates=RotateKubeletServerCertificate=true"},
			why:     "The feature with which kubelets renew their serving certificates is switched off. They run out one day, or live far too long, and then nobody verifies them.",
			decides: "RotateKubeletServerCertificate=false in --feature-gates fails; the feature is on by default.",
			judge: func(l *commandLine) answer {
				if v := l.pair("feature-gates", "RotateKubeletServerCertificate"); v != "" && !isTrue(v) {
					return fail("The feature with which kubelets renew their serving certificates is switched off.")
				}
				return pass("The feature with which kubelets renew their serving certificates is not switched off.")
			},
		},
		bindAddress("controller-manager-bind-address", of, "Controller manager listens beyond loopback"),
		minVersion("controller-manager-tls-min-version", of),
	}
}

// schedulerRules are those about the scheduler.
func schedulerRules() []rule {
	return []rule{
		profiling("scheduler-profiling", scheduler, "Scheduler serves its profiling endpoint", []string{"config"}),
		bindAddress("scheduler-bind-address", scheduler, "Scheduler listens beyond loopback"),
		minVersion("scheduler-tls-min-version", scheduler),
	}
}

// profiling is a rule about the profiling endpoint. A configuration file, where
// the program reads one, goes before the flag.
func profiling(id string, of component, title string, file []string) rule {
	r := rule{
		id: id, title: title, severity: low, of: of, flags: append([]string{"?profiling"}, file...), fix: []string{"--profiling=false"},
		why:     "The program serves details about its insides under /debug/pprof. Who may read them learns how it works and what it holds in memory, and can slow it down. Nobody needs that in everyday work.",
		decides: "--profiling is true by default, and true fails.",
		judge:   wantsBool("profiling", false, true, "The profiling endpoint is off.", "The program serves its profiling endpoint."),
	}
	if file != nil {
		flag := r.judge
		r.decides += " With --config the file decides, and it is not reviewed."
		r.judge = func(l *commandLine) answer {
			if l.isSet(file...) {
				return unknown("Whether the profiling endpoint is served is said in the file of --config, which can't be seen here.").by("config")
			}
			return flag(l)
		}
	}
	return r
}

func bindAddress(id string, of component, title string) rule {
	return rule{
		id: id, title: title, severity: low, of: of, flags: []string{"bind-address"}, fix: []string{"--bind-address=127.0.0.1"},
		why:     "The program answers on addresses that others reach, with health, metrics and profiling. Only the node itself needs them, and what nobody reaches nobody breaks.",
		decides: "--bind-address has to be a loopback address. Unset means all addresses.",
		judge: func(l *commandLine) answer {
			text := l.text("bind-address")
			if text == "" {
				return fail("The program answers on all addresses of the node: --bind-address is 0.0.0.0 where it is not set.")
			}
			switch ip, err := netip.ParseAddr(text); {
			case err != nil:
				return broken("The flag's value is no address, so the program can't start with it.")
			case ip.Unmap().IsLoopback():
				return pass("The program answers on the node itself only.")
			}
			return fail("The program answers on an address that others can reach.")
		},
	}
}

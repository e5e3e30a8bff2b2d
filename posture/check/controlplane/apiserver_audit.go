package controlplane

import "strconv"

// apiServerAudit is about the audit log.
func apiServerAudit() []rule {
	return []rule{
		{
			id: "apiserver-audit-log-path", title: "API server writes no audit log", severity: low, of: apiServer,
			flags: []string{"audit-log-path", "audit-webhook-config-file"}, fix: []string{"--audit-log-path=/var/log/kubernetes/audit.log", "--audit-policy-file=/etc/kubernetes/audit-policy.yaml"},
			why:     "The API server writes no audit log. Nobody can find out afterwards who did what: which Secrets an intruder read, which pods he made, how he came in.",
			decides: "--audit-log-path has to be set; \"-\" (standard output) counts. A webhook alone (--audit-webhook-config-file) fails as info: events leave the cluster, and no log stays on the node.",
			judge: func(l *commandLine) answer {
				switch {
				case l.isSet("audit-log-path"):
					return pass("The API server writes an audit log.")
				case l.isSet("audit-webhook-config-file"):
					return failAs(info, "Audit events go to a webhook only: when it is out of reach, they are lost.").by("audit-webhook-config-file")
				}
				return fail("The API server writes no audit log: nobody can find out afterwards who did what.")
			},
		},
		{
			id: "apiserver-audit-policy", title: "API server has no audit policy", severity: low, of: apiServer,
			flags: []string{"audit-policy-file"}, fix: []string{"--audit-policy-file=/etc/kubernetes/audit-policy.yaml"},
			why:     "Without a policy the API server records no audit events at all, also where a log file is named. Nobody can find out afterwards who did what.",
			decides: "--audit-policy-file has to be set. What the policy says can't be seen.",
			judge: wantsSet("A policy says which events are recorded. What it says can't be seen here.",
				"There is no audit policy, so no events are recorded.", "audit-policy-file"),
		},
		kept("apiserver-audit-log-maxage", "Audit logs are not kept for a chosen time", "audit-log-maxage", "30", 30,
			"Nobody chose how long audit logs are kept, or the time is short. Break-ins are often noticed only after weeks; what was deleted by then can't be read.",
			"--audit-log-maxage has to be set, to 30 days or more; 0 means for ever.",
			"Nobody chose for how many days audit logs are kept. Up to Kubernetes 1.35 that means for ever, until the disk is full, and from 1.36 on 366 days.",
			"Audit logs are deleted after less than 30 days.", "Audit logs are kept for 30 days or more.", true),
		kept("apiserver-audit-log-maxbackup", "Number of rotated audit logs is not a chosen one", "audit-log-maxbackup", "10", 10,
			"Nobody chose how many rotated audit logs are kept, or there are few. On a busy day, or when somebody wants it so, they are gone within hours.",
			"--audit-log-maxbackup has to be set, to 10 files or more; 0 means all of them.",
			"Nobody chose how many rotated audit logs are kept. Up to Kubernetes 1.35 that means all of them, until the disk is full, and from 1.36 on 100.",
			"Fewer than 10 rotated audit logs are kept.", "10 rotated audit logs are kept, or more.", true),
		kept("apiserver-audit-log-maxsize", "Size at which the audit log is rotated is not a chosen one", "audit-log-maxsize", "100", 100,
			"Nobody chose at which size the audit log is rotated, or it is small, so that little fits into the files that are kept. Without rotation the disk fills up, and then nothing is logged any more.",
			"--audit-log-maxsize has to be set, to 100 megabytes or more; 0 fails.",
			"Nobody chose at which size the audit log is rotated. It is 100 megabytes by default.",
			"The audit log is rotated at less than 100 megabytes (0: not at all, from Kubernetes 1.36 on).", "The audit log is rotated at 100 megabytes or more.", false),
	}
}

// kept is a rule about how much of the audit log is kept. It is nobody's matter
// where there is no log in a file.
func kept(id, title, flag, good string, least int, why, decides, unset, tooFew, fine string, zeroIsAll bool) rule {
	return rule{
		id: id, title: title, severity: low, of: apiServer, flags: []string{flag, "audit-log-path"}, fix: []string{"--" + flag + "=" + good}, why: why,
		decides: decides + " Unset is for your information. Where no audit log is written to a file, the check does not apply.",
		judge: func(l *commandLine) answer {
			if to := l.text("audit-log-path"); to == "" || to == "-" {
				return aside("No audit log is written to a file.")
			}
			f, set := l.get(flag, false)
			if !set {
				return failAs(info, unset)
			}
			switch n, err := strconv.Atoi(f.text); {
			case err != nil || n < 0:
				return broken("The flag's value is no number of that kind, so the program can't start with it.")
			case n == 0 && zeroIsAll, n >= least:
				return pass(fine)
			}
			return fail(tooFew)
		},
	}
}

package controlplane

// apiServerKeys is about certificates, keys and tokens.
func apiServerKeys() []rule {
	return []rule{
		{
			id: "apiserver-kubelet-client-certificate", title: "API server has no client certificate for kubelets", severity: medium, of: apiServer,
			flags: []string{"kubelet-client-certificate", "kubelet-client-key"},
			fix:   []string{"--kubelet-client-certificate=/etc/kubernetes/pki/apiserver-kubelet-client.crt", "--kubelet-client-key=/etc/kubernetes/pki/apiserver-kubelet-client.key"},
			why:   "The API server has nothing to log in to kubelets with. Either logs and exec do not work, or the kubelets take orders from anybody.", decides: "--kubelet-client-certificate and --kubelet-client-key both have to be set.",
			judge: wantsSet("The API server logs in to kubelets with a certificate.", "The API server has no certificate and key to log in to kubelets with.", "kubelet-client-certificate", "kubelet-client-key"),
		},
		{
			id: "apiserver-kubelet-certificate-authority", title: "API server does not verify kubelets' certificates", severity: low, of: apiServer,
			flags: []string{"kubelet-certificate-authority"}, fix: []string{"--kubelet-certificate-authority=/etc/kubernetes/pki/ca.crt"},
			why: "The API server does not look who it talks to when it fetches logs or runs commands by way of a kubelet. Somebody in between can pose as the kubelet, and read and change what goes through, exec sessions included. " +
				"It needs kubelets whose serving certificates are signed by an authority of the cluster.",
			decides: "--kubelet-certificate-authority has to be set.",
			judge: wantsSet("The API server verifies kubelets' certificates.",
				"The API server does not verify who answers as a kubelet: somebody in between can read and change logs and exec sessions.", "kubelet-certificate-authority"),
		},
		{
			id: "apiserver-service-account-lookup", title: "Tokens of deleted service accounts are accepted", severity: medium, of: apiServer,
			flags: []string{"?service-account-lookup"}, fix: []string{"--service-account-lookup=true"},
			why:     "The API server does not look whether the service account and the Secret of a token still exist. A token that somebody stole goes on working after the account was deleted.",
			decides: "--service-account-lookup is true by default, and false fails.",
			judge: wantsBool("service-account-lookup", true, true, "Tokens of deleted service accounts are refused.",
				"Nobody looks whether a token's service account still exists: a stolen one goes on working after the account was deleted."),
		},
		{
			id: "apiserver-service-account-key-file", title: "API server has no key file for service account tokens", severity: low, of: apiServer,
			flags: []string{"service-account-key-file", "service-account-signing-endpoint"}, fix: []string{"--service-account-key-file=/etc/kubernetes/pki/sa.pub"},
			why:     "No key of their own is named for service account tokens, so that the API server's TLS key has to serve for both. It can't then be changed without ending all tokens, and whoever has it can make tokens for every account.",
			decides: "--service-account-key-file has to be set, or --service-account-signing-endpoint, which leaves signing to another program.",
			judge: func(l *commandLine) answer {
				if l.isSet("service-account-key-file") || l.isSet("service-account-signing-endpoint") {
					return pass("Service account tokens are verified with keys of their own.")
				}
				return fail("No key is named for service account tokens, so the API server's TLS key has to serve for them too.")
			},
		},
		{
			id: "apiserver-extended-token-expiration", title: "Service account tokens live longer than asked for", severity: low, of: apiServer,
			flags: []string{"?service-account-extend-token-expiration"}, fix: []string{"--service-account-extend-token-expiration=false"},
			why:     "Tokens that pods get by themselves are asked for one hour, but the API server makes them valid for a year, for the sake of old programs that never read a new one. A stolen token works as long as its pod exists, for up to a year.",
			decides: "--service-account-extend-token-expiration is true by default, and true fails.",
			judge: wantsBool("service-account-extend-token-expiration", false, true, "Tokens that pods get by themselves end when they say.",
				"Tokens that pods get by themselves are valid for up to a year instead of an hour."),
		},
		{
			id: "apiserver-etcd-client-certificate", title: "API server has no client certificate and key for etcd", severity: high, of: apiServer,
			flags: []string{"etcd-certfile", "etcd-keyfile"},
			fix:   []string{"--etcd-certfile=/etc/kubernetes/pki/apiserver-etcd-client.crt", "--etcd-keyfile=/etc/kubernetes/pki/apiserver-etcd-client.key"},
			why:   "The API server has nothing to log in to etcd with. Then etcd must let in everybody who reaches it, and all of the cluster's data, Secrets included, stands in it.", decides: "--etcd-certfile and --etcd-keyfile both have to be set.",
			judge: wantsSet("The API server logs in to etcd with a certificate.", "The API server has no certificate and key for etcd, so etcd can't tell it from anybody else.", "etcd-certfile", "etcd-keyfile"),
		},
		{
			id: "apiserver-etcd-ca-file", title: "API server does not verify etcd", severity: medium, of: apiServer,
			flags: []string{"etcd-cafile"}, fix: []string{"--etcd-cafile=/etc/kubernetes/pki/etcd/ca.crt"},
			why:     "No authority is named for etcd's certificate. Somebody in between can pose as etcd, and read and change everything that the cluster stores.",
			decides: "--etcd-cafile has to be set.",
			judge:   wantsSet("The API server verifies etcd's certificate.", "No authority is named for etcd's certificate, so somebody in between could pose as etcd.", "etcd-cafile"),
		},
		{
			id: "etcd-unique-ca", title: "etcd shares its CA with the cluster", severity: medium, of: apiServer, also: etcd, alsoFlags: []string{"trusted-ca-file"},
			flags: []string{"etcd-cafile", "client-ca-file"}, fix: []string{"--etcd-cafile=/etc/kubernetes/pki/etcd/ca.crt", "--client-ca-file=/etc/kubernetes/pki/ca.crt"},
			why: "etcd trusts the same authority as the rest of the cluster. Every certificate that the cluster gives out, to users and kubelets, then opens etcd too, past all roles.",
			decides: "The API server's --etcd-cafile and --client-ca-file must not be the same file; where one is missing, the check does not apply, for that is another check's. " +
				"etcd itself fails where its --trusted-ca-file is kubeadm's authority of the cluster, /etc/kubernetes/pki/ca.crt. Two files with the same content are not told apart.",
			judge: judgeUniqueCA,
		},
		{
			id: "apiserver-tls-certificate", title: "API server has no TLS certificate and key of its own", severity: medium, of: apiServer,
			flags: []string{"tls-cert-file", "tls-private-key-file"}, fix: []string{"--tls-cert-file=/etc/kubernetes/pki/apiserver.crt", "--tls-private-key-file=/etc/kubernetes/pki/apiserver.key"},
			why:     "The API server makes a certificate for itself, which nobody can verify. Clients have to switch verification off, and then give their credentials to anybody in between.",
			decides: "--tls-cert-file and --tls-private-key-file both have to be set.",
			judge:   wantsSet("The API server has a certificate and key.", "The API server makes a certificate for itself, which no client can verify.", "tls-cert-file", "tls-private-key-file"),
		},
		{
			id: "apiserver-client-ca-file", title: "API server has no CA for client certificates", severity: medium, of: apiServer,
			flags: []string{"client-ca-file"}, fix: []string{"--client-ca-file=/etc/kubernetes/pki/ca.crt"},
			why:     "No authority is named for client certificates, so nobody can log in with one: kubelets and the other programs of the control plane need something weaker.",
			decides: "--client-ca-file has to be set.",
			judge:   wantsSet("Clients can log in with certificates.", "No authority is named for client certificates, so nobody can log in with one.", "client-ca-file"),
		},
		{
			id: "apiserver-encryption-provider", title: "Secrets are not encrypted at rest", severity: low, of: apiServer,
			flags: []string{"encryption-provider-config"}, fix: []string{"--encryption-provider-config=/etc/kubernetes/encryption.yaml"},
			why:     "The API server stores Secrets in etcd as they are. Whoever gets at a disk, a snapshot or a backup of etcd has all of them.",
			decides: "--encryption-provider-config has to be set. Which providers the file names, and whether old Secrets were written anew, can't be seen.",
			judge: wantsSet("A file says how Secrets are encrypted. What it says can't be seen here.",
				"Secrets stand in etcd as they are: whoever gets at a disk, a snapshot or a backup of it has all of them.", "encryption-provider-config"),
		},
	}
}

// clusterCA is where kubeadm keeps the authority of the cluster.
const clusterCA = "/etc/kubernetes/pki/ca.crt"

func judgeUniqueCA(l *commandLine) answer {
	const shared = "etcd trusts the authority of the whole cluster: every certificate of a user or a kubelet opens etcd too."
	if l.component == etcd {
		if l.text("trusted-ca-file") == clusterCA {
			return fail(shared)
		}
		return aside("etcd's own flags do not tell which authority the rest of the cluster trusts.")
	}
	ofEtcd, ofClients := l.text("etcd-cafile"), l.text("client-ca-file")
	switch {
	case ofEtcd == "" || ofClients == "":
		return aside("One of the two authorities is not named, so there is nothing to compare.")
	case ofEtcd == ofClients:
		return fail(shared)
	}
	return pass("etcd's authority and that of clients are different files.")
}

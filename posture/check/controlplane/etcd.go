package controlplane

import (
	"net/netip"
	"net/url"
	"strings"

	"github.com/kubeassay/assay/finding"
)

// etcdRules are those about etcd.
func etcdRules() []rule {
	clients := side{urls: "listen-client-urls", cert: "cert-file", key: "key-file", ca: "trusted-ca-file", demand: "client-cert-auth", auto: "auto-tls", who: "clients"}
	peers := side{urls: "listen-peer-urls", cert: "peer-cert-file", key: "peer-key-file", ca: "peer-trusted-ca-file", demand: "peer-client-cert-auth", auto: "peer-auto-tls", who: "its peers"}
	return []rule{
		clients.certificate("etcd-tls-certificate", "etcd serves clients without TLS",
			"What clients ask of etcd, and what it answers, goes over the network as it is, or under a certificate that nobody can verify: all of the cluster's data, Secrets included."),
		clients.authentication("etcd-client-cert-auth", "etcd does not demand client certificates",
			"etcd serves whoever reaches it. All of the cluster's data stands in it: who can read it has every Secret, and who can write it has the cluster.", critical),
		clients.selfMade("etcd-auto-tls", "etcd makes its own certificates for clients",
			"etcd makes a certificate for itself. No client can verify it, so that somebody in between can pose as etcd."),
		peers.certificate("etcd-peer-tls-certificate", "etcd peers talk without TLS",
			"The members of etcd send each other all of the cluster's data, and it goes over the network as it is, or under a certificate that nobody can verify."),
		peers.authentication("etcd-peer-client-cert-auth", "etcd peers need not present certificates",
			"Whoever reaches the port for peers can join in with the members of etcd: read all of the cluster's data, and write it.", high),
		peers.selfMade("etcd-peer-auto-tls", "etcd makes its own certificates for peers",
			"etcd makes a certificate for itself to talk to its peers. None of them can verify it, so that anybody can pose as one of them."),
	}
}

// side is one of the two sides on which etcd talks, and its flags.
type side struct{ urls, cert, key, ca, demand, auto, who string }

func (s side) certificate(id, title, why string) rule {
	return rule{
		id: id, title: title, severity: high, of: etcd, flags: []string{s.cert, s.key, s.urls}, why: why,
		fix:     []string{"--" + s.cert + "=/etc/kubernetes/pki/etcd/server.crt", "--" + s.key + "=/etc/kubernetes/pki/etcd/server.key"},
		decides: "--" + s.cert + " and --" + s.key + " both have to be set, and no address in --" + s.urls + " may begin with http:// (unset, it is http://localhost). On a loopback address that is low, and so is etcd without a certificate where it listens to nothing else. Environment variables of etcd (ETCD_…) count as flags do.",
		judge: func(l *commandLine) answer {
			if !l.isSet(s.cert, s.key) && s.forNode(l) {
				return failAs(low, "etcd has no certificate and key to talk to "+s.who+" with, though it listens to the node only.")
			}
			if !l.isSet(s.cert, s.key) {
				return fail("etcd has no certificate and key to talk to " + s.who + " with.")
			}
			urls := l.text(s.urls)
			if urls == "" {
				return failAs(low, "etcd listens to "+s.who+" on http://localhost, for no address is set: without TLS, though for the node only.").by(s.urls)
			}
			switch plain(urls) {
			case nobody:
				return pass("etcd talks to " + s.who + " by TLS.")
			case itself:
				return failAs(low, "etcd has a certificate, but also listens to "+s.who+" without TLS, though for the node only.").by(s.urls)
			}
			return fail("etcd has a certificate, but also listens to " + s.who + " without TLS.").by(s.urls)
		},
	}
}

// audience is who reaches etcd without TLS.
type audience int

const (
	nobody audience = iota
	itself          // the node
	everybody
)

// forNode reports whether etcd listens to the node only, as it does by default.
func (s side) forNode(l *commandLine) bool {
	urls := l.text(s.urls)
	if urls == "" {
		return true
	}
	for one := range strings.SplitSeq(urls, ",") {
		u, err := url.Parse(strings.TrimSpace(one))
		if err != nil || u.Scheme != "unix" && !isLoopback(u.Hostname()) {
			return false
		}
	}
	return true
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

// plain looks for addresses without TLS in a list of them.
func plain(urls string) (who audience) {
	for one := range strings.SplitSeq(urls, ",") {
		u, err := url.Parse(strings.TrimSpace(one))
		if err != nil || u.Scheme != "http" {
			continue
		}
		if isLoopback(u.Hostname()) {
			who = max(who, itself)
		} else {
			who = everybody
		}
	}
	return who
}

func (s side) authentication(id, title, why string, severity finding.Severity) rule {
	return rule{
		id: id, title: title, severity: severity, of: etcd, flags: []string{"?" + s.demand, s.ca, s.urls}, why: why,
		fix:     []string{"--" + s.demand + "=true", "--" + s.ca + "=/etc/kubernetes/pki/etcd/ca.crt"},
		decides: "--" + s.demand + " has to be true, or --" + s.ca + " set, which demands certificates as well. Neither counts for an address in --" + s.urls + " that begins with http:// (unset, it is http://localhost), where nobody presents one: that fails too. Where only the node reaches what is open, a failure is at most high. Environment variables of etcd (ETCD_…) count as flags do.",
		judge: func(l *commandLine) answer {
			demands, ok := l.boolean(s.demand, false)
			switch {
			case !ok:
				return broken(notBoolean)
			case demands || l.isSet(s.ca):
				return s.demanded(l)
			case s.forNode(l):
				return failAs(high, "etcd demands no certificates of "+s.who+". It listens to the node only, but that means every program and every pod with the node's network too.")
			}
			return fail("etcd demands no certificates of " + s.who + ": whoever reaches it is served.")
		},
	}
}

// demanded judges an etcd that demands certificates, which it can only where it
// talks TLS.
func (s side) demanded(l *commandLine) answer {
	who := itself // by default
	if urls := l.text(s.urls); urls != "" {
		who = plain(urls)
	}
	switch who {
	case everybody:
		return fail("etcd demands certificates, but also listens to " + s.who + " without TLS, where nobody presents one: whoever reaches it is served.").by(s.urls)
	case itself:
		return failAs(high, "etcd demands certificates, but also listens to "+s.who+" without TLS, where nobody presents one. It does so for the node only, but that means every program and every pod with the node's network too.").by(s.urls)
	}
	return pass("etcd demands certificates of " + s.who + ".")
}

func (s side) selfMade(id, title, why string) rule {
	return rule{
		id: id, title: title, severity: medium, of: etcd, flags: []string{"?" + s.auto, s.cert}, why: why, fix: []string{"--" + s.auto + "=false"},
		decides: "--" + s.auto + " is false by default, and true fails: as low where a certificate is set, because etcd then passes over the flag. Environment variables of etcd (ETCD_…) count as flags do.",
		judge: func(l *commandLine) answer {
			switch auto, ok := l.boolean(s.auto, false); {
			case !ok:
				return broken(notBoolean)
			case !auto:
				return pass("etcd makes no certificates for itself.")
			case l.isSet(s.cert):
				return failAs(low, "etcd is told to make a certificate for itself. It does not as long as one is set.")
			}
			return fail("etcd makes a certificate for itself, which nobody can verify.")
		},
	}
}

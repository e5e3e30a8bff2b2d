package rbac

import "slices"

// addSubject adds all edges from a subject.
func (s *search) addSubject(from place) {
	subject := from.subject
	if subject == Group(Masters) {
		return
	}
	var groups []*holdings
	var members []Subject
	for _, name := range subject.groups() {
		group := Group(name)
		if _, bound := s.g.subjects[group.key()]; !bound {
			continue
		}
		members = append(members, group)
		s.link(from, edge{to: s.place(place{kind: somebody, subject: group})})
		if h := s.groupHoldings(group); h != nil {
			groups = append(groups, h)
		}
	}
	cluster := s.holdingsOf(subject, "")
	if cluster != nil {
		c := &scope{search: s, from: from, own: cluster, others: groups, bindings: s.g.at[scopeKey{subject.key(), ""}]}
		if c.addAll() {
			return
		}
	}
	for _, namespace := range s.g.spaces[subject.key()] {
		own := s.holdingsOf(subject, namespace)
		if own == nil {
			continue
		}
		others := append([]*holdings{cluster}, groups...)
		for _, m := range members {
			others = append(others, s.holdingsOf(m, namespace))
		}
		c := &scope{search: s, from: from, namespace: namespace, own: own, others: others, bindings: s.g.at[scopeKey{subject.key(), namespace}]}
		c.addAll()
	}
}

// addAll adds all edges for what counts in the scope. It reports whether that is
// everything there is.
func (c *scope) addAll() bool {
	if by, ok := c.any(all(everything)); ok {
		p := place{kind: admin}
		if c.namespace != "" {
			p = place{kind: spaceAdmin, namespace: c.namespace}
		}
		c.to(p, HasEverything, by, "")
		return true
	}
	if c.namespace == "" {
		c.addCluster()
	} else {
		c.addSpace()
	}
	c.addCommon()
	return false
}

// addCluster adds what counts for the whole cluster only.
func (c *scope) addCluster() {
	c.addRoleChanges()
	if by, ok := c.has(some(impersonateUsers), over(impersonateGroups, Masters)); ok {
		c.to(place{kind: admin}, ImpersonateMasters, by, "")
	}
	if by, ok := c.any(all(impersonateUsers)); ok {
		c.to(place{kind: anyUser}, Impersonate, by, "")
	}
	c.eachNamed(impersonateUsers, func(h *hold, name string) { c.toKnown(User(name), Impersonate, h) })
	if _, ok := c.find(impersonateUsers, func(*hold) bool { return true }); ok || c.own[impersonateAccounts] != nil {
		c.eachNamed(impersonateGroups, func(h *hold, name string) { c.toKnown(Group(name), Impersonate, h) })
	}
	if by, ok := c.any(some(proxyNodes)); ok {
		c.to(place{kind: host}, NodeProxy, by, "")
	}
	c.addCertificates()
	by, ok := c.any(some(changeMutatingWebhooks))
	if !ok {
		by, ok = c.has(some(changeMutatingPolicies), some(changeMutatingBindings))
	}
	if ok {
		c.to(place{kind: host}, MutatingAdmission, by, "when somebody makes a pod in a namespace where Pod Security lets it be privileged")
		c.to(place{kind: runningAs}, MutatingAdmission, by, "when somebody makes a pod that runs as the account")
	}
}

// toKnown adds an edge to a subject, if anything is known of it.
func (c *scope) toKnown(subject Subject, t Technique, h *hold) {
	if subject == Group(Masters) {
		return
	}
	if _, ok := c.ids[place{kind: somebody, subject: subject}]; ok {
		c.to(place{kind: somebody, subject: subject}, t, []Grant{h.grant}, "")
	}
}

// addRoleChanges adds what the verbs escalate and bind allow in the cluster.
func (c *scope) addRoleChanges() {
	if by, ok := c.has(all(escalateClusterRoles), all(changeClusterRoles)); ok {
		c.to(place{kind: admin}, EscalateRole, by, "")
	} else {
		for _, b := range c.bindings {
			if by, ok := c.has(over(escalateClusterRoles, b.roleRef.Name), over(changeClusterRoles, b.roleRef.Name)); ok && b.role != nil {
				c.to(place{kind: admin}, EscalateRole, by, "")
				break
			}
		}
	}
	bind := need{bindClusterRoles, c.bindsFull}
	by, ok := c.has(bind, some(createClusterRoleBindings))
	if !ok {
		by, ok = c.has(bind, need{changeClusterRoleBindings, c.changesFull})
	}
	if ok {
		c.to(place{kind: admin}, BindRole, by, "")
	}
}

// bindsFull reports whether a role that may be bound is one for everything.
func (c *scope) bindsFull(h *hold) bool {
	if h.forAll() {
		return true // cluster-admin is always there
	}
	for _, name := range h.names {
		if r := c.g.roles[roleKey{"", name}]; name == "cluster-admin" || r != nil && c.full[r] {
			return true
		}
	}
	return false
}

// changesFull reports whether a binding that may be changed is of such a role:
// what a binding refers to can't be changed, only for whom.
func (c *scope) changesFull(h *hold) bool {
	if h.forAll() {
		return c.fullBinding
	}
	for _, name := range h.names {
		if c.fullBindings[name] {
			return true
		}
	}
	return false
}

// Signers of the cluster's own certificates, as a rule names them.
const (
	clientSigner  = "kubernetes.io/kube-apiserver-client"
	kubeletSigner = "kubernetes.io/kube-apiserver-client-kubelet"
	allSigners    = "kubernetes.io/*"
)

func (c *scope) addCertificates() {
	if by, ok := c.has(some(createRequests), some(approveRequests), over(approveSigners, clientSigner, allSigners)); ok {
		c.to(place{kind: anybody}, ApproveCertificate, by, "")
	}
	if by, ok := c.has(some(createRequests), some(approveRequests), over(approveSigners, kubeletSigner, allSigners)); ok {
		c.to(place{kind: host}, NodeCertificate, by, "")
	}
}

// addSpace adds what counts in one namespace only.
func (c *scope) addSpace() {
	if by, ok := c.has(need{bindClusterRoles, c.bindsFull}, some(createRoleBindings)); ok {
		c.to(place{kind: spaceAdmin, namespace: c.namespace}, BindRole, by, "")
	}
	for _, b := range c.bindings {
		if b.role == nil || b.roleRef.Kind != RoleKind {
			continue
		}
		if by, ok := c.has(over(escalateRoles, b.roleRef.Name), over(changeRoles, b.roleRef.Name)); ok {
			c.to(place{kind: spaceAdmin, namespace: c.namespace}, EscalateRole, by, "")
			break
		}
	}
	if by, ok := c.has(some(impersonateAccounts), over(impersonateGroups, Masters)); ok {
		c.to(place{kind: admin}, ImpersonateMasters, by, "")
	}
}

// addCommon adds what counts in a namespace, or in all of them.
func (c *scope) addCommon() {
	accounts := place{kind: anyAccount, namespace: c.namespace}
	c.addOver(impersonateAccounts, ImpersonateAccount)
	c.addOver(createTokens, CreateToken)
	if c.namespace == "" {
		if by, ok := c.has(some(impersonateAccounts), over(impersonateGroups, Masters)); ok {
			c.to(place{kind: admin}, ImpersonateMasters, by, "")
		}
	}
	makers := []need{all(createPods), all(createWorkloads), some(changeWorkloads), some(createPods)}
	by, ok := c.any(makers...)
	if ok {
		c.to(accounts, CreatePod, by, c.ifMade(by, "pods"))
	}
	c.addHost(makers)
	if by, ok := c.any(some(changePods)); ok {
		c.to(place{kind: runningAs, namespace: c.namespace}, ChangePod, by, c.ifRunning(c.namespace))
	}
	c.addExec()
	if by, ok := c.has(all(createSecrets), some(readSecrets)); ok {
		c.to(accounts, MakeTokenSecret, by, "")
	} else if by, ok := c.has(some(createSecrets), need{readSecrets, c.makes(createSecrets)}); ok {
		c.to(accounts, MakeTokenSecret, by, c.ifMade(by, "secrets"))
	}
	if by, ok := c.any(all(readSecrets)); ok {
		c.to(place{kind: tokenHolders, namespace: c.namespace}, TokenSecret, by, "")
	}
}

// makes accepts a power over an object that one may also make.
func (c *scope) makes(p power) func(*hold) bool {
	return func(h *hold) bool {
		made, _ := c.find(p, func(m *hold) bool { return m.forAll() || h.forAll() || slices.ContainsFunc(m.names, h.covers) })
		return made != nil
	}
}

// ifMade is the condition of what takes making an object of a certain name: a
// pod that is there already keeps its account, and a secret its type.
func (c *scope) ifMade(by []Grant, resource string) string {
	for i := range by {
		r := by[i].PolicyRule
		if r == nil || len(r.ResourceNames) == 0 {
			continue
		}
		create := Request{Verb: "create", Resource: resource}
		if create.matches(r) {
			return "if there are none yet of the " + resource + " that the rule names"
		}
	}
	return ""
}

// addOver adds a power over service accounts: over all of the namespace, or
// over those that the rule names.
func (c *scope) addOver(p power, t Technique) {
	if by, ok := c.any(all(p)); ok {
		c.to(place{kind: anyAccount, namespace: c.namespace}, t, by, "")
		return
	}
	c.eachNamed(p, func(h *hold, name string) {
		for _, a := range c.named[name] {
			if c.namespace == "" || c.namespace == a.Namespace {
				c.toKnown(a, t, h)
			}
		}
	})
}

// addHost adds what a pod can do to its node.
func (c *scope) addHost(makers []need) {
	for _, maker := range makers {
		if by, ok := c.has(maker); ok {
			if e := c.hostPodAnywhere(false); e != nil {
				c.along(e, by, c.ifMade(by, "pods"))
				return
			}
		}
		if by, ok := c.has(maker, need{changeNamespaces, func(h *hold) bool { return h.covers(c.namespace) }}); ok {
			if e := c.hostPodAnywhere(true); e != nil {
				c.along(e, by, c.ifMade(by, "pods"))
				return
			}
		}
		if by, ok := c.has(maker, some(createVolumes), some(createClaims)); ok {
			c.to(place{kind: host}, HostPathVolume, by, c.ifMade(by, "pods"))
			return
		}
	}
}

// hostPodAnywhere is hostPod for the namespace, or for the one that makes it easiest.
func (c *scope) hostPodAnywhere(lift bool) *edge {
	if c.namespace != "" {
		return c.hostPod(c.namespace, lift)
	}
	if lift {
		return c.easiestLifted
	}
	return c.easiest
}

// addExec adds what commands in running pods can do.
func (c *scope) addExec() {
	running := place{kind: runningAs, namespace: c.namespace}
	condition := c.ifRunning(c.namespace)
	by, ok := c.any(all(execPods), all(debugPods))
	if !ok {
		if by, ok = c.any(all(attachPods)); ok {
			condition = "if a process that takes commands waits for them there"
		}
	}
	if ok {
		c.to(running, Exec, by, condition)
		if c.hosts[c.namespace] {
			c.to(place{kind: host}, ExecOnHost, by, condition)
		}
		return
	}
	for _, p := range []power{execPods, debugPods} {
		c.eachNamed(p, func(h *hold, name string) {
			for _, pod := range c.pods[name] {
				if c.namespace != "" && pod.Namespace != c.namespace {
					continue
				}
				c.toKnown(pod.account(), Exec, h)
				if pod.Host {
					c.to(place{kind: host}, ExecOnHost, []Grant{h.grant}, "")
				}
			}
		})
	}
}

func (p *Pod) account() Subject {
	if p.ServiceAccount == "" {
		return ServiceAccount(p.Namespace, "default")
	}
	return ServiceAccount(p.Namespace, p.ServiceAccount)
}

package rbac

import (
	"cmp"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/kubeassay/assay/finding"
)

// power is something dangerous that a rule may allow.
type power uint8

const (
	everything power = iota
	everythingCore
	escalateClusterRoles
	changeClusterRoles
	bindClusterRoles
	createClusterRoleBindings
	changeClusterRoleBindings
	escalateRoles
	changeRoles
	bindRoles
	createRoleBindings
	changeRoleBindings
	impersonateUsers
	impersonateGroups
	impersonateAccounts
	createPods
	changePods
	createWorkloads
	changeWorkloads
	execPods
	attachPods
	debugPods
	readSecrets
	createSecrets
	createTokens
	proxyNodes
	createRequests
	approveRequests
	approveSigners
	changeMutatingWebhooks
	changeMutatingPolicies
	changeMutatingBindings
	changeValidatingWebhooks
	changeValidatingPolicies
	removeAdmission
	createVolumes
	createClaims
	changeNamespaces
	changeAPIServices
	changeDefinitions
	changeNodes
	portForward
	powerCount
)

// powerInfo says which requests a power is, and why it matters.
type powerInfo struct {
	verbs     []string
	group     string
	resources []string // "pods/exec" with a subresource
	// cluster: the resource belongs to no namespace, so that a RoleBinding does not give it.
	cluster bool
	// nameless: such a request names no object, so that a rule that names objects
	// does not allow it; but see makesByName.
	nameless bool
	severity finding.Severity
	why      string
}

const (
	rbacGroup         = rbacv1.GroupName
	admissionGroup    = "admissionregistration.k8s.io"
	certificatesGroup = "certificates.k8s.io"
)

// powerTable lists the powers; its order is that of the constants. It is a
// function, since nobody must change it.
func powerTable() [powerCount]powerInfo {
	change := []string{"update", "patch"}
	write := []string{"create", "update", "patch"}
	create := []string{"create"}
	return [powerCount]powerInfo{
		everything:                {[]string{"*"}, "*", []string{"*"}, false, false, finding.Critical, "every verb on every resource"},
		everythingCore:            {[]string{"*"}, "", []string{"*"}, false, false, finding.Critical, "every verb on every resource of the core group, such as pods, secrets and acting as others"},
		escalateClusterRoles:      {[]string{"escalate"}, rbacGroup, []string{"clusterroles"}, true, false, finding.Critical, "can write rights into cluster roles that it does not have itself"},
		changeClusterRoles:        {change, rbacGroup, []string{"clusterroles"}, true, false, finding.Medium, "can change cluster roles, up to the rights it has itself"},
		bindClusterRoles:          {[]string{"bind"}, rbacGroup, []string{"clusterroles"}, false, false, finding.Critical, "can give away cluster roles with more rights than it has itself"},
		createClusterRoleBindings: {create, rbacGroup, []string{"clusterrolebindings"}, true, true, finding.Medium, "can give away rights that it has itself, in the whole cluster"},
		changeClusterRoleBindings: {change, rbacGroup, []string{"clusterrolebindings"}, true, false, finding.Medium, "can change who has rights in the whole cluster"},
		escalateRoles:             {[]string{"escalate"}, rbacGroup, []string{"roles"}, false, false, finding.High, "can write rights into roles that it does not have itself"},
		changeRoles:               {change, rbacGroup, []string{"roles"}, false, false, finding.Low, "can change roles, up to the rights it has itself"},
		bindRoles:                 {[]string{"bind"}, rbacGroup, []string{"roles"}, false, false, finding.High, "can give away roles with more rights than it has itself"},
		createRoleBindings:        {create, rbacGroup, []string{"rolebindings"}, false, true, finding.Low, "can give away rights that it has itself"},
		changeRoleBindings:        {change, rbacGroup, []string{"rolebindings"}, false, false, finding.Low, "can change who has rights in the namespace"},
		impersonateUsers:          {[]string{"impersonate"}, "", []string{"users"}, true, false, finding.Critical, "can act as other users"},
		impersonateGroups:         {[]string{"impersonate"}, "", []string{"groups"}, true, false, finding.Critical, "can act as a member of other groups"},
		impersonateAccounts:       {[]string{"impersonate"}, "", []string{"serviceaccounts"}, false, false, finding.High, "can act as other service accounts"},
		createPods:                {create, "", []string{"pods"}, false, true, finding.High, "can run pods as any service account of the namespace"},
		changePods:                {change, "", []string{"pods"}, false, false, finding.High, "can put its own image into running pods"},
		createWorkloads:           {create, "*workloads", nil, false, true, finding.High, "can run pods as any service account of the namespace"},
		changeWorkloads:           {change, "*workloads", nil, false, false, finding.High, "can change what pods run, and as which service account"},
		execPods:                  {create, "", []string{"pods/exec"}, false, false, finding.High, "can run commands inside running pods"},
		attachPods:                {create, "", []string{"pods/attach"}, false, false, finding.Medium, "can type into processes inside running pods"},
		debugPods:                 {change, "", []string{"pods/ephemeralcontainers"}, false, false, finding.High, "can add containers to running pods"},
		readSecrets:               {[]string{"get", "list", "watch"}, "", []string{"secrets"}, false, false, finding.High, "can read secrets"},
		createSecrets:             {create, "", []string{"secrets"}, false, true, finding.Low, "can make secrets, also such that get filled with a service account's token"},
		createTokens:              {create, "", []string{"serviceaccounts/token"}, false, false, finding.High, "can make tokens of service accounts"},
		proxyNodes:                {[]string{"get", "create"}, "", []string{"nodes/proxy"}, true, false, finding.Critical, "can reach the kubelet, which runs commands in any pod of its node"},
		createRequests:            {create, certificatesGroup, []string{"certificatesigningrequests"}, true, true, finding.Info, "can ask for certificates"},
		approveRequests:           {change, certificatesGroup, []string{"certificatesigningrequests/approval"}, true, false, finding.High, "can approve requests for certificates, of the signers that it may approve for"},
		approveSigners:            {[]string{"approve"}, certificatesGroup, []string{"signers"}, true, false, finding.High, "may approve certificates of these signers"},
		changeMutatingWebhooks:    {write, admissionGroup, []string{"mutatingwebhookconfigurations"}, true, false, finding.Critical, "can see and change every object that anybody writes"},
		changeMutatingPolicies:    {write, admissionGroup, []string{"mutatingadmissionpolicies"}, true, false, finding.High, "can change objects that others write"},
		changeMutatingBindings:    {write, admissionGroup, []string{"mutatingadmissionpolicybindings"}, true, false, finding.High, "can put policies into force that change objects that others write"},
		changeValidatingWebhooks:  {write, admissionGroup, []string{"validatingwebhookconfigurations"}, true, false, finding.High, "can see every object that anybody writes, secrets too, and refuse it or stop refusing it"},
		changeValidatingPolicies:  {change, admissionGroup, []string{"validatingadmissionpolicies", "validatingadmissionpolicybindings"}, true, false, finding.High, "can weaken the policies that guard the cluster"},
		removeAdmission: {[]string{"delete", "deletecollection"}, admissionGroup, []string{
			"validatingwebhookconfigurations", "mutatingwebhookconfigurations", "validatingadmissionpolicies", "validatingadmissionpolicybindings",
		}, true, false, finding.High, "can switch off what guards the cluster"},
		createVolumes:     {create, "", []string{"persistentvolumes"}, true, true, finding.High, "can make volumes of any path of a node"},
		createClaims:      {create, "", []string{"persistentvolumeclaims"}, false, true, finding.Info, "can claim volumes"},
		changeNamespaces:  {change, "", []string{"namespaces"}, false, false, finding.Medium, "can change the labels by which Pod Security is enforced"},
		changeAPIServices: {write, "apiregistration.k8s.io", []string{"apiservices"}, true, false, finding.High, "can send requests of the API to a server of its own"},
		changeDefinitions: {change, "apiextensions.k8s.io", []string{"customresourcedefinitions"}, true, false, finding.Medium, "can send custom resources through a webhook of its own"},
		changeNodes:       {[]string{"update", "patch", "delete"}, "", []string{"nodes", "nodes/status"}, true, false, finding.Medium, "can draw pods to other nodes"},
		portForward:       {create, "", []string{"pods/portforward"}, false, false, finding.Low, "can reach any port of running pods"},
	}
}

// requests are all requests that a power is, without a namespace.
func (p *powerInfo) requests() []Request {
	var all []Request
	add := func(group, resource string) {
		resource, sub, _ := strings.Cut(resource, "/")
		for _, verb := range p.verbs {
			all = append(all, Request{Verb: verb, Group: group, Resource: resource, Subresource: sub})
		}
	}
	if p.group == "*workloads" {
		for _, r := range []string{"deployments", "daemonsets", "statefulsets", "replicasets"} {
			add("apps", r)
		}
		add("batch", "jobs")
		add("batch", "cronjobs")
		add("", "replicationcontrollers")
		return all
	}
	for _, r := range p.resources {
		add(p.group, r)
	}
	return all
}

// matcher finds the powers in rules.
type matcher struct {
	table    [powerCount]powerInfo
	requests [powerCount][]Request
}

func (o *Objects) newMatcher() *matcher {
	m := &matcher{table: powerTable()}
	for p := range m.table {
		if o.ExecByGet && (p == int(execPods) || p == int(attachPods) || p == int(portForward)) {
			m.table[p].verbs = []string{"create", "get"}
		}
		m.requests[p] = m.table[p].requests()
	}
	return m
}

// held is a power that a rule of a role gives.
type held struct {
	power power
	rule  int
	names []string // of the objects; none means all
}

// powers of a role, by power; what holds for all objects comes before what
// holds for some.
type powers []held

// of finds the powers of one rule, wherever it is bound.
func (m *matcher) of(rule *rbacv1.PolicyRule) []power {
	if len(rule.Resources) == 0 || len(rule.Verbs) == 0 {
		return nil
	}
	var all []power
	for p := range m.table {
		if m.table[p].nameless && len(rule.ResourceNames) > 0 && !m.makesByName(power(p), rule) {
			continue
		}
		if slices.ContainsFunc(m.requests[p], func(r Request) bool { return r.matches(rule) }) {
			all = append(all, power(p))
		}
	}
	return all
}

// makesByName reports whether a rule that names objects allows making them all
// the same: a server-side apply of an object that is not there is a patch and a
// create that both carry its name. So does an update of a role or a binding,
// which may make it, unlike that of other kinds (AllowCreateOnUpdate in the API
// server's strategies).
func (m *matcher) makesByName(p power, rule *rbacv1.PolicyRule) bool {
	return slices.ContainsFunc(m.requests[p], func(create Request) bool {
		patch, update := create, create
		patch.Verb, update.Verb = "patch", "update"
		return create.matches(rule) && (patch.matches(rule) || create.Group == rbacv1.GroupName && update.matches(rule))
	})
}

func (m *matcher) powersOf(rules []rbacv1.PolicyRule) powers {
	var all powers
	for i := range rules {
		for _, p := range m.of(&rules[i]) {
			all = append(all, held{p, i, rules[i].ResourceNames})
		}
	}
	slices.SortStableFunc(all, func(a, b held) int {
		return cmp.Or(cmp.Compare(a.power, b.power), cmp.Compare(min(len(a.names), 1), min(len(b.names), 1)))
	})
	// One rule for everything is enough; of those that name objects all count.
	return slices.CompactFunc(all, func(a, b held) bool {
		return a.power == b.power && len(a.names) == 0
	})
}

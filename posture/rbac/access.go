package rbac

// Access is a kind of dangerous right, as people speak of it: what one does
// not give away lightly.
type Access string

// The kinds of access.
const (
	EverythingAccess  Access = "everything"
	CoreAccess        Access = "core" // everything of the core group
	SecretAccess      Access = "secrets"
	PodAccess         Access = "pods" // making pods, and changing what they run
	ExecAccess        Access = "exec"
	PortForwardAccess Access = "port-forward"
	EscalationAccess  Access = "escalation" // the verbs escalate, bind and impersonate
	RoleAccess        Access = "roles"      // writing roles and bindings
	VolumeAccess      Access = "persistent-volumes"
	NodeProxyAccess   Access = "nodes-proxy"
	NodeAccess        Access = "nodes"
	ApprovalAccess    Access = "approval" // of requests for certificates
	SignerAccess      Access = "signers"  // for which one may approve
	AdmissionAccess   Access = "admission"
	TokenAccess       Access = "tokens"
	NamespaceAccess   Access = "namespaces"
	ExtensionAccess   Access = "extensions" // of the API: aggregated servers, custom resources
	OrdinaryAccess    Access = "ordinary"   // dangerous only together with others
)

// Accesses lists all of them.
func Accesses() []Access {
	return []Access{
		EverythingAccess, CoreAccess, SecretAccess, PodAccess, ExecAccess, PortForwardAccess, EscalationAccess, RoleAccess, VolumeAccess,
		NodeProxyAccess, NodeAccess, ApprovalAccess, SignerAccess, AdmissionAccess, TokenAccess, NamespaceAccess, ExtensionAccess, OrdinaryAccess,
	}
}

// access is the kind that a power is of.
func (p power) access() Access {
	switch p {
	case everything:
		return EverythingAccess
	case everythingCore:
		return CoreAccess
	case escalateClusterRoles, bindClusterRoles, escalateRoles, bindRoles, impersonateUsers, impersonateGroups, impersonateAccounts:
		return EscalationAccess
	case changeClusterRoles, createClusterRoleBindings, changeClusterRoleBindings, changeRoles, createRoleBindings, changeRoleBindings:
		return RoleAccess
	case createPods, changePods, createWorkloads, changeWorkloads:
		return PodAccess
	case execPods, attachPods, debugPods:
		return ExecAccess
	case readSecrets:
		return SecretAccess
	case createTokens:
		return TokenAccess
	case proxyNodes:
		return NodeProxyAccess
	case approveRequests:
		return ApprovalAccess
	case approveSigners:
		return SignerAccess
	case changeMutatingWebhooks, changeMutatingPolicies, changeMutatingBindings, changeValidatingWebhooks, changeValidatingPolicies, removeAdmission:
		return AdmissionAccess
	case createVolumes:
		return VolumeAccess
	case changeNamespaces:
		return NamespaceAccess
	case changeAPIServices, changeDefinitions:
		return ExtensionAccess
	case changeNodes:
		return NodeAccess
	case portForward:
		return PortForwardAccess
	case createSecrets, createRequests, createClaims:
		return OrdinaryAccess
	}
	return ""
}

// Access is the kind of right that a technique begins with; empty for one that
// needs none of its own, but where one has got to.
func (t Technique) Access() Access {
	switch t {
	case HasEverything:
		return EverythingAccess
	case EscalateRole, BindRole, ImpersonateMasters, Impersonate, ImpersonateAccount:
		return EscalationAccess
	case CreatePod, ChangePod, PrivilegedPod:
		return PodAccess
	case HostPathVolume:
		return VolumeAccess
	case LiftPodSecurity:
		return NamespaceAccess
	case Exec, ExecOnHost:
		return ExecAccess
	case TokenSecret, MakeTokenSecret:
		return SecretAccess
	case CreateToken:
		return TokenAccess
	case NodeProxy:
		return NodeProxyAccess
	case ApproveCertificate, NodeCertificate:
		return ApprovalAccess
	case MutatingAdmission:
		return AdmissionAccess
	case NamespaceAdmin, NodeTokens:
	}
	return ""
}

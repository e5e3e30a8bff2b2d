package rbac

// Technique is a way to get more rights than one has.
type Technique string

// The techniques.
const (
	HasEverything      Technique = "has-everything"
	EscalateRole       Technique = "escalate-role"
	BindRole           Technique = "bind-role"
	ImpersonateMasters Technique = "impersonate-masters"
	Impersonate        Technique = "impersonate"
	ImpersonateAccount Technique = "impersonate-service-account"
	CreatePod          Technique = "create-pod"
	ChangePod          Technique = "change-pod"
	PrivilegedPod      Technique = "privileged-pod"
	HostPathVolume     Technique = "host-path-volume"
	LiftPodSecurity    Technique = "lift-pod-security"
	Exec               Technique = "exec"
	ExecOnHost         Technique = "exec-on-host"
	TokenSecret        Technique = "token-secret"
	MakeTokenSecret    Technique = "make-token-secret" //nolint:gosec // the name of a technique, no credential
	CreateToken        Technique = "create-token"
	NodeProxy          Technique = "node-proxy"
	ApproveCertificate Technique = "approve-certificate"
	NodeCertificate    Technique = "node-certificate"
	MutatingAdmission  Technique = "mutating-admission"
	NamespaceAdmin     Technique = "namespace-admin"
	NodeTokens         Technique = "node-tokens"
)

// technique is what is said of one.
type technique struct{ does, why string }

func (t Technique) text() technique {
	switch t {
	case HasEverything:
		return technique{"may do everything", "Every verb on every resource is what cluster-admin has."}
	case EscalateRole:
		return technique{"writes more rights into a role that it has", "The verb escalate lifts the rule that nobody gives away rights that they lack."}
	case BindRole:
		return technique{"binds itself to a role that may do everything", "The verb bind lifts the rule that nobody gives away rights that they lack."}
	case ImpersonateMasters:
		return technique{"acts as a member of system:masters", "That group is not asked for rights at all."}
	case Impersonate:
		return technique{"acts as somebody else", "A request that names another user has that one's rights."}
	case ImpersonateAccount:
		return technique{"acts as the account", "A request that names a service account has that one's rights."}
	case CreatePod:
		return technique{"runs a pod as the account", "Who makes a pod chooses the service account of the namespace that it runs as, and can read its token there."}
	case ChangePod:
		return technique{"puts its own image into a pod of the account", "A container's image can be changed while the pod runs; the new one can read the account's token."}
	case PrivilegedPod:
		return technique{"runs a privileged pod", "Such a pod can do everything on the node that it runs on, and may choose that node."}
	case HostPathVolume:
		return technique{"runs a pod with a volume of the node's file system", "A persistent volume may be any path of a node; Pod Security looks at pods, not at volumes."}
	case LiftPodSecurity:
		return technique{"takes away the namespace's Pod Security label and runs a privileged pod", "Who can change the namespace can change what is enforced in it."}
	case Exec:
		return technique{"runs a command in a pod of the account", "Inside the pod the account's token can be read."}
	case ExecOnHost:
		return technique{"runs a command in a pod that can reach its node", "What such a pod can do to the node, everybody inside it can."}
	case TokenSecret:
		return technique{"reads a secret with a token of the account", "Such a token never ends."}
	case MakeTokenSecret:
		return technique{"makes a secret for a token of the account, and reads it", "The server fills in the token of any service account of the namespace."}
	case CreateToken:
		return technique{"makes a token of the account", "A token is all that it takes to be the account."}
	case NodeProxy:
		return technique{"runs commands through the kubelet", "The kubelet does not ask who may run commands in which pod, and no audit log of the API server shows it."}
	case ApproveCertificate:
		return technique{"gets itself a certificate of another name", "A certificate for clients may name any user and any group but system:masters."}
	case NodeCertificate:
		return technique{"gets itself the certificate of a node", "A node may make tokens of all accounts whose pods run on it, and read their secrets."}
	case MutatingAdmission:
		return technique{"changes pods while others make them", "What changes every new object can add a container to any pod, and rights to any binding."}
	case NamespaceAdmin:
		return technique{"runs a pod as the account", "Who may do everything in a namespace may run pods there as any of its accounts."}
	case NodeTokens:
		return technique{"reads the account's token from its pod on the node", "Whoever has a node has all that the pods on it have; pods can be drawn to it."}
	}
	return technique{}
}

// Techniques lists all of them.
func Techniques() []Technique {
	return []Technique{
		HasEverything, EscalateRole, BindRole, ImpersonateMasters, Impersonate, ImpersonateAccount, CreatePod, ChangePod, PrivilegedPod,
		HostPathVolume, LiftPodSecurity, Exec, ExecOnHost, TokenSecret, MakeTokenSecret, CreateToken, NodeProxy, ApproveCertificate,
		NodeCertificate, MutatingAdmission, NamespaceAdmin, NodeTokens,
	}
}

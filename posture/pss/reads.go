package pss

import (
	"cmp"
	"slices"
	"strings"

	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

// reads says which fields a check looks at. It is the one thing about the
// checks that is ours, because the library does not tell; tests change every
// field of a pod, one at a time, and see that no other field matters and that
// each of these does.
type reads struct {
	// pod are fields below the pod spec, container those below every container,
	// init container and ephemeral container. [*] stands for every element of a
	// list, and * for every field that is set.
	pod, container []string
	// required, where set, is the one among container that has to have a value;
	// the others must not have the wrong one.
	required string
	// lifts are fields below the pod spec that put the check out of force, and
	// that are never what is wrong.
	lifts []string
	// annotations are keys in the pod's metadata; those that end with / go on
	// with a container's name.
	annotations []string
}

// title and reads of every check of the library, by its ID.
type knowledge struct {
	title string
	reads reads
}

func knowledgeOf(id string) (k knowledge, ok bool) {
	switch policy.CheckID(id) {
	case "privileged":
		return knowledge{"No privileged containers", reads{container: []string{"securityContext.privileged"}}}, true
	case "hostNamespaces":
		return knowledge{"No host network, PID or IPC namespace", reads{pod: []string{"hostNetwork", "hostPID", "hostIPC"}}}, true
	case "hostPathVolumes":
		return knowledge{"No hostPath volumes", reads{pod: []string{"volumes[*].hostPath"}}}, true
	case "hostPorts":
		return knowledge{"No host ports", reads{container: []string{"ports[*].hostPort"}}}, true
	case "capabilities_baseline":
		return knowledge{"Only default capabilities may be added, never NET_RAW", reads{container: []string{"securityContext.capabilities.add[*]"}}}, true
	case "hostProbesAndHostLifecycle":
		return knowledge{"Probes and lifecycle hooks name no host", reads{container: hostFields()}}, true
	case "appArmorProfile":
		return knowledge{"AppArmor stays at runtime default or a local profile", reads{
			pod: []string{"securityContext.appArmorProfile.type"}, container: []string{"securityContext.appArmorProfile.type"},
			annotations: []string{"container.apparmor.security.beta.kubernetes.io/"},
		}}, true
	case "seLinuxOptions":
		three := []string{"securityContext.seLinuxOptions.type", "securityContext.seLinuxOptions.user", "securityContext.seLinuxOptions.role"}
		return knowledge{"SELinux type from a short list, no user or role", reads{pod: three, container: three}}, true
	case "procMount":
		return knowledge{"/proc stays masked unless in a user namespace", reads{container: []string{"securityContext.procMount"}, lifts: []string{"hostUsers"}}}, true
	case "seccompProfile_baseline":
		return knowledge{"Seccomp is not switched off", reads{
			pod: []string{"securityContext.seccompProfile.type"}, container: []string{"securityContext.seccompProfile.type"},
			annotations: []string{"seccomp.security.alpha.kubernetes.io/pod", "container.seccomp.security.alpha.kubernetes.io/"},
		}}, true
	case "sysctls":
		return knowledge{"Only safe sysctls are set", reads{pod: []string{"securityContext.sysctls[*].name"}}}, true
	case "windowsHostProcess":
		return knowledge{"No Windows HostProcess containers", reads{
			pod: []string{"securityContext.windowsOptions.hostProcess"}, container: []string{"securityContext.windowsOptions.hostProcess"},
		}}, true
	}
	return restrictedKnowledgeOf(id)
}

func restrictedKnowledgeOf(id string) (k knowledge, ok bool) {
	windows := []string{"os.name"}
	userNamespace := []string{"hostUsers"}
	switch policy.CheckID(id) {
	case "restrictedVolumes":
		return knowledge{"Only harmless volume kinds", reads{pod: []string{"volumes[*].*"}}}, true
	case "allowPrivilegeEscalation":
		return knowledge{"Privilege escalation is switched off (Linux)", reads{
			container: []string{"securityContext.allowPrivilegeEscalation"}, required: "securityContext.allowPrivilegeEscalation", lifts: windows,
		}}, true
	case "runAsNonRoot":
		return knowledge{"Containers must promise to run as non-root", reads{
			pod: []string{"securityContext.runAsNonRoot"}, container: []string{"securityContext.runAsNonRoot"},
			required: "securityContext.runAsNonRoot", lifts: userNamespace,
		}}, true
	case "runAsUser":
		return knowledge{"User ID 0 is not asked for", reads{
			pod: []string{"securityContext.runAsUser"}, container: []string{"securityContext.runAsUser"}, lifts: userNamespace,
		}}, true
	case "seccompProfile_restricted":
		return knowledge{"A seccomp profile is set (Linux)", reads{
			pod: []string{"securityContext.seccompProfile.type"}, container: []string{"securityContext.seccompProfile.type"},
			required: "securityContext.seccompProfile.type", lifts: windows,
		}}, true
	case "capabilities_restricted":
		return knowledge{"All capabilities dropped, at most NET_BIND_SERVICE added (Linux)", reads{
			container: []string{"securityContext.capabilities.drop", "securityContext.capabilities.add[*]"},
			required:  "securityContext.capabilities.drop", lifts: windows,
		}}, true
	case "procMount_restricted":
		return knowledge{"/proc stays masked without exception", reads{container: []string{"securityContext.procMount"}}}, true
	}
	return knowledge{}, false
}

// hostFields are the hosts in a container's probes and hooks.
func hostFields() []string {
	var all []string
	for _, handler := range []string{"livenessProbe", "readinessProbe", "startupProbe", "lifecycle.postStart", "lifecycle.preStop"} {
		all = append(all, handler+".httpGet.host", handler+".tcpSocket.host")
	}
	return all
}

// containerLists are where containers stand in a pod spec, in the order in which the library visits them.
const (
	initContainers      = "initContainers"
	containers          = "containers"
	ephemeralContainers = "ephemeralContainers"
)

// Info tells what there is to know about a check without making it.
type Info struct {
	// ID is the library's.
	ID    string    `json:"id"`
	Level api.Level `json:"level"`
	Title string    `json:"title"`
	// Fields are all that the check reads, below the pod spec; those in the
	// pod's metadata begin with "metadata.".
	Fields []string `json:"fields"`
	// MinVersions are the versions of the standards in which the check begins, or changes.
	MinVersions []string `json:"minVersions"`
}

func infoOf(c *policy.Check) Info {
	k, _ := knowledgeOf(string(c.ID))
	info := Info{ID: string(c.ID), Level: c.Level, Title: k.title, Fields: k.reads.fields()}
	for _, v := range c.Versions {
		info.MinVersions = append(info.MinVersions, v.MinimumVersion.String())
	}
	return info
}

// Reference is the name of the check in the table of the Pod Security
// Standards, such as "baseline/hostPorts".
func (i *Info) Reference() string { return string(i.Level) + "/" + i.ID }

// fields lists everything that is read, for people.
func (r *reads) fields() []string {
	all := slices.Clone(r.pod)
	for _, list := range []string{containers, initContainers, ephemeralContainers} {
		for _, f := range r.container {
			all = append(all, list+"[*]."+f)
		}
	}
	all = append(all, r.lifts...)
	for _, key := range r.annotations {
		if strings.HasSuffix(key, "/") {
			key += "*"
		}
		all = append(all, annotationPath(key))
	}
	return all
}

func annotationPath(key string) string { return "metadata.annotations['" + key + "']" }

// FieldPath is the path, in an object, of a field that this package names:
// specPath is where the pod spec stands in it, such as "spec.template.spec".
func FieldPath(specPath, field string) string {
	if strings.HasPrefix(field, "metadata.") {
		return strings.TrimSuffix(specPath, "spec") + field
	}
	return specPath + "." + field
}

// Checks lists every check that some version of the standards has, those of
// baseline first, each level by ID, as the library orders them.
func Checks() []Info {
	var all []Info
	for _, c := range policy.DefaultChecks() {
		all = append(all, infoOf(&c))
	}
	slices.SortFunc(all, func(a, b Info) int {
		return cmp.Or(api.CompareLevels(a.Level, b.Level), cmp.Compare(a.ID, b.ID))
	})
	return all
}

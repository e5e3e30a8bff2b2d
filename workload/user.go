package workload

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// User is what a spec says about the user that a container runs as. Every
// setting is the one that takes effect: the container's over the pod's, field
// by field, as the kubelet merges them.
type User struct {
	// RunAsUser and RunAsNonRoot are nil where neither level sets them.
	RunAsUser    *int64
	RunAsNonRoot *bool
	// RunAsUserFromPod and RunAsNonRootFromPod: the pod's level decided.
	RunAsUserFromPod, RunAsNonRootFromPod bool
	// OwnUsers: hostUsers is false, so the container's users are not those of
	// the host; its root is an unprivileged user there (KEP-127).
	OwnUsers bool
	// OS is the system of the nodes that the pod is for, see [OS]. On Windows
	// runAsUser means nothing, and the fields below decide.
	OS corev1.OSName
	// WindowsOptions: some level sets them, so the pod may well be for Windows.
	WindowsOptions bool
	// RunAsUserName is nil where neither level sets it.
	RunAsUserName        *string
	RunAsUserNameFromPod bool
	// HostProcess: the container is a process of the Windows host itself.
	HostProcess        bool
	HostProcessFromPod bool
}

// EffectiveUser merges what pod and container say about the user.
func EffectiveUser(spec *corev1.PodSpec, c *Container) User {
	u := User{OwnUsers: spec.HostUsers != nil && !*spec.HostUsers, OS: OS(spec)}
	if pod := spec.SecurityContext; pod != nil {
		u.RunAsUser, u.RunAsUserFromPod = pod.RunAsUser, pod.RunAsUser != nil
		u.RunAsNonRoot, u.RunAsNonRootFromPod = pod.RunAsNonRoot, pod.RunAsNonRoot != nil
		u.windows(pod.WindowsOptions, true)
	}
	if own := c.Security; own != nil {
		if own.RunAsUser != nil {
			u.RunAsUser, u.RunAsUserFromPod = own.RunAsUser, false
		}
		if own.RunAsNonRoot != nil {
			u.RunAsNonRoot, u.RunAsNonRootFromPod = own.RunAsNonRoot, false
		}
		u.windows(own.WindowsOptions, false)
	}
	return u
}

func (u *User) windows(o *corev1.WindowsSecurityContextOptions, pod bool) {
	if o == nil {
		return
	}
	u.WindowsOptions = true
	if o.RunAsUserName != nil {
		u.RunAsUserName, u.RunAsUserNameFromPod = o.RunAsUserName, pod
	}
	if o.HostProcess != nil {
		u.HostProcess, u.HostProcessFromPod = *o.HostProcess, pod
	}
}

// WindowsAccount is the last part of a Windows user name, in lower case and
// without spaces: "NT AUTHORITY\Local Service" is "localservice".
func WindowsAccount(name string) string {
	if i := strings.LastIndexByte(name, '\\'); i >= 0 {
		name = name[i+1:]
	}
	return strings.ToLower(strings.ReplaceAll(name, " ", ""))
}

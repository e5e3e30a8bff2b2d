// Package mirror says how a container of ours must be set up to see into
// another container of the same pod: as the same user and group, with the same
// capabilities, and with as little as possible of everything else.
//
// It is pure: it looks at specs and asks nobody. Who the target really runs as
// is for the caller to know.
//
//	security := mirror.Context(target.SecurityContext, mirror.IDs{User: 10001, Group: 10001}, false)
package mirror

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// IDs are the numbers that a container's first process was started with.
type IDs struct{ User, Group int64 }

// Privileged reports whether a container's processes have every capability.
func Privileged(own *corev1.SecurityContext) bool {
	return own != nil && own.Privileged != nil && *own.Privileged
}

// Context is the security context of a container of ours beside a target with
// the security context own, which may be nil.
//
// The kernel opens another process's root (/proc/PID/root) only for the same
// user and group, and only where the capabilities of that process are within
// the reader's own. So these are the target's. What makes no difference to
// that is as strict as it can be: seccomp, no new privileges, a root file
// system that can't be written.
//
// Ptrace adds CAP_SYS_PTRACE, which opens every process of the pod. Only root
// can have it, because nothing gives capabilities to other users.
func Context(own *corev1.SecurityContext, ids IDs, ptrace bool) *corev1.SecurityContext {
	if own == nil {
		own = &corev1.SecurityContext{}
	}
	if ptrace && ids.User != 0 {
		c := Context(own, ids, false)
		c.RunAsUser, c.RunAsNonRoot = new(int64), new(bool)
		c.Capabilities.Add = []corev1.Capability{"SYS_PTRACE"}
		return c
	}
	nonRoot := ids.User != 0
	c := &corev1.SecurityContext{
		RunAsUser:    &ids.User,
		RunAsGroup:   &ids.Group,
		RunAsNonRoot: &nonRoot,
		Capabilities: capabilities(own, ids, ptrace),
		// Both name the domain that the target's processes are in: processes of
		// other domains can't be looked into.
		SELinuxOptions:           own.SELinuxOptions,
		AppArmorProfile:          own.AppArmorProfile,
		SeccompProfile:           &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		AllowPrivilegeEscalation: new(bool),
		ReadOnlyRootFilesystem:   new(bool),
	}
	*c.ReadOnlyRootFilesystem = true
	if c.Capabilities != nil && slices.Contains(c.Capabilities.Add, "CAP_SYS_ADMIN") {
		c.AllowPrivilegeEscalation = nil // the API server refuses the two together
	}
	return c
}

// capabilities are nil where the runtime's own set is the target's too. Users
// other than root have none unless a file gives them, and our file gives none.
func capabilities(own *corev1.SecurityContext, ids IDs, ptrace bool) *corev1.Capabilities {
	if ids.User != 0 {
		return &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}
	}
	var c corev1.Capabilities
	if own.Capabilities != nil {
		c = *own.Capabilities.DeepCopy()
	}
	if ptrace && !Has(c.Add, "SYS_PTRACE") {
		c.Add = append(c.Add, "SYS_PTRACE")
		c.Drop = slices.DeleteFunc(c.Drop, func(d corev1.Capability) bool { return plain(d) == "SYS_PTRACE" })
	}
	if len(c.Add)+len(c.Drop) == 0 {
		return nil
	}
	return &c
}

// Has reports whether a capability is in a list, however it is written there.
func Has(list []corev1.Capability, name string) bool {
	return slices.ContainsFunc(list, func(c corev1.Capability) bool { p := plain(c); return p == name || p == "ALL" })
}

func plain(c corev1.Capability) string {
	return strings.TrimPrefix(strings.ToUpper(string(c)), "CAP_")
}

// Declared are the IDs that a spec fixes for a container with the security
// context own. It is false where it leaves one of them to the image.
func Declared(spec *corev1.PodSpec, own *corev1.SecurityContext) (IDs, bool) {
	var user, group *int64
	if pod := spec.SecurityContext; pod != nil {
		user, group = pod.RunAsUser, pod.RunAsGroup
	}
	if own != nil {
		if own.RunAsUser != nil {
			user = own.RunAsUser
		}
		if own.RunAsGroup != nil {
			group = own.RunAsGroup
		}
	}
	if user == nil || group == nil {
		return IDs{}, false
	}
	return IDs{*user, *group}, true
}

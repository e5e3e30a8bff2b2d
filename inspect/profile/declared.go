package profile

import (
	"encoding/json"
	"fmt"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	corev1 "k8s.io/api/core/v1"
	utiljson "k8s.io/apimachinery/pkg/util/json"

	"github.com/kubeassay/assay/inspect/snapshot"
	"github.com/kubeassay/assay/workload"
)

// declared is what the pod's spec and status say.
type declared struct {
	pod *corev1.Pod
	// object is the same as expressions see it.
	object map[string]any
	// container points into pod; nil where there is none of that name.
	container *workload.Container
	status    *corev1.ContainerStatus
	// containerPath and statusPath are places in the pod.
	containerPath, statusPath string
	problem                   *gap
}

func defineDeclared(l *language) {
	l.ident(&name{name: "pod", typ: cel.MapType(cel.StringType, cel.DynType),
		about: "The pod as the API server has it, spec and status. Use pod.spec.?field or has(pod.spec.field) for what may be unset.",
		get: func(e *evaluation) ref.Val {
			d := e.declared()
			if d.problem != nil {
				return types.WrapErr(d.problem)
			}
			return types.DefaultTypeAdapter.NativeToValue(d.object)
		}})
	claims := defineClaims(l)
	c := l.class(newClass("Container", "The container as the pod declares it, and as the kubelet reports it."))
	textField(c, "name", "The container's name.", func(d *declared) string { return d.container.Name })
	textField(c, "type", "container, initContainer, sidecarContainer or ephemeralContainer.", func(d *declared) string { return string(d.container.Type) })
	textField(c, "image", "The image as the spec names it.", func(d *declared) string { return d.container.Image })
	dyn := cel.MapType(cel.StringType, cel.DynType)
	define(c, "spec", dyn, "The container in the pod's spec.", func(_ *evaluation, d *declared) ref.Val { return d.at(d.containerPath) })
	define(c, "status", dyn, "The container in the pod's status; empty where the kubelet has not written one.", func(_ *evaluation, d *declared) ref.Val { return d.at(d.statusPath) })
	define(c, "claims", claims, "The settings that take effect, container and pod taken together.", func(e *evaluation, d *declared) ref.Val {
		return e.object(l.classes["Claims"], d)
	})
	l.ident(&name{name: "container", typ: c.typ, about: "The container that was looked into.", get: func(e *evaluation) ref.Val {
		d := e.declared()
		switch {
		case d.problem != nil:
			return types.WrapErr(d.problem)
		case d.container == nil:
			return types.WrapErr(&gap{status: gapStatus(snapshot.Failed), text: fmt.Sprintf("the pod has no container %q", e.container)})
		}
		return e.object(c, d)
	}})
	target := l.class(newClass("Target", "Which container it is."))
	textField(target, "namespace", "The pod's namespace.", func(t *snapshot.Target) string { return t.Namespace })
	textField(target, "pod", "The pod's name.", func(t *snapshot.Target) string { return t.Pod })
	textField(target, "container", "The container's name.", func(t *snapshot.Target) string { return t.Container })
	textField(target, "image", "The image as the spec names it.", func(t *snapshot.Target) string { return t.Image })
	textField(target, "imageId", "The image as the kubelet reports it.", func(t *snapshot.Target) string { return t.ImageID })
	textField(target, "node", "The node's name.", func(t *snapshot.Target) string { return t.Node })
	l.ident(&name{name: "target", typ: target.typ, about: "Which container it is.", get: func(e *evaluation) ref.Val { return e.object(target, &e.s.Target) }})
}

// defineClaims: what the spec says, merged as the kubelet merges it. What is
// set nowhere is optional.none().
func defineClaims(l *language) *cel.Type {
	c := l.class(newClass("Claims", "Security settings as they take effect: the container's over the pod's, field by field."))
	define(c, "runAsUser", cel.OptionalType(cel.IntType), "The user's number; optional.", func(_ *evaluation, d *declared) ref.Val {
		return optionalInt(workload.EffectiveUser(&d.pod.Spec, d.container).RunAsUser)
	})
	define(c, "runAsNonRoot", cel.BoolType, "The kubelet refuses to start it as root.", func(_ *evaluation, d *declared) ref.Val {
		v := workload.EffectiveUser(&d.pod.Spec, d.container).RunAsNonRoot
		return types.Bool(v != nil && *v)
	})
	define(c, "runAsGroup", cel.OptionalType(cel.IntType), "The group's number; optional.", func(_ *evaluation, d *declared) ref.Val {
		if s := d.security(); s.RunAsGroup != nil {
			return optionalInt(s.RunAsGroup)
		}
		if p := d.pod.Spec.SecurityContext; p != nil {
			return optionalInt(p.RunAsGroup)
		}
		return types.OptionalNone
	})
	boolField(c, "privileged", "It may do nearly anything that the host's root may.", func(d *declared) bool { return isTrue(d.security().Privileged) })
	boolField(c, "readOnlyRootFilesystem", "Its root file system is read-only.", func(d *declared) bool { return isTrue(d.security().ReadOnlyRootFilesystem) })
	boolField(c, "allowPrivilegeEscalation", "What it starts may get more privileges; so it is unless the spec says no.", func(d *declared) bool {
		s := d.security()
		return s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation
	})
	textField(c, "seccompProfile", "RuntimeDefault, Localhost or Unconfined; empty where it is set nowhere.", func(d *declared) string {
		if s := d.security().SeccompProfile; s != nil {
			return string(s.Type)
		}
		if p := d.pod.Spec.SecurityContext; p != nil && p.SeccompProfile != nil {
			return string(p.SeccompProfile.Type)
		}
		return ""
	})
	textsField(c, "addedCapabilities", "Such as NET_ADMIN, or ALL.", func(d *declared) []string {
		return d.capabilities(func(c *corev1.Capabilities) []corev1.Capability { return c.Add })
	})
	textsField(c, "droppedCapabilities", "Such as NET_RAW, or ALL.", func(d *declared) []string {
		return d.capabilities(func(c *corev1.Capabilities) []corev1.Capability { return c.Drop })
	})
	define(c, "ports", cel.ListType(cel.IntType), "The numbers of the ports that the spec declares, for all containers of the pod: they share them.", func(_ *evaluation, d *declared) ref.Val {
		return d.ports()
	})
	return c.typ
}

func isTrue(b *bool) bool { return b != nil && *b }

func (d *declared) security() corev1.SecurityContext {
	if d.container.Security == nil {
		return corev1.SecurityContext{}
	}
	return *d.container.Security
}

func (d *declared) capabilities(which func(*corev1.Capabilities) []corev1.Capability) []string {
	names := []string{}
	if c := d.security().Capabilities; c != nil {
		for _, n := range which(c) {
			names = append(names, string(n))
		}
	}
	return names
}

func (d *declared) ports() ref.Val {
	var all []ref.Val
	for _, list := range [][]corev1.Container{d.pod.Spec.Containers, d.pod.Spec.InitContainers} {
		for i := range list {
			for _, p := range list[i].Ports {
				all = append(all, types.Int(p.ContainerPort))
			}
		}
	}
	return listOf(all, nil)
}

// declared reads the pod, once.
func (e *evaluation) declared() *declared {
	if e.declaration == nil {
		e.declaration = e.readDeclared()
	}
	return e.declaration
}

func (e *evaluation) readDeclared() *declared {
	data := []byte(e.s.Declared)
	if e.pod != nil {
		var err error
		if data, err = json.Marshal(e.pod); err != nil {
			return undeclared("the pod could not be written as JSON: %v", err)
		}
	}
	if len(data) == 0 {
		return &declared{problem: &gap{status: gapStatus(snapshot.NotCollected), text: "the pod's spec and status were not collected"}}
	}
	d := &declared{pod: &corev1.Pod{}}
	if err := json.Unmarshal(data, d.pod); err != nil {
		return undeclared("the pod in the snapshot can't be read: %v", err)
	}
	if err := utiljson.Unmarshal(data, &d.object); err != nil {
		return undeclared("the pod in the snapshot can't be read: %v", err)
	}
	if e.pod == nil && e.s.Redacted() {
		hideRedacted(d.object)
	}
	for c := range workload.Containers(&d.pod.Spec) {
		if c.Name == e.container {
			found := *c // the yielded value is reused
			d.container, d.containerPath = &found, "spec."+found.Path()
			d.status = workload.Status(&d.pod.Status, &found)
			d.statusPath = workload.StatusPath(&d.pod.Status, &found)
			break
		}
	}
	return d
}

func undeclared(format string, args ...any) *declared {
	return &declared{problem: &gap{status: gapStatus(snapshot.Failed), text: fmt.Sprintf(format, args...)}}
}

// hideRedacted replaces what may be no real value in a saved pod by errors.
func hideRedacted(m map[string]any) {
	for name, v := range m {
		switch name {
		case "annotations", "command", "args", "volumeAttributes", "options":
			m[name] = types.WrapErr(redacted("the field " + name + " of the pod"))
			continue
		}
		switch v := v.(type) {
		case map[string]any:
			hideRedacted(v)
		case []any:
			for _, item := range v {
				item, ok := item.(map[string]any)
				if !ok {
					continue
				}
				if _, ok := item["value"]; ok && (name == "env" || name == "httpHeaders") {
					item["value"] = types.WrapErr(redacted("the values under " + name + " of the pod"))
				}
				hideRedacted(item)
			}
		}
	}
}

// at is what stands at a path of the pod; empty where nothing does.
func (d *declared) at(path string) ref.Val {
	v, ok := lookUp(d.object, path)
	if m, isMap := v.(map[string]any); ok && isMap {
		return types.DefaultTypeAdapter.NativeToValue(m)
	}
	return types.DefaultTypeAdapter.NativeToValue(map[string]any{})
}

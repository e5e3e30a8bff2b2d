package redact

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubeassay/assay/inspect/snapshot"
)

// secretMounts are the paths in the container where its pod mounts secrets.
func secretMounts(s *snapshot.Snapshot) ([]string, error) {
	if len(s.Declared) == 0 {
		return nil, nil
	}
	var pod corev1.Pod
	if err := json.Unmarshal(s.Declared, &pod); err != nil {
		return nil, fmt.Errorf("reading the declared pod: %w", err)
	}
	volumes := map[string]bool{}
	for _, v := range pod.Spec.Volumes {
		csi := v.CSI != nil && strings.HasPrefix(v.CSI.Driver, "secrets-store.")
		projected := v.Projected != nil && slices.ContainsFunc(v.Projected.Sources, func(p corev1.VolumeProjection) bool {
			return p.Secret != nil || p.ServiceAccountToken != nil
		})
		volumes[v.Name] = v.Secret != nil || csi || projected
	}
	var mounts []string
	add := func(name string, list []corev1.VolumeMount) {
		for _, m := range list {
			if name != s.Target.Container || !volumes[m.Name] {
				continue
			}
			mounts = append(mounts, path.Clean(m.MountPath))
			// The entries have the path without links: /run for /var/run.
			if at := s.Resolve(m.MountPath).Path; at != "/" {
				mounts = append(mounts, at)
			}
		}
	}
	for _, list := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for _, c := range list {
			add(c.Name, c.VolumeMounts)
		}
	}
	for _, c := range pod.Spec.EphemeralContainers {
		add(c.Name, c.VolumeMounts)
	}
	return slices.DeleteFunc(mounts, func(m string) bool { return m == "/" || m == "." }), nil
}

// Pod takes the values of environment variables out of the declared pod, what
// looks like a secret in commands, headers and annotations, and the copy of all
// that which kubectl apply leaves in an annotation.
func (r *redaction) Pod(d snapshot.Declared) (snapshot.Declared, error) {
	dec := json.NewDecoder(bytes.NewReader(d))
	dec.UseNumber()
	var pod any
	if err := dec.Decode(&pod); err != nil {
		return nil, fmt.Errorf("it is no JSON: %w", err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("something follows its JSON")
	}
	r.value("", pod)
	out, err := json.Marshal(pod)
	return out, err
}

// value walks through a value, whose field has the given name, and changes it in place.
func (r *redaction) value(field string, v any) {
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			if m, ok := item.(map[string]any); ok && (field == "env" || field == "httpHeaders") {
				r.variable(field, m)
			}
			r.value("", item)
		}
		if field == "command" || field == "args" {
			r.command(v)
		}
	case map[string]any:
		switch field {
		case "annotations":
			delete(v, corev1.LastAppliedConfigAnnotation)
			r.texts(v)
		case "volumeAttributes", "options":
			r.texts(v)
		case "managedFields":
			return
		}
		for name, item := range v {
			r.value(name, item)
		}
	}
}

// variable is one of env, whose value goes, or a header, which may be harmless.
func (r *redaction) variable(field string, m map[string]any) {
	name, _ := m["name"].(string)
	value, ok := m["value"].(string)
	if ok && (field == "env" || secretName(name) || strings.HasSuffix(strings.ToLower(name), "authorization")) {
		m["value"] = strings.Repeat("x", len(value))
	}
}

func (r *redaction) command(list []any) {
	args := make([]string, len(list))
	for i, a := range list {
		args[i], _ = a.(string)
	}
	if out, changed := r.Args(args); changed {
		for i, a := range out {
			list[i] = a
		}
	}
}

// texts are names with a value each.
func (r *redaction) texts(m map[string]any) {
	for name, v := range m {
		value, ok := v.(string)
		if !ok {
			continue
		}
		w := &work{src: []byte(value)}
		if secretName(name) && !harmless([]byte(value)) {
			w.full(0, len(value))
		} else {
			privateKeys(w)
			r.line(w, true)
		}
		if data, changed := w.result(); changed {
			m[name] = string(data)
		}
	}
}

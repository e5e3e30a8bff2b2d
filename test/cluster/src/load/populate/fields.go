package populate

import (
	"encoding/json"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// The keys by which the API server tells the items of lists apart. Lists
// whose items have none of these count as one value.
var itemKeys = map[string][]string{
	"containers": {"name"}, "initContainers": {"name"}, "volumes": {"name"}, "env": {"name"},
	"volumeMounts": {"mountPath"}, "ports": {"containerPort", "protocol"}, "conditions": {"type"},
	"hostIPs": {"ip"}, "podIPs": {"ip"}, "ownerReferences": {"uid"}, "topologySpreadConstraints": {"topologyKey", "whenUnsatisfiable"},
}

// manage gives an object the managed fields that the API server would have
// noted: its maker set the spec, its keeper the status.
func manage(object metav1.Object, apiVersion, maker, keeper string) error {
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		return err
	}
	meta, _ := fields["metadata"].(map[string]any)
	own := map[string]any{}
	for _, name := range []string{"annotations", "labels", "ownerReferences", "generateName"} {
		if v, ok := meta[name]; ok {
			own[name] = v
		}
	}
	made := map[string]any{"metadata": own}
	for _, name := range []string{"spec", "template"} {
		if v, ok := fields[name]; ok {
			made[name] = v
		}
	}
	entry := func(manager, subresource string, of map[string]any) (metav1.ManagedFieldsEntry, error) {
		raw, err := json.Marshal(owned(of))
		created := object.GetCreationTimestamp()
		return metav1.ManagedFieldsEntry{
			Manager: manager, Operation: metav1.ManagedFieldsOperationUpdate, APIVersion: apiVersion, Time: &created,
			FieldsType: "FieldsV1", FieldsV1: metav1.NewFieldsV1(string(raw)), Subresource: subresource,
		}, err
	}
	first, err := entry(maker, "", made)
	if err != nil {
		return err
	}
	entries := []metav1.ManagedFieldsEntry{first}
	if status, _ := fields["status"].(map[string]any); keeper != "" && len(status) > 0 {
		second, err := entry(keeper, "status", map[string]any{"status": status})
		if err != nil {
			return err
		}
		entries = append(entries, second)
	}
	object.SetManagedFields(entries)
	return nil
}

// owned is the set of an object's fields in the form FieldsV1.
func owned(of map[string]any) map[string]any {
	set := make(map[string]any, len(of))
	for name, value := range of {
		below := map[string]any{}
		switch value := value.(type) {
		case map[string]any:
			below = owned(value)
			if len(below) > 0 && name != "spec" && name != "status" && name != "metadata" {
				below["."] = map[string]any{}
			}
		case []any:
			for _, item := range value {
				if key, ok := itemKey(name, item); ok {
					fields := owned(item.(map[string]any))
					fields["."] = map[string]any{}
					below[key] = fields
				}
			}
			if len(below) > 0 {
				below["."] = map[string]any{}
			}
		}
		set["f:"+name] = below
	}
	return set
}

func itemKey(list string, item any) (string, bool) {
	fields, ok := item.(map[string]any)
	if !ok || itemKeys[list] == nil {
		return "", false
	}
	key := map[string]any{}
	for _, name := range itemKeys[list] {
		v, ok := fields[name]
		if !ok {
			return "", false
		}
		key[name] = v
	}
	raw, err := json.Marshal(key)
	return fmt.Sprintf("k:%s", raw), err == nil
}

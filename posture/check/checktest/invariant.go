package checktest

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
)

// Verdict holds a verdict against what is true of every verdict.
func Verdict(t *testing.T, v *check.Verdict) {
	t.Helper()
	if !slices.Contains(finding.Statuses, v.Status) {
		t.Errorf("unknown status %q", v.Status)
	}
	if !slices.Contains(finding.Severities, v.Severity) {
		t.Errorf("unknown severity %q", v.Severity)
	}
	if v.Evidence != finding.Declared && v.Evidence != finding.Reported {
		t.Errorf("posture has no evidence %q", v.Evidence)
	}
	if !strings.HasSuffix(v.Message, ".") {
		t.Errorf("the message is not a sentence: %q", v.Message)
	}
	if v.May && v.Status != finding.Fail && v.Status != finding.Pass {
		t.Errorf("%s can't have May", v.Status)
	}
	if v.Status == finding.NotApplicable {
		return
	}
	if len(v.Basis) == 0 {
		t.Fatalf("%s without a basis", v.Status)
	}
	if v.Basis[0].Evidence != v.Evidence {
		t.Errorf("the verdict is %s, its first basis is %s", v.Evidence, v.Basis[0].Evidence)
	}
}

// Basis looks every field of a basis up in the object. A value in parentheses
// tells about a value that is too long, or too secret, to be shown.
func Basis(t *testing.T, v *check.Verdict, object map[string]any) {
	t.Helper()
	for i, b := range v.Basis {
		got, ok := lookUp(object, b.Field)
		value := check.Unset
		if ok && got != "" {
			value = fmt.Sprint(got)
		}
		if strings.HasSuffix(b.Field, ".user.linux.uid") && !ok {
			t.Errorf("basis %d: %s is not there", i, b.Field)
		}
		if told := strings.HasPrefix(b.Value, "(") && strings.HasSuffix(b.Value, ")"); told && ok {
			continue
		}
		if value != b.Value {
			t.Errorf("basis %d: %s is %q, the basis says %q", i, b.Field, value, b.Value)
		}
	}
}

func asMap(t *testing.T, object any) map[string]any {
	t.Helper()
	m, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// step is one step of a path: a name or a quoted key, and perhaps an index.
var step = regexp.MustCompile(`^(?:\.?(\w+)|\['([^']*)'\])(?:\[(\d+)\])?`)

// lookUp follows a field path such as spec.containers[0].image, or
// metadata.labels['app.kubernetes.io/name'].
func lookUp(object map[string]any, path string) (any, bool) {
	var at any = object
	for path != "" {
		m := step.FindStringSubmatch(path)
		if text, is := at.(string); is { // YAML in a ConfigMap
			var inner map[string]any
			_ = yaml.Unmarshal([]byte(text), &inner) // else nothing is found in it
			at = inner
		}
		fields, ok := at.(map[string]any)
		if m == nil || !ok {
			return nil, false
		}
		path = path[len(m[0]):]
		if at, ok = fields[m[1]+m[2]]; !ok {
			return nil, false
		}
		if m[3] != "" {
			n, _ := strconv.Atoi(m[3])
			list, ok := at.([]any)
			if !ok || n >= len(list) {
				return nil, false
			}
			at = list[n]
		}
	}
	return at, true
}

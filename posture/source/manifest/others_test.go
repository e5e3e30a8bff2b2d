package manifest_test

import (
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/index"
	"github.com/kubeassay/assay/posture/source/manifest"
)

// TestOthers: kinds that were asked for are read whole, with their place; all
// others are only counted, and what is broken is told.
func TestOthers(t *testing.T) {
	text := `apiVersion: rbac.authorization.k8s.io/v1
kind: RoleList
items:
- metadata: {name: reader, namespace: shop}
  rules:
  - {verbs: [get]}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: settings}}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {}}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: broken}, rules: 7}
`
	src := manifest.New([]string{"-"}, manifest.Options{
		Stdin: strings.NewReader(text),
		Others: func(apiVersion, kind string) metav1.Object {
			if apiVersion == "rbac.authorization.k8s.io/v1" && kind == "Role" {
				return new(rbacv1.Role)
			}
			return nil
		},
	})
	var others []*index.Object
	var problems []*finding.Problem
	unjudged := 0
	for item, err := range src.Items(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if item.Unjudged {
			unjudged++
		}
		if item.Other != nil {
			others = append(others, item.Other)
		}
		if item.Problem != nil {
			problems = append(problems, item.Problem)
		}
	}
	if len(others) != 1 || unjudged != 2 || len(problems) != 2 {
		t.Fatalf("%d others, %d unjudged, problems %v", len(others), unjudged, problems)
	}
	role, ok := others[0].Object.(*rbacv1.Role)
	if !ok || role.Name != "reader" || len(role.Rules) != 1 {
		t.Errorf("got %+v", others[0].Object)
	}
	if at := others[0].Locate("rules[0].verbs"); at.Line != 6 {
		t.Errorf("the verbs stand at %v", at)
	}
	if problems[0].Line != 10 || !strings.Contains(problems[0].Message, "metadata.name") || problems[1].Line != 12 {
		t.Errorf("problems: %v, %v", problems[0], problems[1])
	}
}

package manifest_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
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

// TestMetadataOfAll: where the metadata of every object are wanted, containers
// in kinds that nobody knows are judged and told of as ever, and a tool's own
// file is not taken for a broken object.
func TestMetadataOfAll(t *testing.T) {
	text := `{apiVersion: argoproj.io/v1alpha1, kind: Rollout, metadata: {name: cart}, spec: {template: {spec: {containers: [{name: a, image: x}]}}}}
---
{apiVersion: example.org/v1, kind: Play, metadata: {name: hidden}, spec: {acts: [{containers: [{name: a, image: x}]}]}}
---
{apiVersion: kustomize.config.k8s.io/v1beta1, kind: Kustomization, resources: [cart.yaml]}
---
{apiVersion: assay.dev/v1alpha1, kind: Waivers, metadata: {}, waivers: []}
---
{apiVersion: apps/v1, kind: deployment, metadata: {name: small}}
`
	src := manifest.New([]string{"-"}, manifest.Options{
		Stdin:  strings.NewReader(text),
		Others: func(string, string) metav1.Object { return new(metav1.PartialObjectMetadata) },
	})
	var got []string
	for item, err := range src.Items(t.Context()) {
		switch {
		case err != nil:
			t.Fatal(err)
		case item.Object != nil:
			got = append(got, "judged "+item.Object.Meta.Name)
		case item.Other != nil:
			got = append(got, "other "+item.Other.GetName())
		case item.Problem != nil:
			got = append(got, "problem "+item.Problem.Message)
		case item.Coverage != nil:
			got = append(got, string(item.Coverage.State)+" "+item.Coverage.Scope)
		default:
			got = append(got, "counted")
		}
	}
	want := []string{"judged cart", "other hidden", "counted", "counted",
		"problem there is no kind deployment in apps/v1: this must be apiVersion apps/v1, kind Deployment", "not-judged kind/Play.example.org"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

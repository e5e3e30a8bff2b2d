package sensitive_test

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/check/sensitive"
	"github.com/kubeassay/assay/posture/index"
)

// checkOf returns the check of an ID.
func checkOf(t testing.TB, id string) *check.Check {
	t.Helper()
	for _, c := range sensitive.All() {
		if c.ID == id {
			return c
		}
	}
	t.Fatalf("there is no check %s", id)
	return nil
}

// FuzzNoValueIsSaid: whatever stands in a ConfigMap, none of it is in what is
// said of it.
func FuzzNoValueIsSaid(f *testing.F) {
	f.Add("DB_PASSWORD", "Tr0ub4dor-and-3")
	f.Add("app.properties", "password=Tr0ub4dor-and-3\n")
	f.Add("url", "postgres://shop:Tr0ub4dor-and-3@db.shop/shop")
	f.Add("key", "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\n")
	c := checkOf(f, "secrets-in-config-map")
	f.Fuzz(func(t *testing.T, key, value string) {
		o := &index.Object{APIVersion: "v1", Kind: "ConfigMap", Object: &corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Name: "settings"}, Data: map[string]string{key: value}, BinaryData: map[string][]byte{key: []byte(value)},
		}}
		v := c.JudgeObject(o, index.New())
		// Short values may well be words that the message uses.
		said := strings.ReplaceAll(fmt.Sprint(v.Message, v.Basis), key, "")
		if len(value) > 7 && !strings.Contains(key, value) && strings.Contains(said, value) && !strings.Contains(template, value) {
			t.Errorf("%q is in %q", value, said)
		}
	})
}

// template is all that can be said whatever the values.
const template = "In plain text: holds No password and no key was found in it. declared data binaryData (not shown) metadata.name: settings " +
	"a password a private key an address with a password in it a token"

// TestEveryCheckIsOff until somebody permits it.
func TestEveryCheckIsOff(t *testing.T) {
	for _, c := range sensitive.All() {
		if c.OptIn != check.ReadSecrets && c.OptIn != check.ReadConfigMaps {
			t.Errorf("%s is on", c.ID)
		}
	}
}

// TestWhatWasLeftOut: where only a part of a cluster was asked for, nobody can
// say that nothing refers to something.
func TestWhatWasLeftOut(t *testing.T) {
	x := index.New()
	x.Live, x.Partial = true, true
	x.Add(&index.Object{APIVersion: "v1", Kind: "Secret", Object: &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "db", Namespace: "shop"}}})
	x.Add(&index.Object{APIVersion: "v1", Kind: "ConfigMap", Object: &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "settings", Namespace: "shop"}}})
	for _, id := range []string{"secret-unused", "config-map-unused"} {
		said := 0
		checkOf(t, id).SurveyNamespace(x.Namespace("shop"), func(_ *index.Object, v check.Verdict) {
			said++
			if v.Status != finding.NotReviewed {
				t.Errorf("%s says %s", id, v.Status)
			}
		})
		if said != 1 {
			t.Errorf("%s said %d things", id, said)
		}
	}
}

// BenchmarkChecks tells what each check costs for one object, of a thousand in
// a namespace with a thousand pods.
func BenchmarkChecks(b *testing.B) {
	const many = 1000
	x := index.New()
	x.Live = true
	for i := range many {
		name := fmt.Sprintf("name-%d", i)
		meta := metav1.ObjectMeta{Name: name, Namespace: "shop"}
		x.Add(&index.Object{APIVersion: "v1", Kind: "Secret", Object: &corev1.Secret{ObjectMeta: meta}})
		x.Add(&index.Object{APIVersion: "v1", Kind: "ConfigMap", Object: &corev1.ConfigMap{ObjectMeta: meta}})
		x.See(&index.Pod{Namespace: "shop", Name: name, Secrets: []string{name}, ConfigMaps: []string{name}})
	}
	settings := &index.Object{APIVersion: "v1", Kind: "ConfigMap", Object: &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: "settings"}, Data: map[string]string{"app.properties": strings.Repeat("db.host=db.shop\nlog.level=debug\n", 32)},
	}}
	for _, c := range sensitive.All() {
		b.Run(c.ID, func(b *testing.B) {
			if c.JudgeObject != nil {
				for b.Loop() {
					c.JudgeObject(settings, x)
				}
				return
			}
			for b.Loop() {
				c.SurveyNamespace(x.Namespace("shop"), func(*index.Object, check.Verdict) {})
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/many, "ns/object")
		})
	}
}

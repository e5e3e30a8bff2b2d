package kube

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestParseKubeletConfigRefuses(t *testing.T) {
	deep := strings.Repeat(`{"x":`, 40) + "1" + strings.Repeat("}", 40)
	for name, tt := range map[string]struct{ answer, says string }{
		"nothing":                {"", "not JSON"},
		"null":                   {"null", "holds no kubeletconfig"},
		"a list":                 {"[]", "not JSON"},
		"something else":         {`{"kind":"Status"}`, "holds no kubeletconfig"},
		"other letters":          {`{"kubeletConfig":{"port":1}}`, "holds no kubeletconfig"},
		"a list of it":           {`{"kubeletconfig":[{}]}`, "holds no kubeletconfig"},
		"none":                   {`{"kubeletconfig":null}`, "holds no kubeletconfig"},
		"empty":                  {`{"kubeletconfig":{}}`, "is empty"},
		"another kind":           {`{"kubeletconfig":{"kind":"Pod","apiVersion":"v1"}}`, `kind "Pod" and version "v1"`},
		"a kind that is no text": {`{"kubeletconfig":{"kind":{"a":1}}}`, "kind (no name)"},
		"more behind it":         {plainConfig + "{}", "not JSON"},
		"a field twice":          {`{"kubeletconfig":{"port":1,"port":2}}`, `it says something twice: `},
		"a field twice inside":   {`{"kubeletconfig":{"authentication":{"anonymous":{"enabled":true,"enabled":false}}}}`, `"kubeletconfig.authentication.anonymous.enabled"`},
		"itself twice":           {`{"kubeletconfig":{"port":1},"kubeletconfig":{"port":2}}`, `it says something twice: `},
		"deep":                   {`{"kubeletconfig":` + deep + `}`, "nested more than 32 deep"},
		"very deep":              {strings.Repeat(`{"kubeletconfig":`, 50_000), "not JSON"},
		"deep lists":             {`{"kubeletconfig":{"a":` + strings.Repeat("[", 500) + strings.Repeat("]", 500) + `}}`, "nested more than 32 deep"},
		"large":                  {strings.Repeat(" ", largestKubelet) + plainConfig, "too large"},
	} {
		if got, err := ParseKubeletConfig([]byte(tt.answer)); err == nil || got != nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
	}
}

// What is sent along when a kubelet fetches manifests may be a password.
func TestKubeletHeadersAreLeftOut(t *testing.T) {
	for _, headers := range []string{`{"Authorization":["very-secret","very-secret-too"],"X":[]}`, `{"Authorization":"very-secret"}`, `["very-secret"]`, `"very-secret"`} {
		for _, name := range []string{"staticPodURLHeader", "StaticPodURLHeader"} {
			got, err := ParseKubeletConfig([]byte(`{"kubeletconfig":{"` + name + `":` + headers + `,"port":1}}`))
			if err != nil {
				t.Fatal(err)
			}
			b, err := json.Marshal(got)
			if err != nil || strings.Contains(string(b), "very-secret") || !strings.Contains(string(b), leftOut) {
				t.Errorf("%s, %v", b, err)
			}
		}
	}
}

func FuzzParseKubeletConfig(f *testing.F) {
	for _, seed := range []string{
		plainConfig, "", "null", `{"kubeletconfig":{"kind":"Pod"}}`, `{"kubeletconfig":{"staticPodURLHeader":{"A":["b"]}}}`,
		`{"kubeletconfig":{"a":[[[[{"b":1e400}]]]]}}`, `{"kubeletconfig":{"a":1,"a":2}}`, `{"kubeletconfig":{"a":"\ud800"}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		config, err := ParseKubeletConfig(answer)
		if err != nil {
			if config != nil {
				t.Errorf("an error, and a configuration: %v", config)
			}
			return
		}
		if config["apiVersion"] != kubeletVersion || config["kind"] != kubeletKind {
			t.Errorf("it is a %v of %v", config["kind"], config["apiVersion"])
		}
		if deeper(config, deepestKubelet) {
			t.Error("it is too deep")
		}
		for name, v := range config {
			if headers, ok := v.(map[string]any); ok && strings.EqualFold(name, "staticPodURLHeader") {
				for _, h := range headers {
					if l, ok := h.([]any); !ok || len(l) != 1 || l[0] != leftOut {
						t.Errorf("a header is kept: %v", h)
					}
				}
			}
		}
		// What was understood once is understood again, and is the same.
		b, err := json.Marshal(map[string]any{"kubeletconfig": config})
		if err != nil {
			t.Fatal(err)
		}
		if len(b) > largestKubelet {
			return
		}
		again, err := ParseKubeletConfig(b)
		if err != nil {
			t.Fatalf("%v\n%s", err, b)
		}
		if c, err := json.Marshal(map[string]any{"kubeletconfig": again}); err != nil || string(b) != string(c) {
			t.Errorf("%v\n%s\n%s", err, b, c)
		}
	})
}

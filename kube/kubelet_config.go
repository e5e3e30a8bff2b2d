package kube

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	sigsjson "sigs.k8s.io/json"
)

const (
	kubeletVersion = "kubelet.config.k8s.io/v1beta1"
	kubeletKind    = "KubeletConfiguration"
	// deepestKubelet is many times what the type has.
	deepestKubelet = 32
	// leftOut stands for what may be a secret.
	leftOut = "(left out)"
)

// ParseKubeletConfig reads what a kubelet answers at /configz. The answer may
// be anything: a node can be in wrong hands. Nothing of the fields that may
// hold secrets is kept.
func ParseKubeletConfig(answer []byte) (map[string]any, error) {
	if len(answer) > largestKubelet {
		return nil, errTooLarge
	}
	var outer map[string]any
	twice, err := sigsjson.UnmarshalStrict(answer, &outer)
	switch {
	case err != nil:
		return nil, fmt.Errorf("it is not JSON as it should be: %w", err)
	case len(twice) > 0:
		return nil, fmt.Errorf("it says something twice: %w", twice[0])
	}
	config, ok := outer["kubeletconfig"].(map[string]any)
	switch {
	case !ok:
		return nil, errors.New("it holds no kubeletconfig")
	case len(config) == 0:
		return nil, errors.New("its kubeletconfig is empty")
	case !isOr(config["apiVersion"], kubeletVersion) || !isOr(config["kind"], kubeletKind):
		return nil, fmt.Errorf("it is of kind %s and version %s, and only %s of %s is known",
			named(config["kind"]), named(config["apiVersion"]), kubeletKind, kubeletVersion)
	case deeper(config, deepestKubelet):
		return nil, fmt.Errorf("it is nested more than %d deep", deepestKubelet)
	}
	config["apiVersion"], config["kind"] = kubeletVersion, kubeletKind
	hideHeaders(config)
	return config, nil
}

// isOr reports whether a field is that, or is not there: older kubelets leave
// out what kind it is.
func isOr(field any, want string) bool { return field == nil || field == "" || field == want }

func named(field any) string {
	if s, ok := field.(string); ok && s != "" {
		return strconv.Quote(written([]byte(s)))
	}
	return "(no name)"
}

// hideHeaders takes out what is sent along when manifests are fetched, which
// may well be a password. Field names are compared as a kubelet might write them.
func hideHeaders(config map[string]any) {
	for name, value := range config {
		if !strings.EqualFold(name, "staticPodURLHeader") || value == nil {
			continue
		}
		headers, ok := value.(map[string]any)
		if !ok {
			config[name] = leftOut
			continue
		}
		for header := range headers {
			headers[header] = []any{leftOut}
		}
	}
}

// deeper reports whether a value is nested more than so many levels.
func deeper(v any, levels int) bool {
	if levels == 0 {
		return true
	}
	switch v := v.(type) {
	case map[string]any:
		for _, x := range v {
			if deeper(x, levels-1) {
				return true
			}
		}
	case []any:
		for _, x := range v {
			if deeper(x, levels-1) {
				return true
			}
		}
	}
	return false
}

package network

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
)

const nginxPrefix = "nginx.ingress.kubernetes.io/"

// snippets are annotations whose value becomes configuration of the proxy as
// it stands. ingress-nginx rates its five as critical (its page "Annotations
// Scope and Risk") and takes them only with allow-snippet-annotations; the
// controller of F5 takes its two only with -enable-snippets.
var snippets = []string{
	nginxPrefix + "auth-snippet",
	nginxPrefix + "configuration-snippet",
	nginxPrefix + "modsecurity-snippet",
	nginxPrefix + "server-snippet",
	nginxPrefix + "stream-snippet",
	"nginx.org/location-snippets",
	"nginx.org/server-snippets",
}

// injected are annotations of ingress-nginx whose value could end up in the
// configuration unchecked, and the advisory that says so.
var injected = map[string]string{
	nginxPrefix + "auth-method":            "CVE-2026-1580",
	nginxPrefix + "auth-proxy-set-headers": "CVE-2025-15566",
	nginxPrefix + "auth-tls-match-cn":      "CVE-2025-1097",
	nginxPrefix + "auth-url":               "CVE-2025-24514",
	nginxPrefix + "mirror-host":            "CVE-2025-1098",
	nginxPrefix + "mirror-target":          "CVE-2025-1098",
	nginxPrefix + "permanent-redirect":     "CVE-2023-5044",
}

// Risk is an annotation that lets who writes the Ingress change the proxy's
// configuration.
type Risk struct {
	Annotation string
	// Snippet: the annotation is there for that. Otherwise its value looks like
	// an attempt at it.
	Snippet bool
	// Advisory is the CVE that tells of it; empty for snippets.
	Advisory string
}

// RiskyAnnotations lists them, sorted by name.
func RiskyAnnotations(annotations map[string]string) []Risk {
	var out []Risk
	for key, value := range annotations {
		value = strings.TrimSpace(value)
		switch advisory, listed := injected[key]; {
		case value == "":
		case slices.Contains(snippets, key):
			out = append(out, Risk{Annotation: key, Snippet: true})
		case listed && strings.ContainsAny(value, ";\n\r"):
			out = append(out, Risk{Annotation: key, Advisory: advisory})
		case strings.HasPrefix(key, nginxPrefix) && looksLikeDirectives(value):
			out = append(out, Risk{Annotation: key, Advisory: "CVE-2021-25746"})
		}
	}
	slices.SortFunc(out, func(a, b Risk) int { return strings.Compare(a.Annotation, b.Annotation) })
	return out
}

// looksLikeDirectives is for annotations of any meaning: what no value needs.
func looksLikeDirectives(value string) bool {
	for _, word := range []string{"load_module", "lua_package", "_by_lua", "/serviceaccount"} {
		if strings.Contains(value, word) {
			return true
		}
	}
	return strings.ContainsAny(value, "\n\r") && strings.ContainsAny(value, "{}") && strings.Contains(value, ";")
}

// RiskyPaths are the paths of an Ingress with characters that end a directive
// of nginx' configuration or open a block (CVE-2021-25745, CVE-2026-24512).
func RiskyPaths(i *networkingv1.Ingress) (fields, values []string) {
	for r := range i.Spec.Rules {
		http := i.Spec.Rules[r].HTTP
		if http == nil {
			continue
		}
		for p := range http.Paths {
			if riskyPath(http.Paths[p].Path) {
				fields = append(fields, fmt.Sprintf("spec.rules[%d].http.paths[%d].path", r, p))
				values = append(values, http.Paths[p].Path)
			}
		}
	}
	return fields, values
}

// repeated is the repetition of a regular expression, which paths may be.
var repeated = regexp.MustCompile(`\{\d+(,\d*)?\}`)

func riskyPath(path string) bool {
	return strings.ContainsAny(repeated.ReplaceAllLiteralString(path, ""), ";{}\"' \t\n\r")
}

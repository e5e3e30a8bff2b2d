package kube

import (
	"cmp"
	"strings"
)

// CompareKeys orders objects as the API server lists them: by the bytes of
// "namespace/name". That is not the order of namespaces and then names: "a-b/x"
// comes before "a/x", because "-" comes before "/".
func CompareKeys(namespaceA, nameA, namespaceB, nameB string) int {
	if namespaceA == namespaceB {
		return cmp.Compare(nameA, nameB)
	}
	return CompareNamespaces(namespaceA, namespaceB)
}

// CompareNamespaces orders namespaces as their objects come in a list of all
// namespaces: by the bytes of "namespace/".
func CompareNamespaces(a, b string) int {
	switch {
	case a == b:
		return 0
	case strings.HasPrefix(a, b):
		return cmp.Compare(a[len(b)], '/')
	case strings.HasPrefix(b, a):
		return cmp.Compare('/', b[len(a)])
	}
	return cmp.Compare(a, b)
}

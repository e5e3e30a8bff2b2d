// Package index keeps the small objects of a scan, those that hold no pod
// template, where checks can look them up: by kind, namespace and name. It also
// keeps what is needed of pods once they have gone by: as whom they run, and
// their labels.
//
// It knows nothing of what the objects mean. What a check makes of them (a
// graph of roles, compiled selectors) it builds once, and leaves it in the
// index with [Memo].
//
//	services := x.Namespace("shop").Objects(schema.GroupKind{Kind: "Service"})
package index

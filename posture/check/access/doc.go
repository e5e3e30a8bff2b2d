// Package access has the checks about who may do what: roles, bindings and
// service accounts, over the graph of package rbac.
//
// A finding is about the object that a person edits: the binding that gives too
// much to somebody, the role that takes all with a wildcard, the pod that has a
// token it does not need. Each dangerous kind of right has a check of its own,
// which also tells the way on to cluster-admin; bindings that give everything
// are reported once, as that. It asks no server: what a live cluster's other
// authorizers allow is not in it.
//
//	checks := access.All()
package access

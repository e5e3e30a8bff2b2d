// Package rbac answers who may do what, from the RBAC objects of a cluster or
// of files: a graph from subject to binding to role to rule. It decides as the
// API server's own RBAC authorizer does, and it shows the way.
//
//	g := rbac.New(objects)
//	g.Allowed(subject, request)  // may this one, and by which binding, role and rule?
//	g.WhoCan(request)            // everybody who may
//	g.Rights(subject)            // all that one may do, the dangerous first
//	g.Escalations(subject)       // how one gets to be cluster-admin
//
// It reads nothing itself and asks no server. It knows of RBAC only: what the
// node authorizer, webhooks or a cloud provider's own authorizer allow besides
// is not in it. A chain of escalation says what RBAC makes possible; a policy
// of admission that would refuse a step on the way is not considered, save for
// the Pod Security labels of namespaces.
package rbac

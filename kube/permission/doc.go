// Package permission says what the credentials in use may read, before it is
// tried, and writes the least role that a list of wishes needs.
//
// It asks the API server (SelfSubjectAccessReview, SelfSubjectRulesReview) and
// never guesses from role objects: what the server does not say is Unknown.
// It grants nothing.
//
//	wants := []permission.Want{{Verb: "list", Resource: kube.Pods}}
//	answers := permission.Ask(ctx, client, wants)
//	yaml, err := permission.Manifest(wants, permission.Names{Name: "assay-scan", Namespace: "assay"})
package permission

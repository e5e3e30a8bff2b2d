// Package survey goes through all pods and pod templates that a source has and
// says, namespace by namespace, which level of the Pod Security Standards is
// enforced, what it still lets in, and which level could be enforced today.
//
// The rules are in package pss. This package reads no cluster by itself (the
// labels of namespaces are handed to it) and changes nothing: it only says
// which labels would.
//
//	s := survey.New(evaluator, survey.Options{Latest: version, Namespaces: labels})
//	err := s.Read(ctx, src)
//	for _, n := range s.Namespaces() {
//		fmt.Println(n.Name, n.CouldEnforce)
//	}
package survey

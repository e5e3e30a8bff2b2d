// Package access makes temporary access for one look into some pods, and takes
// it back: a ServiceAccount, in each namespace a Role that names exactly the
// pods and subresources needed, a RoleBinding, and a token that lives in memory
// only. It also finds and removes what a run that was killed has left.
//
// It does not look into anything itself (package collect does), and it never
// allows more than it is asked for: a rule about pods without their names is
// refused, but for making pods in the scanner's own namespace. What it can't
// prevent: a stream that is open stays open when its grant is revoked, so
// whoever opened it must close it.
//
//	needs := access.ForApproach(snapshot.KubernetesAPI, "shop", []string{"cart-5d9"}, "")
//	record, err := access.During(ctx, client, access.Options{Needs: needs}, func(ctx context.Context, g *access.Grant) error {
//		return look(ctx, g.Client())
//	})
//
// All times are the server's: our clock may be wrong, and it is the server
// that ends a token.
package access

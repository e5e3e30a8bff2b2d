// Package exec looks into a container by running commands in it, through the
// Kubernetes API: the approach "kubernetes-api". It makes nothing in the
// cluster and writes nothing in the container. It does not choose what to
// collect, and does not judge it.
//
//	collector := exec.New(client, target)
//	usage, err := collector.Collect(ctx, plan, builder)
//
// # The ladder
//
// What can be asked depends on what the container holds:
//
//  1. sh: one constant script (collect.sh) in any POSIX shell, for all that a
//     plan can ask for, in at most three round trips: what is there, what is in
//     it, and what that showed to be missing.
//  2. tar, where there is no shell: single files, with metadata.
//  3. stat and cat, one call a file: single files.
//
// Where there is nothing of these, the error is a *NoToolsError: an image volume
// or a debug container sees into such a container.
//
// # What is never done
//
// No word of a profile, a pod or a user is ever evaluated by a shell: the
// script is always the same, and all that it is told comes on standard input.
// It ends by itself when standard input does, or when its time is over, because
// the runtime does not end commands whose caller has gone.
package exec

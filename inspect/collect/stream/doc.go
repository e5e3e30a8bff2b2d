// Package stream runs one command in a container through the Kubernetes API
// (exec) and carries its standard input, output and error, each apart and byte
// for byte. It knows nothing of what the commands do, and offers no terminal.
//
//	result, err := stream.New(client).Run(ctx, stream.Command{
//		Namespace: "shop", Pod: "cart-1", Container: "app",
//		Argv: []string{"cat", "--", "/etc/passwd"}, Stdout: &out,
//	})
//
// An exit code other than 0 is a result; errors are *NoCommandError,
// *ForbiddenError, *GoneError and *LostError where the cause is known.
//
// # What an end proves
//
// A stream that breaks is a *LostError and never a short success, as far as
// this side can see. It can't see everything: when the API server's own
// connection to the node breaks, the API server itself reports success, with
// whatever came until then. So a command whose output matters must mark its
// end, in the output or with an exit code of its own.
//
// Cancelling the context ends the streams but not the command: the container
// runtime lets it go on. So a command must end by itself, at the latest when
// its standard input does.
package stream

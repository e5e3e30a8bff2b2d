// Package audit is the trail of the API calls that this program itself makes:
// one JSON line a call, each carrying the hash of the line before, so that
// [Verify] finds a line that was changed, removed or put elsewhere.
//
// It never sees a token, a header, a query or a body; only what [Describe]
// takes from a request's path. It does not decide which calls are made, and it
// is not the API server's own audit log. The chain has no key: somebody who can
// write the file can write a whole new chain, or take lines off its end.
// Keep [Log.Head] elsewhere (the report holds it) to notice that.
//
//	log, err := audit.Open("calls.jsonl")
//	err = log.Append(record)
//	lines, head, err := audit.Verify(file)
package audit

// Package redact takes secrets out of a snapshot while it is saved, and keeps
// their shape: every content keeps its length and its lines, an account without
// a password is still one, a token can still be told from a key. It is careful
// rather than exact, and may take out what is none. It is not for finding
// secrets (the rules of a profile do that), and no promise that nothing secret
// is left: what looks like ordinary text, and what programs keep in databases
// of their own, stays.
//
//	err := snapshot.Save(w, s, snapshot.SaveOptions{Redactor: redact.New()})
package redact

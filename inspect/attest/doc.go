// Package attest writes signed statements about the results of inspections, and
// checks them: one in-toto Statement v1 with the test-result predicate v0.1 for
// each target and profile, in a DSSE envelope.
//
// It signs what others found out. It looks into nothing, and whom to trust is
// for whoever verifies to say, by the public key.
//
//	signer, err := attest.LoadSigner("key.pem")
//	line, err := signer.Sign(attest.ResultOf(inspection), report.Access)
//	statement, err := attest.Verify(line, keys)
//
// # What is stated
//
// The subject is the image that the container ran, by its digest. The
// predicate's configuration names, each with a SHA-256: the profile, the
// result (see [Result.Digest]), the snapshot where it was saved, and the head
// of the audit trail where there is one.
//
// Failures and errors are failedTests. A failure that is waived is a
// warnedTests entry. What was not reviewed is in none of the lists, so that no
// policy can take it for a pass; it makes a result without failures WARNED.
package attest

// Package finding is the vocabulary that every other package speaks: Report,
// Rule, Finding, Basis, Coverage and the words for status, severity and
// evidence. Its types are the JSON that Assay prints (v1alpha1).
//
// It decides nothing, reads nothing and imports nothing of this module. What
// becomes of findings (thresholds, exit codes) is the gate package's, how they
// are printed is the report package's.
//
//	f := finding.Finding{Check: "run-as-root", Status: finding.Fail, Severity: finding.High}
//	f.Fingerprint = finding.Fingerprint(&f)
package finding

// Package framework holds the identifiers of published frameworks (CIS
// Kubernetes Benchmark, NSA/CISA, Pod Security Standards and others) as tables,
// which check serves which of their items, and what a scan means for them.
//
// The titles are this project's own words and the tables hold no framework's
// text: the documents themselves stay the authority. See data/README.md for the
// versions and where the numbers come from. The package does not judge objects
// and does not print: that is for packages posture and report.
//
//	fw, err := framework.Get("cis")
//	tally, err := framework.NewTally(fw, "1")
//	tally.Add(&f) // for every finding, whatever its status
//	report := tally.Report(rules, summary.Complete)
package framework

// Package facts reads what a snapshot holds as the things a control asks
// about: accounts, the system's name, installed packages, configuration files,
// secrets. It is pure: it judges nothing, collects nothing, and what it can't
// tell it says.
//
// Every reader returns its answer and a [Source], which says whether the answer
// is whole. Absent is an ordinary answer (no /etc/passwd: no accounts); denied,
// truncated, failed and not collected are not, and what was found then is only
// a part. Every reader has a companion that says what to collect for it.
//
//	plan := facts.UserPlan()                       // before collecting
//	users, source := facts.Users(s)                // afterwards
//	if !source.Whole() { … source.Fact.Detail … }
package facts

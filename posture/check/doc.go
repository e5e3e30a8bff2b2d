// Package check holds the built-in checks of posture, one file a subject. A
// check is a value: its texts, the fields it reads, and a pure function from
// one container, where it stands, to a verdict.
//
// A check never reads anything but its View, never merges pods into workloads
// (posture does) and never decides what becomes of a verdict (gate does).
//
//	for _, c := range check.All() {
//		if c.Judge != nil { // else it compares the copies that run
//			verdict := c.Judge(view)
//		}
//	}
package check

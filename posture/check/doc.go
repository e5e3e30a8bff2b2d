// Package check says what a built-in check of posture is: a value that holds
// its texts, the fields it reads, and a pure function to a verdict. What the
// function sees depends on what the check is about: one container, a pod, the
// running copies of a container, a pod together with other objects, one object,
// or all objects of a namespace or of the cluster.
//
// The checks themselves stand in the packages below it, one a subject and one
// file a check; package builtin lists them all.
//
// A check never reads anything but what it is given, never merges pods into
// workloads (posture does) and never decides what becomes of a verdict (gate does).
//
//	for _, c := range builtin.All() {
//		if c.Judge != nil {
//			verdict := c.Judge(view)
//		}
//	}
package check

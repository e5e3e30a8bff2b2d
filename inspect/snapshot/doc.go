// Package snapshot holds what was collected from one container: files with
// their metadata and contents, processes, mounts, listening sockets, and for
// each of them whether it could be read at all. It is evidence and no verdict:
// it neither collects (package collect does) nor judges (package profile does).
//
// A snapshot is made once, by a [Builder], and never changes. It is an fs.FS
// whose symbolic links never lead outside the container's root, and it can be
// saved to one file and loaded again.
//
//	b := snapshot.NewBuilder(snapshot.Limits{})
//	b.Add(snapshot.Entry{Path: "/etc/passwd", …})
//	b.SetContent("/etc/passwd", data, snapshot.Fact{State: snapshot.Present})
//	s := b.Snapshot()
//	data, err := fs.ReadFile(s, "etc/passwd")
package snapshot

package remote

import "github.com/kubeassay/assay/inspect/snapshot"

// merge adds all evidence of a snapshot. Which container it is from, and how it
// was asked, is for the caller to say: the collector does not know.
func merge(into *snapshot.Builder, s *snapshot.Snapshot) {
	into.SetKernel(s.Kernel)
	into.SetProcesses(s.Processes())
	into.SetMounts(s.Mounts())
	into.SetSockets(s.Sockets())
	for e := range s.Entries() {
		into.Add(e)
		if e.Content.State != snapshot.Present && e.Content.State != snapshot.Truncated {
			continue
		}
		if data, at := s.Content(e.Path); at.Path == e.Path {
			into.SetContent(e.Path, data, e.Content)
		}
	}
}

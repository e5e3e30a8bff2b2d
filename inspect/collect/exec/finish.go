package exec

import "github.com/kubeassay/assay/inspect/snapshot"

// finish gives a state to everything in the plan that has none.
func (a *attempt) finish() {
	why := a.problem
	if why.State == "" {
		why = snapshot.Fact{State: snapshot.Failed, Detail: "it could not be found out within three round trips"}
	}
	// Of what nothing came there is no beginning either.
	nothing := why
	if why.State == snapshot.Truncated {
		nothing.State = snapshot.Failed
	}
	if a.plan.Processes && a.processesFact.State == "" {
		a.b.SetProcesses(nil, nothing)
	}
	if a.plan.Mounts && a.mountsFact.State == "" {
		a.b.SetMounts(nil, nothing)
	}
	if a.plan.Sockets && a.socketsFact.State == "" {
		a.b.SetSockets(nil, nothing)
	}
	a.missing(func(what string, e snapshot.Entry) {
		switch what {
		case "meta":
			a.b.Add(snapshot.Entry{Path: e.Path, Meta: nothing})
		case "content":
			fact := nothing
			if a.again[e.Path] && a.problem.State == "" {
				fact.Detail = "the file changed while it was read, or can't be read"
			}
			a.b.Add(snapshot.Entry{Path: e.Path, Content: fact})
		case "names":
			a.b.Add(snapshot.Entry{Path: e.Path, Listing: why})
		}
	})
	a.mounted()
}

// mounted says of folders in trees what is mounted there.
func (a *attempt) mounted() {
	s := a.b.Snapshot()
	for _, t := range a.plan.Trees {
		root := s.Resolve(t.Path)
		for _, m := range a.mountList {
			if !below(m.Target, root.Path) {
				continue
			}
			e := s.Entry(m.Target)
			if e.Path == m.Target && e.IsDir() && e.Device != root.Device && e.Listing.State == snapshot.NotCollected && e.Listing.Detail == "" {
				a.b.Add(snapshot.Entry{Path: e.Path, Listing: snapshot.Fact{State: snapshot.NotCollected, Detail: otherFileSystem}})
			}
		}
	}
}

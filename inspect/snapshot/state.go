package snapshot

// State says what is known of one thing: a file's metadata, its content, the
// names in a folder, the list of processes.
type State string

// The states. Only Absent says that something is not there; the last four say
// that nothing is known, and why.
const (
	Present      State = "present"
	Absent       State = "absent"
	Denied       State = "denied"        // the system refused: too few permissions
	Truncated    State = "truncated"     // a limit was reached; what there is, is only the beginning
	Failed       State = "failed"        // any other error
	NotCollected State = "not-collected" // nobody asked, or this approach can't see it
)

// Fact is a state with its reason. The zero value means not collected.
type Fact struct {
	State State `json:"state"`
	// Detail says in words why something is denied, truncated, failed or not
	// collected, and what would have been needed: "permission denied (asked as uid 1000)".
	Detail string `json:"detail,omitempty"`
}

// Known reports whether the fact is certain: present or absent.
func (f Fact) Known() bool { return f.State == Present || f.State == Absent }

// UnseenMount is what an image says of a path at which the container has
// something mounted: neither that nor that it is absent is the container's.
func UnseenMount() Fact {
	return Fact{NotCollected, "the container has something mounted here, which its image does not show"}
}

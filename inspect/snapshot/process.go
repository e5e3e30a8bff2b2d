package snapshot

import "time"

// Process is one process that the container's view of /proc shows.
type Process struct {
	PID, ParentPID int
	// Name is comm: at most 15 bytes, chosen by the process itself.
	Name string
	// Status says whether what /proc/PID/status tells (IDs, capabilities,
	// NoNewPrivs, seccomp) is known.
	Status Fact
	// UID and GID are real, effective, saved and file system ID.
	UID, GID [4]uint32
	Groups   []uint32
	// The capability sets, as bit masks (capabilities(7)).
	CapInheritable, CapPermitted, CapEffective, CapBounding, CapAmbient uint64
	NoNewPrivs                                                          bool
	// Seccomp is 0 disabled, 1 strict, 2 filter.
	Seccomp int
	// Started is when the process began; zero where unknown.
	Started time.Time
	// Args is the command line; ArgsFact says whether it is known.
	Args     []string
	ArgsFact Fact
	// Redacted: secrets in Args were replaced when the snapshot was saved.
	Redacted bool
	// Exe is where /proc/PID/exe points to.
	Exe     string
	ExeFact Fact
	// Env holds the names of environment variables, never their values.
	Env     []string
	EnvFact Fact
	// Own: the process belongs to the collector itself, not to the container.
	Own bool
}

// Mount is one line of the container's /proc/1/mountinfo (proc_pid_mountinfo(5)).
type Mount struct {
	ID, ParentID int
	Device       string // "major:minor"
	Root         string // what part of the file system is mounted
	Target       string // where, seen from the container's root
	Options      []string
	Type         string
	Source       string
	SuperOptions []string
}

// Socket is one listening socket in the container's network namespace, which
// all containers of a pod share (and with hostNetwork the node).
type Socket struct {
	Protocol string // tcp, tcp6, udp, udp6
	Address  string // an IP address, "0.0.0.0" and "::" mean all
	Port     uint16
	UID      uint32
	Inode    uint64
	// PID of the process that has it open; 0 where that is not known, for
	// example because it belongs to another container of the pod.
	PID int
}

// Kernel is the running system below the container: the node's, not the image's.
type Kernel struct {
	Release string // uname -r
	Version string // uname -v
	Machine string // uname -m
	Fact    Fact
}

package pss

import (
	"fmt"

	"k8s.io/apimachinery/pkg/util/version"
	"k8s.io/pod-security-admission/api"
)

// newestMinor is the Kubernetes version that the library belongs to: v0.37 of
// the module is of Kubernetes 1.37. A test holds it against go.mod.
const newestMinor = 37

// Newest is the newest version of the standards that can be judged.
func Newest() api.Version { return api.MajorMinorVersion(1, newestMinor) }

// NewerError says that a server, or a policy, is newer than the rules at hand.
type NewerError struct {
	// Server is the version that was asked for.
	Server api.Version
}

func (e *NewerError) Error() string {
	return fmt.Sprintf("the Pod Security Standards of Kubernetes %s are newer than those that this version of Assay has: pods are judged by those of %s; use a newer Assay to judge by the server's own", e.Server, Newest())
}

// Version is what "latest" means on a server that calls itself so, such as
// "v1.36.2" or "v1.31.4-gke.100". For a server newer than the library it is
// [Newest], with a [NewerError]: that version may be judged by, and the caller
// has to say that it is not the server's.
func Version(serverGitVersion string) (api.Version, error) {
	v, err := version.ParseGeneric(serverGitVersion)
	if err != nil || v.Major() != 1 {
		return api.Version{}, fmt.Errorf("the server's version %q can't be read: it should be like v1.36.2", serverGitVersion)
	}
	if v.Minor() > newestMinor {
		minor := min(v.Minor(), 1<<20) // no server is; an int holds it everywhere
		return Newest(), &NewerError{Server: api.MajorMinorVersion(1, int(minor))}
	}
	return api.MajorMinorVersion(1, int(v.Minor())), nil
}

// Effective is the version that a server judges by when a label says v: its
// own for "latest", and for one that is newer than itself.
func Effective(v, server api.Version) api.Version {
	if v.Older(server) {
		return v
	}
	return server
}

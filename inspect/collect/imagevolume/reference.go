package imagevolume

import (
	"fmt"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/kubeassay/assay/image"
)

// reference is how a node's runtime finds the image that a container was
// started from, without asking a registry: by what the kubelet reports as
// imageID. That is "repository@digest" for images that came from a registry,
// else the digest of the image's configuration. A name or tag would not do:
// another image may have it by now.
func reference(imageID string) (string, error) {
	id := imageID
	for _, scheme := range []string{"docker-pullable://", "docker://"} {
		id = strings.TrimPrefix(id, scheme)
	}
	if digest.SHA256.Validate(id) == nil { // as CRI-O writes it
		id = "sha256:" + id
	}
	if _, err := digest.Parse(id); err == nil {
		return id, nil
	}
	ref, err := image.Parse(id)
	switch {
	case imageID == "":
		return "", fmt.Errorf("the kubelet does not report from which image the container was started")
	case err != nil:
		return "", fmt.Errorf("the kubelet reports the image ID %q: %w", imageID, err)
	case !ref.Pinned():
		return "", fmt.Errorf("the kubelet reports the image ID %q, which does not fix the image's content", imageID)
	}
	return id, nil
}

// Package image reads image references and the image IDs that kubelets report.
//
// It is the only place that takes a reference apart, and it does so with the
// library (and the digest algorithms) that the kubelet uses, so that both see
// the same repository, tag and digest. It never talks to a registry.
//
//	ref, err := image.Parse("registry.example:5000/shop/cart:v1")
package image

import (
	_ "crypto/sha256" // the digest algorithms that the kubelet links:
	_ "crypto/sha512" // without them, such digests would be refused as unsupported
	"errors"
	"fmt"
	"strings"

	"github.com/distribution/reference"
)

// Latest is the tag that a runtime takes when a reference names neither tag nor digest.
const Latest = "latest"

// Reference is an image reference, normalised as a container runtime does it:
// "nginx" is docker.io/library/nginx.
type Reference struct {
	Repository string // registry and path: docker.io/library/nginx
	Tag        string // empty where the reference names none
	Digest     string // sha256:…, empty where the reference names none
}

// Pinned reports whether a digest fixes the image's content. A tag beside it does not matter then.
func (r Reference) Pinned() bool { return r.Digest != "" }

// MeansLatest reports whether the reference means the tag "latest", by name or
// because it names neither tag nor digest. "LATEST" is another tag.
func (r Reference) MeansLatest() bool {
	return !r.Pinned() && (r.Tag == "" || r.Tag == Latest)
}

// Parse reads a reference as the kubelet does. The error says what is wrong in
// words that stand alone.
func Parse(s string) (Reference, error) {
	if s == "" {
		return Reference{}, errors.New("the image is not set")
	}
	if t := strings.TrimSpace(s); t != s {
		return Reference{}, fmt.Errorf("the image reference %q has white space around it", s)
	}
	named, err := reference.ParseNormalizedNamed(s)
	if err != nil {
		return Reference{}, fmt.Errorf("%q is not a valid image reference: %w", s, err)
	}
	ref := Reference{Repository: named.Name()}
	if tagged, ok := named.(reference.Tagged); ok {
		ref.Tag = tagged.Tag()
	}
	if digested, ok := named.(reference.Digested); ok {
		ref.Digest = digested.Digest().String()
	}
	return ref, nil
}

// CheckPrefix says why no repository can be, or lie below, a name such as
// registry.example/shop; nil where some can.
func CheckPrefix(prefix string) error {
	name := strings.TrimRight(prefix, "/")
	below, err := reference.ParseNormalizedNamed(name + "/x")
	if err != nil {
		return fmt.Errorf("%q is no registry, and no part of one: write it like registry.example or registry.example/shop, without https:// and without a tag", prefix)
	}
	host, _, _ := strings.Cut(name, "/")
	if domain := reference.Domain(below); !strings.EqualFold(domain, host) && !strings.EqualFold(host, "index."+domain) {
		return fmt.Errorf("%q names no registry: write %s", prefix, strings.TrimSuffix(below.Name(), "/x"))
	}
	return nil
}

// RepositoryDigest takes an image ID as a kubelet reports it
// (status.containerStatuses[].imageID) and returns the digest under which a
// registry serves the image. It is empty for IDs that name only the local
// configuration ("sha256:…", as for images that were imported and never
// pulled): two of those may differ though both come from the same manifest list.
func RepositoryDigest(imageID string) string {
	// dockershim's prefix; some tools still write it.
	imageID = strings.TrimPrefix(imageID, "docker-pullable://")
	if _, digest, ok := strings.Cut(imageID, "@"); ok {
		return digest
	}
	return ""
}

// Cache remembers parsed references: the pods of a workload repeat the same
// few strings thousands of times. It is bounded, and not safe for concurrent use.
type Cache struct {
	entries map[string]entry
}

type entry struct {
	ref Reference
	err error
}

// cacheLimit bounds the cache to a few hundred KiB.
const cacheLimit = 2048

// Parse is [Parse], remembered.
func (c *Cache) Parse(s string) (Reference, error) {
	if e, ok := c.entries[s]; ok {
		return e.ref, e.err
	}
	ref, err := Parse(s)
	if c.entries == nil || len(c.entries) >= cacheLimit {
		c.entries = make(map[string]entry, 64)
	}
	c.entries[strings.Clone(s)] = entry{ref, err}
	return ref, err
}

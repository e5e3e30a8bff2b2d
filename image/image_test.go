package image

import (
	"strings"
	"testing"

	"github.com/distribution/reference"
)

var (
	sha256 = "sha256:" + strings.Repeat("a1", 32)
	sha512 = "sha512:" + strings.Repeat("b2", 64)
)

func TestParse(t *testing.T) {
	tests := []struct {
		name, in    string
		want        Reference
		meansLatest bool
	}{
		{"bare name", "nginx", Reference{Repository: "docker.io/library/nginx"}, true},
		{"latest", "nginx:latest", Reference{"docker.io/library/nginx", "latest", ""}, true},
		{"a version", "nginx:1.29", Reference{"docker.io/library/nginx", "1.29", ""}, false},
		{"numeric tag", "shop/cart:20260101", Reference{"docker.io/shop/cart", "20260101", ""}, false},
		{"upper-case tag is another tag", "nginx:LATEST", Reference{"docker.io/library/nginx", "LATEST", ""}, false},
		{"tag that starts with latest", "nginx:latest-alpine", Reference{"docker.io/library/nginx", "latest-alpine", ""}, false},
		{"registry port is no tag", "registry.example:5000/cart", Reference{Repository: "registry.example:5000/cart"}, true},
		{"registry port and tag", "registry.example:5000/cart:v1", Reference{"registry.example:5000/cart", "v1", ""}, false},
		{"localhost", "localhost/cart", Reference{Repository: "localhost/cart"}, true},
		{"IPv6 registry", "[2001:db8::1]:5000/cart", Reference{Repository: "[2001:db8::1]:5000/cart"}, true},
		{"IPv6 registry and tag", "[::1]/cart:v1", Reference{"[::1]/cart", "v1", ""}, false},
		{"repository called latest", "shop/latest", Reference{Repository: "docker.io/shop/latest"}, true},
		{"repository called latest with a tag", "shop/latest:v1", Reference{"docker.io/shop/latest", "v1", ""}, false},
		{"digest", "nginx@" + sha256, Reference{"docker.io/library/nginx", "", sha256}, false},
		{"digest beside latest", "nginx:latest@" + sha256, Reference{"docker.io/library/nginx", "latest", sha256}, false},
		{"sha512", "nginx@" + sha512, Reference{"docker.io/library/nginx", "", sha512}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Parse(tt.in)
			if err != nil {
				t.Fatal(err)
			}
			if got != tt.want {
				t.Errorf("Parse(%q) = %+v, want %+v", tt.in, got, tt.want)
			}
			if got.MeansLatest() != tt.meansLatest {
				t.Errorf("MeansLatest(%q) = %v, want %v", tt.in, got.MeansLatest(), tt.meansLatest)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	for name, in := range map[string]string{
		"empty":             "",
		"upper-case path":   "shop/Cart:v1",
		"space":             "nginx latest",
		"space at the end":  "nginx:1.29 ",
		"two tags":          "nginx:1:2",
		"empty tag":         "nginx:",
		"short digest":      "nginx@sha256:abc",
		"unknown algorithm": "nginx@md5:" + strings.Repeat("a", 32),
		"an image ID":       strings.Repeat("a", 64),
		"a variable":        "${IMAGE}",
		"a URL":             "https://registry.example/cart:v1",
	} {
		t.Run(name, func(t *testing.T) {
			if ref, err := Parse(in); err == nil {
				t.Errorf("Parse(%q) = %+v, want an error", in, ref)
			}
		})
	}
}

func TestCheckPrefix(t *testing.T) {
	for prefix, wrong := range map[string]string{
		"docker.io": "", "index.docker.io": "", "docker.io/library": "", "registry.example": "", "registry.example/shop/": "", "registry.example:5000/shop": "",
		"localhost": "", "localhost:5000": "", "[2001:db8::1]:5000": "", "REGISTRY.example": "",
		"library/nginx": "write docker.io/library/nginx", "shop": "write docker.io/shop",
		"https://registry.example": "without https://", "registry.example/*": "no registry", "*.example": "no registry", " docker.io": "no registry",
		"docker.io/library/nginx:1.29": "without a tag", "registry.example/Shop": "no registry", "": "no registry",
	} {
		err := CheckPrefix(prefix)
		if wrong == "" && err != nil || wrong != "" && (err == nil || !strings.Contains(err.Error(), wrong)) {
			t.Errorf("%q: %v, want %q", prefix, err, wrong)
		}
	}
}

func TestRepositoryDigest(t *testing.T) {
	for in, want := range map[string]string{
		"docker.io/library/nginx@" + sha256:                   sha256,
		"docker-pullable://docker.io/library/nginx@" + sha256: sha256,
		sha256: "",
		"":     "",
	} {
		if got := RepositoryDigest(in); got != want {
			t.Errorf("RepositoryDigest(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestCacheRemembersWithinItsLimit(t *testing.T) {
	var c Cache
	for i := range 3 * cacheLimit {
		s := "shop/cart:v" + strings.Repeat("1", i%100) + string(rune('a'+i%26))
		if _, err := c.Parse(s); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Parse("Bad"); err == nil {
			t.Fatal("an error was forgotten")
		}
	}
	if len(c.entries) > cacheLimit {
		t.Errorf("the cache has %d entries, the limit is %d", len(c.entries), cacheLimit)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"nginx", "a:5000/b:c", "[::1]:1/x@" + sha256, "A", "a:latest@" + sha512, "\x00", "a//b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		ref, err := Parse(s)
		if err != nil {
			return
		}
		// What was taken apart can be put together, and means the same.
		whole := ref.Repository
		if ref.Tag != "" {
			whole += ":" + ref.Tag
		}
		if ref.Digest != "" {
			whole += "@" + ref.Digest
		}
		again, err := Parse(whole)
		if err != nil || again != ref {
			t.Errorf("Parse(%q) = %+v; Parse(%q) = %+v, %v", s, ref, whole, again, err)
		}
		named, err := reference.ParseNormalizedNamed(s)
		if err != nil {
			t.Fatal(err)
		}
		if reference.IsNameOnly(named) && !ref.MeansLatest() {
			t.Errorf("%q has neither tag nor digest, and is not taken for latest", s)
		}
	})
}

package guard

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// Hosts are the names for which a server without authentication answers.
//
// A web page anywhere can let its own name point to 127.0.0.1 and then read
// what a server there says, as if it came from the page's own site. Such
// requests carry the page's name in the Host header.
type Hosts struct {
	also map[string]bool
}

// NewHosts allows localhost, loopback addresses, and the given names.
func NewHosts(also []string) *Hosts {
	h := &Hosts{also: map[string]bool{}}
	for _, name := range also {
		h.also[strings.ToLower(name)] = true
	}
	return h
}

// Knows reports whether the Host header of a request names this server. The
// port is not looked at: a tunnel may have changed it.
func (h *Hosts) Knows(host string) bool {
	name := host
	if n, _, err := net.SplitHostPort(host); err == nil {
		name = n
	}
	name = strings.ToLower(strings.TrimSuffix(strings.Trim(name, "[]"), "."))
	if name == "localhost" || h.also[name] {
		return true
	}
	ip, err := netip.ParseAddr(name)
	return err == nil && ip.Unmap().IsLoopback()
}

// CrossSite reports whether a browser says that it asks on behalf of a page of
// another site. Following a link to a page of ours is not meant.
func CrossSite(r *http.Request) bool {
	return r.Header.Get("Sec-Fetch-Site") == "cross-site" && r.Header.Get("Sec-Fetch-Dest") != "document"
}

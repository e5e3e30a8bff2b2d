package network

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
)

// Direction is that of traffic, seen from a pod.
type Direction string

// The directions.
const (
	Ingress Direction = "Ingress"
	Egress  Direction = "Egress"
)

// Reach is a set of peers: the pods of the cluster, and what is outside of it,
// each by IP family.
type Reach uint8

// The parts of a reach.
const (
	PodsIPv4 Reach = 1 << iota
	PodsIPv6
	OutsideIPv4
	OutsideIPv6

	Pods       = PodsIPv4 | PodsIPv6
	Outside    = OutsideIPv4 | OutsideIPv6
	IPv4       = PodsIPv4 | OutsideIPv4
	IPv6       = PodsIPv6 | OutsideIPv6
	Everything = Pods | Outside
)

// Has reports whether all of o is in r.
func (r Reach) Has(o Reach) bool { return r&o == o }

// String is for a sentence: "every pod and every address outside of the cluster".
func (r Reach) String() string {
	if r == 0 {
		return "nothing"
	}
	family := func(of, v4 Reach) string {
		switch {
		case of == v4:
			return " (IPv4)"
		case of&IPv4 == 0:
			return " (IPv6)"
		}
		return ""
	}
	var parts []string
	if p := r & Pods; p != 0 {
		parts = append(parts, "every pod of the cluster"+family(p, PodsIPv4))
	}
	if o := r & Outside; o != 0 {
		parts = append(parts, "every address outside of the cluster"+family(o, OutsideIPv4))
	}
	return strings.Join(parts, " and ")
}

// families are the IP families that the prefixes cover wholly.
func families(prefixes []netip.Prefix) Reach {
	var v4, v6 []netip.Prefix
	for _, p := range prefixes {
		if p.Addr().Is4() {
			v4 = append(v4, p)
		} else {
			v6 = append(v6, p)
		}
	}
	var r Reach
	if coverAll(v4) {
		r |= IPv4
	}
	if coverAll(v6) {
		r |= IPv6
	}
	return r
}

// coverAll reports whether prefixes of one family leave no address out, also
// where it takes several (0.0.0.0/1 and 128.0.0.0/1).
func coverAll(prefixes []netip.Prefix) bool {
	if len(prefixes) == 0 {
		return false
	}
	sorted := make([]netip.Prefix, len(prefixes))
	for i, p := range prefixes {
		sorted[i] = p.Masked()
	}
	slices.SortFunc(sorted, func(a, b netip.Prefix) int {
		return cmp.Or(a.Addr().Compare(b.Addr()), cmp.Compare(a.Bits(), b.Bits()))
	})
	next := sorted[0].Addr()
	if next.IsUnspecified() {
		for _, p := range sorted {
			if next.Less(p.Addr()) {
				return false // a gap
			}
			if end := last(p).Next(); !end.IsValid() {
				return true // the highest address is in it
			} else if next.Less(end) {
				next = end
			}
		}
	}
	return false
}

// last is the highest address of a prefix.
func last(p netip.Prefix) netip.Addr {
	b := p.Masked().Addr().AsSlice()
	for i := range b {
		switch keep := p.Bits() - 8*i; {
		case keep <= 0:
			b[i] = 0xff
		case keep < 8:
			b[i] |= 0xff >> keep
		}
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

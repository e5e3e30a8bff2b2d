// Package guard decides who may talk to the HTTP API: on which addresses it
// may listen and under what conditions, who has a valid token, and for which
// host names it answers.
//
// It knows only one kind of caller: one who has the token may do everything.
//
//	bound, err := guard.Bind{Addr: "127.0.0.1:8080"}.Check(ctx, net.DefaultResolver)
package guard

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
)

// Bind is what the server was told about its address.
type Bind struct {
	// Addr is host:port.
	Addr string
	// TLS: there is a certificate. Insecure: its absence is accepted.
	TLS, Insecure bool
	// Token: callers must show one.
	Token bool
}

// Bound is an address that the server may listen on.
type Bound struct {
	// Addr has an IP address instead of a name, so that what is listened on
	// is what was checked.
	Addr string
	// Loopback: only this machine can reach it.
	Loopback bool
}

// Resolver finds the addresses of a name; a *net.Resolver is one.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// Check returns the address to listen on, or says why the server must not:
// whoever can reach it from another machine must be known, and must not be
// overheard.
func (b Bind) Check(ctx context.Context, resolver Resolver) (Bound, error) {
	host, port, err := net.SplitHostPort(b.Addr)
	if err != nil {
		return Bound{}, fmt.Errorf("listening on %q: this is no address of the form host:port, such as 127.0.0.1:8080", b.Addr)
	}
	bound := Bound{Addr: b.Addr}
	if host != "" {
		ips, err := addresses(ctx, resolver, host)
		if err != nil {
			return Bound{}, fmt.Errorf("listening on %s: looking up %q: %w", b.Addr, host, err)
		}
		bound.Loopback = true
		for _, ip := range ips {
			bound.Loopback = bound.Loopback && ip.Unmap().IsLoopback()
		}
		bound.Addr = net.JoinHostPort(ips[0].String(), port)
	}
	if bound.Loopback {
		return bound, nil
	}
	return bound, b.refuse()
}

func (b Bind) refuse() error {
	var lacks, remedies []string
	if !b.TLS && !b.Insecure {
		lacks = append(lacks, "anybody on the way could read along, because there is no TLS")
		remedies = append(remedies, "give a certificate with --tls-cert and --tls-key (or --insecure, where something in front of Assay does the TLS)")
	}
	if !b.Token {
		lacks = append(lacks, "anybody could ask, because there is no authentication")
		remedies = append(remedies, "give a file that holds a token with --token-file")
	}
	if len(lacks) == 0 {
		return nil
	}
	return fmt.Errorf("refusing to listen on %s: other machines can reach this address, and %s. %s; or listen on 127.0.0.1:8080, which only this machine can reach",
		b.Addr, strings.Join(lacks, ", and "), capital(strings.Join(remedies, ", and ")))
}

// addresses lists what a host stands for, IPv4 first: that is what most
// clients mean by localhost.
func addresses(ctx context.Context, resolver Resolver, host string) ([]netip.Addr, error) {
	if ip, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{ip}, nil
	}
	ips, err := resolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	if len(ips) == 0 {
		return nil, fmt.Errorf("the name has no address")
	}
	for i := range ips {
		ips[i] = ips[i].Unmap()
	}
	slices.SortStableFunc(ips, func(a, b netip.Addr) int { return cmp.Compare(a.BitLen(), b.BitLen()) })
	return ips, nil
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

package server

import (
	"net"

	"golang.org/x/net/netutil"
)

// limit lets at most n connections be open at once; others wait. Those of
// netutil can't be closed for writing alone, and net/http needs that: a client
// whose request was not read to its end would get a reset instead of its answer.
// Accept is for one goroutine, as in net/http.
func limit(l net.Listener, n int) net.Listener {
	from := &remembering{Listener: l}
	return &limited{Listener: netutil.LimitListener(from, n), from: from}
}

// remembering knows what it accepted last.
type remembering struct {
	net.Listener
	last net.Conn
}

func (r *remembering) Accept() (c net.Conn, err error) {
	c, err = r.Listener.Accept()
	r.last = c
	return c, err
}

type limited struct {
	net.Listener
	from *remembering
}

func (l *limited) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	if tcp, ok := l.from.last.(*net.TCPConn); ok {
		return &counted{Conn: c, tcp: tcp}, nil
	}
	return c, nil
}

// counted is a connection whose end makes room for another.
type counted struct {
	net.Conn
	tcp *net.TCPConn
}

// CloseWrite is what net/http looks for.
func (c *counted) CloseWrite() error { return c.tcp.CloseWrite() }

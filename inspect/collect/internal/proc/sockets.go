package proc

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/kubeassay/assay/inspect/snapshot"
)

// The states of a socket in /proc/net that mean: it waits for others to come.
const (
	tcpListen = "0A"
	udpOpen   = "07" // bound, and connected to nobody
)

// Sockets reads those that listen from /proc/net/tcp, tcp6, udp or udp6
// (proc_pid_net(5)), in the byte order of the machine that wrote it. A protocol
// without 6 may be followed by its other half: an address tells which it is.
func Sockets(data []byte, protocol string, order binary.AppendByteOrder) ([]snapshot.Socket, error) {
	protocol = strings.TrimSuffix(protocol, "6")
	want := tcpListen
	if protocol == "udp" {
		want = udpOpen
	}
	var sockets []snapshot.Socket
	for line := range strings.Lines(string(data)) {
		fields := strings.Fields(line)
		if len(fields) > 0 && fields[0] == "sl" {
			continue // a heading
		}
		if len(fields) < 10 {
			return nil, notSocket(protocol, line)
		}
		if fields[3] != want {
			continue
		}
		address, err := parseAddress(fields[1], order)
		uid, err1 := strconv.ParseUint(fields[7], 10, 32)
		inode, err2 := strconv.ParseUint(fields[9], 10, 64)
		if err != nil || err1 != nil || err2 != nil {
			return nil, notSocket(protocol, line)
		}
		s := snapshot.Socket{Protocol: protocol, Address: address.Addr().String(), Port: address.Port(), UID: uint32(uid), Inode: inode}
		if address.Addr().BitLen() == 128 {
			s.Protocol += "6"
		}
		sockets = append(sockets, s)
	}
	return sockets, nil
}

func notSocket(protocol, line string) error {
	return fmt.Errorf("not a line of /proc/net/%s: %.200q", protocol, line)
}

// parseAddress reads "0100007F:1F90": an address in words of that machine's
// byte order, and a port in everybody's.
func parseAddress(s string, order binary.AppendByteOrder) (netip.AddrPort, error) {
	host, port, _ := strings.Cut(s, ":")
	if len(host) != 8 && len(host) != 32 {
		return netip.AddrPort{}, fmt.Errorf("not an address: %.100q", s)
	}
	var raw []byte
	for i := 0; i < len(host); i += 8 {
		word, err := strconv.ParseUint(host[i:i+8], 16, 32)
		if err != nil {
			return netip.AddrPort{}, err
		}
		raw = order.AppendUint32(raw, uint32(word))
	}
	n, err := strconv.ParseUint(port, 16, 16)
	if err != nil {
		return netip.AddrPort{}, err
	}
	address, _ := netip.AddrFromSlice(raw)
	return netip.AddrPortFrom(address, uint16(n)), nil
}

package local

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

// parseSockets reads those that listen from /proc/net/tcp, tcp6, udp or udp6
// (proc_pid_net(5)).
func parseSockets(data []byte, protocol string) ([]snapshot.Socket, error) {
	want := tcpListen
	if strings.HasPrefix(protocol, "udp") {
		want = udpOpen
	}
	var sockets []snapshot.Socket
	heading := true
	for line := range strings.Lines(string(data)) {
		if heading {
			heading = false
			continue
		}
		fields := strings.Fields(line)
		if len(fields) < 10 {
			return nil, fmt.Errorf("not a line of /proc/net/%s: %.200q", protocol, line)
		}
		if fields[3] != want {
			continue
		}
		address, err := parseAddress(fields[1])
		uid, err1 := strconv.ParseUint(fields[7], 10, 32)
		inode, err2 := strconv.ParseUint(fields[9], 10, 64)
		if err != nil || err1 != nil || err2 != nil {
			return nil, fmt.Errorf("not a line of /proc/net/%s: %.200q", protocol, line)
		}
		sockets = append(sockets, snapshot.Socket{
			Protocol: protocol, Address: address.Addr().String(), Port: address.Port(), UID: uint32(uid), Inode: inode,
		})
	}
	return sockets, nil
}

// parseAddress reads "0100007F:1F90": an address in words of the machine's own
// byte order, and a port in everybody's.
func parseAddress(s string) (netip.AddrPort, error) {
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
		raw = binary.NativeEndian.AppendUint32(raw, uint32(word))
	}
	n, err := strconv.ParseUint(port, 16, 16)
	if err != nil {
		return netip.AddrPort{}, err
	}
	address, _ := netip.AddrFromSlice(raw)
	return netip.AddrPortFrom(address, uint16(n)), nil
}

// parseSocketLink reads what a link in /proc/PID/fd shows of a socket: "socket:[4711]".
func parseSocketLink(link string) (uint64, bool) {
	number, ok := strings.CutPrefix(link, "socket:[")
	if !ok {
		return 0, false
	}
	inode, err := strconv.ParseUint(strings.TrimSuffix(number, "]"), 10, 64)
	return inode, err == nil
}

package exec

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

// sockets takes what listens. open has a line "/proc/PID/fd/N INODE" for each
// socket that a process has open, as far as we may see that.
func (g *gathering) sockets(tcp, udp, open []byte) {
	owner := map[uint64]int{}
	for line := range strings.Lines(string(open)) {
		name, inode, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		pid, err1 := strconv.Atoi(strings.SplitN(strings.Trim(strings.TrimPrefix(name, "/proc/"), "'"), "/", 2)[0])
		n, err2 := strconv.ParseUint(inode, 10, 64)
		if _, taken := owner[n]; err1 == nil && err2 == nil && !taken {
			owner[n] = pid
		}
	}
	little := !strings.HasPrefix(machine(g.me.uname), "s390") && machine(g.me.uname) != "ppc64"
	list, err := parseSockets(tcp, "tcp", tcpListen, little)
	more, err2 := parseSockets(udp, "udp", udpOpen, little)
	list = append(list, more...)
	g.socketsFact = snapshot.Fact{State: snapshot.Present}
	for _, err := range []error{err, err2} {
		if err != nil {
			g.socketsFact = snapshot.Fact{State: snapshot.Failed, Detail: err.Error()}
		}
	}
	unknown := 0
	for i := range list {
		if list[i].PID = owner[list[i].Inode]; list[i].PID == 0 {
			unknown++
		}
	}
	if unknown > 0 && g.socketsFact.State == snapshot.Present {
		g.socketsFact.Detail = fmt.Sprintf("who has %d of them open is not known: another container of the pod, or a process of another user (asked as uid %s)", unknown, g.me.uid)
	}
	if g.plan.Sockets {
		g.b.SetSockets(list, g.socketsFact)
	}
}

func machine(uname string) string {
	fields := strings.Fields(uname)
	if len(fields) == 0 {
		return ""
	}
	return fields[len(fields)-1]
}

// parseSockets reads /proc/net/tcp and tcp6 (or udp and udp6), one behind the
// other: the first has a heading always, the second may be missing
// (proc_pid_net(5)).
func parseSockets(data []byte, protocol, state string, little bool) ([]snapshot.Socket, error) {
	if len(data) == 0 {
		return nil, fmt.Errorf("/proc/net/%s can't be read", protocol)
	}
	var list []snapshot.Socket
	for line := range strings.Lines(string(data)) {
		fields := strings.Fields(line)
		if len(fields) > 0 && fields[0] == "sl" {
			continue // a heading
		}
		wrong := fmt.Errorf("not a line of /proc/net/%s: %.200q", protocol, line)
		if len(fields) < 10 {
			return nil, wrong
		}
		if fields[3] != state {
			continue
		}
		address, err := parseAddress(fields[1], little)
		uid, err1 := strconv.ParseUint(fields[7], 10, 32)
		inode, err2 := strconv.ParseUint(fields[9], 10, 64)
		if err != nil || err1 != nil || err2 != nil {
			return nil, wrong
		}
		s := snapshot.Socket{Protocol: protocol, Address: address.Addr().String(), Port: address.Port(), UID: uint32(uid), Inode: inode}
		if address.Addr().BitLen() == 128 {
			s.Protocol += "6"
		}
		list = append(list, s)
	}
	return list, nil
}

// parseAddress reads "0100007F:1F90": an address in words of that machine's
// byte order, and a port in everybody's.
func parseAddress(s string, little bool) (netip.AddrPort, error) {
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
		if little {
			raw = binary.LittleEndian.AppendUint32(raw, uint32(word))
		} else {
			raw = binary.BigEndian.AppendUint32(raw, uint32(word))
		}
	}
	n, err := strconv.ParseUint(port, 16, 16)
	if err != nil {
		return netip.AddrPort{}, err
	}
	address, _ := netip.AddrFromSlice(raw)
	return netip.AddrPortFrom(address, uint16(n)), nil
}

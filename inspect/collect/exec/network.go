package exec

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"github.com/kubeassay/assay/inspect/collect/internal/proc"
	"github.com/kubeassay/assay/inspect/snapshot"
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
	var order binary.AppendByteOrder = binary.LittleEndian
	if m := machine(g.me.uname); strings.HasPrefix(m, "s390") || m == "ppc64" {
		order = binary.BigEndian
	}
	list, err := listening(tcp, "tcp", order)
	more, err2 := listening(udp, "udp", order)
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

// listening reads /proc/net/tcp and tcp6 (or udp and udp6), one behind the
// other: the first has a heading always, the second may be missing.
func listening(data []byte, protocol string, order binary.AppendByteOrder) ([]snapshot.Socket, error) {
	if len(data) == 0 {
		return nil, fmt.Errorf("/proc/net/%s can't be read", protocol)
	}
	return proc.Sockets(data, protocol, order)
}

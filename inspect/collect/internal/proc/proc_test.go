package proc

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubeassay/assay/inspect/snapshot"
)

func TestMounts(t *testing.T) {
	got, err := Mounts([]byte(
		"36 35 98:0 /mnt\\0401 /mnt\\0402\\011x rw,noatime master:1 shared:2 - ext3 /dev/root rw,errors=continue\n" +
			"40 36 0:5 / /proc ro - proc proc rw\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := []snapshot.Mount{
		{ID: 36, ParentID: 35, Device: "98:0", Root: "/mnt 1", Target: "/mnt 2\tx", Options: []string{"rw", "noatime"}, Type: "ext3", Source: "/dev/root", SuperOptions: []string{"rw", "errors=continue"}},
		{ID: 40, ParentID: 36, Device: "0:5", Root: "/", Target: "/proc", Options: []string{"ro"}, Type: "proc", Source: "proc", SuperOptions: []string{"rw"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, wrong := range []string{"x", "36 35 98:0 / /mnt rw", "36 35 98:0 / /mnt - ext3 x rw", "a 35 98:0 / /mnt rw - ext3 x rw", "36 35 98:0 / /mnt rw - ext3 x"} {
		if got, err := Mounts([]byte(wrong)); err == nil {
			t.Errorf("%q gave %+v", wrong, got)
		}
	}
	if got := unescape(`a\040b\\\04`); got != `a b\\\04` {
		t.Errorf("unescape gave %q", got)
	}
	if got := unescape(`\134040`); got != `\040` {
		t.Errorf("an escaped backslash is not unescaped twice: %q", got)
	}
}

func FuzzMounts(f *testing.F) {
	f.Add([]byte("36 35 98:0 /mnt1 /mnt\\0402 rw,noatime master:1 - ext3 /dev/root rw,errors=continue\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		mounts, err := Mounts(data)
		if err == nil && len(mounts) > strings.Count(string(data), "\n")+1 {
			t.Errorf("%d mounts out of %q", len(mounts), data)
		}
	})
}

func TestSockets(t *testing.T) {
	const heading = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
	const tail = " 00000000:00000000 00:00000000 00000000  1000        0 4711 1 0000000000000000 100 0 0 10 0\n"
	for name, test := range map[string]struct {
		protocol, line string
		want           []snapshot.Socket
	}{
		"tcp, listening":    {"tcp", "   0: 0100007F:1F90 00000000:0000 0A" + tail, []snapshot.Socket{{Protocol: "tcp", Address: "127.0.0.1", Port: 8080, UID: 1000, Inode: 4711}}},
		"tcp, a connection": {"tcp", "   0: 0100007F:1F90 0100007F:9C40 01" + tail, nil},
		"tcp6, all":         {"tcp6", "   0: 00000000000000000000000000000000:0016 00000000000000000000000000000000:0000 0A" + tail, []snapshot.Socket{{Protocol: "tcp6", Address: "::", Port: 22, UID: 1000, Inode: 4711}}},
		"tcp6, local":       {"tcp6", "   0: 00000000000000000000000001000000:0016 00000000000000000000000000000000:0000 0A" + tail, []snapshot.Socket{{Protocol: "tcp6", Address: "::1", Port: 22, UID: 1000, Inode: 4711}}},
		"udp, open":         {"udp", "  17: 00000000:0035 00000000:0000 07" + tail, []snapshot.Socket{{Protocol: "udp", Address: "0.0.0.0", Port: 53, UID: 1000, Inode: 4711}}},
		"udp, connected":    {"udp", "  17: 00000000:0035 0100007F:0035 01" + tail, nil},
	} {
		got, err := Sockets([]byte(heading+test.line), test.protocol, binary.LittleEndian)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	for _, wrong := range []string{"   0: 0100007F:1F90", "   0: 7F:1F90 00000000:0000 0A" + tail, "   0: 0100007F 00000000:0000 0A" + tail, "   0: 0100007F:1F9000 00000000:0000 0A" + tail} {
		if got, err := Sockets([]byte(heading+wrong), "tcp", binary.LittleEndian); err == nil {
			t.Errorf("%q gave %+v", wrong, got)
		}
	}
}

// A machine of the other byte order writes the same addresses otherwise; what
// follows the first table is its second half.
func TestSocketsOfBothHalvesAndOrders(t *testing.T) {
	const tail = " 00000000:00000000 00:00000000 00000000  1000        0 4711 1\n"
	data := "  sl  local_address\n   0: 7F000001:1F90 00000000:0000 0A" + tail +
		"  sl  local_address\n   0: 00000000000000000000000000000001:0016 00000000000000000000000000000000:0000 0A" + tail
	got, err := Sockets([]byte(data), "tcp", binary.BigEndian)
	if err != nil || len(got) != 2 || got[0].Address != "127.0.0.1" || got[0].Protocol != "tcp" || got[1].Address != "::1" || got[1].Protocol != "tcp6" {
		t.Errorf("%+v, %v", got, err)
	}
}

func FuzzSockets(f *testing.F) {
	f.Add([]byte("heading\n   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4711 1\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
			sockets, err := Sockets(data, "tcp", order)
			if err != nil && len(sockets) > 0 {
				t.Error("sockets and an error")
			}
			for _, s := range sockets {
				if a, err := netip.ParseAddr(s.Address); err != nil || (s.Protocol == "tcp6") != (a.BitLen() == 128) {
					t.Errorf("%+v: %v", s, err)
				}
			}
		}
	})
}

package snapshot_test

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/kubeassay/assay/inspect/snapshot"
)

// A collector found two names in /etc and could read one of the files.
func Example() {
	known := snapshot.Fact{State: snapshot.Present}
	denied := snapshot.Fact{State: snapshot.Denied, Detail: "permission denied (asked as uid 1000)"}
	b := snapshot.NewBuilder(snapshot.Limits{})
	b.Add(snapshot.Entry{Path: "/etc", Meta: known, Mode: snapshot.ModeDir | 0o755, Listing: known})
	b.Add(snapshot.Entry{Path: "/etc/hostname", Meta: known, Mode: snapshot.ModeRegular | 0o644})
	b.SetContent("/etc/hostname", []byte("cart-0\n"), known)
	b.Add(snapshot.Entry{Path: "/etc/shadow", Meta: known, Mode: snapshot.ModeRegular | 0o640, Content: denied})
	s := b.Snapshot()

	data, _ := fs.ReadFile(s, "etc/hostname")
	fmt.Printf("%s", data)
	for _, name := range []string{"etc/shadow", "etc/motd", "var/log/syslog"} {
		_, err := fs.ReadFile(s, name)
		fmt.Printf("absent: %-5v %v\n", errors.Is(err, fs.ErrNotExist), err)
	}
	// Output:
	// cart-0
	// absent: false read etc/shadow: /etc/shadow: permission denied (asked as uid 1000)
	// absent: true  read etc/motd: /etc/motd: no such name in /etc
	// absent: false read var/log/syslog: /var/log/syslog: /var was not collected
}

// An evaluation asks for a file behind a link that leads to an unknown place.
func ExampleSnapshot_Missing() {
	known := snapshot.Fact{State: snapshot.Present}
	b := snapshot.NewBuilder(snapshot.Limits{})
	b.Add(snapshot.Entry{Path: "/etc", Meta: known, Mode: snapshot.ModeDir | 0o755})
	b.Add(snapshot.Entry{Path: "/etc/os-release", Meta: known, Mode: snapshot.ModeSymlink | 0o777, Link: "../usr/lib/os-release"})
	s := b.Snapshot()
	fmt.Println(s.Missing("/etc/os-release"))

	b = snapshot.From(s) // a further round
	b.Add(snapshot.Entry{Path: "/usr/lib/os-release", Meta: known, Mode: snapshot.ModeRegular | 0o644})
	b.SetContent("/usr/lib/os-release", []byte("ID=debian\n"), known)
	data, e := b.Snapshot().Content("/etc/os-release")
	fmt.Printf("%s %s", e.Path, data)
	// Output:
	// /usr/lib/os-release
	// /usr/lib/os-release ID=debian
}

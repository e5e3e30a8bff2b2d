package exec

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kubeassay/assay/inspect/snapshot"
)

// request is what one run of the script is asked.
type request struct {
	identity, mounts, processes, sockets bool

	stats  []string // to be described
	lists  []string // folders: all names in them, described
	many   []string // contents, by tar
	single []string // contents, one by one
	trees  []walk
}

// walk is a tree: whole and on one file system, or to a depth.
type walk struct {
	path  string
	depth int // 0: whole
}

func (r *request) empty() bool {
	return !r.identity && !r.mounts && !r.processes && !r.sockets && len(r.stats)+len(r.lists)+len(r.many)+len(r.single)+len(r.trees) == 0
}

// text is the request as the script reads it, see collect.sh.
func (r *request) text(nonce string, l snapshot.Limits) []byte {
	var b bytes.Buffer
	// One byte more than is wanted shows that there is more.
	fmt.Fprintf(&b, "%s\n%d\n%d\n", nonce, int64(l.Time/time.Second)+1, l.FileBytes+1)
	flag := func(on bool, letter byte) {
		if on {
			line(&b, letter, "")
		}
	}
	flag(r.identity, 'i')
	flag(r.mounts, 'm')
	for _, p := range r.lists {
		line(&b, 'l', p)
	}
	if len(r.many) > 0 {
		line(&b, 'c', "")
		for _, p := range r.many {
			line(&b, 'c', p)
		}
		b.WriteString(".\n")
	}
	for _, p := range r.single {
		line(&b, 'h', p)
	}
	// After the contents, so that it shows what changed while they were read.
	for _, p := range r.stats {
		line(&b, 's', p)
	}
	flag(r.processes, 'p')
	flag(r.sockets, 'n')
	for _, t := range r.trees {
		line(&b, 't', fmt.Sprint(t.depth))
		line(&b, 't', t.path)
	}
	b.WriteString(".\n")
	return b.Bytes()
}

// line writes a letter and a path. Only what would end the line is written in
// another way: the shell takes everything else as it is.
func line(b *bytes.Buffer, letter byte, path string) {
	b.WriteByte(letter)
	if !strings.Contains(path, "\n") {
		b.WriteByte('-')
		b.WriteString(path)
	} else {
		b.WriteByte('+')
		b.WriteString(strings.NewReplacer(`\`, `\0134`, "\n", `\0012`).Replace(path))
	}
	b.WriteByte('\n')
}

// unique sorts paths and drops what is there twice.
func unique(paths []string) []string {
	slices.Sort(paths)
	return slices.Compact(paths)
}

// withParents are paths and all folders above them.
func withParents(paths []string) []string {
	var all []string
	for _, p := range paths {
		all = append(all, p)
		for i := len(p) - 1; i > 0; i-- {
			if p[i] == '/' {
				all = append(all, p[:i])
			}
		}
		all = append(all, "/")
	}
	return unique(all)
}

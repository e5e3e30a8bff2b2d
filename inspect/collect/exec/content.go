package exec

import (
	"archive/tar"
	"fmt"
	"io"
	"path"
	"time"

	"github.com/kubeassay/assay/inspect/snapshot"
)

// content is what came of one file.
type content struct {
	data []byte
	fact snapshot.Fact
	// charged is what of the room for all contents it takes: nothing, where the
	// bytes are those of another name.
	charged int64
	// archived: by tar, which tells the size and the time of change that the file
	// had when it began to read; it fills up what is missing then with zeros.
	archived bool
	size     int64
	modTime  time.Time
	// more came than is kept.
	more bool
}

// archive reads a tar. A broken one is no error: what is not in it is asked for
// once more, one by one.
func (g *gathering) archive(r io.Reader) error {
	files := tar.NewReader(r)
	for range len(g.asked.many) {
		h, err := files.Next()
		if err != nil {
			return nil //nolint:nilerr // the end, or a broken tar; whether the stream itself broke, its marker tells
		}
		name := path.Clean("/" + h.Name)
		if !g.wanted[name] {
			continue
		}
		c := &content{archived: true, size: h.Size, modTime: h.ModTime}
		switch h.Typeflag {
		case tar.TypeReg, tar.TypeGNUSparse:
			if err := g.keep(c, files); err != nil {
				g.room += c.charged
				return nil //nolint:nilerr // the same
			}
		case tar.TypeLink: // another name of a file that is in this tar
			same := g.contents[path.Clean("/"+h.Linkname)]
			if same == nil || !same.archived {
				continue
			}
			*c = *same
			c.charged = 0
		default:
			continue
		}
		g.contents[name] = c
	}
	return nil
}

// keep reads a file's content up to the limits.
func (g *gathering) keep(c *content, r io.Reader) error {
	most := max(min(g.limits.FileBytes, g.room), 0)
	data, err := io.ReadAll(io.LimitReader(r, most+1))
	if int64(len(data)) > most {
		c.more, data = true, data[:most:most]
	}
	c.charged = int64(len(data))
	g.room -= c.charged
	c.data, c.fact = data, snapshot.Fact{State: snapshot.Present}
	if c.more {
		c.fact = g.cut(most)
	}
	return err
}

func (g *gathering) cut(most int64) snapshot.Fact {
	if most == g.limits.FileBytes {
		return snapshot.Fact{State: snapshot.Truncated, Detail: fmt.Sprintf("the first %d bytes are here: the limit for one file", most)}
	}
	return snapshot.Fact{State: snapshot.Truncated, Detail: fmt.Sprintf("%d bytes are here: the limit of %d bytes for all contents is reached", most, g.limits.TotalBytes)}
}

func (g *gathering) file(p string, r io.Reader) error {
	if !g.wanted[p] || g.contents[p] != nil {
		return malformed("it has the content of %.100q, which nobody asked for", p)
	}
	c := &content{}
	g.contents[p] = c
	return g.keep(c, r)
}

func (g *gathering) fileEnds(p, code string) {
	c := g.contents[p]
	if code == "" {
		return
	}
	g.room += c.charged
	*c = content{fact: g.denied(fact(code))}
}

// settle takes over what could only be judged at the end of an answer: contents,
// once it is known what the files looked like after they were read.
func (g *gathering) settle() {
	for _, folder := range g.complete {
		g.listed(folder)
	}
	for p, c := range g.contents {
		after, known := g.stats[p]
		switch {
		case known && !after.IsRegular():
			g.room += c.charged // of what the link leads to; it is asked for by its own name
			continue
		case !known || after.Meta.State != snapshot.Present:
			g.room += c.charged
			g.refused[g.real(p)] = snapshot.Fact{State: snapshot.Failed, Detail: "it went away while it was read"}
			continue
		case c.fact.State != snapshot.Present && c.fact.State != snapshot.Truncated:
			g.refused[g.real(p)] = c.fact
			continue
		case c.archived && (after.Size != c.size || after.ModTime.Unix() != c.modTime.Unix()):
			g.room += c.charged
			g.again[p] = true
			continue
		case !c.more && int64(len(c.data)) < after.Size && !generated(p):
			// It grew meanwhile, or the program that reads it keeps something back.
			g.room += c.charged
			g.again[p] = true
			continue
		}
		delete(g.again, p)
		g.b.SetContent(g.real(p), c.data, c.fact)
	}
	// What was in no tar although it can be opened.
	for _, p := range g.asked.many {
		if g.contents[p] == nil {
			g.again[p] = true
		}
	}
	g.contents = map[string]*content{}
}

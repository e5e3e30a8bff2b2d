package exec

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/kubeassay/assay/inspect/collect/stream"
	"github.com/kubeassay/assay/inspect/snapshot"
)

const (
	// perCall is how many paths one command line gets.
	perCall = 200
	// mostCalls bounds what the lowest rung asks, one call a file.
	mostCalls = 64
)

// noShell says what is not asked for without a shell.
const noShell = "the container has no shell, and without one this can't be asked for; an image volume or a debug container shows it"

// plainly is a request for files, as far as a command without a shell can be asked.
func (a *attempt) plainly() {
	a.problem = snapshot.Fact{State: snapshot.NotCollected, Detail: noShell}
}

// once runs a command and reads all that it says, up to a limit.
func (a *attempt) once(fixed, paths []string, most int64) (out []byte, r stream.Result, err error) {
	ctx, cancel := context.WithTimeoutCause(a.ctx, a.limits.Time, errTime)
	defer cancel()
	var b bytes.Buffer
	c := a.command(slices.Concat(fixed, paths))
	c.Stdout = &limited{to: &b, left: most}
	r, err = a.c.run.Run(ctx, c)
	a.used(fixed, &r)
	if errors.Is(err, errLimit) {
		err = nil
	}
	return b.Bytes(), r, err
}

// limited takes so many bytes, and then ends the command.
type limited struct {
	to   io.Writer
	left int64
}

func (l *limited) Write(p []byte) (int, error) {
	if int64(len(p)) > l.left {
		n, _ := l.to.Write(p[:l.left])
		l.left = 0
		return n, errLimit
	}
	l.left -= int64(len(p))
	return l.to.Write(p)
}

// lacking are those of some paths that the next call can ask for: the paths
// themselves, and then where their links lead.
func (a *attempt) lacking(round int, of []string) []string {
	var paths []string
	s := a.b.Snapshot()
	for _, p := range of {
		if round == 0 {
			paths = append(paths, path.Clean(p))
		} else if lacking := s.Missing(p); lacking != "" {
			paths = append(paths, lacking)
		}
	}
	return paths
}

// wantedFiles are the plan's single paths that the next call can ask for.
func (a *attempt) wantedFiles(round int) []string {
	paths := withParents(a.lacking(round, slices.Concat(a.plan.Files, a.plan.Stats)))
	return slices.DeleteFunc(paths, func(p string) bool { _, asked := a.stats[p]; return asked })
}

// tar asks a tar without a shell for single files.
func (a *attempt) tar() error {
	a.plainly()
	for round := range mostRounds {
		contents := map[string]bool{}
		for _, p := range a.lacking(round, a.plan.Files) {
			contents[p] = true
		}
		for some := range slices.Chunk(a.wantedFiles(round), perCall) {
			if err := a.tarOnce(some, contents); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a *attempt) tarOnce(paths []string, contents map[string]bool) error {
	safe := slices.DeleteFunc(slices.Clone(paths), func(p string) bool { return strings.ContainsAny(p, "\\\n") })
	most := max(a.room, 0) + int64(len(safe)+20)*2048
	out, r, err := a.once(tarCommand, safe, most)
	if err != nil {
		return err
	}
	if len(out) == 0 {
		return malformed("tar ended with exit code %d, and said: %s", r.ExitCode, clip(string(r.Stderr)))
	}
	a.asked = &request{many: safe}
	got := a.members(out, contents)
	for _, p := range paths {
		d, ok := got[p]
		if !ok {
			d = described{Entry: snapshot.Entry{Path: p, Meta: a.said(p, r.Stderr)}}
		}
		a.stats[p] = d
		a.add(&d)
	}
	return nil
}

// members reads a tar with metadata, and keeps the contents of the wanted paths:
// of no others, which may be secrets that nobody asked for.
func (a *attempt) members(data []byte, wanted map[string]bool) map[string]described {
	got := map[string]described{}
	asked := map[string]bool{}
	for _, p := range a.asked.many {
		asked[p] = true
	}
	files := tar.NewReader(bytes.NewReader(data))
	for {
		h, err := files.Next()
		if err != nil {
			return got
		}
		p := path.Clean("/" + h.Name)
		if !asked[p] {
			continue // of that, nothing is believed
		}
		e := snapshot.Entry{
			Path: p, Meta: snapshot.Fact{State: snapshot.Present}, Mode: uint32(h.Mode&0o7777) | kind(h.Typeflag),
			UID: uint32(h.Uid), GID: uint32(h.Gid), Size: h.Size, ModTime: h.ModTime.UTC(),
		}
		if h.Typeflag == tar.TypeLink {
			same, ok := got[path.Clean("/"+h.Linkname)]
			if !ok {
				continue
			}
			if e = same.Entry; wanted[p] {
				a.same(e.Path, p)
			}
			e.Path = p
		}
		if e.IsSymlink() {
			e.Link, e.LinkFact, e.Size = h.Linkname, snapshot.Fact{State: snapshot.Present}, int64(len(h.Linkname))
			a.links[a.real(p)] = e.Link
		}
		got[p] = described{Entry: e}
		if h.Typeflag == tar.TypeReg && wanted[p] && (h.Size > 0 || !generated(p)) {
			c := &content{}
			if a.keep(c, files) == nil {
				a.put(e)
				a.b.SetContent(a.real(p), c.data, c.fact)
			}
		}
	}
}

// same gives a second name of a file its content.
func (a *attempt) same(from, to string) {
	if data, e := a.b.Snapshot().Content(from); e.Path == from {
		a.b.SetContent(to, bytes.Clone(data), e.Content)
	}
}

func kind(flag byte) uint32 {
	switch flag {
	case tar.TypeDir:
		return snapshot.ModeDir
	case tar.TypeSymlink:
		return snapshot.ModeSymlink
	case tar.TypeChar:
		return snapshot.ModeChar
	case tar.TypeBlock:
		return snapshot.ModeBlock
	case tar.TypeFifo:
		return snapshot.ModePipe
	}
	return snapshot.ModeRegular
}

// said finds in a command's words why it has nothing of a path. They are
// "tar: /x: Cannot open: Permission denied" and the like; only the end counts,
// and only on a line that names this path and no longer one.
func (a *attempt) said(p string, stderr []byte) snapshot.Fact {
	for line := range strings.Lines(string(stderr)) {
		line = strings.TrimSpace(line)
		at := strings.Index(line, p)
		if at < 0 {
			continue
		}
		after := line[at+len(p):]
		if !strings.HasPrefix(after, ":") && !strings.HasPrefix(after, "':") && !strings.HasPrefix(after, "’:") {
			continue
		}
		why := line[strings.LastIndex(line, ": ")+2:]
		switch strings.ToLower(why) {
		case "permission denied":
			return snapshot.Fact{State: snapshot.Denied, Detail: notEnough(a.uid)}
		case "no such file or directory", "not a directory":
			return snapshot.Fact{State: snapshot.Absent}
		}
		return snapshot.Fact{State: snapshot.Failed, Detail: "reading it failed: " + clip(why)}
	}
	return snapshot.Fact{State: snapshot.Failed, Detail: "the container's tools say nothing about it"}
}

// cat asks stat, where there is one, and cat for single files. The first call
// shows whether there is a cat at all, and who it is.
func (a *attempt) cat() error {
	a.plainly()
	own, _, err := a.once(catCommand, []string{"/proc/self/status", "/proc/1/status", "/proc/1/stat"}, mostText)
	if err != nil {
		return err
	}
	a.whoami(own)
	if mounts, _, err := a.once(catCommand, []string{"/proc/self/mountinfo"}, mostText); err != nil {
		return err
	} else if a.plan.Mounts {
		a.mounts(mounts)
	}
	if err := a.statAll(); err != nil {
		return err
	}
	calls := 0
	s := a.b.Snapshot()
	for _, p := range a.plan.Files {
		e := s.Resolve(p)
		p := path.Clean(p)
		switch {
		case e.Meta.State == snapshot.NotCollected: // no stat: the path itself is all that is known
		case e.Meta.State == snapshot.Present && e.IsRegular():
			p = e.Path
		default:
			continue
		}
		if calls++; calls > mostCalls {
			a.b.Add(snapshot.Entry{Path: p, Content: snapshot.Fact{State: snapshot.NotCollected, Detail: fmt.Sprintf("without a shell, no more than %d files are read, one call each", mostCalls)}})
			continue
		}
		if err := a.catOne(p, e.Size); err != nil {
			return err
		}
	}
	return nil
}

func (a *attempt) catOne(p string, size int64) error {
	most := max(min(a.limits.FileBytes, a.room), 0)
	data, r, err := a.once(catCommand, []string{p}, most+1)
	if err != nil {
		return err
	}
	switch {
	case int64(len(data)) > most:
		a.b.SetContent(p, data[:most], a.cut(most))
		a.room -= most
	case r.ExitCode != 0:
		f := a.said(p, r.Stderr)
		if f.State == snapshot.Absent {
			a.b.Add(snapshot.Entry{Path: p, Meta: f})
		} else {
			a.b.Add(snapshot.Entry{Path: p, Content: f})
		}
	case int64(len(data)) < size && !generated(p):
		a.b.Add(snapshot.Entry{Path: p, Content: snapshot.Fact{State: snapshot.Failed, Detail: fmt.Sprintf("%d of %d bytes came", len(data), size)}})
	default:
		a.b.SetContent(p, data, snapshot.Fact{State: snapshot.Present})
		a.room -= int64(len(data))
	}
	return nil
}

// statAll describes single files, as far as there is a stat.
func (a *attempt) statAll() error {
	for round := range mostRounds {
		plain := slices.DeleteFunc(a.wantedFiles(round), func(p string) bool { return strings.ContainsFunc(p, quotedByStat) })
		for some := range slices.Chunk(plain, perCall) {
			out, r, err := a.once(statCommand, some, mostText)
			var missing *stream.NoCommandError
			if errors.As(err, &missing) {
				return nil
			}
			if err != nil {
				return err
			}
			batch := make([]described, len(some))
			for i, p := range some {
				batch[i].Path = p
				if f := a.said(p, r.Stderr); r.ExitCode != 0 && (f.State == snapshot.Denied || f.State == snapshot.Absent) {
					batch[i].Meta = f
				}
			}
			describe(batch, out, r.ExitCode)
			a.expect(&request{stats: some})
			if err := a.batch(batch); err != nil {
				return err
			}
		}
	}
	return nil
}

// quotedByStat: without QUOTING_STYLE, which only a shell could set, GNU's stat
// writes a name with such a character in it in a way of its own.
func quotedByStat(r rune) bool { return r < ' ' || r > '~' || r == '\'' || r == '\\' }

// whoami reads /proc/self/status, and the status and stat of process 1.
func (a *attempt) whoami(data []byte) {
	var own procText
	_, rest := own.status(data)
	if own.process.Status.State == snapshot.Present {
		uid, gid := int64(own.process.UID[1]), int64(own.process.GID[1])
		a.uid, a.gid = &uid, &gid
	}
	a.b.SetKernel(snapshot.Kernel{Fact: a.problem})
	one, ok := splitProcesses(rest)[1]
	if !ok || !a.plan.Processes || a.c.sharesProcesses() {
		return
	}
	p := one.process
	p.ArgsFact, p.EnvFact, p.ExeFact = a.problem, a.problem, a.problem
	a.processesFact = snapshot.Fact{State: snapshot.Truncated, Detail: "process 1 alone is here: " + noShell}
	a.b.SetProcesses([]snapshot.Process{p}, a.processesFact)
}

// sharesProcesses: process 1 is not the container's.
func (c *Collector) sharesProcesses() bool {
	pod := c.target.Declared
	return pod == nil || pod.Spec.HostPID || pod.Spec.ShareProcessNamespace != nil && *pod.Spec.ShareProcessNamespace
}

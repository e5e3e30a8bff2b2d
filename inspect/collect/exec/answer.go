package exec

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

const (
	greeting   = "assay1"
	mostName   = 64 << 10 // of one name, or one word of the script
	mostText   = 64 << 20 // of what stat says of one batch, or /proc of all processes
	mostBatch  = 1 << 18  // names in one batch: a command line has room for 2 MiB, at 9 bytes and more each
	readBuffer = 64 << 10
)

// malformedError: the answer is not the script's.
type malformedError struct{ what string }

func (e *malformedError) Error() string { return "the answer can't be understood: " + e.what }

func malformed(format string, args ...any) error {
	return &malformedError{fmt.Sprintf(format, args...)}
}

// errLimit: there is more than the plan's limits allow; what came is good.
var errLimit = errors.New("the limit on entries is reached")

// answer reads what the script sends, see collect.sh. Nothing in it is
// trusted: a container can put what it likes in the place of its shell.
type answer struct {
	in    *bufio.Reader
	nonce string
	to    receiver
}

// receiver takes what an answer holds, in the order of the answer.
type receiver interface {
	identity(id identity)
	mounts(data []byte)
	processes(files []byte, each []procFiles)
	sockets(tcp, udp, open []byte)
	// batch gets descriptions of paths. It may return errLimit.
	batch(batch []described) error
	listBegins(path string) error
	listEnds()
	treeBegins(path string) error
	treeEnds(code int)
	// archive gets a tar file, and file one file's content; what they leave is dropped.
	archive(r io.Reader) error
	file(path string, r io.Reader) error
	// fileEnds follows file: why reading failed, or "" if it did not.
	fileEnds(path string, code string)
}

// identity says who the script is.
type identity struct {
	uid, gid, pid string
	uname         string // release, version, machine
	stat          []byte // /proc/stat
}

// procFiles is what is known of one process apart from the files that are plain text.
type procFiles struct {
	pid      int
	args     []byte
	argsWhy  int // exit codes: 0 is success
	env      []byte
	envWhy   int
	exe      string
	exeWhy   int
	argsMore bool
}

// read reads the whole answer. It returns nil only if its end was marked.
func (a *answer) read() error {
	first, err := a.word()
	if err != nil {
		return err
	}
	if first != greeting {
		return malformed("it begins with %.40q", first)
	}
	for {
		tag, err := a.word()
		if err != nil {
			return err
		}
		if tag == "E"+a.nonce {
			return nil
		}
		if err := a.part(tag); err != nil {
			return err
		}
	}
}

func (a *answer) part(tag string) error {
	switch tag {
	case "i":
		return a.identity()
	case "m":
		data, err := a.field(mostText)
		if err == nil {
			a.to.mounts(data)
		}
		return err
	case "p":
		return a.processes()
	case "n":
		return a.sockets()
	case "l", "t":
		path, err := a.word()
		if err != nil {
			return err
		}
		if tag == "l" {
			return a.to.listBegins(path)
		}
		return a.to.treeBegins(path)
	case "L":
		a.to.listEnds()
		return nil
	case "c":
		return a.section(func(r io.Reader) error { return a.to.archive(r) }, nil)
	case "h":
		return a.file()
	}
	number := ""
	if len(tag) > 1 {
		number = tag[1:]
	}
	n, err := strconv.Atoi(number)
	switch {
	case err == nil && tag[0] == 'B' && n > 0 && n <= mostBatch:
		return a.batch(n)
	case err == nil && tag[0] == 'T' && n >= 0 && n <= 255:
		a.to.treeEnds(n)
		return nil
	}
	return malformed("%.40q is no part of it", tag)
}

// field reads to the next NUL byte.
func (a *answer) field(most int) ([]byte, error) {
	var whole []byte
	for {
		piece, err := a.in.ReadSlice(0)
		if len(whole)+len(piece) > most {
			return nil, malformed("a part of it is longer than %d bytes", most)
		}
		if err == nil && whole == nil {
			return bytes.Clone(piece[:len(piece)-1]), nil
		}
		whole = append(whole, piece...)
		switch {
		case err == nil:
			return whole[:len(whole)-1], nil
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF):
			return nil, io.ErrUnexpectedEOF
		default:
			return nil, err
		}
	}
}

func (a *answer) word() (string, error) {
	b, err := a.field(mostName)
	return string(b), err
}

func (a *answer) number() (int, error) {
	w, err := a.word()
	if err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(w)
	if err != nil || n < 0 {
		return 0, malformed("%.40q is no number", w)
	}
	return n, nil
}

func (a *answer) identity() (err error) {
	var id identity
	for _, into := range []*string{&id.uid, &id.gid, &id.pid, &id.uname} {
		if *into, err = a.word(); err != nil {
			return err
		}
	}
	if id.stat, err = a.field(mostText); err != nil {
		return err
	}
	a.to.identity(id)
	return nil
}

func (a *answer) sockets() (err error) {
	var parts [3][]byte
	for i := range parts {
		if parts[i], err = a.field(mostText); err != nil {
			return err
		}
	}
	a.to.sockets(parts[0], parts[1], parts[2])
	return nil
}

// The most that is kept of a command line, of the names of variables and of all processes.
const (
	mostArgs      = 256 << 10
	mostEnv       = 1 << 20
	mostProcesses = 100_000
)

func (a *answer) processes() error {
	files, err := a.field(mostText)
	if err != nil {
		return err
	}
	var each []procFiles
	room := mostText
	for {
		pid, err := a.word()
		if err != nil {
			return err
		}
		if pid == "P" {
			a.to.processes(files, each)
			return nil
		}
		var p procFiles
		if p.pid, err = strconv.Atoi(pid); err != nil || p.pid < 1 || len(each) >= mostProcesses {
			return malformed("%.40q is no process", pid)
		}
		if err := a.process(&p); err != nil {
			return err
		}
		// Each argument and name takes a string's head too, be it ever so short.
		parts := bytes.Count(p.args, []byte{0}) + bytes.Count(p.env, []byte{'\n'})
		if room -= len(p.args) + len(p.env) + len(p.exe) + 16*parts; room < 0 {
			return malformed("the processes have more than %d bytes of arguments", mostText)
		}
		each = append(each, p)
	}
}

func (a *answer) process(p *procFiles) error {
	err := a.section(func(r io.Reader) (err error) {
		p.args, err = io.ReadAll(io.LimitReader(r, mostArgs+1))
		if p.argsMore = len(p.args) > mostArgs; p.argsMore {
			p.args = bytes.Clone(p.args[:mostArgs])
		}
		return err
	}, &p.argsWhy)
	if err != nil {
		return err
	}
	if p.env, err = a.field(mostEnv); err != nil {
		return err
	}
	if p.envWhy, err = a.number(); err != nil {
		return err
	}
	if p.exe, err = a.word(); err != nil {
		return err
	}
	p.exe = strings.TrimSuffix(p.exe, "\n")
	p.exeWhy, err = a.number()
	return err
}

// section hands over everything up to NUL and the random number, and reads the
// exit code behind it: "7." for 7.
func (a *answer) section(take func(io.Reader) error, code *int) error {
	r := &untilMarker{in: a.in, marker: "\x00" + a.nonce}
	taken := take(r)
	if _, err := io.Copy(io.Discard, r); err != nil {
		return err
	}
	if taken != nil {
		return taken
	}
	end, err := a.word()
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(strings.TrimSuffix(end, "."))
	if err != nil || n < 0 {
		return malformed("%.40q is no exit code", end)
	}
	if code != nil {
		*code = n
	}
	return nil
}

func (a *answer) file() error {
	path, err := a.word()
	if err != nil {
		return err
	}
	r := &untilMarker{in: a.in, marker: "\x00" + a.nonce}
	taken := a.to.file(path, r)
	if _, err := io.Copy(io.Discard, r); err != nil {
		return err
	}
	if taken != nil {
		return taken
	}
	end, err := a.word()
	if err != nil {
		return err
	}
	switch {
	case end == "0.":
		a.to.fileEnds(path, "")
		return nil
	case end != "":
		a.to.fileEnds(path, "freading ended with exit code "+strings.TrimSuffix(end, "."))
		return nil
	}
	why, err := a.word()
	if err != nil {
		return err
	}
	if fact(why).State == "" {
		return malformed("%.40q is no reason", why)
	}
	a.to.fileEnds(path, why)
	return nil
}

// untilMarker reads up to a marker, and takes the marker away.
type untilMarker struct {
	in     *bufio.Reader
	marker string
	over   bool
}

func (u *untilMarker) Read(p []byte) (int, error) {
	if u.over {
		return 0, io.EOF
	}
	if len(p) == 0 {
		return 0, nil
	}
	if _, err := u.in.Peek(len(u.marker)); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF // fewer bytes are left than the marker has
		}
		return 0, err
	}
	ready, _ := u.in.Peek(u.in.Buffered())
	at := bytes.Index(ready, []byte(u.marker))
	if at == 0 {
		u.over = true
		_, err := u.in.Discard(len(u.marker))
		if err == nil {
			err = io.EOF
		}
		return 0, err
	}
	n := at
	if at < 0 {
		n = len(ready) - len(u.marker) + 1 // a marker may begin in what is left
	}
	n = copy(p, ready[:n])
	_, err := u.in.Discard(n)
	return n, err
}

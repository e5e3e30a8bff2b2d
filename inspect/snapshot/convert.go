package snapshot

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

func wireTimeOf(t time.Time) wireTime {
	if t.IsZero() {
		return wireTime{}
	}
	w := wireTime{t.Unix(), int32(t.Nanosecond())}
	if w == (wireTime{}) {
		w.Nanoseconds = -1 // the epoch itself, which is no missing time
	}
	return w
}

func (w wireTime) time() (time.Time, error) {
	switch {
	case w == wireTime{}:
		return time.Time{}, nil
	case w == wireTime{Nanoseconds: -1}:
		return time.Unix(0, 0).UTC(), nil
	case w.Nanoseconds < 0 || w.Nanoseconds > 999_999_999:
		return time.Time{}, fmt.Errorf("a time has %d nanoseconds", w.Nanoseconds)
	}
	return time.Unix(w.Seconds, int64(w.Nanoseconds)).UTC(), nil
}

// brief leaves out what a reader takes a missing fact for.
func brief(f Fact) Fact {
	if f == (Fact{State: NotCollected}) {
		return Fact{}
	}
	return f
}

func wireProcesses(l list[Process]) wireList[wireProcess] {
	out := wireList[wireProcess]{Fact: l.fact.tidy()}
	for _, p := range l.items {
		out.Items = append(out.Items, wireProcess{
			PID: p.PID, ParentPID: p.ParentPID, Name: text(p.Name), Status: p.Status, UID: p.UID, GID: p.GID, Groups: p.Groups,
			CapInheritable: p.CapInheritable, CapPermitted: p.CapPermitted, CapEffective: p.CapEffective,
			CapBounding: p.CapBounding, CapAmbient: p.CapAmbient, NoNewPrivs: p.NoNewPrivs, Seccomp: p.Seccomp,
			Started: wireTimeOf(p.Started), Args: texts[text](p.Args), ArgsFact: p.ArgsFact, Redacted: p.Redacted,
			Exe: text(p.Exe), ExeFact: p.ExeFact, Env: texts[text](p.Env), EnvFact: p.EnvFact, Own: p.Own,
		})
	}
	return out
}

// mostItems bounds the lists of a manifest, in which an item that takes three
// bytes stands for hundreds. No container has so many.
const mostItems = 1 << 18

// UnmarshalJSON reads a list one item at a time.
func (l *wireList[T]) UnmarshalJSON(data []byte) error {
	var raw struct {
		Fact  Fact            `json:"fact"`
		Items json.RawMessage `json:"items"`
	}
	if err := strict(data, &raw); err != nil {
		return err
	}
	l.Fact = raw.Fact
	if len(raw.Items) == 0 || string(raw.Items) == "null" {
		return nil
	}
	d := strictly(raw.Items)
	if t, err := d.Token(); err != nil || t != json.Delim('[') {
		return errors.New("the items are no list")
	}
	for d.More() {
		var item T
		if len(l.Items) == mostItems {
			return fmt.Errorf("a list has more than %d items", mostItems)
		}
		if err := d.Decode(&item); err != nil {
			return err
		}
		l.Items = append(l.Items, item)
	}
	return nil
}

func (l wireList[T]) check(what string) error {
	if err := checkFact(l.Fact); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

func processesOf(l wireList[wireProcess]) ([]Process, error) {
	if err := l.check("processes"); err != nil {
		return nil, err
	}
	var out []Process
	for _, w := range l.Items {
		started, err := w.Started.time()
		if err == nil {
			err = checkFact(w.Status, w.ArgsFact, w.ExeFact, w.EnvFact)
		}
		if err != nil {
			return nil, fmt.Errorf("process %d: %w", w.PID, err)
		}
		out = append(out, Process{
			PID: w.PID, ParentPID: w.ParentPID, Name: string(w.Name), Status: w.Status, UID: w.UID, GID: w.GID, Groups: w.Groups,
			CapInheritable: w.CapInheritable, CapPermitted: w.CapPermitted, CapEffective: w.CapEffective,
			CapBounding: w.CapBounding, CapAmbient: w.CapAmbient, NoNewPrivs: w.NoNewPrivs, Seccomp: w.Seccomp,
			Started: started, Args: texts[string](w.Args), ArgsFact: w.ArgsFact, Redacted: w.Redacted,
			Exe: string(w.Exe), ExeFact: w.ExeFact, Env: texts[string](w.Env), EnvFact: w.EnvFact, Own: w.Own,
		})
	}
	return out, nil
}

func wireMounts(l list[Mount]) wireList[wireMount] {
	out := wireList[wireMount]{Fact: l.fact.tidy()}
	for _, m := range l.items {
		out.Items = append(out.Items, wireMount{
			ID: m.ID, ParentID: m.ParentID, Device: text(m.Device), Root: text(m.Root), Target: text(m.Target),
			Options: texts[text](m.Options), Type: text(m.Type), Source: text(m.Source), SuperOptions: texts[text](m.SuperOptions),
		})
	}
	return out
}

func mountsOf(l wireList[wireMount]) ([]Mount, error) {
	var out []Mount
	for _, w := range l.Items {
		out = append(out, Mount{
			ID: w.ID, ParentID: w.ParentID, Device: string(w.Device), Root: string(w.Root), Target: string(w.Target),
			Options: texts[string](w.Options), Type: string(w.Type), Source: string(w.Source), SuperOptions: texts[string](w.SuperOptions),
		})
	}
	return out, l.check("mounts")
}

func wireSockets(l list[Socket]) wireList[wireSocket] {
	out := wireList[wireSocket]{Fact: l.fact.tidy()}
	for _, s := range l.items {
		out.Items = append(out.Items, wireSocket(s))
	}
	return out
}

func socketsOf(l wireList[wireSocket]) ([]Socket, error) {
	var out []Socket
	for _, w := range l.Items {
		out = append(out, Socket(w))
	}
	return out, l.check("sockets")
}

// wire is the entry's line, without what its content is stored as.
func (r *record) wire(facts []Fact, blobs []blob) wireEntry {
	return wireEntry{
		Path: text(r.path), Meta: brief(facts[r.meta]), Mode: r.mode, UID: r.uid, GID: r.gid, Size: r.size,
		ModTime: wireTimeOf(r.modTime.time()), ChangeTime: wireTimeOf(r.changeTime.time()), Device: r.device, Inode: r.inode,
		Link: text(r.link), LinkFact: brief(facts[r.linked]), Capabilities: []byte(r.caps), CapsFact: brief(facts[r.capped]),
		Content: brief(facts[r.content]), SHA256: blobs[r.blob].sha256, Redacted: r.redacted, Listing: brief(facts[r.listed]),
	}
}

// entry is what a line says, if it makes sense.
func (w *wireEntry) entry() (Entry, error) {
	e := Entry{
		Path: string(w.Path), Meta: w.Meta, Mode: w.Mode, UID: w.UID, GID: w.GID, Size: w.Size, Device: w.Device, Inode: w.Inode,
		Link: string(w.Link), LinkFact: w.LinkFact, Capabilities: w.Capabilities, CapabilitiesFact: w.CapsFact,
		Content: w.Content, SHA256: w.SHA256, Redacted: w.Redacted, Listing: w.Listing,
	}
	if e.Path == "" || clean(e.Path) != e.Path {
		return e, fmt.Errorf("the path %.200q is not absolute and clean", e.Path)
	}
	err := checkFact(w.Meta, w.LinkFact, w.CapsFact, w.Content, w.Listing)
	if err == nil {
		e.ModTime, err = w.ModTime.time()
	}
	if err == nil {
		e.ChangeTime, err = w.ChangeTime.time()
	}
	if err == nil {
		err = w.checkContent()
	}
	if err != nil {
		return e, fmt.Errorf("%s: %w", quote(e.Path), err)
	}
	return e, nil
}

func (w *wireEntry) checkContent() error {
	here := w.Content.State == Present || w.Content.State == Truncated
	switch {
	case w.SHA256 != "" && !isSHA256(w.SHA256), w.Stored != "" && !isSHA256(w.Stored):
		return fmt.Errorf("a SHA-256 is malformed")
	case w.Stored != "" && !here:
		return fmt.Errorf("its content is %q but stored", w.Content.State)
	case w.Stored == "" && (w.Content.State == Present || w.Redacted):
		return fmt.Errorf("its content is not stored")
	case w.Content.State == Present && !w.Redacted && w.Stored != w.SHA256:
		return fmt.Errorf("its content is whole but stored under another SHA-256")
	case w.Link != "" && w.LinkFact.State != Present, len(w.Capabilities) > 0 && w.CapsFact.State != Present:
		return fmt.Errorf("a value is given that is said to be unknown")
	}
	return nil
}

func isSHA256(s string) bool {
	if len(s) != 64 {
		return false
	}
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// checkFact refuses states of later versions, which would be misread.
func checkFact(facts ...Fact) error {
	for _, f := range facts {
		if f != (Fact{}) && f.tidy().State != f.State {
			return fmt.Errorf("unknown state %q", f.State)
		}
	}
	return nil
}

package snapshot

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
)

// facts is all that a snapshot says, for comparisons.
type facts struct {
	Target    Target
	Origin    Origin
	Kernel    Kernel
	Declared  string
	Processes []Process
	Mounts    []Mount
	Sockets   []Socket
	States    []Fact
	Entries   []Entry
	Contents  []string
}

func factsOf(s *Snapshot) facts {
	f := facts{Target: s.Target, Origin: s.Origin, Kernel: s.Kernel, Declared: string(s.Declared)}
	f.States = make([]Fact, 3)
	f.Processes, f.States[0] = s.Processes()
	f.Mounts, f.States[1] = s.Mounts()
	f.Sockets, f.States[2] = s.Sockets()
	for e := range s.Entries() {
		f.Entries = append(f.Entries, e)
		data, _ := s.Content(e.Path)
		f.Contents = append(f.Contents, string(data))
	}
	return f
}

// full is a snapshot with every field set, and every byte that a name can have.
func full() *Builder {
	b := small()
	b.SetTarget(Target{Cluster: "https://api", Namespace: "shop", Pod: "cart", PodUID: "u", Container: "app", ContainerID: "containerd://1", Image: "cart:1", ImageID: "sha256:2", Node: "n"})
	uid := int64(1000)
	b.SetOrigin(Origin{StartedAt: epoch, FinishedAt: epoch.Add(time.Second), Approaches: []Approach{KubernetesAPI}, Method: "sh", UID: &uid, GID: &uid, RoundTrips: 2, Bytes: 77, Commands: [][]string{{"sh", "-s"}}, Notes: []string{"<none>"}})
	b.SetKernel(Kernel{"6.1\xff", "#1 SMP", "x86_64", present()})
	b.SetDeclared(Declared(`{"metadata":{"name":"cart <&>"}}`))
	b.SetProcesses([]Process{{
		PID: 1, ParentPID: 0, Name: "a\xfe", Status: present(), UID: [4]uint32{1, 2, 3, 4}, GID: [4]uint32{5, 6, 7, 8}, Groups: []uint32{9},
		CapInheritable: 1, CapPermitted: 1 << 63, CapEffective: 3, CapBounding: 4, CapAmbient: 5, NoNewPrivs: true, Seccomp: 2, Started: epoch,
		Args: []string{"app", "", "--x=\xff"}, ArgsFact: present(), Exe: "/app (deleted)", ExeFact: present(), Env: []string{"PATH"}, EnvFact: present(), Own: true,
	}, {PID: 2, Status: Fact{Denied, "no"}, ArgsFact: Fact{State: NotCollected}, ExeFact: Fact{State: Denied}, EnvFact: Fact{State: Failed}}}, Fact{Truncated, "2 of 9"})
	b.SetMounts([]Mount{{ID: 1, ParentID: 2, Device: "8:1", Root: "/", Target: "/mnt/\xff", Options: []string{"ro"}, Type: "ext4", Source: "/dev/sda1", SuperOptions: []string{"rw", "x=\xfe"}}}, present())
	b.SetSockets([]Socket{{"tcp6", "::", 80, 1000, 42, 1}}, present())
	for i, f := range []Fact{{State: Present}, {State: Absent}, {Denied, "d"}, {Truncated, "t"}, {Failed, "f\xff"}, {NotCollected, "n"}} {
		b.Add(Entry{Path: fmt.Sprintf("/states/%d\xff\n\\", i), Meta: f, Mode: ModeChar | 0o7777, UID: 1 << 31, GID: 2, Size: -1, ModTime: time.Unix(0, 0), ChangeTime: time.Unix(-1<<40, 999_999_999),
			Device: 1 << 63, Inode: 5, LinkFact: f, CapabilitiesFact: f, Content: Fact{NotCollected, f.Detail}, Listing: f})
	}
	b.Add(Entry{Path: "/caps", Meta: present(), Mode: ModeRegular, Capabilities: []byte{1, 0, 0, 2, 0xff}, CapabilitiesFact: present()})
	b.Add(link("/odd\xff", "to \xfe<odd>"))
	b.Add(Entry{Path: "/hashed", Meta: present(), Mode: ModeRegular, SHA256: strings.Repeat("a", 64), Content: Fact{Truncated, "hashed, not sent"}})
	b.SetContent("/cut", []byte("beginning"), Fact{Truncated, "9 bytes"})
	b.SetContent("/binary", []byte("\x00\xff\x00"), present())
	b.SetContent("/same", []byte("\x00\xff\x00"), present())
	return b
}

func saved(t testing.TB, s *Snapshot) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := Save(&out, s, SaveOptions{KeepSecrets: true}); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func roundTrip(t testing.TB, s *Snapshot) *Snapshot {
	t.Helper()
	data := saved(t, s)
	got, err := Load(bytes.NewReader(data), LoadLimits{})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(factsOf(s), factsOf(got)); d != "" {
		t.Errorf("saved and loaded is another (-saved +loaded):\n%s", d)
	}
	if !bytes.Equal(data, saved(t, got)) {
		t.Error("saved again, the bytes differ")
	}
	return got
}

func TestSaveAndLoad(t *testing.T) {
	s := full().Snapshot()
	got := roundTrip(t, s)
	// Built in another order, it is the same file.
	b := NewBuilder(Limits{})
	entries := slices.Collect(s.Entries())
	slices.Reverse(entries)
	for _, e := range entries {
		data, _ := s.Content(e.Path)
		b.Add(e)
		if len(data) > 0 || e.Path == "/etc/nothing" {
			b.SetContent(e.Path, bytes.Clone(data), e.Content)
		}
	}
	b.head = s.head()
	if !bytes.Equal(saved(t, s), saved(t, b.Snapshot())) {
		t.Error("equal snapshots give different files")
	}
	if e := got.Resolve("/etc/shadow"); e.Meta.State != Absent {
		t.Errorf("loaded, /etc/shadow is %+v", e.Meta)
	}
	if e := got.Resolve("/empty/x/y"); e.Meta.State != Absent {
		t.Errorf("loaded, /empty/x/y is %+v", e.Meta)
	}
	roundTrip(t, NewBuilder(Limits{}).Snapshot())
}

// What a limit left out stays unknown after saving.
func TestSaveKeepsWhatWasLeftOut(t *testing.T) {
	b := NewBuilder(Limits{Files: 2})
	for i := range 5 {
		b.Add(Entry{Path: fmt.Sprintf("/d/%d", i), Meta: present(), Mode: ModeRegular})
	}
	got := roundTrip(t, b.Snapshot())
	if e := got.Entry("/d/4"); e.Meta.State != Truncated {
		t.Errorf("%+v", e.Meta)
	}
}

func TestRoundTripOfAnything(t *testing.T) {
	for seed := range uint64(300) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { roundTrip(t, random(rand.New(rand.NewPCG(seed, 1))).Snapshot()) })
	}
}

// random builds any snapshot, contradictions included.
func random(r *rand.Rand) *Builder {
	b := NewBuilder(Limits{Files: 1 + r.IntN(60), FileBytes: 64, TotalBytes: 512})
	states := []State{Present, Present, Present, Absent, Denied, Truncated, Failed, NotCollected, "", "bogus"}
	fact := func() Fact {
		return Fact{states[r.IntN(len(states))], []string{"", "", "why", "\xff"}[r.IntN(4)]}
	}
	name := func() string {
		var p strings.Builder
		for range 1 + r.IntN(4) {
			p.WriteString("/" + []string{"a", "b", "c", "a-b", "\xff", "\n", "..", "."}[r.IntN(8)])
		}
		return p.String()
	}
	for range r.IntN(80) {
		b.Add(Entry{
			Path: name(), Meta: fact(), Mode: []uint32{ModeDir, ModeRegular, ModeSymlink, ModeChar}[r.IntN(4)] | r.Uint32N(0o10000),
			UID: r.Uint32(), Size: r.Int64(), ModTime: time.Unix(r.Int64N(1<<50)-1<<49, r.Int64N(1e9)), Inode: r.Uint64(),
			Link: []string{"", name()}[r.IntN(2)], LinkFact: fact(), Capabilities: []byte(strings.Repeat("x", r.IntN(3))), CapabilitiesFact: fact(),
			Content: fact(), Listing: fact(), SHA256: []string{"", strings.Repeat("b", 64), "junk"}[r.IntN(3)],
		})
		if r.IntN(3) == 0 {
			b.SetContent(name(), bytes.Repeat([]byte{byte(r.IntN(4))}, r.IntN(100)), fact())
		}
	}
	return b
}

func TestSaveWantsADecisionAboutSecrets(t *testing.T) {
	if err := Save(io.Discard, full().Snapshot(), SaveOptions{}); err == nil {
		t.Error("saved without a word about secrets")
	}
}

// stars is a redactor that takes everything out.
type stars struct{}

func (stars) Begin(*Snapshot) (Redaction, error) { return stars{}, nil }

func (stars) Content(e Entry, content []byte) ([]byte, bool) {
	return bytes.Repeat([]byte("*"), len(content)), e.Path == "/etc/passwd" || e.Path == "/cut"
}
func (stars) Args(args []string) ([]string, bool) { return []string{"*"}, len(args) > 1 }
func (stars) Pod(Declared) (Declared, error)      { return Declared(`{"p":1}`), nil }

func TestSaveRedacts(t *testing.T) {
	s := full().Snapshot()
	var out bytes.Buffer
	if err := Save(&out, s, SaveOptions{Redactor: stars{}}); err != nil {
		t.Fatal(err)
	}
	got, err := Load(&out, LoadLimits{})
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{"/etc/passwd": strings.Repeat("*", 26), "/cut": "*********", "/binary": "\x00\xff\x00"} {
		data, e := got.Content(path)
		whole := s.Entry(path)
		if path != "/binary" {
			whole.SHA256 = "" // the secret could be guessed from it
		}
		if string(data) != want || e.Redacted == (path == "/binary") || e.SHA256 != whole.SHA256 || e.Content != whole.Content {
			t.Errorf("%s: %q, %+v", path, data, e)
		}
	}
	processes, _ := got.Processes()
	if !slices.Equal(processes[0].Args, []string{"*"}) || !processes[0].Redacted || processes[1].Redacted || string(got.Declared) != `{"p":1}` {
		t.Errorf("%+v, %s", processes, got.Declared)
	}
	if !got.Redacted() || s.Redacted() {
		t.Error("the snapshot does not say whether it is redacted")
	}
	if data, e := s.Content("/etc/passwd"); data[0] != 'r' || e.Redacted {
		t.Error("saving changed the snapshot")
	}
	again := roundTrip(t, got)
	if !again.Redacted() || !again.Entry("/etc/passwd").Redacted {
		t.Error("saved again, nobody knows any more that it is redacted")
	}
	// Collected anew, the content is the real one.
	b := From(got)
	b.SetContent("/etc/passwd", []byte("root:"), present())
	if e := b.Snapshot().Entry("/etc/passwd"); e.Redacted {
		t.Error("the real content is said to be redacted")
	}
}

// archive packs members as Save does.
func archive(t testing.TB, members ...string) []byte {
	t.Helper()
	var out bytes.Buffer
	z, err := zstd.NewWriter(&out, zstd.WithWindowSize(frameWindow))
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(z)
	for i := 0; i < len(members); i += 2 {
		err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: members[i], Size: int64(len(members[i+1])), Mode: 0o600})
		if err == nil {
			_, err = io.WriteString(w, members[i+1])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func manifestWith(t testing.TB, change func(*manifest)) string {
	t.Helper()
	m := manifest{Format: formatName, Version: formatVersion, Secrets: secretsKept}
	change(&m)
	data, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestLoadRefuses(t *testing.T) {
	const (
		sum   = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881" // of "x"
		other = "0000000000000000000000000000000000000000000000000000000000000000"
		file  = `{"path":"/a","content":{"state":"present"},"sha256":"` + sum + `","stored":"` + sum + "\"}\n"
	)
	counts := func(entries, contents int) string {
		return manifestWith(t, func(m *manifest) { m.Entries, m.Contents = entries, contents })
	}
	good := archive(t, "manifest.json", counts(1, 1), "entries/000001.jsonl", file, "contents/"+sum, "x")
	if _, err := Load(bytes.NewReader(good), LoadLimits{}); err != nil {
		t.Fatalf("what all cases are made of does not load: %v", err)
	}
	wide := func() []byte {
		var out bytes.Buffer
		z, _ := zstd.NewWriter(&out, zstd.WithWindowSize(64<<20))
		_, _ = z.Write(make([]byte, 100<<20))
		_ = z.Close()
		return out.Bytes()
	}
	line := func(l string) []byte {
		return archive(t, "manifest.json", counts(1, 0), "entries/000001.jsonl", l+"\n")
	}
	for _, c := range []struct {
		name string
		data []byte
		want string
	}{
		{"nothing", nil, "the file is empty"},
		{"text", []byte("hello, this is text and no snapshot"), "does not begin as a zstd frame"},
		{"a skippable frame first", append([]byte{0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0}, good...), "does not begin as a zstd frame"},
		{"a wide window", wide(), "window"},
		{"cut off", good[:len(good)-1], "cut off"},
		{"cut off early", good[:10], "cut off"},
		{"garbage behind", append(slices.Clone(good), 0), "something follows"},
		{"a second frame behind", append(slices.Clone(good), good...), "something follows"},
		{"a skippable frame behind", append(slices.Clone(good), 0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0), "something follows"},
		{"no manifest", archive(t, "entries/000001.jsonl", file), "does not begin with manifest.json"},
		{"no members", archive(t), "does not begin with manifest.json"},
		{"another format", archive(t, "manifest.json", manifestWith(t, func(m *manifest) { m.Format = "x" })), `format is "x"`},
		{"a later version", archive(t, "manifest.json", `{"format":"assay-snapshot","version":2,"new":1}`), "version 2"},
		{"an unknown field", archive(t, "manifest.json", `{"format":"assay-snapshot","version":1,"new":1}`), "new"},
		{"no word about secrets", archive(t, "manifest.json", manifestWith(t, func(m *manifest) { m.Secrets = "" })), "secrets"},
		{"an unknown state", archive(t, "manifest.json", manifestWith(t, func(m *manifest) { m.Mounts.Fact.State = "guessed" })), "mounts: unknown state"},
		{"fewer entries", archive(t, "manifest.json", counts(2, 1), "entries/000001.jsonl", file, "contents/"+sum, "x"), "counts 2 entries, the file has 1"},
		{"more entries", archive(t, "manifest.json", counts(0, 1), "entries/000001.jsonl", file, "contents/"+sum, "x"), "counts 0 entries, the file has more"},
		{"no content", archive(t, "manifest.json", counts(1, 1), "entries/000001.jsonl", file), "1 contents are missing"},
		{"another count of contents", archive(t, "manifest.json", counts(1, 2), "entries/000001.jsonl", file, "contents/"+sum, "x"), "counts 2 contents, the entries 1"},
		{"a damaged content", archive(t, "manifest.json", counts(1, 1), "entries/000001.jsonl", file, "contents/"+sum, "y"), "is damaged"},
		{"a content twice", archive(t, "manifest.json", counts(1, 1), "entries/000001.jsonl", file, "contents/"+sum, "x", "contents/"+sum, "x"), "was not expected"},
		{"a content too many", archive(t, "manifest.json", counts(1, 1), "entries/000001.jsonl", file, "contents/"+other, "x"), "was not expected"},
		{"a strange member", archive(t, "manifest.json", counts(0, 0), "../../etc/passwd", "x"), "was not expected"},
		{"an entry twice", archive(t, "manifest.json", counts(2, 1), "entries/000001.jsonl", file+file), "comes twice"},
		{"a path that is not clean", line(`{"path":"/a/../b"}`), "not absolute and clean"},
		{"a relative path", line(`{"path":"a"}`), "not absolute and clean"},
		{"an entry with an unknown field", line(`{"path":"/a","x":1}`), "unknown field"},
		{"an entry with an unknown state", line(`{"path":"/a","meta":{"state":"x"}}`), `unknown state "x"`},
		{"two values in a line", line(`{"path":"/a"} {"path":"/b"}`), "counts 1 entries, the file has more"},
		{"a bracket behind an entry", line(`{"path":"/a"}]`), "invalid character"},
		{"half an entry", line(`{"path":"/a"`), "cut off"},
		{"content that is not here", line(`{"path":"/a","content":{"state":"present"},"sha256":"` + sum + `"}`), "not stored"},
		{"content under another sum", line(`{"path":"/a","content":{"state":"present"},"sha256":"` + other + `","stored":"` + sum + `"}`), "another SHA-256"},
		{"content of a denied file", line(`{"path":"/a","content":{"state":"denied"},"stored":"` + sum + `"}`), "but stored"},
		{"a sum that is none", line(`{"path":"/a","sha256":"../../x"}`), "malformed"},
		{"a link that is unknown", line(`{"path":"/a","link":"b"}`), "said to be unknown"},
		{"text as base64", line(`{"path":{"base64":"L2E="}}`), "plain string"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Load(bytes.NewReader(c.data), LoadLimits{})
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "loading a snapshot: ") {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	// Cut off anywhere, it is never loaded.
	for n := range good {
		if _, err := Load(bytes.NewReader(good[:n]), LoadLimits{}); err == nil {
			t.Errorf("loaded, though only %d of %d bytes were there", n, len(good))
		}
	}
}

func TestLoadLimits(t *testing.T) {
	b := small()
	b.SetContent("/zeros", make([]byte, 1<<20), present())
	data := saved(t, b.Snapshot())
	for name, c := range map[string]struct {
		limits LoadLimits
		want   string
	}{
		"bytes":    {LoadLimits{Bytes: 1 << 20}, "1048576 bytes, the limit"},
		"entries":  {LoadLimits{Entries: 3}, "entries, more than 3"},
		"manifest": {LoadLimits{Manifest: 10}, "the manifest has"},
	} {
		if _, err := Load(bytes.NewReader(data), c.limits); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	broken := errors.New("the disk is on fire")
	r := io.MultiReader(bytes.NewReader(data[:100]), iotestErr{broken})
	if _, err := Load(r, LoadLimits{}); !errors.Is(err, broken) {
		t.Errorf("an error of the reader became %v", err)
	}
}

type iotestErr struct{ err error }

func (e iotestErr) Read([]byte) (int, error) { return 0, e.err }

func FuzzLoad(f *testing.F) {
	f.Add(saved(f, full().Snapshot()))
	f.Add(archive(f, "manifest.json", `{"format":"assay-snapshot","version":1,"secrets":"kept"}`))
	f.Add([]byte{})
	limits := LoadLimits{Bytes: 1 << 20, Entries: 1000}
	check := func(t *testing.T, data []byte) {
		s, err := Load(bytes.NewReader(data), limits)
		if err != nil {
			return
		}
		for e := range s.Entries() {
			_ = s.Resolve(e.Path)
			_ = s.Whole(e.Path)
		}
		roundTrip(t, s)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		check(t, data)
		// Compressed, hardly any change gets past the checksum: so plain bytes, too.
		z, err := zstd.NewWriter(nil, zstd.WithWindowSize(frameWindow), zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true), zstd.WithEncoderLevel(zstd.SpeedFastest))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = z.Close() }()
		check(t, z.EncodeAll(data, nil))
		// And an entry alone, whatever the archive around it.
		check(t, archive(t, "manifest.json", `{"format":"assay-snapshot","version":1,"secrets":"kept","entries":1}`, "entries/000001.jsonl", string(data)))
	})
}

package snapshot

import "testing"

func TestMerge(t *testing.T) {
	b := NewBuilder(Limits{})
	b.Add(Entry{Path: "/a", Meta: Fact{Denied, "as uid 1000"}})
	b.Add(Entry{Path: "/a", Meta: Fact{State: NotCollected}})
	if e := b.Snapshot().Entry("/a"); e.Meta.State != Denied {
		t.Errorf("denied was replaced by not collected: %+v", e.Meta)
	}
	b.Add(Entry{Path: "/a", Meta: present(), Mode: ModeRegular | 0o600, UID: 1, Size: 9, ModTime: epoch, ChangeTime: epoch, Inode: 7})
	b.SetContent("/a", []byte("old bytes"), present())
	first := b.Snapshot()
	b = From(first)
	b.Add(Entry{Path: "/a", Meta: Fact{Failed, "lost"}, Content: Fact{Denied, "no"}})
	b.SetContent("/a", nil, Fact{State: NotCollected})
	b.SetContent("/a", []byte("old"), Fact{State: Truncated})
	b.Add(Entry{Path: "/a", Meta: present(), Mode: ModeRegular | 0o600, UID: 2, Size: 9, ModTime: epoch})
	s := b.Snapshot()
	data, e := s.Content("/a")
	if string(data) != "old bytes" || e.Meta.State != Present || e.UID != 2 || e.Inode != 7 || !e.ChangeTime.Equal(epoch) {
		t.Errorf("%q, %+v", data, e)
	}
	b.SetContent("/a", []byte("new"), present())
	if data, _ := b.Snapshot().Content("/a"); string(data) != "new" {
		t.Errorf("the newer content did not win: %q", data)
	}
	b.Add(Entry{Path: "/a", Meta: Fact{State: Absent}})
	if data, e := b.Snapshot().Content("/a"); data != nil || e.Content.State != Absent || e.SHA256 != "" {
		t.Errorf("a file that is gone has content: %q, %+v", data, e)
	}
	if data, e := first.Content("/a"); string(data) != "old bytes" || e.UID != 1 {
		t.Errorf("a further round changed the first snapshot: %q, %+v", data, e)
	}
	b.SetProcesses([]Process{{PID: 1}}, present())
	b.SetProcesses(nil, Fact{State: Denied})
	if p, f := b.Snapshot().Processes(); len(p) != 1 || f.State != Present {
		t.Errorf("processes: %v, %+v", p, f)
	}
	if _, f := b.Snapshot().Sockets(); f.State != NotCollected {
		t.Errorf("sockets that nobody asked for: %+v", f)
	}
	b.Add(Entry{Path: "/never", Meta: present(), Mode: ModeRegular, Content: present()})
	if _, e := b.Snapshot().Content("/never"); e.Content.State != Failed {
		t.Errorf("content that was announced and never came: %+v", e.Content)
	}
	b.SetContent("/never", nil, Fact{Denied, "changed its mind"})
	if _, e := b.Snapshot().Content("/never"); e.Content.State != Denied {
		t.Errorf("content that was announced and then denied: %+v", e.Content)
	}
}

func TestLimits(t *testing.T) {
	b := NewBuilder(Limits{FileBytes: 4, TotalBytes: 10, Files: 6})
	b.Add(dir("/", Present))
	b.Add(dir("/d", Present))
	b.SetContent("/1", []byte("12345"), present())
	b.SetContent("/2", []byte("1234"), present())
	b.SetContent("/3", []byte("1234"), present())
	b.SetContent("/4", []byte("1"), present())
	b.Add(Entry{Path: "/d/x", Meta: present()})
	s := b.Snapshot()
	for path, want := range map[string]string{"/1": "1234 truncated", "/2": "1234 present", "/3": "12 truncated", "/4": " truncated"} {
		data, e := s.Content(path)
		if got := string(data) + " " + string(e.Content.State); got != want {
			t.Errorf("%s is %q (%+v), want %q", path, got, e.Content, want)
		}
	}
	for _, path := range []string{"/d/x", "/d/y"} {
		if e := s.Entry(path); e.Meta.State != Truncated {
			t.Errorf("%s, which the limit left out: %+v", path, e.Meta)
		}
	}
	if e := s.Entry("/x"); e.Meta.State != Absent {
		t.Errorf("/x, which nothing left out: %+v", e.Meta)
	}
}

package progress

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/charmbracelet/x/ansi"
)

// screen is a terminal that knows what the line needs: carriage return, erase
// to the right, line feed. Anything else with an escape is an error.
type screen struct {
	mu     sync.Mutex
	t      *testing.T
	lines  []string
	column int
	writes int
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes++
	if len(s.lines) == 0 {
		s.lines = []string{""}
	}
	for rest := string(p); rest != ""; {
		last := &s.lines[len(s.lines)-1]
		switch {
		case rest[0] == '\r':
			s.column, rest = 0, rest[1:]
		case rest[0] == '\n':
			s.lines, s.column, rest = append(s.lines, ""), 0, rest[1:]
		case strings.HasPrefix(rest, ansi.EraseLineRight):
			*last, rest = (*last)[:min(s.column, len(*last))], rest[len(ansi.EraseLineRight):]
		case rest[0] == 0x1b:
			s.t.Errorf("unexpected escape in %q", p)
			return len(p), nil
		default:
			*last = (*last)[:s.column] + rest[:1] + (*last)[min(len(*last), s.column+1):]
			s.column, rest = s.column+1, rest[1:]
		}
	}
	return len(p), nil
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.lines, "\n")
}

func wide() int { return 80 }

func expect(t *testing.T, s *screen, want string) {
	t.Helper()
	synctest.Wait()
	if got := s.String(); got != want {
		t.Errorf("after %s the screen shows %q, want %q", time.Since(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)), got, want)
	}
}

func TestBar(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &screen{t: t}
		b := start(s, wide)
		b.Update(3, 900, 950)
		time.Sleep(delay - time.Millisecond)
		expect(t, s, "") // nothing before its time
		time.Sleep(time.Millisecond)
		expect(t, s, "scanning: 3 namespaces, 900 pods, 1800/s, 0s")
		time.Sleep(time.Second)
		b.Update(1, 1, 1)
		time.Sleep(interval)
		expect(t, s, "scanning: 1 namespace, 1 pod, 1/s, 1s") // nothing of the longer one remains
		b.Stop()
		expect(t, s, "")
		b.Update(9, 9, 9)
		time.Sleep(time.Minute)
		expect(t, s, "")
		b.Stop() // again, without harm
	})
}

func TestStopBeforeItShows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &screen{t: t}
		b := start(s, wide)
		b.Update(1, 1, 1)
		time.Sleep(delay / 2)
		b.Stop()
		time.Sleep(time.Minute)
		synctest.Wait()
		if s.writes != 0 {
			t.Errorf("a short scan wrote %d times", s.writes)
		}
	})
}

func TestUnchangedIsNotDrawnAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &screen{t: t}
		b := start(s, wide)
		defer b.Stop()
		time.Sleep(10*time.Second + delay)
		synctest.Wait()
		if s.writes > 12 {
			t.Errorf("%d writes in 10 s in which only the seconds changed", s.writes)
		}
	})
}

// TestWriter shares one terminal, as `assay scan` does.
func TestWriter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &screen{t: t}
		b := start(s, wide)
		out := b.Writer(s)
		time.Sleep(delay)
		expect(t, s, "scanning: 0s")
		fmt.Fprint(out, "namespace shop\n  Deployment/")
		time.Sleep(10 * interval)
		expect(t, s, "namespace shop\n  Deployment/") // kept off the half line
		fmt.Fprint(out, "cart\n")
		time.Sleep(interval)
		expect(t, s, "namespace shop\n  Deployment/cart\nscanning: 1s")
		b.Stop()
		expect(t, s, "namespace shop\n  Deployment/cart\n")
	})
}

func TestNarrow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &screen{t: t}
		b := start(s, func() int { return 20 })
		b.Update(1000, 1000, 1000)
		time.Sleep(delay)
		synctest.Wait()
		if got := s.String(); ansi.StringWidth(got) != 19 || !strings.HasSuffix(got, "…") {
			t.Errorf("in 20 columns: %q", got)
		}
		b.Stop()
		expect(t, s, "")
	})
}

func TestText(t *testing.T) {
	for _, c := range []struct {
		b    *Bar
		d    time.Duration
		want string
	}{
		{&Bar{}, 2 * time.Second, "scanning: 2s"},
		{&Bar{objects: 500}, 2 * time.Second, "scanning: 500 objects, 250/s, 2s"},
		{&Bar{inspected: 3, total: 40}, 90 * time.Second, "inspecting: 3 of 40 containers, 1m30s"},
		{&Bar{namespaces: 2, pods: 300, objects: 500}, 90 * time.Second, "scanning: 2 namespaces, 300 pods, 3/s, 1m30s"},
	} {
		if got := c.b.text(c.d); got != c.want {
			t.Errorf("text() = %q, want %q", got, c.want)
		}
	}
}

func TestNewIsSilentWithoutTerminal(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	b := New(w, true)
	if b != nil {
		t.Fatal("New made a bar for a pipe")
	}
	// All methods work on it.
	b.Update(1, 2, 3)
	if got := b.Writer(w); got != io.Writer(w) {
		t.Errorf("Writer = %v, want the writer itself", got)
	}
	b.Stop()
	w.Close()
	if got, err := io.ReadAll(r); len(got) > 0 || err != nil {
		t.Errorf("it wrote %q, %v", got, err)
	}
}

// Package progress shows on a terminal how far a long scan has come: one line
// on standard error, rewritten in place.
//
//	scanning: 12 namespaces, 3480 pods, 1160/s, 3s
//	inspecting: 12 of 340 containers, 9s
//
// It is silent where w is no terminal, and in the first half second. A scan
// knows no total, and it is not a log: nothing of it remains.
//
//	bar := progress.New(os.Stderr, !quiet)
//	defer bar.Stop()
//	out := bar.Writer(os.Stdout) // where standard output is a terminal too
//	bar.Update(namespaces, pods, objects)
//
// The progress libraries that we looked at draw a spinner with one count where
// the total is unknown, and draw into output that is being written.
package progress

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/charmbracelet/x/ansi"
	"golang.org/x/term"
)

const (
	delay    = 500 * time.Millisecond // shorter scans need no progress
	interval = 100 * time.Millisecond
)

// Bar is the line. A nil Bar is valid and silent. Its methods may be called from any goroutine.
type Bar struct {
	w     io.Writer
	width func() int // of the terminal, now
	start time.Time

	stop chan struct{}
	done sync.WaitGroup

	mu                        sync.Mutex
	namespaces, pods, objects int    // of a scan
	inspected, total          int    // containers of an inspection; no total means a scan
	drawn                     string // what stands on the terminal; empty for nothing
	midLine                   bool   // other output has not ended its line
	stopped                   bool
}

// New starts the progress line on w. It returns nil, which is silent, unless
// enabled and w is a terminal that can rewrite a line.
func New(w io.Writer, enabled bool) *Bar {
	f, ok := w.(*os.File)
	if !enabled || !ok || !term.IsTerminal(int(f.Fd())) || os.Getenv("TERM") == "dumb" {
		return nil
	}
	return start(w, func() int {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
			return width
		}
		return 80
	})
}

func start(w io.Writer, width func() int) *Bar {
	b := &Bar{w: w, width: width, start: time.Now(), stop: make(chan struct{})}
	b.done.Go(b.run)
	return b
}

func (b *Bar) run() {
	select {
	case <-time.After(delay):
	case <-b.stop:
		return
	}
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		b.draw()
		select {
		case <-tick.C:
		case <-b.stop:
			return
		}
	}
}

// Update sets the counts so far. It draws nothing itself, so it may be called often.
func (b *Bar) Update(namespaces, pods, objects int) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.namespaces, b.pods, b.objects = namespaces, pods, objects
}

// Inspected sets how many containers of how many have been looked into.
func (b *Bar) Inspected(done, total int) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.inspected, b.total = done, total
}

// Stop takes the line off the terminal for good, and waits until nothing will
// draw it again. Further calls do nothing.
func (b *Bar) Stop() {
	if b == nil {
		return
	}
	b.mu.Lock()
	if !b.stopped {
		b.stopped = true
		close(b.stop)
		b.clear()
	}
	b.mu.Unlock()
	b.done.Wait()
}

// Writer returns a writer to w that takes the line off the terminal before
// each write, and keeps it off while w stands in the middle of a line. For
// output that goes to the same terminal.
func (b *Bar) Writer(w io.Writer) io.Writer {
	if b == nil {
		return w
	}
	return &shared{b, w}
}

type shared struct {
	b *Bar
	w io.Writer
}

func (s *shared) Write(p []byte) (int, error) {
	s.b.mu.Lock()
	defer s.b.mu.Unlock()
	s.b.clear()
	if len(p) > 0 {
		s.b.midLine = p[len(p)-1] != '\n'
	}
	return s.w.Write(p)
}

// draw rewrites the line in one write, so that it does not flicker. The
// terminal is the reader's: what can't be written there is no reason to fail.
func (b *Bar) draw() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stopped || b.midLine {
		return
	}
	// One column stays free: a full line would wrap, and could not be taken back.
	line := ansi.Truncate(b.text(time.Since(b.start)), max(b.width()-1, 1), "…")
	if line == b.drawn {
		return
	}
	_, _ = io.WriteString(b.w, "\r"+line+ansi.EraseLineRight)
	b.drawn = line
}

// clear is for callers that hold the lock.
func (b *Bar) clear() {
	if b.drawn == "" {
		return
	}
	_, _ = io.WriteString(b.w, "\r"+ansi.EraseLineRight)
	b.drawn = ""
}

func (b *Bar) text(elapsed time.Duration) string {
	if b.total > 0 {
		return fmt.Sprintf("inspecting: %d of %d containers, %v", b.inspected, b.total, elapsed.Truncate(time.Second))
	}
	var parts []string
	add := func(n int, noun string) {
		if n > 0 {
			if n > 1 {
				noun += "s"
			}
			parts = append(parts, fmt.Sprintf("%d %s", n, noun))
		}
	}
	add(b.namespaces, "namespace")
	done := b.pods
	if b.pods > 0 {
		add(b.pods, "pod")
	} else {
		done = b.objects
		add(b.objects, "object")
	}
	if done > 0 {
		parts = append(parts, fmt.Sprintf("%.0f/s", float64(done)/elapsed.Seconds()))
	}
	parts = append(parts, elapsed.Truncate(time.Second).String())
	return "scanning: " + strings.Join(parts, ", ")
}

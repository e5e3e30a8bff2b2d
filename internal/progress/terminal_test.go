package progress

import (
	"bufio"
	"fmt"
	"strings"
	"testing"

	"github.com/kubeassay/assay/internal/testpty"
)

func TestOnTerminal(t *testing.T) {
	control, tty := testpty.Open(t, 30)
	t.Setenv("TERM", "xterm")
	if b := New(tty, false); b != nil {
		t.Error("New made a bar although it is not enabled")
	}
	b := New(tty, true)
	if b == nil {
		t.Fatal("New made no bar for a terminal")
	}
	b.Update(12, 3480, 4000)
	// The line comes by itself; reading waits for it. It begins with a carriage return.
	in := bufio.NewReader(control)
	line, err := in.ReadString('K')
	if err != nil {
		t.Fatal(err)
	}
	if want := "\rscanning: 12 namespaces, 3480…\x1b[K"; !strings.HasPrefix(line, "\rscanning: 12 namespaces") || !strings.HasSuffix(line, "…\x1b[K") {
		t.Errorf("the terminal got %q, want something like %q", line, want)
	}
	b.Stop()
	fmt.Fprintln(tty, "done")
	rest, err := in.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(rest, "\r\x1b[Kdone\r\n") {
		t.Errorf("after Stop the terminal got %q", rest)
	}
}

func TestDumbTerminal(t *testing.T) {
	_, tty := testpty.Open(t, 80)
	t.Setenv("TERM", "dumb")
	if b := New(tty, true); b != nil {
		b.Stop()
		t.Error("New made a bar for a terminal that can't rewrite a line")
	}
}

package report

import (
	"io"
	"os"
	"strconv"

	"golang.org/x/term"
)

// Terminal says what the table needs to know about w: its width and whether
// to use colours. Both are off where w is no terminal. The environment is
// heard: NO_COLOR (https://no-color.org), CLICOLOR and CLICOLOR_FORCE
// (https://bixense.com/clicolors), TERM=dumb, and COLUMNS for the width.
func Terminal(w io.Writer) Options {
	width := 0
	f, ok := w.(*os.File)
	tty := ok && term.IsTerminal(int(f.Fd()))
	if tty {
		width = 80 // where the terminal does not tell
		if columns, _, err := term.GetSize(int(f.Fd())); err == nil && columns > 0 {
			width = columns
		}
	}
	return terminal(tty, width, os.Getenv)
}

func terminal(tty bool, width int, getenv func(string) string) Options {
	if n, err := strconv.Atoi(getenv("COLUMNS")); err == nil && n > 0 {
		width = n
	}
	o := Options{Width: width}
	// Windows' consoles set no TERM; the one that knows escapes says so.
	able := tty && getenv("TERM") != "dumb" && (getenv("TERM") != "" || getenv("WT_SESSION") != "")
	switch force := getenv("CLICOLOR_FORCE"); {
	case getenv("NO_COLOR") != "":
	case force != "" && force != "0":
		o.Color = true
	case getenv("CLICOLOR") == "0":
	default:
		o.Color = able
	}
	return o
}

package audit

import (
	"bytes"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestArgvIsWritten(t *testing.T) {
	long := strings.Repeat("\x01", 100_000) // takes six bytes each in JSON
	for _, tt := range []struct {
		name string
		argv []string
		want []string // what the line has; nil: the same
	}{
		{"none", nil, nil},
		{"as it is", []string{"sh", "-c", "echo \"$1\"\n", "", "ü\xff"}, []string{"sh", "-c", "echo \"$1\"\n", "", "ü\uFFFD"}},
		{"a script", []string{"sh", "-c", strings.Repeat("line\n", 2000)}, nil},
		{"too long", []string{"sh", long, "x"}, []string{"sh", "(100000 bytes, SHA-256 " + hash([]byte(long)) + ")", "x"}},
		{"too many", slices.Repeat([]string{"x"}, 100), append(slices.Repeat([]string{"x"}, 63), "(37 more arguments, SHA-256 "+hash([]byte(strings.Join(slices.Repeat([]string{"x"}, 37), "\x00")))+")")},
		{"many too long", slices.Repeat([]string{long}, 64), slices.Repeat([]string{"(100000 bytes, SHA-256 " + hash([]byte(long)) + ")"}, 64)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "audit.jsonl")
			l, err := Open(path)
			if err != nil {
				t.Fatal(err)
			}
			r := Record{Time: time.Unix(1, 0), Verb: "get", Argv: tt.argv}
			for range 2 {
				if err := l.Append(r); err != nil {
					t.Fatal(err)
				}
			}
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			data := read(t, path)
			if _, _, err := Verify(bytes.NewReader(data)); err != nil {
				t.Fatal(err)
			}
			rec, err := decode(data[:bytes.IndexByte(data, '\n')])
			if err != nil {
				t.Fatal(err)
			}
			want := tt.want
			if want == nil {
				want = tt.argv
			}
			if !slices.Equal(rec.Argv, want) {
				t.Errorf("%.300q, want %.300q", rec.Argv, want)
			}
		})
	}
}

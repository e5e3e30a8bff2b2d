package server

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// An answer that breaks off must look broken, also when it is compressed.
func TestAPanicInTheMiddleBreaksTheConnection(t *testing.T) {
	t.Parallel()
	s := &Server{logger: slog.New(slog.DiscardHandler)}
	web := httptest.NewServer(s.recoverPanics(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, strings.Repeat("x", 100_000))
		panic("oh")
	})))
	web.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
	defer web.Close()
	resp, err := http.Get(web.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err == nil {
		t.Errorf("%d bytes look like a whole answer", len(body))
	}
}

func TestNegotiate(t *testing.T) {
	t.Parallel()
	for accept, want := range map[string]string{
		"":                           mediaJSON,
		"application/x-ndjson;q=0.1": mediaNDJSON,
		"*/*;q=0":                    "",
		"nonsense":                   "",
		"/":                          "",
		"a/b/c, ,;;q=,*":             mediaJSON,
		"application/json;q=nan":     "",
	} {
		if got := negotiate(accept, mediaJSON, mediaNDJSON); got != want {
			t.Errorf("%q: %q, want %q", accept, got, want)
		}
	}
}

func FuzzCursor(f *testing.F) {
	f.Add("rubbish")
	f.Add((&cursor{Scan: "X", Offset: 3}).String())
	f.Fuzz(func(t *testing.T, text string) {
		c, err := parseCursor(text)
		if err != nil {
			return
		}
		if again, err := parseCursor(c.String()); err != nil || again.String() != c.String() {
			t.Errorf("%q became %v, %v", text, again, err)
		}
	})
}

func FuzzNegotiate(f *testing.F) {
	f.Add("text/html, */*;q=0.1")
	f.Fuzz(func(t *testing.T, accept string) {
		if got := negotiate(accept, mediaJSON, mediaNDJSON); got != "" && got != mediaJSON && got != mediaNDJSON {
			t.Errorf("%q", got)
		}
	})
}

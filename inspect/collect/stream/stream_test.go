package stream

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/remotecommand"
	"k8s.io/streaming/pkg/httpstream"
	"k8s.io/streaming/pkg/httpstream/spdy"

	"github.com/kubeassay/assay/kube"
	"github.com/kubeassay/assay/kube/audit"
)

// These servers are for faults that a real one does not produce on demand. The
// end-to-end tests use a real one, with a real container runtime.

// refuse answers with an error of the API.
func refuse(w http.ResponseWriter, code int, reason metav1.StatusReason, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(metav1.Status{
		TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: metav1.StatusFailure, Code: int32(code), Reason: reason, Message: message,
	})
}

// sockets answers a WebSocket as the API server does.
func sockets(t *testing.T, talk func(send func(channel byte, data string), c *websocket.Conn)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !websocket.IsWebSocketUpgrade(r) {
			refuse(w, http.StatusInternalServerError, "", "not a WebSocket")
			return
		}
		up := websocket.Upgrader{Subprotocols: []string{remotecommand.StreamProtocolV5Name}}
		c, err := up.Upgrade(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = c.Close() }()
		talk(func(channel byte, data string) {
			if err := c.WriteMessage(websocket.BinaryMessage, append([]byte{channel}, data...)); err != nil {
				t.Error(err)
			}
		}, c)
		_ = c.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), time.Now().Add(time.Second))
		for {
			if _, _, err := c.ReadMessage(); err != nil {
				return
			}
		}
	}
}

// streams answers over SPDY, and refuses WebSockets as a proxy does that knows none.
func streams(t *testing.T, talk func(all map[string]httpstream.Stream)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if websocket.IsWebSocketUpgrade(r) {
			http.Error(w, "no WebSockets here", http.StatusBadRequest)
			return
		}
		if _, err := httpstream.Handshake(r, w, []string{remotecommand.StreamProtocolV4Name}); err != nil {
			t.Error(err)
			return
		}
		opened := make(chan httpstream.Stream, 8)
		conn := spdy.NewResponseUpgrader().UpgradeResponse(w, r, func(s httpstream.Stream, replied <-chan struct{}) error {
			opened <- s
			return nil
		})
		if conn == nil {
			t.Error("no SPDY connection")
			return
		}
		defer func() { _ = conn.Close() }()
		all := map[string]httpstream.Stream{}
		for len(all) < 4 {
			s := <-opened
			all[s.Headers().Get(corev1.StreamType)] = s
		}
		talk(all)
	}
}

type server struct {
	client *kube.Client
	log    string
	calls  int
}

func serve(t *testing.T, handler http.HandlerFunc) *server {
	t.Helper()
	s := &server{log: filepath.Join(t.TempDir(), "audit.jsonl")}
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.calls++
		handler(w, r)
	}))
	t.Cleanup(h.Close)
	config := filepath.Join(t.TempDir(), "config")
	text := fmt.Sprintf(`{"apiVersion":"v1","kind":"Config","current-context":"x","contexts":[{"name":"x","context":{"cluster":"x","user":"x"}}],"clusters":[{"name":"x","cluster":{"server":%q}}],"users":[{"name":"x","user":{"token":"t"}}]}`, h.URL)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	log, err := audit.Open(s.log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Close() })
	if s.client, err = kube.Connect(kube.Options{Kubeconfig: config, Audit: log}); err != nil {
		t.Fatal(err)
	}
	return s
}

// lines reads the audit log.
func (s *server) lines(t *testing.T) []map[string]any {
	t.Helper()
	data, err := os.ReadFile(s.log)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := audit.Verify(bytes.NewReader(data)); err != nil {
		t.Error(err)
	}
	var all []map[string]any
	for in := bufio.NewScanner(bytes.NewReader(data)); in.Scan(); {
		var line map[string]any
		if err := json.Unmarshal(in.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		all = append(all, line)
	}
	return all
}

func command(out io.Writer) Command {
	return Command{Namespace: "shop", Pod: "cart-1", Container: "app", Argv: []string{"cat", "a b"}, Stdout: out}
}

const success = `{"metadata":{},"status":"Success"}`

func TestRun(t *testing.T) {
	failure := `{"metadata":{},"status":"Failure","message":"command terminated with non-zero exit code","reason":"NonZeroExitCode","details":{"causes":[{"reason":"ExitCode","message":"7"}]}}`
	for _, tt := range []struct {
		name    string
		handler func(t *testing.T) http.HandlerFunc
		out     string
		code    int
		bytes   int64
		want    any // a pointer to the type of the error; nil: none
		calls   int
		argv    bool // it was run, and that was written down
	}{
		{"over WebSocket", func(t *testing.T) http.HandlerFunc {
			return sockets(t, func(send func(byte, string), _ *websocket.Conn) {
				send(1, "a\x00b\r\n")
				send(2, "err")
				send(3, failure)
			})
		}, "a\x00b\r\n", 7, 8, nil, 1, true},
		{"WebSocket breaks", func(t *testing.T) http.HandlerFunc {
			return sockets(t, func(send func(byte, string), c *websocket.Conn) { send(1, "part"); _ = c.NetConn().Close() })
		}, "part", 0, 4, new(*LostError), 1, true},
		{"over SPDY", func(t *testing.T) http.HandlerFunc {
			return streams(t, func(all map[string]httpstream.Stream) {
				_, _ = io.WriteString(all["stdout"], "whole")
				_ = all["stdout"].Close()
				_ = all["stderr"].Close()
				_, _ = io.WriteString(all["error"], success)
				_ = all["error"].Close()
				_, _ = io.Copy(io.Discard, all["stdin"])
			})
		}, "whole", 0, 5, nil, 2, true},
		{"SPDY without a status", func(t *testing.T) http.HandlerFunc {
			return streams(t, func(all map[string]httpstream.Stream) {
				_, _ = io.WriteString(all["stdout"], "part")
				for _, s := range all {
					_ = s.Close()
				}
			})
		}, "part", 0, 4, new(*LostError), 2, true},
		{"no such command", func(t *testing.T) http.HandlerFunc {
			return sockets(t, func(send func(byte, string), _ *websocket.Conn) {
				send(3, `{"metadata":{},"status":"Failure","code":500,"message":"Internal error occurred: error executing command in container: failed to exec in container: OCI runtime exec failed: exec failed: unable to start container process: exec: \"cat\": executable file not found in $PATH"}`)
			})
		}, "", 0, 0, new(*NoCommandError), 1, true},
		{"forbidden", func(*testing.T) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) {
				refuse(w, 403, metav1.StatusReasonForbidden, `pods "cart-1" is forbidden: User "x" cannot create resource "pods/exec"`)
			}
		}, "", 0, 0, new(*ForbiddenError), 2, false},
		{"no pod", func(*testing.T) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) {
				refuse(w, 404, metav1.StatusReasonNotFound, `pods "cart-1" not found`)
			}
		}, "", 0, 0, new(*GoneError), 1, false},
		{"container not running", func(*testing.T) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) { refuse(w, 500, "", `container not found ("app")`) }
		}, "", 0, 0, new(*GoneError), 2, false},
		{"expired credentials", func(*testing.T) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) {
				refuse(w, 401, metav1.StatusReasonUnauthorized, "Unauthorized")
			}
		}, "", 0, 0, new(*apierrors.StatusError), 1, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := serve(t, tt.handler(t))
			var out bytes.Buffer
			r, err := New(s.client).Run(t.Context(), command(&out))
			if tt.want == nil && err != nil || tt.want != nil && !errors.As(err, tt.want) {
				t.Fatalf("error %T %v, want %T", err, err, tt.want)
			}
			if err != nil && !strings.Contains(err.Error(), "cart-1") {
				t.Errorf("%q does not name the pod", err)
			}
			if out.String() != tt.out || r.ExitCode != tt.code || r.Bytes != tt.bytes {
				t.Errorf("%q, %+v", out.String(), r)
			}
			lines := s.lines(t)
			if len(lines) != tt.calls || s.calls != tt.calls {
				t.Fatalf("%d calls, %d lines, want %d: %v", s.calls, len(lines), tt.calls, lines)
			}
			for i, line := range lines {
				_, has := line["argv"]
				if ran := tt.argv && i == len(lines)-1; has != ran {
					t.Errorf("line %v: argv %v, want %v", line, has, ran)
				} else if ran && (fmt.Sprint(line["argv"]) != "[cat a b]" || int64(line["bytes"].(float64)) != tt.bytes || line["status"].(float64) != 101 || (line["incomplete"] == true) != (err != nil)) {
					t.Errorf("line %v", line)
				}
				if line["resource"] != "pods/exec" || line["status"] == 0.0 {
					t.Errorf("line %v", line)
				}
			}
			if total := s.client.Stats().Total(); total != tt.calls {
				t.Errorf("%d calls are counted, want %d", total, tt.calls)
			}
		})
	}
}

func TestForbiddenSaysWhatItTakes(t *testing.T) {
	for text, want := range map[string]string{
		`User "x" cannot create resource "pods/exec"`:                                    "get and create on pods/exec",
		`ValidatingAdmissionPolicy 'p' with binding 'b' denied request: only our script`: "admission rule",
	} {
		s := serve(t, func(w http.ResponseWriter, _ *http.Request) { refuse(w, 403, metav1.StatusReasonForbidden, text) })
		_, err := New(s.client).Run(t.Context(), command(nil))
		if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), text) {
			t.Errorf("%v", err)
		}
	}
}

func TestSPDYIsRemembered(t *testing.T) {
	s := serve(t, streams(t, func(all map[string]httpstream.Stream) {
		_ = all["stdout"].Close()
		_ = all["stderr"].Close()
		_, _ = io.WriteString(all["error"], success)
		_ = all["error"].Close()
	}))
	run := New(s.client)
	for range 3 {
		if _, err := run.Run(t.Context(), command(nil)); err != nil {
			t.Fatal(err)
		}
	}
	if s.calls != 4 {
		t.Errorf("%d calls for three commands, want 4: one refusal is enough", s.calls)
	}
}

func TestStdoutThatFailsEndsTheCommand(t *testing.T) {
	over := make(chan struct{})
	s := serve(t, sockets(t, func(send func(byte, string), c *websocket.Conn) {
		defer close(over)
		send(1, "x")
		for {
			if _, _, err := c.ReadMessage(); err != nil {
				return // the client has left
			}
		}
	}))
	full := errors.New("full")
	_, err := New(s.client).Run(t.Context(), command(writer(func([]byte) (int, error) { return 0, full })))
	if !errors.Is(err, full) {
		t.Errorf("Run = %v", err)
	}
	<-over
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }

func TestNothingIsWrittenAfterRun(t *testing.T) {
	s := serve(t, sockets(t, func(send func(byte, string), c *websocket.Conn) {
		for c.WriteMessage(websocket.BinaryMessage, []byte("\x01x")) == nil {
		}
	}))
	for range 20 {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		returned := false // -race finds out
		_, err := New(s.client).Run(ctx, command(writer(func(p []byte) (int, error) {
			if returned {
				t.Error("written after Run")
			}
			return len(p), nil
		})))
		returned = true
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
	}
}

func TestStderrIsBounded(t *testing.T) {
	s := serve(t, sockets(t, func(send func(byte, string), _ *websocket.Conn) {
		for range 10 {
			send(2, strings.Repeat("e", 20_000))
		}
		send(3, success)
	}))
	r, err := New(s.client).Run(t.Context(), command(nil))
	if err != nil || len(r.Stderr) != mostStderr || r.Bytes != 200_000 {
		t.Errorf("%d bytes kept of %d, %v", len(r.Stderr), r.Bytes, err)
	}
}

func TestNoCommandTexts(t *testing.T) {
	for _, tt := range []struct {
		text string
		want Reason
	}{
		{`OCI runtime exec failed: exec failed: unable to start container process: exec: "sh": executable file not found in $PATH`, NotFound},
		{`exec: "/bin/sh": stat /bin/sh: no such file or directory`, ""},
		{`exec: "sh": stat sh: no such file or directory`, NotFound},
		{"OCI runtime exec failed: executable file `sh` not found in $PATH: No such file or directory", NotFound},
		{"crun: open executable: `sh`: Permission denied: OCI permission denied", NotAllowed},
		{`exec: "sh": permission denied`, NotAllowed},
		{`exec: "sh": is a directory`, NotAllowed},
		{"exec sh: exec format error", WrongFormat},
		{`error finding executable "sh" in PATH [/bin]: no such file or directory`, NotFound},
		{`failed to create shim task: open /run/containerd/x: no such file or directory`, ""},
		{`command "sh" in container is running fine`, ""},
	} {
		if got, ok := noCommand("sh", tt.text); got != tt.want || ok != (tt.want != "") {
			t.Errorf("%s: %q, want %q", tt.text, got, tt.want)
		}
	}
	c := command(nil)
	c.Argv = []string{"sh"}
	for text, want := range map[string]bool{
		"exec sh: exec format error\n": true,
		`time="2026-01-01T00:00:00Z" level=error msg="exec failed: unable to start container process: exec: \"sh\": executable file not found in $PATH"`: true,
		"sh: 1: cat: not found\n": false,
		"":                        false,
	} {
		if _, got := unstarted(&c, &Result{ExitCode: 255, Stderr: []byte(text)}, 0); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

func TestCommandIsChecked(t *testing.T) {
	for _, c := range []Command{
		{}, {Namespace: "n", Pod: "p", Argv: []string{"x"}}, {Namespace: "n", Pod: "p", Container: "c"}, {Namespace: "n", Pod: "p", Container: "c", Argv: []string{""}},
		{Namespace: "n", Pod: "p", Container: "c", Argv: []string{"x", "a\x00b"}},
	} {
		if _, err := new(Streamer).Run(t.Context(), c); err == nil {
			t.Errorf("%+v is accepted", c)
		}
	}
}

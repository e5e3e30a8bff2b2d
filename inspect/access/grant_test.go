package access_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/inspect/access"
	"github.com/kubeassay/assay/inspect/snapshot"
)

var cart = access.ForApproach(snapshot.KubernetesAPI, "shop", []string{"cart-5d9"}, "")

func TestCreateAndRevoke(t *testing.T) {
	f, client := newFake(t)
	f.slow = 3
	needs := append(slices.Clone(cart), access.ForApproach(snapshot.ImageVolume, "shop", []string{"cart-5d9"}, "scan")...)
	g, err := access.Create(t.Context(), client, access.Options{Needs: needs, Home: "assay-system", Run: "r1"})
	if err != nil {
		t.Fatal(err)
	}
	left := f.left()
	if len(left) != 5 { // an account, two roles, two bindings
		t.Errorf("made: %q", left)
	}
	for _, p := range left {
		meta := f.objects[p]["metadata"].(map[string]any)
		labels, annotations := meta["labels"].(map[string]any), meta["annotations"].(map[string]any)
		want := f.now.Add(access.MinDuration).Format(time.RFC3339)
		if labels[access.LabelManagedBy] != "assay" || labels[access.LabelRun] != "r1" || annotations[access.AnnotationExpires] != want || annotations[access.AnnotationCreatedBy] != "alice" {
			t.Errorf("%s carries %v", p, meta)
		}
	}
	if r := g.Record(); r.Namespace != "scan,shop" || !r.RevokedAt.IsZero() || !r.ExpiresAt.Equal(f.now.Add(access.MinDuration)) ||
		!slices.Contains(r.Rules, "get,create pods/cart-5d9/exec in namespace shop") || r.ServiceAccount != "assay-system/"+g.Name() {
		t.Errorf("record: %+v", r)
	}
	f.mu.Lock()
	f.slow = 2
	f.mu.Unlock()
	if err := g.Revoke(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left := f.left(); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
	if n := len(f.calls); !strings.HasSuffix(f.calls[n-3], "by the grant") {
		t.Errorf("it was not awaited that the access is gone: %q", f.calls)
	}
	if got := f.deletions(); !slices.Equal(got, []string{"rolebindings", "serviceaccounts", "roles"}) {
		t.Errorf("deleted in the order %q", got)
	}
	if r := g.Record(); r.RevokedAt.IsZero() || r.Problem != "" {
		t.Errorf("record: %+v", r)
	}
	calls := len(f.calls)
	if err := g.Revoke(t.Context()); err != nil || len(f.calls) != calls {
		t.Errorf("revoked twice: %v, %d calls more", err, len(f.calls)-calls)
	}
}

// TestRollBack lets each step of making a grant fail, before and after the
// server has done it. Nothing may be left, and the error says what was tried.
func TestRollBack(t *testing.T) {
	for _, step := range []string{"/serviceaccounts", "/roles", "/rolebindings", "/token", "/selfsubjectaccessreviews by the grant"} {
		for _, done := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s done=%v", step, done), func(t *testing.T) {
				f, client := newFake(t)
				f.fail = func(w http.ResponseWriter, call string, d bool) bool {
					if d == done && strings.HasPrefix(call, "POST ") && strings.HasSuffix(call, step) {
						refuse(w, http.StatusForbidden, "Forbidden", "no "+step+" for you")
						return true
					}
					return false
				}
				g, err := access.Create(t.Context(), client, access.Options{Needs: cart, Home: "shop"})
				if g != nil || !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "no "+step+" for you") {
					t.Errorf("%v, %v", g, err)
				}
				if left := f.left(); len(left) > 0 {
					t.Errorf("left: %q", left)
				}
			})
		}
	}
}

// TestRollBackThatFails says what is left, and from when on it may be removed.
func TestRollBackThatFails(t *testing.T) {
	f, client := newFake(t)
	f.fail = func(w http.ResponseWriter, call string, done bool) bool {
		if !done && (strings.HasSuffix(call, "/token") || strings.HasPrefix(call, "DELETE ") && strings.Contains(call, "/serviceaccounts/")) {
			refuse(w, http.StatusForbidden, "Forbidden", "not this")
			return true
		}
		return false
	}
	_, err := access.Create(t.Context(), client, access.Options{Needs: cart, Home: "home"})
	left := f.left()
	if len(left) != 1 || !strings.Contains(left[0], "/serviceaccounts/") {
		t.Errorf("left: %q; the other steps must be tried all the same", left)
	}
	expires := f.now.Add(access.MinDuration).Format(time.RFC3339)
	if err == nil || !strings.Contains(err.Error(), "left: serviceaccounts/assay-inspect-") || !strings.Contains(err.Error(), expires) {
		t.Errorf("error: %v", err)
	}
}

// TestRevokeGoesOn: what fails is tried again by the next call, and the rest is done.
func TestRevokeGoesOn(t *testing.T) {
	for _, kind := range []string{"/rolebindings/", "/serviceaccounts/", "/roles/"} {
		t.Run(kind, func(t *testing.T) {
			f, client := newFake(t)
			g, err := access.Create(t.Context(), client, access.Options{Needs: cart, Home: "shop"})
			if err != nil {
				t.Fatal(err)
			}
			broken := true
			f.fail = func(w http.ResponseWriter, call string, done bool) bool {
				if broken && !done && strings.HasPrefix(call, "DELETE ") && strings.Contains(call, kind) {
					refuse(w, http.StatusForbidden, "Forbidden", "not now")
					return true
				}
				// What the real server does once the account is gone.
				if broken && !done && strings.HasSuffix(call, "by the grant") {
					refuse(w, http.StatusUnauthorized, "Unauthorized", "Unauthorized")
					return true
				}
				return false
			}
			err = g.Revoke(t.Context())
			if err == nil || !strings.Contains(err.Error(), "not now") || !strings.Contains(err.Error(), "assay grant prune") {
				t.Errorf("error: %v", err)
			}
			if left := f.left(); len(left) != 1 || !strings.Contains(left[0], kind) {
				t.Errorf("left: %q", left)
			}
			if r := g.Record(); !strings.Contains(r.Problem, "not now") {
				t.Errorf("record: %+v", r)
			}
			f.mu.Lock()
			broken = false
			f.mu.Unlock()
			if err := g.Revoke(t.Context()); err != nil || len(f.left()) > 0 || g.Record().Problem != "" {
				t.Errorf("again: %v, left %q", err, f.left())
			}
		})
	}
}

// TestGoneMeanwhile: a namespace that ended, or an object that has another's name.
func TestGoneMeanwhile(t *testing.T) {
	f, client := newFake(t)
	g, err := access.Create(t.Context(), client, access.Options{Needs: cart, Home: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	f.mu.Lock()
	for p, o := range f.objects {
		if strings.Contains(p, "/roles/") {
			o["metadata"].(map[string]any)["uid"] = "another"
		} else {
			delete(f.objects, p)
		}
	}
	f.mu.Unlock()
	if err := g.Revoke(t.Context()); err != nil {
		t.Error(err)
	}
	if left := f.left(); len(left) != 1 {
		t.Errorf("another's role was deleted: %q", left)
	}
}

// TestEveryEnding: access is taken back whatever becomes of the run.
func TestEveryEnding(t *testing.T) {
	failed := errors.New("the controls failed")
	for name, use := range map[string]func(context.CancelFunc) error{
		"success":     func(context.CancelFunc) error { return nil },
		"error":       func(context.CancelFunc) error { return failed },
		"interrupted": func(cancel context.CancelFunc) error { cancel(); return context.Canceled },
		"panic":       func(context.CancelFunc) error { panic("a fault in a collector") },
	} {
		t.Run(name, func(t *testing.T) {
			f, client := newFake(t)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var record finding.Grant
			var err error
			func() {
				defer func() {
					if p := recover(); (p != nil) != (name == "panic") {
						t.Errorf("recovered %v", p)
					}
				}()
				record, err = access.During(ctx, client, access.Options{Needs: cart, Home: "shop"}, func(_ context.Context, g *access.Grant) error {
					if g.Client() == nil || len(f.left()) != 3 {
						t.Errorf("the grant does not stand: %q", f.left())
					}
					return use(cancel)
				})
			}()
			if left := f.left(); len(left) > 0 {
				t.Errorf("left: %q", left)
			}
			if name != "panic" && record.RevokedAt.IsZero() {
				t.Errorf("record: %+v", record)
			}
			if (name == "error") != errors.Is(err, failed) {
				t.Errorf("error: %v", err)
			}
		})
	}
}

// TestInterruptedWhileMaking ends the context in each step.
func TestInterruptedWhileMaking(t *testing.T) {
	for _, step := range []string{"/serviceaccounts dry", "/serviceaccounts", "/roles", "/rolebindings", "/token", "by the grant"} {
		t.Run(step, func(t *testing.T) {
			f, client := newFake(t)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			f.slow = 1
			f.fail = func(_ http.ResponseWriter, call string, done bool) bool {
				if !done && strings.HasSuffix(call, step) {
					cancel()
				}
				return false
			}
			g, err := access.Create(ctx, client, access.Options{Needs: cart, Home: "shop"})
			if g != nil || !errors.Is(err, context.Canceled) {
				t.Errorf("%v, %v", g, err)
			}
			if left := f.left(); len(left) > 0 {
				t.Errorf("left: %q", left)
			}
		})
	}
}

// TestInterruptedInACall: a call that is under way is awaited, for nobody could
// know otherwise whether there is something to remove.
func TestInterruptedInACall(t *testing.T) {
	f, client := newFake(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	f.late = func(call string) bool {
		if strings.HasPrefix(call, "POST ") && strings.HasSuffix(call, "/rolebindings") {
			cancel()
			return true
		}
		return false
	}
	if _, err := access.Create(ctx, client, access.Options{Needs: cart, Home: "shop"}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if left := f.left(); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

// TestStillAllowed: a cluster that allows every account everything is told of.
func TestStillAllowed(t *testing.T) {
	if testing.Short() {
		t.Skip("waits until there is no hope left")
	}
	t.Parallel()
	f, client := newFake(t)
	f.stubborn = true
	g, err := access.Create(t.Context(), client, access.Options{Needs: cart, Home: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	err = g.Revoke(t.Context())
	if err == nil || !strings.Contains(err.Error(), "does another binding allow it") || len(f.left()) > 0 || !g.Record().RevokedAt.IsZero() {
		t.Errorf("error %v, left %q, record %+v", err, f.left(), g.Record())
	}
}

// TestServersTime: our clock may be wrong; the grant lives by the server's.
func TestServersTime(t *testing.T) {
	f, client := newFake(t)
	f.now = f.now.Add(-3 * time.Hour)
	f.life = time.Hour // whatever was asked for
	g, err := access.Create(t.Context(), client, access.Options{Needs: cart, Home: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	r := g.Record()
	if !r.CreatedAt.Equal(f.now) || !r.ExpiresAt.Equal(f.now.Add(time.Hour)) {
		t.Errorf("record: %+v, the server's time is %v", r, f.now)
	}
	notes := strings.Join(g.Notes(), "\n")
	if !strings.Contains(notes, "differs from this machine's by -3h0m") || !strings.Contains(notes, "made the token for 1h0m0s, not for 10m0s") {
		t.Errorf("notes: %q", notes)
	}
	if err := g.Revoke(t.Context()); err != nil {
		t.Fatal(err)
	}
	if off := g.Record().RevokedAt.Sub(f.now); off < 0 || off > time.Minute {
		t.Errorf("revoked at %v, the server's time is %v", g.Record().RevokedAt, f.now)
	}
}

// TestTheTokenStaysInMemory prints a grant in every way.
func TestTheTokenStaysInMemory(t *testing.T) {
	f, client := newFake(t)
	g, err := access.Create(t.Context(), client, access.Options{Needs: cart, Home: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := json.Marshal(map[string]any{"grant": g})
	if err != nil {
		t.Fatal(err)
	}
	record, err := json.Marshal(g.Record())
	if err != nil {
		t.Fatal(err)
	}
	f.fail = func(w http.ResponseWriter, _ string, _ bool) bool {
		refuse(w, http.StatusForbidden, "Forbidden", "nothing any more")
		return true
	}
	revoked := g.Revoke(t.Context())
	if revoked == nil {
		t.Error("nothing failed")
	}
	for what, text := range map[string]string{
		"%v": fmt.Sprintf("%v", g), "%+v": fmt.Sprintf("%+v", g), "%#v": fmt.Sprintf("%#v", g), "String": g.String(), "%x": fmt.Sprintf("%x", g),
		"client %+v": fmt.Sprintf("%+v", g.Client()), "client %#v": fmt.Sprintf("%#v", g.Client()),
		"config %+v": fmt.Sprintf("%+v", g.Client().RESTConfig()), "config %#v": fmt.Sprintf("%#v", g.Client().RESTConfig()),
		"JSON": string(encoded), "record": string(record), "error": fmt.Sprintf("%+v", revoked), "notes": fmt.Sprint(g.Notes()),
	} {
		if strings.Contains(text, "the-secret-token") || strings.Contains(text, fmt.Sprintf("%x", "the-secret-token")) {
			t.Errorf("%s shows the token: %s", what, text)
		}
	}
	config, err := g.Kubeconfig("")
	if err != nil || strings.Count(string(config), secret) != 1 || strings.Contains(string(config), "users-own") {
		t.Errorf("kubeconfig: %v\n%s", err, config)
	}
}

// TestTwoAtOnce: each run has what is its own.
func TestTwoAtOnce(t *testing.T) {
	f, client := newFake(t)
	grants := make([]*access.Grant, 8)
	done := make(chan error)
	for i := range grants {
		go func() {
			var err error
			grants[i], err = access.Create(t.Context(), client, access.Options{Needs: cart, Home: "shop", Run: "same"})
			done <- err
		}()
	}
	for range grants {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if left := f.left(); len(left) != 3*len(grants) {
		t.Fatalf("made: %q", left)
	}
	// The fake calls everybody allowed while any binding stands, so those that
	// go first can't see that they are gone.
	f.mu.Lock()
	f.fail = func(w http.ResponseWriter, call string, done bool) bool {
		if !done && strings.HasSuffix(call, "by the grant") {
			refuse(w, http.StatusUnauthorized, "Unauthorized", "Unauthorized")
			return true
		}
		return false
	}
	f.mu.Unlock()
	for _, g := range grants[1:] {
		go func() { done <- g.Revoke(t.Context()) }()
	}
	for range grants[1:] {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	left := f.left()
	if len(left) != 3 || !strings.HasSuffix(left[0], grants[0].Name()) {
		t.Errorf("left: %q; want what belongs to %s", left, grants[0].Name())
	}
}

func TestRefusedOptions(t *testing.T) {
	_, client := newFake(t)
	all := access.Standing(snapshot.KubernetesAPI, "shop", "")
	everywhere := access.ForApproach(snapshot.KubernetesAPI, "", []string{"cart"}, "")
	secrets := access.ForApproach(snapshot.KubernetesAPI, "shop", []string{"cart"}, "")
	secrets[0].Rules[0].Resources = []string{"secrets"}
	verbs := access.ForApproach(snapshot.KubernetesAPI, "shop", []string{"cart"}, "")
	verbs[0].Rules[0].Verbs = []string{"*"}
	for name, tt := range map[string]struct {
		o    access.Options
		want string
	}{
		"nothing":         {access.Options{}, "no access is asked for"},
		"every pod":       {access.Options{Needs: all}, "would be for every pod there"},
		"every namespace": {access.Options{Needs: everywhere}, "names no namespace"},
		"secrets":         {access.Options{Needs: secrets}, "secrets are not pods"},
		"every verb":      {access.Options{Needs: verbs}, "no grant is for all verbs"},
		"too short":       {access.Options{Needs: cart, Duration: time.Minute}, "less than 10m0s"},
		"too long":        {access.Options{Needs: cart, Duration: 200 * 365 * 24 * time.Hour}, "more than"},
	} {
		if _, err := access.Create(t.Context(), client, tt.o); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want %q", name, err, tt.want)
		}
		if ok, reason := access.Permitted(t.Context(), client, tt.o); ok || !strings.Contains(reason, tt.want) {
			t.Errorf("%s: permitted %v, %q", name, ok, reason)
		}
	}
}

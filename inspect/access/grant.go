package access

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/kube"
)

// Grant is temporary access. It may be used by several goroutines at once.
// However it is printed or encoded, its token is not in it.
type Grant struct {
	client    *kube.Client // whoever made the grant
	own       *kube.Client // the grant's account
	token     func() string
	name, run string
	home      string
	needs     []Need
	notes     []string
	// ahead is the server's clock less ours.
	ahead                time.Duration
	createdAt, expiresAt time.Time

	mu        sync.Mutex
	objects   []*object
	gone      bool // all of it, and that was seen
	revokedAt time.Time
	problem   error
}

// During makes a grant, lends it to use, and revokes it in every ending: that
// use comes back with an error, that the context ends, that use panics. (A
// panic in a goroutine that use starts ends the program before anything can be
// done: those must recover by themselves. What then stays expires.) The error
// is that of use, joined by that of revoking.
func During(ctx context.Context, client *kube.Client, o Options, use func(context.Context, *Grant) error) (record finding.Grant, err error) {
	g, err := Create(ctx, client, o)
	if err != nil {
		return finding.Grant{}, err
	}
	defer func() {
		err = errors.Join(err, g.Revoke(ctx))
		record = g.Record()
	}()
	return record, use(ctx, g)
}

// String is what a grant looks like when it is printed.
func (g *Grant) String() string { return "grant " + g.name }

// Client connects as the grant's account.
func (g *Grant) Client() *kube.Client { return g.own }

// Name of the account, the roles and the bindings.
func (g *Grant) Name() string { return g.name }

// Run that the grant was made for.
func (g *Grant) Run() string { return g.run }

// ExpiresAt is when the server stops taking the token.
func (g *Grant) ExpiresAt() time.Time { return g.expiresAt }

// Notes are what whoever asked for the grant should know about it.
func (g *Grant) Notes() []string { return slices.Clone(g.notes) }

// Record is the grant as a report shows it. Its times are the server's.
func (g *Grant) Record() finding.Grant {
	g.mu.Lock()
	defer g.mu.Unlock()
	r := finding.Grant{
		Name: g.name, ServiceAccount: g.home + "/" + g.name,
		CreatedAt: g.createdAt, ExpiresAt: g.expiresAt, RevokedAt: g.revokedAt,
	}
	var namespaces []string
	for _, n := range g.needs {
		namespaces = append(namespaces, n.Namespace)
		for _, s := range n.Strings() {
			if len(g.needs) > 1 {
				s += " in namespace " + n.Namespace
			}
			r.Rules = append(r.Rules, s)
		}
	}
	r.Namespace = strings.Join(namespaces, ",")
	if g.problem != nil {
		r.Problem = g.problem.Error()
	}
	return r
}

// How long each step of taking access back may last. The context that the run
// had may have ended; these go on.
const (
	removeTime = 15 * time.Second
	// The API server may go on taking the token of a deleted account for ten
	// seconds, but without its binding it allows nothing.
	goneTime = 15 * time.Second
)

// Revoke takes the access back: first the bindings, with which it ends at
// once, then the account, then the roles. It goes on where a step fails, pays
// no heed to the context's end, and waits until the server itself says that
// the access is gone. It may be called again.
func (g *Grant) Revoke(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx)
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.gone {
		return nil
	}
	removed := remove(ctx, g.client, g.objects)
	var seen error
	if g.own != nil {
		if seen = g.awaitGone(ctx); seen == nil && g.revokedAt.IsZero() {
			g.revokedAt = g.now()
		}
	}
	g.problem = errors.Join(removed, seen)
	g.gone = g.problem == nil
	if removed != nil {
		return fmt.Errorf("revoking grant %s: %w; what is left expires at %s, then assay grant prune removes it",
			g.name, g.problem, g.expiresAt.UTC().Format(time.RFC3339))
	}
	if seen != nil {
		return fmt.Errorf("revoking grant %s: %w", g.name, seen)
	}
	return nil
}

// now is the server's time, to the second.
func (g *Grant) now() time.Time { return time.Now().Add(g.ahead).UTC().Truncate(time.Second) }

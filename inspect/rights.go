package inspect

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/inspect/access"
	"github.com/kubeassay/assay/inspect/snapshot"
	"github.com/kubeassay/assay/kube"
)

// lending says whose rights are used in a namespace: the user's own, or those
// of a grant; with the reason. The error says that it can be neither.
type lending struct {
	own bool
	why string
	err error
}

// lease is what a target is looked into with.
type lease struct {
	client *kube.Client
	own    bool // the user's own rights
	// pods that the rights reach, where they are not the user's own.
	pods int
	// sharedHome: the account is where others may make pods.
	sharedHome bool
	// life of the token, and when it ends; zero where it does not.
	life time.Duration
	ends time.Time
}

// longestLook is what one look may need of a token's life.
const longestLook = 5 * time.Minute

// late reports whether a look that begins now could outlive its access. The
// first half of a token's life is never too late, or nothing would be done.
func (l *lease) late(now time.Time) bool {
	return !l.ends.IsZero() && l.ends.Sub(now) < min(longestLook, l.life/2)
}

// settle finds out, before the first target, where accounts and pods of ours are made.
func (r *run) settle(ctx context.Context) {
	r.scanner = r.options.ScannerNamespace
	if r.scanner == "" && (r.options.Access != AsMe || r.options.Image != "") {
		if home, _ := access.Home(ctx, r.client, ""); home == access.HomeNamespace {
			r.scanner = home
		}
	}
	r.home = r.scanner
}

// lending decides whose rights are used in a target's namespace, once for each.
func (r *run) lending(ctx context.Context, t *Target) lending {
	if r.options.Access == AsMe {
		return lending{own: true, why: "asked for"}
	}
	namespace := t.Pod.Namespace
	r.mu.Lock()
	l, known := r.lent[namespace]
	r.mu.Unlock()
	if known {
		return l
	}
	needs := r.needs(r.ways[0].approach, []*Target{t})
	may, why := access.Permitted(ctx, r.client, access.Options{Needs: needs, Home: r.home, Duration: r.options.TokenLife})
	switch {
	case may:
		l.why = "you may make temporary access"
	case r.options.Access == LeastPrivilege:
		l.err = fmt.Errorf("temporary access can't be made: %s; --as-me uses your own rights", why)
	default:
		l = lending{own: true, why: why}
	}
	if ctx.Err() != nil {
		return l // it may be of no other reason
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lent[namespace] = l
	return l
}

// addOwnRights notes where the user's own rights were used unasked. It is for
// whoever holds the lock.
func (r *run) addOwnRights() {
	var where []string
	for namespace, l := range r.lent {
		if l.own {
			where = append(where, namespace)
		}
	}
	if len(where) == 0 {
		return
	}
	slices.Sort(where)
	why := r.lent[where[0]].why
	some := "namespace " + where[0]
	if len(where) > 1 {
		some = "namespaces " + strings.Join(where[:min(len(where), mostNamed)], ", ")
	}
	if more := len(where) - mostNamed; more > 0 {
		some += fmt.Sprintf(" and %d more", more)
	}
	r.report.Notes = append(r.report.Notes, "your own rights were used in "+some+": "+why)
}

// mostNamed namespaces stand in one note.
const mostNamed = 5

// needs are the rights for an approach to some targets of one namespace.
func (r *run) needs(a snapshot.Approach, targets []*Target) []access.Need {
	var pods []string
	for _, t := range targets {
		pods = append(pods, t.Pod.Name)
	}
	return access.ForApproach(a, targets[0].Pod.Namespace, pods, r.scanner)
}

// accessError means that no access to a namespace could be had.
type accessError struct{ err error }

func (e *accessError) Error() string { return e.err.Error() }
func (e *accessError) Unwrap() error { return e.err }

// with runs do with the rights needed: those of a grant made for it, which is
// taken back in every ending, or the user's own.
func (r *run) with(ctx context.Context, needs []access.Need, own bool, do func(*lease) error) error {
	if own {
		return do(&lease{client: r.client, own: true})
	}
	made := r.now()
	grant, err := access.Create(ctx, r.client, access.Options{Needs: needs, Home: r.home, Duration: r.options.TokenLife, Run: r.name})
	if err != nil {
		return &accessError{err}
	}
	// Also when do panics, and when the context is over: Revoke takes its own time.
	defer r.revoke(ctx, grant)
	r.note(grant.Notes()...)
	l := &lease{client: grant.Client(), pods: podsOf(needs), sharedHome: r.home == ""}
	record := grant.Record()
	// The times are the server's, whose clock may differ: it is the span that counts.
	l.life = record.ExpiresAt.Sub(record.CreatedAt)
	l.ends = made.Add(l.life)
	return do(l)
}

// podsOf counts the pods that rights are limited to.
func podsOf(needs []access.Need) int {
	var pods []string
	for _, n := range needs {
		for _, rule := range n.Rules {
			pods = append(pods, rule.ResourceNames...)
		}
	}
	slices.Sort(pods)
	return len(slices.Compact(pods))
}

func (r *run) revoke(ctx context.Context, grant *access.Grant) {
	err := grant.Revoke(ctx)
	record := grant.Record()
	r.mu.Lock()
	r.grants = append(r.grants, record)
	r.mu.Unlock()
	if err != nil {
		r.uncovered("grant/"+record.Name, finding.Unreadable, "temporary access could not be taken back: "+err.Error())
	}
}

// note adds to what the reader of the report should know, each line once.
func (r *run) note(lines ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, line := range lines {
		if !slices.Contains(r.report.Notes, line) {
			r.report.Notes = append(r.report.Notes, line)
		}
	}
}

// mostPruned namespaces are searched one by one.
const mostPruned = 4

// prune removes what runs before this one have left behind and has expired. It
// is a favour: what it may not do, somebody else has to (assay grant prune).
func (r *run) prune(ctx context.Context, targets []*Target) {
	if r.options.Access == AsMe {
		return
	}
	var spaces []string
	if r.home != "" {
		spaces = append(spaces, r.home)
	}
	for _, t := range targets {
		if !slices.Contains(spaces, t.Pod.Namespace) {
			spaces = append(spaces, t.Pod.Namespace)
		}
	}
	if len(spaces) > mostPruned {
		spaces = nil // all of them, with as many calls as for one
	}
	now, err := access.ServerTime(ctx, r.client)
	if err != nil {
		return
	}
	pruned, err := access.Prune(ctx, r.client, now, spaces...)
	for i := range pruned.Removed {
		r.note("removed what an earlier run had left: " + pruned.Removed[i].String())
	}
	if err != nil && ctx.Err() == nil {
		r.note("what an earlier run had left could not be removed, or not all of it: " + err.Error())
	}
}

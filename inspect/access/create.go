package access

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubeassay/assay/kube"
)

// MinDuration is the shortest life that the server gives a token.
const MinDuration = 10 * time.Minute

// longest is the most seconds that a TokenRequest may ask for.
const longest = 1 << 32 * time.Second

// Options says what a grant is for.
type Options struct {
	Needs []Need
	// Home is the namespace of the ServiceAccount. Empty: [HomeNamespace] if the
	// cluster has it, else that of the first need, which Notes then warn of.
	Home string
	// Duration is how long the token lives, [MinDuration] at least; 0 means that.
	Duration time.Duration
	// Run that the grant is made for; empty: one of its own.
	Run string
	// HandedOut: for another tool, so that policies for our own commands don't hold for it.
	HandedOut bool
}

// settle checks the options and fills in what is empty.
func (o Options) settle() (Options, error) {
	o.Needs = merge(o.Needs)
	if err := checkNeeds(o.Needs); err != nil {
		return o, err
	}
	if o.Duration == 0 {
		o.Duration = MinDuration
	}
	if o.Duration < MinDuration || o.Duration > longest {
		return o, fmt.Errorf("a duration of %v: no API server makes a token for less than %v, or for more than %v", o.Duration, MinDuration, longest)
	}
	if o.Run == "" {
		o.Run = NewRun()
	}
	return o, nil
}

func (o *Options) newName() string {
	if o.HandedOut {
		return HandoutPrefix + NewRun()
	}
	return InspectPrefix + NewRun()
}

// stepTime bounds each request of making a grant. A request that is under way
// is not cut off with the caller's context: then nobody would know whether it
// was done. The context is asked between the steps.
const stepTime = 20 * time.Second

// Create makes a grant and waits until it counts. If it fails, whatever of it
// was made is removed again.
func Create(ctx context.Context, client *kube.Client, o Options) (g *Grant, err error) {
	o, err = o.settle()
	if err != nil {
		return nil, fmt.Errorf("making a grant: %w", err)
	}
	m := &maker{client: client, options: o, grant: &Grant{client: client, name: o.newName(), run: o.Run, needs: o.Needs}}
	complete := false
	defer func() { // also when something panics
		if !complete {
			g, err = nil, errors.Join(err, m.rollBack(ctx))
		}
	}()
	for _, step := range []func(context.Context) error{m.findHome, m.askServer, m.makeAccount, m.makeRoles, m.makeBindings, m.requestToken, m.grant.awaitReady} {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("making grant %s: %w", m.grant.name, context.Cause(ctx))
		}
		if err := step(ctx); err != nil {
			return nil, fmt.Errorf("making grant %s: %w", m.grant.name, err)
		}
	}
	complete = true
	return m.grant, nil
}

// maker makes one grant.
type maker struct {
	client  *kube.Client
	options Options
	grant   *Grant
	meta    metav1.ObjectMeta // what all its objects carry
}

// rollBack removes what a grant that can't be finished has left.
func (m *maker) rollBack(ctx context.Context) error {
	g := m.grant
	err := remove(context.WithoutCancel(ctx), m.client, g.objects)
	if err == nil {
		return nil
	}
	var left []string
	for _, o := range g.objects {
		if !o.gone {
			left = append(left, o.ref.String())
		}
	}
	return fmt.Errorf("what was made of grant %s could not be removed again: %w; left: %s; assay grant prune removes it after %s",
		g.name, err, strings.Join(left, ", "), m.meta.Annotations[AnnotationExpires])
}

// findHome chooses the account's namespace.
func (m *maker) findHome(ctx context.Context) error {
	for _, n := range m.options.Needs {
		if slices.ContainsFunc(n.Rules, func(r rbacv1.PolicyRule) bool { return len(r.ResourceNames) == 0 }) && n.Namespace != HomeNamespace {
			m.grant.notes = append(m.grant.notes, fmt.Sprintf("in namespace %s the access is for every pod, because pods are made there, whose names nobody can know before; "+
				"a namespace in which there is nothing else is better", n.Namespace))
		}
	}
	m.grant.home = m.options.Home
	if m.options.Home != "" {
		return nil
	}
	var note string
	m.grant.home, note = Home(ctx, m.client, m.options.Needs[0].Namespace)
	if note != "" {
		m.grant.notes = append(m.grant.notes, note)
	}
	return nil
}

// Home is the namespace in which accounts for a target's namespace live, and
// what is to be said about it.
func Home(ctx context.Context, client *kube.Client, target string) (home, note string) {
	err := client.Read(ctx, kube.Ref{Resource: kube.Namespaces, Name: HomeNamespace}, new(corev1.Namespace))
	why := "there is no namespace " + HomeNamespace
	switch {
	case err == nil:
		return HomeNamespace, ""
	case !apierrors.IsNotFound(err):
		why = fmt.Sprintf("namespace %s can't be read (%v)", HomeNamespace, err)
	case target == HomeNamespace:
		return target, ""
	}
	return target, fmt.Sprintf("the account is made in namespace %s: whoever may create pods there could use it while it lives; %s to keep it apart from them", target, why)
}

// askServer tries out the account without making it. The answer tells the
// server's time, and a refusal leaves nothing to remove.
func (m *maker) askServer(ctx context.Context) error {
	var tried corev1.ServiceAccount
	before := time.Now()
	err := m.create(ctx, kube.ServiceAccounts, m.grant.home, m.account(), &tried, kube.WriteOptions{DryRun: true})
	if err != nil {
		return err
	}
	now := tried.CreationTimestamp.UTC()
	if now.IsZero() {
		now = before.UTC().Truncate(time.Second)
		m.grant.notes = append(m.grant.notes, "the server does not tell its time, so this machine's counts")
	}
	// The server tells whole seconds, so less than two are no difference.
	if m.grant.ahead = now.Sub(before); m.grant.ahead.Abs() < 2*time.Second {
		m.grant.ahead = 0
	}
	if m.grant.ahead.Abs() > time.Minute {
		m.grant.notes = append(m.grant.notes, fmt.Sprintf("the server's clock differs from this machine's by %v; the times shown are the server's", m.grant.ahead.Round(time.Second)))
	}
	m.grant.createdAt, m.grant.expiresAt = now, now.Add(m.options.Duration)
	m.meta = metav1.ObjectMeta{
		Name: m.grant.name, Labels: Labels(m.options.Run), Annotations: Annotations(m.grant.expiresAt, user(ctx, m.client)),
	}
	return nil
}

// user is the name of whoever client connects as; empty where the server does not tell.
func user(ctx context.Context, client *kube.Client) string {
	review := &authenticationv1.SelfSubjectReview{}
	review.APIVersion, review.Kind = kube.SelfSubjectReviews.APIVersion(), kube.SelfSubjectReviews.Kind
	var out authenticationv1.SelfSubjectReview
	if err := client.Review(ctx, kube.SelfSubjectReviews, review, &out); err != nil {
		return ""
	}
	return clip(out.Status.UserInfo.Username)
}

func (m *maker) account() *corev1.ServiceAccount {
	meta := m.meta
	meta.Name, meta.Namespace = m.grant.name, m.grant.home
	return &corev1.ServiceAccount{
		TypeMeta: metav1.TypeMeta{APIVersion: kube.ServiceAccounts.APIVersion(), Kind: kube.ServiceAccounts.Kind}, ObjectMeta: meta,
		AutomountServiceAccountToken: new(bool), // no pod is to run as it
	}
}

func (m *maker) makeAccount(ctx context.Context) error {
	return m.make(ctx, kube.ServiceAccounts, m.grant.home, m.account())
}

func (m *maker) makeRoles(ctx context.Context) error {
	for _, n := range m.grant.needs {
		role, _ := objects(n, m.meta, m.grant.name, m.grant.home)
		if err := m.make(ctx, kube.Roles, n.Namespace, role); err != nil {
			return escalation(err, n)
		}
	}
	return nil
}

func (m *maker) makeBindings(ctx context.Context) error {
	for _, n := range m.grant.needs {
		_, binding := objects(n, m.meta, m.grant.name, m.grant.home)
		if err := m.make(ctx, kube.RoleBindings, n.Namespace, binding); err != nil {
			return escalation(err, n)
		}
	}
	return nil
}

// make makes one object. It is noted before: without an answer, nobody knows
// whether it is there.
func (m *maker) make(ctx context.Context, r kube.Resource, namespace string, in any) error {
	made := &object{ref: kube.Ref{Resource: r, Namespace: namespace, Name: m.grant.name}}
	m.grant.objects = append(m.grant.objects, made)
	var out metav1.PartialObjectMetadata
	if err := m.create(ctx, r, namespace, in, &out, kube.WriteOptions{}); err != nil {
		return err
	}
	made.uid = out.UID
	return nil
}

func (m *maker) create(ctx context.Context, r kube.Resource, namespace string, in, out any, o kube.WriteOptions) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stepTime)
	defer cancel()
	return m.client.Create(ctx, kube.Ref{Resource: r, Namespace: namespace, Name: m.grant.name}, in, out, o)
}

// requestToken asks for the token. It is kept where neither printing nor
// encoding a grant can find it.
func (m *maker) requestToken(ctx context.Context) error {
	g := m.grant
	seconds := int64((m.options.Duration + time.Second - 1) / time.Second)
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &seconds}}
	request.APIVersion, request.Kind = authenticationv1.SchemeGroupVersion.String(), "TokenRequest"
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stepTime)
	defer cancel()
	ref := kube.Ref{Resource: kube.ServiceAccounts, Namespace: g.home, Name: g.name, Subresource: "token"}
	var answer authenticationv1.TokenRequest
	if err := m.client.Create(ctx, ref, request, &answer, kube.WriteOptions{}); err != nil {
		return err
	}
	token := answer.Status.Token
	g.token = func() string { return token }
	own, err := m.client.WithToken(token)
	if err != nil {
		return err
	}
	g.own = own
	if got := answer.Status.ExpirationTimestamp.UTC(); !got.IsZero() {
		if off := got.Sub(g.expiresAt); off.Abs() > time.Minute {
			g.notes = append(g.notes, fmt.Sprintf("the server made the token for %v, not for %v", got.Sub(g.createdAt).Round(time.Second), m.options.Duration))
		}
		g.expiresAt = got
	}
	return nil
}

// objects are the role for a need and its binding.
func objects(n Need, meta metav1.ObjectMeta, account, home string) (*rbacv1.Role, *rbacv1.RoleBinding) {
	meta.Namespace = n.Namespace
	of := func(r kube.Resource) metav1.TypeMeta {
		return metav1.TypeMeta{APIVersion: r.APIVersion(), Kind: r.Kind}
	}
	return &rbacv1.Role{TypeMeta: of(kube.Roles), ObjectMeta: meta, Rules: slices.Clone(n.Rules)},
		&rbacv1.RoleBinding{
			TypeMeta: of(kube.RoleBindings), ObjectMeta: meta,
			RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: kube.Roles.Kind, Name: meta.Name},
			Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: account, Namespace: home}},
		}
}

// escalation says what to do when the server does not let somebody hand on
// rights that he has not himself.
func escalation(err error, n Need) error {
	if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "not currently held") {
		return err
	}
	return fmt.Errorf("the server lets nobody hand on rights that he does not hold himself. You would need, in namespace %s, all of: %s; "+
		"or the verbs escalate and bind on roles there. Use your own credentials instead of a grant, or ask for these rights. The server says: %w",
		n.Namespace, strings.Join(n.Strings(), "; "), err)
}

package access

import (
	"context"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubeassay/assay/kube"
	"github.com/kubeassay/assay/kube/permission"
)

// CreatorNeeds is what whoever makes and revokes a grant must be allowed,
// besides holding the rights that the grant hands on.
func CreatorNeeds(needs []Need, home string) []permission.Want {
	var all []permission.Want
	want := func(namespace string, r kube.Resource, sub string, verbs ...string) {
		for _, verb := range verbs {
			all = append(all, permission.Want{Verb: verb, Resource: r, Subresource: sub, Namespace: namespace})
		}
	}
	want(home, kube.ServiceAccounts, "", "create", "delete")
	want(home, kube.ServiceAccounts, "token", "create")
	for _, n := range merge(needs) {
		want(n.Namespace, kube.Roles, "", "create", "delete")
		want(n.Namespace, kube.RoleBindings, "", "create", "delete")
	}
	return all
}

// Permitted asks whether whoever client connects as could make and revoke such
// a grant, and if not, why. It changes nothing: the server tries out the roles
// in dry runs, so that it also says whether these rights may be handed on.
func Permitted(ctx context.Context, client *kube.Client, o Options) (ok bool, reason string) {
	o, err := o.settle()
	if err != nil {
		return false, err.Error()
	}
	home := o.Home
	if home == "" {
		home, _ = Home(ctx, client, o.Needs[0].Namespace)
	}
	var missing []string
	for _, a := range permission.Ask(ctx, client, CreatorNeeds(o.Needs, home)) {
		if a.State == permission.Allowed {
			continue
		}
		s := a.Verb + " " + join(a.Resource.String(), a.Subresource) + " in namespace " + a.Namespace
		if a.State == permission.Unknown {
			s += " (could not be asked: " + a.Reason + ")"
		}
		missing = append(missing, s)
	}
	if len(missing) > 0 {
		return false, "a grant takes rights that these credentials lack: " + strings.Join(missing, "; ")
	}
	if err := tryOut(ctx, client, o, home); err != nil {
		return false, err.Error()
	}
	return true, ""
}

// tryOut lets the server go through account and roles without storing them.
func tryOut(ctx context.Context, client *kube.Client, o Options, home string) error {
	dry := kube.WriteOptions{DryRun: true}
	name := o.newName()
	meta := metav1.ObjectMeta{Name: name, Labels: Labels(o.Run), Annotations: Annotations(time.Unix(0, 0), "")}
	m := &maker{client: client, options: o, meta: meta, grant: &Grant{name: name, home: home, needs: o.Needs}}
	if err := m.create(ctx, kube.ServiceAccounts, home, m.account(), new(corev1.ServiceAccount), dry); err != nil {
		return err
	}
	for _, n := range o.Needs {
		role, binding := objects(n, meta, name, home)
		if err := m.create(ctx, kube.Roles, n.Namespace, role, nil, dry); err != nil {
			return escalation(err, n)
		}
		err := m.create(ctx, kube.RoleBindings, n.Namespace, binding, nil, dry)
		if apierrors.IsNotFound(err) {
			// The role is not there, and whoever may not bind any role needs to hold
			// what is in it. The server has just accepted it as a role, either
			// because of that or because he may escalate roles.
			err = m.held(ctx, n)
		}
		if err != nil {
			return escalation(err, n)
		}
	}
	return nil
}

// held makes sure that the rights in a role are held, where the dry run of the
// role does not say it.
func (m *maker) held(ctx context.Context, n Need) error {
	escalates := permission.Ask(ctx, m.client, []permission.Want{{Verb: "escalate", Resource: kube.Roles, Namespace: n.Namespace}})
	if escalates[0].State == permission.Denied {
		return nil // so the rights are held
	}
	for i := range n.Rules {
		r := n.Rules[i]
		for _, verb := range r.Verbs {
			r.Verbs = []string{verb}
			ask := question(n.Namespace, &r)
			ok, err := allowed(ctx, m.client, ask)
			if err != nil {
				return err
			}
			if !ok {
				return fmt.Errorf("binding the role takes the right to %s %s in namespace %s, or the verb bind on roles there; these credentials have neither",
					verb, join(r.Resources[0], ask.Name), n.Namespace)
			}
		}
	}
	return nil
}

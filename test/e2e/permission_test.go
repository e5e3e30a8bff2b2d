package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// permission is one thing that an account may do, or has done.
type permission struct{ namespace, verb, group, resource string }

// kind is such as "deployments.apps".
func (p permission) kind() string { return strings.TrimSuffix(p.resource+"."+p.group, ".") }

func (p permission) String() string {
	s := p.verb + " " + p.resource
	if p.group != "" {
		s += "." + p.group
	}
	if p.namespace != "" {
		s += " in " + p.namespace
	}
	return s
}

func permissionsOf(namespace string, rules []rbacv1.PolicyRule) []permission {
	var all []permission
	for _, r := range rules {
		for _, group := range r.APIGroups {
			for _, resource := range r.Resources {
				for _, verb := range r.Verbs {
					all = append(all, permission{namespace, verb, group, resource})
				}
			}
		}
	}
	return all
}

// permissionsIn reads what the roles of a manifest allow.
func permissionsIn(t *testing.T, manifest string) []permission {
	t.Helper()
	documents := yaml.NewYAMLOrJSONDecoder(strings.NewReader(manifest), 4096)
	var all []permission
	for {
		var role rbacv1.Role // a ClusterRole has the same fields, and no namespace
		if err := documents.Decode(&role); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, permissionsOf(role.Namespace, role.Rules)...)
	}
}

// rule is a permission as a rule of a role.
func (p permission) rule() rbacv1.PolicyRule {
	return rbacv1.PolicyRule{APIGroups: []string{p.group}, Resources: []string{p.resource}, Verbs: []string{p.verb}}
}

// allow is a rule for listing kinds such as "pods" and "deployments.apps".
func allow(verb string, kinds ...string) []rbacv1.PolicyRule {
	var rules []rbacv1.PolicyRule
	for _, k := range kinds {
		resource, group, _ := strings.Cut(k, ".")
		rules = append(rules, permission{"", verb, group, resource}.rule())
	}
	return rules
}

// ownerKinds are those that lead from pods to what a person edits.
var ownerKinds = []string{
	"deployments.apps", "replicasets.apps", "statefulsets.apps", "daemonsets.apps", "jobs.batch", "cronjobs.batch",
	"replicationcontrollers", "podtemplates",
}

// event is a line of the API server's own audit log.
type event struct {
	Verb       string `json:"verb"`
	RequestURI string `json:"requestURI"`
	UserAgent  string `json:"userAgent"`
	User       struct {
		UID string `json:"uid"`
	} `json:"user"`
	ObjectRef struct {
		Resource  string `json:"resource"`
		Namespace string `json:"namespace"`
		APIGroup  string `json:"apiGroup"`
	} `json:"objectRef"`
	ResponseStatus struct {
		Code int `json:"code"`
	} `json:"responseStatus"`
}

func (e *event) permission() permission {
	return permission{e.ObjectRef.Namespace, e.Verb, e.ObjectRef.APIGroup, e.ObjectRef.Resource}
}

// events waits until the API server has written down so many calls of an
// account, and returns them.
func (a *account) events(t *testing.T, n int) []event {
	t.Helper()
	var found []event
	eventually(t, fmt.Sprintf("%d calls of %s in the API server's audit log", n, a.user()), func(context.Context) (bool, string, error) {
		var err error
		found, err = a.readEvents()
		return len(found) >= n, fmt.Sprint(len(found), " calls"), err
	})
	if len(found) > n {
		t.Errorf("%s made %d calls, by the API server's audit log; assay says %d", a.user(), len(found), n)
	}
	return found
}

// readEvents goes through the log and those that it was split off from.
func (a *account) readEvents() ([]event, error) {
	files, err := filepath.Glob(filepath.Join(a.c.state, "log", "audit*.log"))
	if err != nil {
		return nil, err
	}
	var found []event
	for _, file := range files {
		more, err := a.eventsIn(file)
		if err != nil {
			return nil, err
		}
		found = append(found, more...)
	}
	return found, nil
}

func (a *account) eventsIn(file string) (found []event, err error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	in := bufio.NewReader(f)
	for {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return found, nil // what has no end yet is still being written
		}
		if err != nil {
			return nil, err
		}
		if !bytes.Contains(line, []byte(a.uid)) {
			continue
		}
		var e event
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		if e.User.UID == a.uid {
			found = append(found, e)
		}
	}
}

// askVersion is the one thing that is asked which is no object, and that
// everybody may ask.
const askVersion = "/version"

// used lists what was asked for, each thing once, and what of it was refused.
func used(events []event) (all, refused []permission) {
	asked, denied := map[permission]bool{}, map[permission]bool{}
	for _, e := range events {
		if e.RequestURI == askVersion {
			continue
		}
		asked[e.permission()] = true
		if e.ResponseStatus.Code == http.StatusForbidden {
			denied[e.permission()] = true
		}
	}
	return sorted(slices.Collect(maps.Keys(asked))), sorted(slices.Collect(maps.Keys(denied)))
}

func sorted(all []permission) []permission {
	slices.SortFunc(all, func(a, b permission) int { return strings.Compare(a.String(), b.String()) })
	return all
}

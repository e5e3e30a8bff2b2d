package survey

import (
	"cmp"
	"context"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/pod-security-admission/api"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/pss"
	"github.com/kubeassay/assay/posture/source"
)

// Options say what is judged by which version.
type Options struct {
	// Latest is what "latest" means: the server's version, see [pss.Version].
	Latest api.Version
	// Version, where set, is the one that all namespaces are judged by, also one
	// that the server does not have yet; else each is by the one that its own
	// labels ask for.
	Version *api.Version
	// Labels are those of the namespaces, by name, as far as they could be read.
	Labels map[string]map[string]string
	// Only, where set, names the namespaces that are asked about: labels of
	// others, in files, say nothing.
	Only []string
	// Keep bounds how many objects that stand in the way are named; the others are counted.
	Keep int
}

// Survey gathers what there is to say.
type Survey struct {
	Options
	evaluator *pss.Evaluator
	keep      int
	tallies   map[string]*tally
	// owners are the objects between pods and what a person edits, of the
	// namespaces that are just read.
	owners   map[types.UID]pss.Subject
	gaps     gaps
	Coverage []finding.Coverage
	Problems []finding.Problem
}

// New starts a survey.
func New(e *pss.Evaluator, o Options) *Survey {
	s := &Survey{Options: o, evaluator: e, keep: o.Keep, tallies: map[string]*tally{}, owners: map[types.UID]pss.Subject{}}
	s.Labels = maps.Clone(o.Labels)
	if s.Labels == nil {
		s.Labels = map[string]map[string]string{}
	}
	return s
}

// Read takes in a source to its end. Its error is the source's; what could not
// be read in part is in Coverage and Problems.
func (s *Survey) Read(ctx context.Context, src source.Source) error {
	for item, err := range src.Items(ctx) {
		if err != nil {
			return err
		}
		switch {
		case item.Object != nil:
			s.object(item.Object)
		case item.Other != nil:
			if n, ok := item.Other.Object.(*corev1.Namespace); ok && (len(s.Only) == 0 || slices.Contains(s.Only, n.Name)) {
				s.Labels[n.Name] = n.Labels
			}
		case item.NamespaceDone != "":
			clear(s.owners)
		case item.Coverage != nil:
			s.Cover(*item.Coverage)
		case item.Problem != nil:
			s.Problems = append(s.Problems, *item.Problem)
		}
	}
	return ctx.Err()
}

// Cover notes something that could not be read; what was said before is not said again.
func (s *Survey) Cover(c finding.Coverage) {
	if slices.ContainsFunc(s.Coverage, func(d finding.Coverage) bool { return d.Scope == c.Scope && d.State == c.State }) {
		return
	}
	s.Coverage = append(s.Coverage, c)
	s.gaps.add(&c)
}

// Complete says whether everything was read.
func (s *Survey) Complete() bool {
	return len(s.Problems) == 0 && !slices.ContainsFunc(s.Coverage, func(c finding.Coverage) bool { return !c.State.Complete() })
}

func (s *Survey) object(o *source.Object) {
	subject := pss.Subject{Kind: o.Kind, Name: cmp.Or(o.Meta.Name, o.Meta.GenerateName)}
	above := controllerOf(o.Meta)
	if o.Status != nil {
		s.tally(o.Meta.Namespace).AddPod(s.ownerOf(subject, above), o.PodMeta, o.Spec)
		return
	}
	if standsBetween(o.Kind, above) {
		// Its template is a copy of its owner's; where it is an older one, its pods tell.
		s.owners[o.Meta.UID] = pss.Subject{Kind: above.Kind, Name: above.Name}
		return
	}
	if o.Spec == nil || o.Idle && above != nil {
		return
	}
	s.tally(o.Meta.Namespace).AddTemplate(subject, o.PodMeta, o.Spec)
}

// standsBetween says whether an object is only the means of another whose
// template is read too.
func standsBetween(kind string, above *metav1.OwnerReference) bool {
	return above != nil && (kind == "ReplicaSet" && above.Kind == "Deployment" || kind == "Job" && above.Kind == "CronJob")
}

func (s *Survey) ownerOf(pod pss.Subject, above *metav1.OwnerReference) pss.Subject {
	if above == nil {
		return pod
	}
	if top, ok := s.owners[above.UID]; ok && above.UID != "" {
		return top
	}
	return pss.Subject{Kind: above.Kind, Name: above.Name}
}

// controllerOf is the owner that makes an object; the node that "owns" a
// static pod's mirror does not.
func controllerOf(m *metav1.ObjectMeta) *metav1.OwnerReference {
	r := metav1.GetControllerOfNoCopy(m)
	if r == nil || r.Kind == "Node" && r.APIVersion == "v1" {
		return nil
	}
	return r
}

// tally counts for one namespace.
type tally struct {
	*pss.Tally
	// asked is the version that it is judged by, as a label would say it. In
	// files, the labels may come when pods have been judged already.
	asked api.Version
}

func (s *Survey) tally(namespace string) *tally {
	namespace = cmp.Or(namespace, metav1.NamespaceDefault) // as kubectl would
	t := s.tallies[namespace]
	if t == nil {
		asked := s.asked(namespace)
		t = &tally{s.evaluator.NewTally(s.effective(asked), &s.keep), asked}
		s.tallies[namespace] = t
	}
	return t
}

// effective is the version by which pods are judged when that one is asked for.
func (s *Survey) effective(asked api.Version) api.Version {
	if s.Version != nil && !asked.Latest() {
		return asked
	}
	return pss.Effective(asked, s.Latest)
}

// asked is the version that a namespace asks to be judged by.
func (s *Survey) asked(namespace string) api.Version {
	if s.Version != nil {
		return *s.Version
	}
	policy, _ := pss.Labels(s.Labels[namespace])
	return policy.Enforce.Version
}

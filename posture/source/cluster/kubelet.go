package cluster

import (
	"context"
	"fmt"
	"maps"
	"sync"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/kube"
	"github.com/kubeassay/assay/kube/permission"
	"github.com/kubeassay/assay/posture/index"
	"github.com/kubeassay/assay/posture/source"
)

// kubeletConfigurations are no objects of the API: each node's kubelet has one,
// and tells it when asked. They are named as their nodes.
func kubeletConfigurations() other {
	return other{resource: kube.Resource{Group: "kubelet.config.k8s.io", Version: "v1beta1", Resource: "kubeletconfigurations", Kind: "KubeletConfiguration"}}
}

const (
	// kubeletsAtOnce is how many kubelets are asked at the same time; proxiedAtOnce
	// is fewer, since the API server has the work then, and waits with us.
	kubeletsAtOnce, proxiedAtOnce = 8, 2
	// enoughSilence is how many kubelets may keep silent, before any has
	// answered, until the others are not asked: from here none can be reached.
	enoughSilence = 2 * kubeletsAtOnce
	// kubeletsNamed is how many lines of coverage there are about single nodes.
	kubeletsNamed = 20
)

// kubeletsNeed is the permission for it.
func (s *Source) kubeletsNeed() Need {
	n := Need{permission.Want{Verb: "get", Resource: kube.Nodes, Subresource: "configz"}, true, "the configuration of each kubelet, asked of itself"}
	if s.o.Kubelets.Proxy {
		n.Subresource = "proxy"
		n.For = "the configuration of each kubelet, through the API server; it also runs commands in every pod"
	}
	return n
}

// answer is what one kubelet told, or why it did not.
type answer struct {
	node   string
	config map[string]any
	err    error
}

// readKubelets yields the configuration of the kubelet of each node. The nodes
// are given as they were read, with what could not be.
func (r *reader) readKubelets(ctx context.Context, nodes []source.Item) error {
	var all []kube.Kubelet
	for _, i := range nodes {
		switch {
		case i.Gap != nil:
			c := i.Coverage
			if c != nil && c.State == finding.Unreviewed {
				c = &finding.Coverage{State: finding.Forbidden} // kubelets were asked for
			}
			if err := r.item(r.noKubelets(fmt.Errorf("which nodes there are is not known: %s", i.Gap.Reason), c)); err != nil {
				return err
			}
		case i.Other != nil:
			if n, ok := i.Other.Object.(*corev1.Node); ok {
				all = append(all, kubeletOf(n))
			}
		}
	}
	answers, err := r.askKubelets(ctx, all)
	if err != nil {
		return err
	}
	if why := alike(answers); why != nil {
		c := &finding.Coverage{State: kubeletState(why)}
		return r.item(r.noKubelets(fmt.Errorf("none of %d kubelets told its configuration: %w", len(answers), why), c))
	}
	return r.tellKubelets(answers)
}

// noKubelets says that there are kubelets of which nothing is known. Where that
// needs no line of coverage, c is nil.
func (r *reader) noKubelets(why error, c *finding.Coverage) source.Item {
	o := kubeletConfigurations()
	i := source.Item{Gap: &index.Gap{Kind: o.kind(), Reason: why.Error()}}
	if c != nil {
		i.Coverage = &finding.Coverage{Scope: "kind/" + o.resource.String(), State: c.State, Detail: why.Error() + "; the checks that need it are not-reviewed there"}
	}
	return i
}

// kubeletOf is where a node's kubelet listens, as its status tells.
func kubeletOf(n *corev1.Node) kube.Kubelet {
	k := kube.Kubelet{Node: n.Name, Port: n.Status.DaemonEndpoints.KubeletEndpoint.Port}
	for _, kind := range []corev1.NodeAddressType{corev1.NodeInternalIP, corev1.NodeHostName} {
		for _, a := range n.Status.Addresses {
			if a.Type == kind && k.Address == "" {
				k.Address = a.Address
			}
		}
	}
	return k
}

// askKubelets asks all of them, some at a time. The error is one that ends the reading.
func (r *reader) askKubelets(ctx context.Context, all []kube.Kubelet) ([]answer, error) {
	answers := make([]answer, len(all))
	var group errgroup.Group
	group.SetLimit(kubeletsAtOnce)
	if r.o.Kubelets.Proxy {
		group.SetLimit(proxiedAtOnce)
	}
	var silence silence
	for i, k := range all {
		group.Go(func() error {
			answers[i] = answer{node: k.Node}
			if answers[i].err = silence.since(k.Node); answers[i].err == nil {
				answers[i].config, answers[i].err = r.askKubelet(ctx, k)
				silence.heard(answers[i].err)
			}
			return nil
		})
	}
	_ = group.Wait()
	return answers, context.Cause(ctx)
}

func (r *reader) askKubelet(ctx context.Context, k kube.Kubelet) (map[string]any, error) {
	if r.o.Kubelets.Proxy { // else it is no matter of the API server's
		if err := r.turns.Acquire(ctx, 1); err != nil {
			return nil, err
		}
		defer r.turns.Release(1)
	}
	return r.kubelets.Config(ctx, k)
}

// silence counts kubelets that do not answer, as long as none has.
type silence struct {
	mu     sync.Mutex
	silent int
	broken bool
}

// since says that there was enough silence not to ask this one.
func (s *silence) since(node string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken || s.silent < enoughSilence {
		return nil
	}
	return &kube.KubeletError{
		Node: node, Err: context.DeadlineExceeded,
		Why: fmt.Sprintf("it was not asked, because none of the first %d kubelets answered in time: mostly, nodes can be reached only from inside of the cluster; "+
			"scan from there, or ask through the API server with --kubelet-proxy", s.silent),
	}
}

func (s *silence) heard(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil && kube.IsTimeout(err) {
		s.silent++
	} else {
		s.broken = true
	}
}

// alike is why no kubelet told anything, where it is the same for all of them.
func alike(answers []answer) error {
	for _, a := range answers {
		if a.err == nil || kubeletState(a.err) != kubeletState(answers[0].err) {
			return nil
		}
	}
	if len(answers) < 2 {
		return nil // the node itself can be named
	}
	return answers[0].err
}

// kubeletState is the state of what a kubelet did not tell. They are read only
// where that was asked for, so a scan without them is not complete; but what is
// no real kubelet has nothing to tell.
func kubeletState(err error) finding.CoverageState {
	if apierrors.IsNotFound(err) {
		return finding.Unreviewed
	}
	return stateOf(err)
}

func (r *reader) tellKubelets(answers []answer) error {
	o := kubeletConfigurations()
	missed, state := 0, finding.Unreviewed
	for _, a := range answers {
		if a.err == nil {
			if err := r.item(source.Item{Other: configOf(&a)}); err != nil {
				return err
			}
			continue
		}
		missed++
		i := source.Item{Gap: &index.Gap{Kind: o.kind(), Reason: a.err.Error(), Object: unreadKubelet(a.node)}}
		switch s := kubeletState(a.err); {
		case missed <= kubeletsNamed:
			i.Coverage = &finding.Coverage{Scope: "node/" + a.node, State: s, Detail: a.err.Error()}
		case state.Complete():
			state = s // of those that are only counted, one that leaves the scan incomplete
		}
		if err := r.item(i); err != nil {
			return err
		}
	}
	if missed <= kubeletsNamed {
		return nil
	}
	return r.gap("kind/"+o.resource.String(), state, "%d more kubelets did not tell their configuration; the checks that need it are not-reviewed there", missed-kubeletsNamed)
}

// configOf is a configuration as an object that has its node's name. Nothing
// that a kubelet says of itself can be taken for metadata.
func configOf(a *answer) *index.Object {
	o := kubeletConfigurations().resource
	fields := maps.Clone(a.config)
	fields["apiVersion"], fields["kind"] = o.APIVersion(), o.Kind
	fields["metadata"] = map[string]any{"name": a.node}
	return &index.Object{APIVersion: o.APIVersion(), Kind: o.Kind, Object: &unstructured.Unstructured{Object: fields}}
}

func unreadKubelet(node string) *index.Object {
	o := kubeletConfigurations().resource
	return &index.Object{APIVersion: o.APIVersion(), Kind: o.Kind, Object: &metav1.ObjectMeta{Name: node}}
}

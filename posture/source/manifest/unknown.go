package manifest

import (
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/source"
	"github.com/kubeassay/assay/posture/source/manifest/internal/tree"
)

// podKinds are the kinds that hold containers, and where they are now.
func podKinds() []metav1.TypeMeta {
	in := func(apiVersion string, kinds ...string) (all []metav1.TypeMeta) {
		for _, k := range kinds {
			all = append(all, metav1.TypeMeta{APIVersion: apiVersion, Kind: k})
		}
		return all
	}
	return slices.Concat(in("v1", "Pod", "PodTemplate", "ReplicationController"),
		in("apps/v1", "DaemonSet", "Deployment", "ReplicaSet", "StatefulSet"), in("batch/v1", "CronJob", "Job"))
}

// misnamed says what a kind of Kubernetes' own groups was meant to be, where
// its name is written in another case, or it belongs to another group. No API
// server takes such an object.
func misnamed(apiVersion, kind string) (message string) {
	group, _, grouped := strings.Cut(strings.ToLower(apiVersion), "/")
	if !grouped {
		group = ""
	}
	if group != "" && group != "apps" && group != "batch" {
		return "" // other groups may have a kind of that name
	}
	for _, k := range podKinds() {
		if !strings.EqualFold(kind, k.Kind) {
			continue
		}
		if is := k.GroupVersionKind().Group; kind == k.Kind && is == group && apiVersion == strings.ToLower(apiVersion) {
			return "" // a version that is not known
		}
		return fmt.Sprintf("there is no kind %s in %s: this must be apiVersion %s, kind %s", kind, apiVersion, k.APIVersion, k.Kind)
	}
	return ""
}

// hidden is an object with what looks like containers, where Assay does not
// know what becomes of them.
type hidden struct {
	kind schema.GroupKind
	at   finding.Location
}

// hides tells of such an object, unless the options leave it out.
func (w *worker) hides(n *tree.Node, apiVersion, kind string) *hidden {
	at := tree.FindContainers(n)
	if at == nil {
		return nil
	}
	var m metav1.ObjectMeta
	if meta := tree.Get(n, "metadata"); meta != nil {
		_ = w.decoder.Decode(meta, "metadata", &m) // what can't be read chooses nothing
	}
	if !w.options.chosen(kind, &m) {
		return nil
	}
	line, column := w.place(at.Line, at.Column)
	return &hidden{
		kind: schema.FromAPIVersionAndKind(apiVersion, kind).GroupKind(),
		at:   finding.Location{File: w.job.file.name, Line: line, Column: column},
	}
}

// mostHidden kinds are told apart; memory must not grow with what files say.
const mostHidden = 100

// hiddenKinds counts hidden objects by kind, in the order of their coming.
type hiddenKinds struct {
	kinds []*hiddenKind
	more  int // objects of other kinds
}

type hiddenKind struct {
	hidden
	objects int
}

func (h *hiddenKinds) add(one *hidden) {
	i := slices.IndexFunc(h.kinds, func(k *hiddenKind) bool { return k.kind == one.kind })
	switch {
	case i >= 0:
		h.kinds[i].objects++
	case len(h.kinds) < mostHidden:
		h.kinds = append(h.kinds, &hiddenKind{*one, 1})
	default:
		h.more++
	}
}

// items are a line of coverage for each kind.
func (h *hiddenKinds) items() iter.Seq[source.Item] {
	const why = "what looks like containers at a place that Assay does not know; they were not judged (in a cluster, the pods that come of them are)"
	line := func(scope, detail string) source.Item {
		return source.Item{Coverage: &finding.Coverage{Scope: scope, State: finding.NotJudged, Detail: detail}}
	}
	return func(yield func(source.Item) bool) {
		for _, k := range h.kinds {
			holds := "1 object holds"
			if k.objects != 1 {
				holds = strconv.Itoa(k.objects) + " objects hold"
			}
			if !yield(line("kind/"+k.kind.String(), fmt.Sprintf("%s %s; first at %s", holds, why, k.at))) {
				return
			}
		}
		if h.more > 0 {
			yield(line("kind/others", fmt.Sprintf("%d objects of other kinds hold %s", h.more, why)))
		}
	}
}

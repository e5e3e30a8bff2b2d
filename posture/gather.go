package posture

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/image"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/source"
	"github.com/kubeassay/assay/workload"
)

// gatherer collects the verdicts about the open namespaces (one, where the
// source goes namespace by namespace). Owners and pods may come in any order:
// who belongs to whom is settled at the end, by merge.
//
// Of the objects it keeps only strings, each of which is an allocation of its
// own, so that it holds on to nothing else of them.
type gatherer struct {
	// containers are the checks that are about containers, whole those about pods
	// as a whole.
	containers, whole []*check.Check
	// template is what every view has in common.
	view check.View
	// loud are the statuses whose verdicts are kept in words, whatever they rest on.
	loud   [statuses]bool
	images image.Cache
	arch   map[string]string // of nodes
	perPod bool
	// observed tells what was seen inside a pod's container; nil where nobody looked.
	observed func(*source.Object, *workload.Container) *workload.Observed
	// compares: some check compares running copies; joins: some looks at pods
	// together with other objects; labels: findings carry those of their workload.
	compares, joins, labels bool
	// carries is told of workloads with waivers in their annotations.
	carries func(finding.Workload, map[string]string)
	// refs: pods are asked for the Secrets and ConfigMaps that they refer to.
	refs bool

	// shared are verdicts that were kept, to be kept once.
	shared map[verdictKey]*check.Verdict

	owners    map[types.UID]*owner
	templates []*template
	groups    map[groupKey]*group // those with an owner
	order     []*group            // all of them, in the order in which they appeared
}

// template is an object's pod template and what the checks said about it.
type template struct {
	*owner
	containers []*judged
	pods       []*podRecord // one
}

// groupKey tells pods apart that may have different templates: by their direct
// owner (a ReplicaSet has one template) and, for owners that go through
// several, by the revision that the controller labels the pods with.
type groupKey struct {
	uid, name string // of the owner; a UID can be a copied one
	hash      string
}

// group is the pods of one direct owner and revision, or one pod that nobody owns.
type group struct {
	*owner     // the direct owner as the pods name it, or the pod itself
	bare       bool
	hash       string
	pods       int
	containers []*judged
	records    []*podRecord
}

// judged is what all checks said about one container, with one image, of a
// template or group.
type judged struct {
	kind  finding.ContainerType
	name  string
	image string
	pods  int // that have it; for a template, how often it stands there
	cells
	// copies of it run; they are kept only where some check compares them.
	copies []check.Copy
}

func newGatherer(o *Options) *gatherer {
	g := &gatherer{shared: map[verdictKey]*check.Verdict{}, perPod: o.PerPod, observed: o.Observed, arch: map[string]string{}, labels: o.Labels}
	for _, c := range o.Checks {
		switch {
		case c.Judge != nil:
			g.containers = append(g.containers, c)
		case c.Compare != nil:
			g.containers = append(g.containers, c)
			g.compares = true
		case c.JudgePod != nil:
			g.whole = append(g.whole, c)
		case c.Join != nil:
			g.whole = append(g.whole, c)
			g.joins = true
		case c.SurveyNamespace != nil, c.SurveyCluster != nil:
			g.joins = true // they may ask which pods there are
		}
		g.refs = g.refs || c.OptIn == check.ReadSecrets || c.OptIn == check.ReadConfigMaps
	}
	for _, s := range o.Statuses {
		g.loud[rank(s)] = true
	}
	if o.Waive != nil || o.Known != nil { // they are asked about what was not reviewed, too
		g.loud[rank(finding.NotReviewed)] = true
	}
	g.view = check.View{Images: &g.images, Standards: o.Standards, Settings: o.Settings}
	g.reset()
	return g
}

// reset forgets everything but the nodes.
func (g *gatherer) reset() {
	g.owners = map[types.UID]*owner{}
	g.templates = nil
	g.groups = map[groupKey]*group{}
	g.order = nil
}

// add judges an object.
func (g *gatherer) add(o *source.Object) {
	if o.Status != nil {
		gr := g.groupOf(o)
		gr.pods++
		g.judge(&gr.containers, o)
		if g.joins {
			gr.records = g.record(gr.records, o)
		}
		return
	}
	own := g.ownerOf(o)
	if own.uid != "" {
		g.owners[own.uid] = own
	}
	if o.Spec == nil || o.Idle && own.controller != nil {
		return // without a template, or with an old one that no pod has
	}
	own.template = true
	t := &template{owner: own}
	g.templates = append(g.templates, t)
	g.judge(&t.containers, o)
	if g.joins {
		t.pods = g.record(t.pods, o)
	}
}

// groupOf finds the group that a pod belongs to.
func (g *gatherer) groupOf(o *source.Object) *group {
	controller := controllerOf(o.Meta)
	if controller == nil {
		gr := &group{owner: g.ownerOf(o), bare: true}
		g.order = append(g.order, gr)
		return gr
	}
	key := groupKey{string(controller.UID), controller.Name, o.Meta.Labels["controller-revision-hash"]}
	if key.uid == "" {
		// Somebody wrote the reference by hand: it has a name at least.
		key.uid = o.Meta.Namespace + "/" + controller.APIVersion + "/" + controller.Kind
	}
	gr := g.groups[key]
	if gr == nil {
		gr = &group{owner: referenceTo(controller, o.Meta.Namespace), hash: key.hash}
		g.groups[key] = gr
		g.order = append(g.order, gr)
	}
	return gr
}

// judge asks all checks about all containers of a pod or template.
func (g *gatherer) judge(list *[]*judged, o *source.Object) {
	view := g.view
	view.Meta, view.Spec, view.Status, view.Owner, view.SpecPath, view.Replicas = o.PodMeta, o.Spec, o.Status, ownerKind(o), o.SpecPath, replicas(o)
	if len(g.whole) > 0 {
		g.judgePod(list, o, &view)
	}
	for c := range workload.Containers(o.Spec) {
		j := judgedOf(list, c, len(g.containers))
		j.pods++
		view.Container, view.Observed = c, nil
		if g.observed != nil && o.Status != nil {
			view.Observed = g.observed(o, c)
		}
		var filter *check.Filter
		wanted := true
		for i, ch := range g.containers {
			if ch.Only != filter {
				filter = ch.Only
				wanted = filter == nil || filter.Wants(&view)
			}
			if wanted && ch.Judge != nil {
				g.note(j, i, ch.Judge, &view, o)
			}
		}
		if g.compares && o.Status != nil {
			g.copy(j, o, c)
		}
	}
}

// judgePod asks the checks that are about the pod as a whole. What they say
// stands under a container without a name.
func (g *gatherer) judgePod(list *[]*judged, o *source.Object, view *check.View) {
	j := judgedOf(list, &workload.Container{}, len(g.whole))
	j.pods++
	for i, ch := range g.whole {
		if ch.JudgePod != nil {
			g.note(j, i, ch.JudgePod, view, o)
		}
	}
}

// replicas is how many pods an object asks for.
func replicas(o *source.Object) int32 {
	if o.Replicas == nil {
		return 1
	}
	return *o.Replicas
}

// ownerKind is the kind of what makes the pods: the object itself where it is
// no pod.
func ownerKind(o *source.Object) string {
	if o.Status == nil && o.Kind != "Pod" {
		return o.Kind
	}
	if c := controllerOf(o.Meta); c != nil {
		return c.Kind
	}
	return ""
}

func judgedOf(list *[]*judged, c *workload.Container, checks int) *judged {
	for _, j := range *list {
		if j.name == c.Name && j.kind == c.Type && j.image == c.Image {
			return j
		}
	}
	j := &judged{kind: c.Type, name: c.Name, image: c.Image, cells: cells{alike: make([]uint8, checks)}}
	*list = append(*list, j)
	return j
}

// note asks a check and counts its verdict. Most verdicts are like one that is
// there already; the check puts into words only those that are not. Of what is
// in order by the spec alone, and nobody asked to see, only the number is kept.
func (g *gatherer) note(j *judged, nth int, judge func(check.View) check.Verdict, view *check.View, o *source.Object) {
	view.Brief = true
	brief := judge(*view)
	if g.quiet(&brief) {
		j.count(nth, brief.Status, 1, j.pods-1)
		return
	}
	s := j.of(nth, j.pods-1)
	t := s.find(&brief)
	var v verdict
	if t == nil || g.perPod && o.Status != nil {
		view.Brief = false
		v = judge(*view)
	}
	if t == nil {
		t = s.start(g.share(&v), locate(o, &v))
	}
	t.pods++
	if o.Status == nil {
		return
	}
	if len(t.names) < namesKept {
		t.names = append(t.names, nameOf(o.Meta))
	}
	if g.perPod {
		s.each = append(s.each, tally{verdict: &v, pods: 1, names: []string{nameOf(o.Meta)}, location: locate(o, &v)})
	}
}

// sharedKept bounds shared.
const sharedKept = 1 << 12

// share returns a verdict that is the same, of those that are kept already:
// what is wrong in one workload is mostly wrong in many, at the same place.
func (g *gatherer) share(v *check.Verdict) *check.Verdict {
	key := verdictKey{v.Status, v.Severity, v.Value, v.Message, ""}
	if len(v.Basis) > 0 {
		key.field = v.Basis[0].Field
	}
	if known := g.shared[key]; known != nil && known.Evidence == v.Evidence && known.May == v.May && slices.Equal(known.Basis, v.Basis) {
		return known
	}
	if len(g.shared) >= sharedKept {
		clear(g.shared)
	}
	own := *v
	g.shared[key] = &own
	return &own
}

// verdictKey is what nearly always tells verdicts apart.
type verdictKey struct {
	status                finding.Status
	severity              finding.Severity
	value, message, field string
}

// quiet reports whether nobody will read a verdict. One that a stronger rung may
// settle, or that is such a rung, may be shown beside another.
func (g *gatherer) quiet(v *check.Verdict) bool {
	r := rank(v.Status)
	return r >= quietFrom && v.Evidence == finding.Declared && !v.May && !g.loud[r]
}

// copiesKept and nodesKept bound what is kept for checks that compare copies.
const (
	copiesKept = 16
	nodesKept  = 32
)

// copy notes which image a running container has.
func (g *gatherer) copy(j *judged, o *source.Object, c *workload.Container) {
	if o.Status.Phase != corev1.PodRunning || o.Meta.DeletionTimestamp != nil {
		return
	}
	status := workload.Status(o.Status, c)
	if status == nil || !runs(&status.State, c.Type) {
		return
	}
	digest := image.RepositoryDigest(status.ImageID)
	if digest == "" {
		return
	}
	node := o.Spec.NodeName
	arch := g.arch[node]
	for i := range j.copies {
		k := &j.copies[i]
		if k.Digest != digest || k.Arch != arch {
			continue
		}
		k.Pods++
		if len(k.Nodes) < nodesKept && !slices.Contains(k.Nodes, node) {
			k.Nodes = append(k.Nodes, node)
		}
		return
	}
	if len(j.copies) < copiesKept {
		j.copies = append(j.copies, check.Copy{
			Digest: digest, Arch: arch, Pods: 1, Pod: nameOf(o.Meta), Nodes: []string{node},
			Field: workload.StatusPath(o.Status, c) + ".imageID", ImageID: status.ImageID,
		})
	}
}

// runs reports whether a container runs; an init container has done its work by then.
func runs(s *corev1.ContainerState, t finding.ContainerType) bool {
	return s.Running != nil || t == finding.InitContainer && s.Terminated != nil
}

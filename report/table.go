package report

import (
	"io"
	"strconv"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/kubeassay/assay/finding"
)

// table writes for people: a line a namespace, a line a workload, and for
// each finding a line of facts with the message below it. Wide adds what the
// verdict rests on.
type table struct {
	out    output
	o      Options
	wide   bool
	what   string // is reported about: a scan, unless it says so
	colors colors

	started   bool
	namespace string
	// workload is the one that was named last, pending its findings that are
	// not yet written: they are lined up together.
	workload finding.Workload
	pending  []*finding.Finding
	rules    map[string]finding.Severity // by ID
	made     int                         // how many of the rules were made
	fails    int                         // failures shown
	shown    map[string]bool             // checks with such failures
	// minor counts, by severity, failures that are too slight to be shown.
	minor map[finding.Severity]int
}

// maxPending bounds how many findings wait to be lined up (think --per-pod).
const maxPending = 100

// minWidth: below this, lines break in the terminal itself.
const minWidth = 60

// verdictWidth holds every severity, and "error" and "pass".
const verdictWidth = 8

func newTable(w io.Writer, o Options, wide bool) *table {
	if o.Width > 0 {
		o.Width = max(o.Width, minWidth)
	}
	return &table{out: output{w: w}, o: o, wide: wide, what: "scan", colors: colors(o.Color)}
}

func (t *table) Begin(h Header) error {
	t.rules, t.made = map[string]finding.Severity{}, len(h.Rules)-h.Off
	for _, r := range h.Rules {
		t.rules[r.ID] = r.Severity
	}
	return nil
}

func (t *table) Finding(f *finding.Finding) error {
	if f.Status == finding.Fail && t.o.MinSeverity != "" && !f.Severity.AtLeast(t.o.MinSeverity) {
		if t.minor == nil {
			t.minor = map[finding.Severity]int{}
		}
		if f.Waiver == nil {
			t.minor[f.Severity]++
		}
		return nil
	}
	if len(t.pending) > 0 && (t.pending[0].Workload != f.Workload || len(t.pending) >= maxPending) {
		t.writePending()
		if err := t.out.spill(); err != nil {
			return err
		}
	}
	t.pending = append(t.pending, f)
	if f.Status == finding.Fail && f.Waiver == nil {
		if t.fails++; t.shown == nil {
			t.shown = map[string]bool{}
		}
		t.shown[f.Check] = true
	}
	return nil
}

func (t *table) Flush() error {
	t.writePending()
	return t.out.flush()
}

func (t *table) End(r *finding.Report) error {
	t.writePending()
	t.writeSummary(r)
	return t.out.flush()
}

// writePending writes the findings of one workload, lined up.
func (t *table) writePending() {
	if len(t.pending) == 0 {
		return
	}
	t.writeHeadings(t.pending[0].Workload)
	columns := make([]int, columnCount)
	columns[columnVerdict] = verdictWidth
	rows := make([][]string, len(t.pending))
	for i, f := range t.pending {
		rows[i] = t.row(f)
		for c, text := range rows[i] {
			columns[c] = max(columns[c], ansi.StringWidth(text))
		}
	}
	below := t.fit(columns)
	for i, f := range t.pending {
		t.writeFinding(f, rows[i], columns, below)
	}
	t.pending = t.pending[:0]
}

// writeHeadings names the namespace and the workload where they are new.
func (t *table) writeHeadings(w finding.Workload) {
	namespace := w.Namespace
	if w.Kind == "Namespace" && w.APIVersion == "v1" { // what is said about it stands with what is in it
		namespace = w.Name
	}
	newNamespace := !t.started || namespace != t.namespace
	if newNamespace {
		if t.started {
			t.out.WriteByte('\n')
		}
		name := "namespace " + escape(namespace)
		if namespace == "" {
			name = "no namespace"
		}
		for _, line := range wrap(name, t.o.Width) {
			t.out.WriteString(t.colors.bold(line) + "\n")
		}
	}
	if newNamespace || w != t.workload {
		t.out.WriteByte('\n')
		for _, line := range wrap(escape(w.String()), t.room(2)) {
			t.out.WriteString("  " + t.colors.bold(line) + "\n")
		}
	}
	t.started, t.namespace, t.workload = true, namespace, w
}

// The columns of a finding's first line.
const (
	columnVerdict = iota
	columnCheck
	columnContainer
	columnEvidence
	columnWhere
	columnCount
)

const (
	indent = 4
	gap    = 2
)

func (t *table) row(f *finding.Finding) []string {
	row := make([]string, columnCount)
	row[columnVerdict] = string(f.Status)
	if f.Status == finding.Fail {
		row[columnVerdict] = string(f.Severity)
	}
	row[columnCheck] = f.Check
	row[columnContainer] = containerLabel(f)
	row[columnEvidence] = string(f.Evidence)
	row[columnWhere] = t.where(f)
	for i := range row {
		row[i] = escape(row[i])
	}
	return row
}

// containerLabel is the container's name, with its type unless it is a plain one.
func containerLabel(f *finding.Finding) string {
	var notes []string
	switch f.ContainerType {
	case "", finding.Container:
	case finding.InitContainer:
		notes = append(notes, "init")
	case finding.SidecarContainer:
		notes = append(notes, "sidecar")
	case finding.EphemeralContainer:
		notes = append(notes, "ephemeral")
	case finding.ImageVolume:
		notes = append(notes, "image volume")
	default:
		notes = append(notes, string(f.ContainerType))
	}
	if f.Injected {
		notes = append(notes, "injected")
	}
	if len(notes) == 0 {
		return f.Container
	}
	return f.Container + " (" + strings.Join(notes, ", ") + ")"
}

// where is the last column: a place in a file, or pods.
func (t *table) where(f *finding.Finding) string {
	switch {
	case f.Location != nil:
		return f.Location.String()
	case t.o.PerPod && len(f.PodNames) == 1:
		return f.PodNames[0]
	case f.PodsTotal == 0 && makesPods(f.Workload.Kind):
		return "no pods seen"
	case f.PodsTotal == 0:
		return ""
	case f.Pods == f.PodsTotal:
		return count(f.Pods, "pod")
	}
	return strconv.Itoa(f.Pods) + "/" + count(f.PodsTotal, "pod")
}

// makesPods tells workloads from other objects, of which nobody expects pods.
func makesPods(kind string) bool {
	switch kind {
	case "Pod", "Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "CronJob", "ReplicationController", "PodTemplate":
		return true
	}
	return false
}

// minContainer is what is left of a container's name at least.
const minContainer = 12

// fit makes a line fit the terminal: places in files go to a line below (one
// wants to copy them whole), then the container's name is cut. It reports
// whether the last column goes below.
func (t *table) fit(columns []int) (below bool) {
	if t.o.Width == 0 {
		return false
	}
	over := indent - gap - t.o.Width
	for _, w := range columns {
		if w > 0 {
			over += gap + w
		}
	}
	if over <= 0 {
		return false
	}
	container := columns[columnContainer]
	if t.pending[0].Location != nil || container-over < min(minContainer, container) {
		below = true
		over -= gap + columns[columnWhere]
	}
	if over > 0 {
		columns[columnContainer] = max(container-over, min(minContainer, container))
	}
	return below
}

func (t *table) writeFinding(f *finding.Finding, row []string, columns []int, below bool) {
	body := indent + columns[columnVerdict] + gap
	if below {
		columns = columns[:columnWhere]
	}
	line := strings.Repeat(" ", indent)
	for c, width := range columns {
		text := row[c]
		switch c {
		case columnVerdict:
			text = t.colors.verdict(f, text)
		case columnContainer:
			text = cutLabel(text, width)
		case columnEvidence, columnWhere:
			text = t.colors.faint(text)
		}
		if width > 0 {
			line += pad(text, width+gap)
		}
	}
	t.out.WriteString(strings.TrimRight(line, " ") + "\n")
	if below && row[columnWhere] != "" {
		// Never wrapped here: the terminal does it in a way that copies whole.
		t.out.WriteString(strings.Repeat(" ", body) + t.colors.faint(row[columnWhere]) + "\n")
	}
	t.writeBody(body, escape(f.Message), nil)
	if f.Waiver != nil {
		t.writeBody(body, escape("waived by "+f.Waiver.Owner+" until "+f.Waiver.Expires+": "+f.Waiver.Reason), nil)
	}
	if t.wide {
		t.writeDetails(body, f)
	}
}

// cutLabel cuts a container's name and leaves the note behind it whole, if at
// least a few letters of the name remain.
func cutLabel(label string, width int) string {
	if ansi.StringWidth(label) <= width {
		return label
	}
	note := ""
	if i := strings.LastIndex(label, " ("); i >= 0 && width-ansi.StringWidth(label[i:]) >= minContainer/2 {
		label, note = label[:i], label[i:]
	}
	return cut(label, width-ansi.StringWidth(note)) + note
}

// writeDetails writes what only the wide format tells.
func (t *table) writeDetails(at int, f *finding.Finding) {
	for _, b := range f.Basis {
		text := b.Field + ": " + b.Value
		if b.Object != "" {
			text += " in " + b.Object
		}
		if b.Pods > 0 {
			text += " (" + count(b.Pods, "pod") + ")"
		}
		t.writeLabelled(at, string(b.Evidence), text)
	}
	if f.Image != "" {
		t.writeLabelled(at, "image", f.Image)
	}
	var pods []string
	if f.Location != nil && f.PodsTotal > 0 { // the line above has the place in their stead
		pods = append(pods, strconv.Itoa(f.Pods)+"/"+strconv.Itoa(f.PodsTotal))
	}
	if len(f.PodNames) > 0 && !t.o.PerPod {
		names := strings.Join(f.PodNames, ", ")
		if more := f.Pods - len(f.PodNames); more > 0 {
			names += " and " + strconv.Itoa(more) + " more"
		}
		pods = append(pods, names)
	}
	if len(pods) > 0 {
		t.writeLabelled(at, "pods", strings.Join(pods, ": "))
	}
}

// labelWidth holds "declared", "reported" and "observed".
const labelWidth = 8

func (t *table) writeLabelled(at int, label, text string) {
	t.writeLabelledTo(at, labelWidth, label, text)
}

// writeLabelledTo is writeLabelled with labels of another width.
func (t *table) writeLabelledTo(at, width int, label, text string) {
	for i, line := range wrap(escape(text), t.room(at+width+gap)) {
		if i > 0 {
			label = ""
		}
		t.out.WriteString(strings.Repeat(" ", at) + t.colors.faint(pad(escape(label), width)+"  "+line) + "\n")
	}
}

// writeBody writes text at a column, wrapped; paint may be nil.
func (t *table) writeBody(at int, text string, paint func(string) string) {
	for _, line := range wrap(text, t.room(at)) {
		if paint != nil {
			line = paint(line)
		}
		t.out.WriteString(strings.Repeat(" ", at) + line + "\n")
	}
}

// room is what is left of a line from a column on; 0 where nothing limits it.
func (t *table) room(at int) int {
	if t.o.Width == 0 {
		return 0
	}
	return t.o.Width - at
}

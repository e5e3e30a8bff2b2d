package finding

import "time"

// The version and kind of the JSON report. The schema may still change until
// it is frozen as v1.
const (
	APIVersion = "assay.dev/v1alpha1"
	ReportKind = "Report"
)

// Report is everything that one run says. Writers that stream get its parts
// one after the other; see the report package.
type Report struct {
	APIVersion string    `json:"apiVersion"`
	Kind       string    `json:"kind"`
	Rules      []Rule    `json:"rules,omitempty"`
	Findings   []Finding `json:"findings"`
	// Inspections say what was looked into, and how; their findings stand in Findings.
	Inspections []Inspection `json:"inspections,omitempty"`
	Summary     Summary      `json:"summary"`
	Coverage    []Coverage   `json:"coverage,omitempty"`
	Errors      []Problem    `json:"errors,omitempty"`
	// Notes say in words what a reader should know about the run.
	Notes  []string `json:"notes,omitempty"`
	Access *Access  `json:"access,omitempty"`
}

// Rule states a check once, so that findings need not repeat its texts.
type Rule struct {
	ID          string      `json:"id"`
	Title       string      `json:"title"`
	Severity    Severity    `json:"severity"`
	Description string      `json:"description"`
	Check       string      `json:"check,omitempty"` // how the rule decides
	Fix         string      `json:"fix,omitempty"`   // what to do, with a YAML snippet
	References  []Reference `json:"references,omitempty"`
	// Profile and Impact (0.0 to 1.0) are set for controls; Tags are a control's
	// own words, such as nist, cci, stig_id.
	Profile string              `json:"profile,omitempty"`
	Impact  *float64            `json:"impact,omitempty"`
	Tags    map[string][]string `json:"tags,omitempty"`
	// Code is the control as its profile states it, and Location where.
	Code     string    `json:"code,omitempty"`
	Location *Location `json:"location,omitempty"`
}

// Reference is a place in a published framework, or a page to read.
type Reference struct {
	Framework string `json:"framework,omitempty"`
	ID        string `json:"id,omitempty"`
	URL       string `json:"url,omitempty"`
}

// Summary counts what was looked at and what was found.
type Summary struct {
	StartedAt  time.Time `json:"startedAt,omitzero"`
	FinishedAt time.Time `json:"finishedAt,omitzero"`
	// Cluster is the server that was scanned; empty for files.
	Cluster    string `json:"cluster,omitempty"`
	Namespaces int    `json:"namespaces"`
	Objects    int    `json:"objects"`
	// Unjudged counts objects of kinds that hold no pod template; they were read and passed by.
	Unjudged   int `json:"unjudged,omitempty"`
	Workloads  int `json:"workloads"`
	Pods       int `json:"pods"`
	Containers int `json:"containers"`
	// Findings counts failures by severity, Checks by check; both after merging
	// and whether or not a filter hides them.
	Findings map[Severity]int `json:"findings"`
	Checks   map[string]int   `json:"checks,omitempty"`
	// Statuses counts verdicts by status.
	Statuses map[Status]int `json:"statuses,omitempty"`
	// Waived counts verdicts with a waiver. They stand in none of the counts above.
	Waived int `json:"waived,omitempty"`
	// Known counts verdicts that a baseline has already, Gone those of the
	// baseline that are no more. They stand in none of the counts above.
	Known int `json:"known,omitempty"`
	Gone  int `json:"gone,omitempty"`
	// PerPod: there is a finding for each pod instead of one for its workload.
	PerPod bool `json:"perPod,omitempty"`
	// Inspected: a scan looked into running containers as well.
	Inspected bool `json:"inspected,omitempty"`
	// Selection says what the run was limited to; absent where it was not.
	Selection *Selection `json:"selection,omitempty"`
	Errors    int        `json:"errors,omitempty"`
	// Complete: everything that was asked for was read, to the end.
	Complete bool `json:"complete"`
	// Interrupted: the run was stopped before its end.
	Interrupted bool `json:"interrupted,omitempty"`
}

// Selection says what a run was limited to. What it leaves out was not looked at.
type Selection struct {
	Namespaces        []string `json:"namespaces,omitempty"`
	ExcludeNamespaces []string `json:"excludeNamespaces,omitempty"`
	Selector          string   `json:"selector,omitempty"`
	FieldSelector     string   `json:"fieldSelector,omitempty"`
	Kinds             []string `json:"kinds,omitempty"`
	// Checks are those that were made, where not all were.
	Checks []string `json:"checks,omitempty"`
}

// CoverageState says why something was not, or not wholly, looked at.
type CoverageState string

// The states of coverage.
const (
	Forbidden    CoverageState = "forbidden"    // the credentials may not read it
	TimedOut     CoverageState = "timed-out"    // the server did not answer in time
	Vanished     CoverageState = "vanished"     // it was there and is no more
	NotFound     CoverageState = "not-found"    // it was asked for, and there is none
	Unreadable   CoverageState = "unreadable"   // any other failure to read it
	Interrupted  CoverageState = "interrupted"  // the run ended before it
	Unsupported  CoverageState = "unsupported"  // Assay, or this server, does not know it
	Inconsistent CoverageState = "inconsistent" // read, but across different moments
	NotRunning   CoverageState = "not-running"  // there is no running container to look into
	// NotObserved: nobody could look inside, so weaker evidence decides.
	NotObserved CoverageState = "not-observed"
	// Unreviewed: objects that only some checks need could not be read, so that
	// those checks are not-reviewed.
	Unreviewed CoverageState = "not-reviewed"
	// NotJudged: objects of a kind that Assay does not know hold what looks like containers.
	NotJudged CoverageState = "not-judged"
	// OwnerUnresolved: pods were judged, but the objects that own them could
	// not be read, so their direct owner is shown.
	OwnerUnresolved CoverageState = "owner-unresolved"
)

// Complete reports whether the state leaves a scan complete: nothing that was
// asked for is missing.
func (s CoverageState) Complete() bool {
	return s == Inconsistent || s == OwnerUnresolved || s == NotObserved || s == Unreviewed || s == NotJudged
}

// Coverage is one line about what was not looked at, and why.
type Coverage struct {
	// Scope names the gap: "cluster", "namespace/kube-system",
	// "namespace/shop/pods", "kind/deployments.apps".
	Scope  string        `json:"scope"`
	State  CoverageState `json:"state"`
	Detail string        `json:"detail,omitempty"`
}

// Problem is an input that could not be read: a broken document, a file
// without permission. The rest of the input is judged all the same.
type Problem struct {
	File    string `json:"file,omitempty"`
	Line    int    `json:"line,omitempty"`
	Column  int    `json:"column,omitempty"`
	Message string `json:"message"`
}

// String is "file:line: message".
func (p Problem) String() string {
	if p.File == "" {
		return p.Message
	}
	return Location{File: p.File, Line: p.Line, Column: p.Column}.String() + ": " + p.Message
}

// Access says what the run itself used.
type Access struct {
	APICalls int `json:"apiCalls"`
	// Bytes counts what the API server sent.
	Bytes int64 `json:"bytes,omitempty"`
	// Grants that were made for this run.
	Grants    []Grant `json:"grants,omitempty"`
	AuditHead string  `json:"auditHead,omitempty"` // hash of the audit log's last line
	// AuditLines is how many lines the audit log had then.
	AuditLines int `json:"auditLines,omitempty"`
}

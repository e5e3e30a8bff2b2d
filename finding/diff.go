package finding

import "time"

// DiffKind is the kind of a comparison of two reports.
const DiffKind = "Diff"

// Diff says what became of the findings of one report in another. A pass, and
// what is not applicable, is no finding here.
type Diff struct {
	APIVersion string      `json:"apiVersion"`
	Kind       string      `json:"kind"`
	Old        DiffReport  `json:"old"`
	New        DiffReport  `json:"new"`
	Summary    DiffSummary `json:"summary"`
	Changes    []Change    `json:"changes"`
	// Notes say what a reader should know about the two reports.
	Notes []string `json:"notes,omitempty"`
}

// DiffReport says which report was compared.
type DiffReport struct {
	Name      string    `json:"name"`
	StartedAt time.Time `json:"startedAt,omitzero"`
	Cluster   string    `json:"cluster,omitempty"`
	Complete  bool      `json:"complete"`
}

// DiffSummary counts changes.
type DiffSummary struct {
	New         int `json:"new"`
	Changed     int `json:"changed"`
	Gone        int `json:"gone"`
	NotLookedAt int `json:"notLookedAt"`
	Still       int `json:"still"`
	// Graver counts, among those that changed, those that count as new.
	Graver int `json:"graver,omitempty"`
}

// ChangeKind says what became of a finding.
type ChangeKind string

// The kinds of changes.
const (
	New     ChangeKind = "new"
	Changed ChangeKind = "changed"
	// NotLookedAt: it is not in the new report, which did not look, or does not
	// say all that it saw. Nobody knows whether it is gone.
	NotLookedAt ChangeKind = "not-looked-at"
	Gone        ChangeKind = "gone"
	Still       ChangeKind = "still"
)

// ChangeKinds lists every kind, in the order in which a person wants to know.
var ChangeKinds = []ChangeKind{New, Changed, NotLookedAt, Gone, Still}

// Change is what became of one finding.
type Change struct {
	Change ChangeKind `json:"change"`
	// Graver: it changed for the worse, and counts as new.
	Graver bool `json:"graver,omitempty"`
	// Differences say what changed.
	Differences []Difference `json:"differences,omitempty"`
	// Reason says why it is not known whether it is gone.
	Reason string `json:"reason,omitempty"`
	// Finding is as the new report has it, or the old one where the new has none.
	Finding Finding `json:"finding"`
}

// Difference is one thing about a finding that changed.
type Difference struct {
	Field string `json:"field"`
	Old   string `json:"old"`
	New   string `json:"new"`
}

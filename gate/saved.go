package gate

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/internal/excerpt"
)

// Saved is a report that was written earlier and read again, without its findings.
type Saved struct {
	Name    string
	Summary finding.Summary
	json    bool            // it was one object; else NDJSON, which has no rules
	cut     bool            // NDJSON without its last line
	rules   map[string]bool // that were made; nil where it does not say
	gaps    gaps
	unread  map[string]bool // rules that could not be asked about everything
	looks   map[look]bool   // that inspections took
	// listed is how many of what the summary counts are in the report.
	listed struct {
		fails                      map[string]int // by rule
		errors, unreviewed, waived int
	}
}

// look is what was looked into, and by which profile.
type look struct {
	workload           finding.Workload
	container, profile string
}

// ReadReport reads a report that -o json or -o ndjson has written, and hands
// its findings on, one by one: it never holds more than one. Of these, only
// what tells whether one is as it was is read.
func ReadReport(name string, in io.Reader, each func(*finding.Finding) error) (*Saved, error) {
	w := &window{r: in}
	s := &Saved{Name: name}
	s.listed.fails = map[string]int{}
	r := &reportReader{name: name, in: w, dec: json.NewDecoder(w), into: s, each: each}
	if err := r.read(); err != nil {
		return nil, err
	}
	return s, nil
}

func (r *reportReader) reportField(key string) error {
	s := r.into
	switch key {
	case "apiVersion", "kind":
		want := finding.APIVersion
		if key == "kind" {
			want = finding.ReportKind
		}
		at := r.in.at()
		var got string
		if err := r.decode(&got); err != nil {
			return err
		}
		if got != want {
			return fmt.Errorf("%s:%d: the %s is %s: only reports of %s, kind %s, can be read", r.name, at, key, excerpt.Quote(got), finding.APIVersion, finding.ReportKind)
		}
		return nil
	case "rules":
		s.rules = map[string]bool{}
		return r.list(key, func() error {
			var rule struct{ ID, Profile string }
			err := r.decode(&rule)
			s.rules[idOf(&finding.Rule{ID: rule.ID, Profile: rule.Profile})] = true
			return err
		})
	case "findings":
		return r.list(key, r.oneOfList)
	case "inspections":
		s.looks = map[look]bool{}
		return r.list(key, r.inspection)
	case "summary":
		return r.decode(&s.Summary)
	case "coverage":
		return r.list(key, func() error {
			var c finding.Coverage
			err := r.decode(&c)
			s.gaps.add(c)
			return err
		})
	case "errors":
		return r.list(key, func() error {
			var p finding.Problem
			err := r.decode(&p)
			s.gaps.file(p.File)
			return err
		})
	}
	return r.skip()
}

func (r *reportReader) inspection() error {
	var i struct {
		Target   struct{ Container string }
		Workload finding.Workload
		Profile  struct{ Name string }
		Error    string
	}
	err := r.decode(&i)
	if i.Error == "" {
		r.into.looks[look{i.Workload, i.Target.Container, i.Profile.Name}] = true
	}
	return err
}

// oneOfList reads a finding in the list of a report.
func (r *reportReader) oneOfList() error {
	token, err := r.dec.Token()
	if err != nil {
		return r.syntax(err)
	}
	if token != json.Delim('{') {
		return r.errorf("this is no report of Assay: a finding must be keys with values")
	}
	r.mark()
	return r.finding("", r.in.at())
}

// findingField reads what tells whether a finding is as it was.
func (r *reportReader) findingField(f *finding.Finding, key string) error {
	switch key {
	case "check":
		return r.decode(&f.Check)
	case "control":
		return r.decode(&f.Control)
	case "profile":
		return r.decode(&f.Profile)
	case "status":
		return r.decode(&f.Status)
	case "severity":
		return r.decode(&f.Severity)
	case "evidence":
		return r.decode(&f.Evidence)
	case "workload":
		return r.decode(&f.Workload)
	case "container":
		return r.decode(&f.Container)
	case "containerType":
		return r.decode(&f.ContainerType)
	case "message":
		return r.decode(&f.Message)
	case "image":
		return r.decode(&f.Image)
	case "pods":
		return r.decode(&f.Pods)
	case "podsTotal":
		return r.decode(&f.PodsTotal)
	case "podNames":
		return r.decode(&f.PodNames)
	case "targets":
		return r.decode(&f.Targets)
	case "location":
		return r.decode(&f.Location)
	case "fingerprint":
		return r.decode(&f.Fingerprint)
	case "waiver":
		return r.decode(&f.Waiver)
	}
	return r.skip()
}

// take checks a finding, and hands it on.
func (r *reportReader) take(f *finding.Finding, line int) error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%s:%d: %s", r.name, line, fmt.Sprintf(format, args...))
	}
	if f.Check == "" && f.Control == "" || f.Workload.Kind == "" {
		return bad("this is no finding of Assay: it does not say which rule, or which workload, it is about")
	}
	if _, err := finding.ParseStatus(string(f.Status)); err != nil {
		return bad("%s", excerpt.Line(err.Error(), 300))
	}
	if _, err := finding.ParseSeverity(string(f.Severity)); err != nil && f.Status == finding.Fail {
		return bad("%s", excerpt.Line(err.Error(), 300))
	}
	if f.Fingerprint == "" {
		f.Fingerprint = finding.Fingerprint(f)
	}
	if _, ok := keyOf(f.Fingerprint); !ok {
		return bad("%s is no fingerprint", excerpt.Quote(f.Fingerprint))
	}
	r.into.notAsked(f)
	l := &r.into.listed
	switch {
	case f.Waiver != nil:
		l.waived++
	case f.Status == finding.Fail:
		l.fails[ruleOf(f)]++
	case f.Status == finding.Error:
		l.errors++
	case f.Status == finding.NotReviewed:
		l.unreviewed++
	}
	return r.each(f)
}

// key is a fingerprint as it is kept.
type key [32]byte

func keyOf(fingerprint string) (k key, ok bool) {
	if len(fingerprint) != hex.EncodedLen(len(k)) {
		return k, false
	}
	_, err := hex.Decode(k[:], []byte(fingerprint))
	return k, err == nil
}

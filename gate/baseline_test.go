package gate_test

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/gate"
	"github.com/kubeassay/assay/report"
)

// failure is one of posture, in a container of Deployment shop/cart; changes alter it.
func failure(check string, severity finding.Severity, changes ...func(*finding.Finding)) finding.Finding {
	f := declared()
	f.Check, f.Severity, f.Evidence, f.ContainerType, f.Message = check, severity, finding.Declared, finding.Container, "It is so."
	for _, c := range changes {
		c(&f)
	}
	f.Fingerprint = finding.Fingerprint(&f)
	return f
}

func in(namespace, name string) func(*finding.Finding) {
	return func(f *finding.Finding) { f.Workload.Namespace, f.Workload.Name = namespace, name }
}

func with(s finding.Status) func(*finding.Finding) {
	return func(f *finding.Finding) { f.Status = s }
}

func waivedNow(f *finding.Finding) {
	f.Waiver = &finding.Waiver{Reason: "known", Owner: "team@example.com", Expires: "2027-01-31"}
}

// reportOf is a whole report that lists all of its findings.
func reportOf(findings ...finding.Finding) *finding.Report {
	r := &finding.Report{
		Rules: []finding.Rule{{ID: "run-as-root"}, {ID: "image-latest-tag"}},
		Summary: finding.Summary{Complete: true, StartedAt: time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC),
			Findings: map[finding.Severity]int{}, Checks: map[string]int{}, Statuses: map[finding.Status]int{}},
		Findings: findings,
	}
	for i := range findings {
		f := &findings[i]
		if f.Waiver != nil {
			r.Summary.Waived++
			continue
		}
		r.Summary.Statuses[f.Status]++
		if f.Status == finding.Fail {
			r.Summary.Findings[f.Severity]++
			r.Summary.Checks[f.Check]++
		}
	}
	return r
}

// save writes a report as the program does.
func save(t testing.TB, format string, r *finding.Report) string {
	t.Helper()
	var b bytes.Buffer
	w, err := report.New(format, &b, report.Options{})
	if err == nil {
		err = w.Begin(report.Header{Rules: r.Rules})
	}
	for i := range r.Findings {
		if err == nil {
			err = w.Finding(&r.Findings[i])
		}
	}
	if err == nil {
		err = w.End(r)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func baselineOf(t *testing.T, format string, r *finding.Report) *gate.Baseline {
	t.Helper()
	b, err := gate.ParseBaseline("old.json", strings.NewReader(save(t, format, r)))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBaselineKnows(t *testing.T) {
	root := func(severity finding.Severity, changes ...func(*finding.Finding)) finding.Finding {
		return failure("run-as-root", severity, changes...)
	}
	type all = []finding.Finding
	for name, c := range map[string]struct {
		old, now all
		known    []bool
		gone     int
	}{
		"nothing then, nothing now":  {},
		"the same":                   {all{root("high")}, all{root("high")}, []bool{true}, 0},
		"new":                        {nil, all{root("high")}, []bool{false}, 0},
		"gone":                       {all{root("high")}, nil, nil, 1},
		"less grave":                 {all{root("high")}, all{root("medium")}, []bool{true}, 0},
		"graver":                     {all{root("medium")}, all{root("high")}, []bool{false}, 0},
		"another workload":           {all{root("high")}, all{root("high", in("shop", "web"))}, []bool{false}, 1},
		"another namespace":          {all{root("high")}, all{root("high", in("web", "cart"))}, []bool{false}, 1},
		"another container":          {all{root("high")}, all{root("high", func(f *finding.Finding) { f.Container = "b" })}, []bool{false}, 1},
		"another message":            {all{root("high")}, all{root("high", func(f *finding.Finding) { f.Message, f.Evidence = "x", "reported" })}, []bool{true}, 0},
		"waived then, not now":       {all{root("high", waivedNow)}, all{root("high")}, []bool{false}, 0},
		"waived now, not then":       {all{root("high")}, all{root("high", waivedNow)}, []bool{true}, 0},
		"waived then and now":        {all{root("high", waivedNow)}, all{root("high", waivedNow)}, []bool{true}, 0},
		"waived, and new":            {nil, all{root("high", waivedNow)}, []bool{false}, 0},
		"waived then, passes now":    {all{root("high", waivedNow)}, all{root("high", with(finding.Pass))}, []bool{false}, 1},
		"passed then":                {all{root("high", with(finding.Pass))}, all{root("high")}, []bool{false}, 0},
		"passes now":                 {all{root("high")}, all{root("high", with(finding.Pass))}, []bool{false}, 1},
		"an error then and now":      {all{root("high", with(finding.Error))}, all{root("high", with(finding.Error))}, []bool{false}, 0},
		"an error then":              {all{root("high", with(finding.Error))}, all{root("high")}, []bool{false}, 0},
		"an error now":               {all{root("high")}, all{root("high", with(finding.Error))}, []bool{false}, 0}, // and nobody knows
		"not reviewed, then and now": {all{root("high", with(finding.NotReviewed))}, all{root("high", with(finding.NotReviewed))}, []bool{true}, 0},
		"not reviewed then":          {all{root("high", with(finding.NotReviewed))}, all{root("high")}, []bool{false}, 0},
		"not reviewed now":           {all{root("high")}, all{root("high", with(finding.NotReviewed))}, []bool{true}, 0},
		"two then, three now":        {all{root("high"), root("high")}, all{root("high"), root("high"), root("high")}, []bool{true, true, false}, 0},
		"three then, one now":        {all{root("high"), root("high"), root("high")}, all{root("high")}, []bool{true}, 2},
		"the graver one is kept for the graver one": {all{root("critical"), root("medium")}, all{root("low"), root("critical")}, []bool{true, true}, 0},
		"one of two became graver":                  {all{root("medium"), root("high")}, all{root("critical"), root("high")}, []bool{false, true}, 0},
	} {
		for _, format := range []string{report.JSON, report.NDJSON} {
			t.Run(name+" in "+format, func(t *testing.T) {
				b := baselineOf(t, format, reportOf(c.old...))
				var got []bool
				for _, f := range c.now {
					f.Fingerprint = "" // as when the scan asks
					got = append(got, b.Known(&f))
				}
				if !slices.Equal(got, c.known) {
					t.Errorf("known: %v, want %v", got, c.known)
				}
				if gone, _ := b.Gone(reportOf(c.now...)); gone != c.gone {
					t.Errorf("%d are gone, want %d", gone, c.gone)
				}
			})
		}
	}
}

// TestBaselineGone is about runs that do not have the baseline's only finding.
func TestBaselineGone(t *testing.T) {
	now := func(change func(*finding.Report)) *finding.Report {
		r := reportOf()
		change(r)
		return r
	}
	gap := func(scope string, state finding.CoverageState) *finding.Report {
		return now(func(r *finding.Report) {
			r.Coverage = []finding.Coverage{{Scope: scope, State: state, Detail: "x"}}
			r.Summary.Complete = state.Complete()
		})
	}
	selection := func(s finding.Selection) *finding.Report {
		return now(func(r *finding.Report) { r.Summary.Selection = &s })
	}
	for name, c := range map[string]struct {
		now  *finding.Report
		gone bool
	}{
		"all was looked at":                {reportOf(), true},
		"the check was not made":           {now(func(r *finding.Report) { r.Rules = r.Rules[1:] }), false},
		"interrupted":                      {now(func(r *finding.Report) { r.Summary.Interrupted = true }), false},
		"incomplete, and nobody says why":  {now(func(r *finding.Report) { r.Summary.Complete = false }), false},
		"the cluster":                      {gap("cluster", finding.Forbidden), false},
		"the scan":                         {gap("scan", finding.Unreadable), false},
		"its namespace":                    {gap("namespace/shop", finding.Forbidden), false},
		"something in its namespace":       {gap("namespace/shop/statefulsets.apps", finding.TimedOut), false},
		"another namespace":                {gap("namespace/web", finding.Forbidden), true},
		"a namespace that begins the same": {gap("namespace/shop-2", finding.Forbidden), true},
		"its kind":                         {gap("kind/deployments.apps", finding.Forbidden), false},
		"another kind":                     {gap("kind/daemonsets.apps", finding.Forbidden), true},
		"pods":                             {gap("kind/pods", finding.Unreadable), false},
		"what it may rest on":              {gap("kind/serviceaccounts", finding.Unreviewed), false},
		"owners of its namespace":          {gap("namespace/shop/replicasets.apps", finding.OwnerUnresolved), false},
		"a list from different moments":    {gap("kind/pods", finding.Inconsistent), true},
		"its namespace is no more":         {gap("namespace/shop", finding.NotFound), true},
		"nobody looked inside, as before":  {gap("target/shop/cart-1/app", finding.NotObserved), true},
		"access that was not taken back":   {gap("grant/assay-inspect-1", finding.Unreadable), true},
		"what nobody knows":                {gap("something/new", finding.Unreadable), false},
		"a node's kubelet":                 {gap("node/node-1", finding.Unreadable), true},
		"all kubelets":                     {gap("kind/kubeletconfigurations.kubelet.config.k8s.io", finding.Unreviewed), true},
		"what is of no known kind":         {gap("kind/Workflow.argoproj.io", finding.NotJudged), true},
		"its namespace was asked for":      {selection(finding.Selection{Namespaces: []string{"web", "shop"}}), true},
		"its namespace was not asked for":  {selection(finding.Selection{Namespaces: []string{"web"}}), false},
		"its namespace was left out":       {selection(finding.Selection{ExcludeNamespaces: []string{"shop"}}), false},
		"another namespace was left out":   {selection(finding.Selection{ExcludeNamespaces: []string{"web"}}), true},
		"only some labels":                 {selection(finding.Selection{Selector: "app=web"}), false},
		"only some fields":                 {selection(finding.Selection{FieldSelector: "spec.nodeName=a"}), false},
		"its kind was asked for":           {selection(finding.Selection{Kinds: []string{"pods", "deployments.apps"}}), true},
		"its kind was not asked for":       {selection(finding.Selection{Kinds: []string{"pods", "networkpolicies.networking.k8s.io"}}), false},
		"its check was asked for":          {selection(finding.Selection{Checks: []string{"run-as-root"}}), true},
		"its check was not asked for":      {selection(finding.Selection{Checks: []string{"image-latest-tag"}}), false},
		"a broken file, which is another": {now(func(r *finding.Report) {
			r.Errors = []finding.Problem{{File: "a/web.yaml"}}
			r.Summary.Errors = 1
			r.Summary.Complete = false
		}), true},
		"a broken file, which is its own":       {now(func(r *finding.Report) { r.Errors = []finding.Problem{{File: "b/cart.yaml"}} }), false},
		"a folder that could not be read":       {now(func(r *finding.Report) { r.Errors = []finding.Problem{{File: "b"}} }), false},
		"something without a name was not read": {now(func(r *finding.Report) { r.Errors = []finding.Problem{{Message: "x"}} }), false},
	} {
		t.Run(name, func(t *testing.T) {
			old := reportOf(failure("run-as-root", "high", func(f *finding.Finding) { f.Location = &finding.Location{File: "a/cart.yaml", Line: 3} }))
			b := baselineOf(t, report.JSON, old)
			gone, not := b.Gone(c.now)
			if gone+not != 1 || (gone == 1) != c.gone {
				t.Errorf("%d gone, of %d it is not known", gone, not)
			}
			noted := strings.Contains(strings.Join(b.Notes(c.now), "\n"), "it is not known whether 1 are gone")
			if noted == c.gone {
				t.Errorf("notes: %q", b.Notes(c.now))
			}
		})
	}
}

func TestWhatIsInNoNamespace(t *testing.T) {
	old := reportOf(failure("run-as-root", "high", func(f *finding.Finding) {
		f.Workload, f.Container, f.ContainerType = finding.Workload{APIVersion: "rbac.authorization.k8s.io/v1", Kind: "ClusterRole", Name: "reader"}, "", ""
	}))
	now := reportOf()
	if gone, _ := baselineOf(t, report.JSON, old).Gone(now); gone != 1 {
		t.Error("it is gone")
	}
	now.Coverage = []finding.Coverage{{Scope: "namespace/web/rolebindings.rbac.authorization.k8s.io", State: finding.Unreviewed}}
	if gone, _ := baselineOf(t, report.JSON, old).Gone(now); gone != 0 {
		t.Error("it may rest on what is in a namespace")
	}
}

func TestAKubeletThatDidNotAnswer(t *testing.T) {
	old := reportOf(failure("run-as-root", "high", func(f *finding.Finding) {
		f.Workload, f.Container, f.ContainerType = finding.Workload{APIVersion: "kubelet.config.k8s.io/v1beta1", Kind: "KubeletConfiguration", Name: "node-1"}, "", ""
	}))
	for scope, want := range map[string]int{
		"node/node-1": 0, "node/node-2": 1, "kind/kubeletconfigurations.kubelet.config.k8s.io": 0, "kind/nodes": 0,
	} {
		now := reportOf()
		now.Coverage = []finding.Coverage{{Scope: scope, State: finding.Unreviewed}}
		if gone, _ := baselineOf(t, report.JSON, old).Gone(now); gone != want {
			t.Errorf("%s: %d gone, want %d", scope, gone, want)
		}
	}
}

func TestACheckThatWasNotReviewed(t *testing.T) {
	everywhere := failure("run-as-root", "high", with(finding.NotReviewed), func(f *finding.Finding) {
		f.Workload, f.Container, f.ContainerType = finding.Workload{APIVersion: "v1", Kind: "Cluster", Name: "cluster"}, "", ""
	})
	other := failure("image-latest-tag", "high", with(finding.NotReviewed), func(f *finding.Finding) { f.Workload = everywhere.Workload })
	for name, c := range map[string]struct {
		old, now []finding.Finding
		gone     int
	}{
		"now":             {nil, []finding.Finding{everywhere}, 0},
		"another check":   {nil, []finding.Finding{other}, 1},
		"then and now":    {[]finding.Finding{everywhere}, []finding.Finding{everywhere}, 1},
		"then, and asked": {[]finding.Finding{everywhere}, nil, 2},
	} {
		t.Run(name, func(t *testing.T) {
			old, now := reportOf(append(c.old, failure("run-as-root", "high"))...), reportOf(c.now...)
			b := baselineOf(t, report.JSON, old)
			for i := range now.Findings {
				b.Known(&now.Findings[i])
			}
			if gone, _ := b.Gone(now); gone != c.gone {
				t.Errorf("baseline: %d gone, want %d", gone, c.gone)
			}
			if d := compare(t, old, now); d.Summary.Gone != c.gone {
				t.Errorf("comparison: %d gone, want %d: %q", d.Summary.Gone, c.gone, changesOf(d))
			}
		})
	}
}

func TestBrokenFilesBesideACluster(t *testing.T) {
	now := reportOf()
	now.Errors = []finding.Problem{{Message: "x"}, {File: "cart.yaml"}, {File: "folder"}}
	if gone, _ := baselineOf(t, report.JSON, reportOf(failure("run-as-root", "high"))).Gone(now); gone != 1 {
		t.Error("a finding that was in no file is in no broken one")
	}
}

func TestTheSameGapAsBefore(t *testing.T) {
	old := reportOf(failure("run-as-root", "high"))
	old.Coverage = []finding.Coverage{{Scope: "kind/serviceaccounts", State: finding.Unreviewed, Detail: "then"}, {Scope: "namespace/shop/jobs.batch", State: finding.TimedOut}}
	for state, want := range map[finding.CoverageState]int{finding.Unreviewed: 1, finding.TimedOut: 0} {
		now := reportOf()
		for _, c := range old.Coverage {
			if c.State == state {
				now.Coverage = append(now.Coverage, finding.Coverage{Scope: c.Scope, State: c.State, Detail: "now"})
			}
		}
		if gone, _ := baselineOf(t, report.NDJSON, old).Gone(now); gone != want {
			t.Errorf("%s: %d gone, want %d", state, gone, want)
		}
	}
}

func TestSeenInside(t *testing.T) {
	old := reportOf(failure("run-as-root", "high", func(f *finding.Finding) { f.Evidence = finding.Observed }))
	now := reportOf()
	if gone, _ := baselineOf(t, report.JSON, old).Gone(now); gone != 0 {
		t.Error("what was seen inside is not gone because nobody looked inside")
	}
	now.Summary.Inspected = true
	if gone, _ := baselineOf(t, report.JSON, old).Gone(now); gone != 1 {
		t.Error("it was looked into, and is gone")
	}
	now.Coverage = []finding.Coverage{{Scope: "target/shop/cart-1/app", State: finding.NotObserved}}
	if gone, _ := baselineOf(t, report.JSON, old).Gone(now); gone != 0 {
		t.Error("this one could not be looked into")
	}
}

func TestBaselineNotes(t *testing.T) {
	for name, c := range map[string]struct {
		change func(old, now *finding.Report)
		want   string
	}{
		"nothing to say": {func(_, _ *finding.Report) {}, ""},
		"incomplete":     {func(old, _ *finding.Report) { old.Summary.Complete = false }, "the baseline old.json is incomplete: what it did not have counts as new"},
		"interrupted":    {func(old, _ *finding.Report) { old.Summary.Interrupted = true }, "the baseline old.json is of a run that was interrupted: what"},
		"a filter hid some": {func(old, _ *finding.Report) { old.Summary.Findings[finding.Low] = 7 },
			"the baseline old.json lists only 1 of its 8 failures: what"},
		"made with a baseline": {func(old, _ *finding.Report) { old.Summary.Known = 7 }, "was itself made with a baseline, and leaves out the 7 findings"},
		"another cluster": {func(old, now *finding.Report) { old.Summary.Cluster, now.Summary.Cluster = "https://a", "https://b" },
			"the baseline old.json is of cluster https://a, this report of cluster https://b"},
		"files and a cluster": {func(_, now *finding.Report) { now.Summary.Cluster = "https://b" }, "the baseline old.json is of files, this report of cluster https://b"},
	} {
		t.Run(name, func(t *testing.T) {
			old, now := reportOf(failure("run-as-root", "high")), reportOf(failure("run-as-root", "high"))
			c.change(old, now)
			b := baselineOf(t, report.JSON, old)
			b.Known(&now.Findings[0])
			got := b.Notes(now)
			if c.want == "" && len(got) > 0 || c.want != "" && (len(got) != 1 || !strings.Contains(got[0], c.want)) {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

func TestNewChecks(t *testing.T) {
	b := baselineOf(t, report.JSON, reportOf(failure("run-as-root", "high")))
	var now []finding.Finding
	for _, check := range []string{"run-as-root", "image-latest-tag", "privileged", "privileged", "seccomp"} {
		f := failure(check, "high")
		if b.Known(&f) != (check == "run-as-root") {
			t.Errorf("%s is known", check)
		}
		now = append(now, f)
	}
	want := []string{"3 of the new failures are of checks that the baseline did not make: privileged, seccomp"}
	if got := b.Notes(reportOf(now...)); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	// Nobody knows which checks are behind NDJSON.
	b = baselineOf(t, report.NDJSON, reportOf(failure("run-as-root", "high")))
	for i := range now {
		b.Known(&now[i])
	}
	if got := b.Notes(reportOf(now...)); got != nil {
		t.Errorf("%q", got)
	}
	var none *gate.Baseline
	if gone, not := none.Gone(reportOf()); none.Known(&now[0]) || gone+not > 0 || none.Notes(reportOf()) != nil {
		t.Error("without a baseline nothing is known")
	}
}

func TestBadReports(t *testing.T) {
	good := save(t, report.JSON, reportOf(failure("run-as-root", "high"), failure("image-latest-tag", "low")))
	lines := save(t, report.NDJSON, reportOf(failure("run-as-root", "high"), failure("image-latest-tag", "low")))
	last := strings.LastIndex(strings.TrimSpace(lines), "\n")
	for name, c := range map[string]struct{ text, want string }{
		"empty":                   {"", "r.json: the file is empty"},
		"only space":              {" \n\n", "r.json: the file is empty"},
		"YAML":                    {save(t, report.YAML, reportOf()), "r.json:1: this is not valid JSON ("},
		"a table":                 {"namespace shop\n", "r.json:1: this is not valid JSON ("},
		"compressed":              {"\x1f\x8b\x08\x00", "r.json is compressed: unpack it first"},
		"a list":                  {"[]", "r.json:1: this is no report of Assay: it holds a list where a report or a finding should be"},
		"a number":                {"\n\n7", "r.json:3: this is no report of Assay: it holds 7"},
		"something else":          {`{"platform": {}}`, `r.json:1: this is no report of Assay: it begins with "platform"`},
		"nothing":                 {"{}", "r.json:1: this is no whole report of Assay: it has no summary"},
		"another version":         {strings.Replace(good, "v1alpha1", "v2", 1), `r.json:2: the apiVersion is "assay.dev/v2": only reports of assay.dev/v1alpha1, kind Report, can be read`},
		"another kind":            {strings.Replace(good, `"Report"`, `"Diff"`, 1), `r.json:3: the kind is "Diff"`},
		"no kind":                 {strings.Replace(good, `"kind": "Report",`, "", 1), "it has no kind"},
		"cut off":                 {good[:len(good)/2], "the file ends in the middle"},
		"cut off before its end":  {strings.TrimSuffix(strings.TrimSpace(good), "}"), "the file ends in the middle"},
		"a line cut off":          {lines[:len(lines)-20], "r.json:3: the file ends in the middle"},
		"two reports":             {good + good, "another report begins here"},
		"two streams":             {lines + lines, "r.json:4: another report begins here"},
		"a report after findings": {lines[:last+1] + good, "a report ends here, with findings before it"},
		"findings twice":          {strings.Replace(good, `"summary"`, `"findings": [], "summary"`, 1), `"findings" is given twice`},
		"a status twice":          {strings.Replace(lines, `"status":"fail"`, `"status":"fail","status":"pass"`, 1), `r.json:1: "status" is given twice`},
		"an unknown status":       {strings.Replace(good, `"status": "fail"`, `"status": "failed"`, 1), `unknown status "failed"`},
		"an unknown severity":     {strings.Replace(lines, `"severity":"low"`, `"severity":"bad"`, 1), `r.json:2: unknown severity "bad"`},
		"a wrong type":            {strings.Replace(lines, `"status":"fail"`, `"status":7`, 1), "r.json:1: this is no report of Assay: json: cannot unmarshal number"},
		"no check":                {strings.Replace(lines, `"check":"run-as-root"`, `"check":""`, 1), "r.json:1: this is no finding of Assay: it does not say which rule"},
		"no fingerprint":          {strings.Replace(lines, `"fingerprint":"`, `"fingerprint":"x`, 1), "is no fingerprint"},
		"findings are no list":    {strings.Replace(good, `"findings": [`, `"findings": {`, 1), "findings must be a list"},
		"a finding is a list":     {strings.Replace(good, `"findings": [`, `"findings": [[`, 1), "a finding must be keys with values"},
		"nested very deep":        {`{"check":"a","x":` + strings.Repeat("[", 1000) + strings.Repeat("]", 1000) + "}", "it is nested more than 100 deep"},
		"deep where it is read":   {`{"check":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + "}", "r.json:1: "},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := gate.ParseBaseline("r.json", strings.NewReader(c.text))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v\ndoes not say %q", err, c.want)
			}
		})
	}
	_, err := gate.ParseBaseline("r.json", io.MultiReader(strings.NewReader(good[:100]), iotest.ErrReader(fmt.Errorf("the disk is gone"))))
	if err == nil || err.Error() != "reading r.json: the disk is gone" {
		t.Errorf("%v", err)
	}
}

// TestReportsAnyWay reads what other tools have laid out anew.
func TestReportsAnyWay(t *testing.T) {
	for name, text := range map[string]string{
		"NDJSON without its end": strings.SplitAfter(save(t, report.NDJSON, reportOf(failure("run-as-root", "high"))), "\n")[0],
		"keys sorted":            `{"apiVersion":"assay.dev/v1alpha1","coverage":[],"errors":null,"findings":[{"basis":[{"x":1}],"check":"run-as-root","container":"app","containerType":"container","severity":"high","status":"fail","workload":{"apiVersion":"apps/v1","kind":"Deployment","name":"cart","namespace":"shop"}}],"kind":"Report","summary":{"complete":true}}`,
		"fields of later":        `{"check":"run-as-root","later":{"a":[1,"x",null]},"container":"app","containerType":"container","severity":"high","status":"fail","workload":{"apiVersion":"apps/v1","kind":"Deployment","name":"cart","namespace":"shop"}} {"summary":{"later":1,"complete":true},"later":[{}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			b, err := gate.ParseBaseline("r.json", iotest.OneByteReader(strings.NewReader(text)))
			if err != nil {
				t.Fatal(err)
			}
			f := failure("run-as-root", "high")
			if !b.Known(&f) {
				t.Error("not known")
			}
			notes := strings.Join(b.Notes(reportOf(f)), "\n")
			if strings.Contains(notes, "r.json was cut off before its end") != strings.HasPrefix(name, "NDJSON") {
				t.Errorf("notes: %s", notes)
			}
		})
	}
}

func TestHostileReports(t *testing.T) {
	for name, start := range map[string]string{
		"a message":         `{"check":"a","message":"`,
		"what is skipped":   `{"check":"a","other":"`,
		"a key":             `{"check":"a","`,
		"space":             `{"check":"a",`,
		"a list":            `{"check":"a","podNames":["`,
		"coverage":          `{"summary":{},"coverage":[{"detail":"`,
		"before everything": ``,
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Repeat("x", 1000)
			if name == "space" || start == "" {
				text = strings.Repeat(" \n", 500)
			}
			var err error
			rest := &endless{text: text, left: 200 << 20}
			used := allocated(func() { _, err = gate.ParseBaseline("r.json", io.MultiReader(strings.NewReader(start), rest)) })
			if err == nil || err.Error() != "r.json:1: a value is longer than 4 MiB, which no report has" && start != "" && name != "space" {
				t.Errorf("%v", err)
			}
			if used > 60<<20 || rest.left < 190<<20 {
				t.Errorf("it took %d MiB, and read %d", used>>20, 200-rest.left>>20)
			}
		})
	}
}

// TestALongReport reads many findings in little memory.
func TestALongReport(t *testing.T) {
	if testing.Short() {
		t.Skip("it reads 100 MB")
	}
	one := save(t, report.NDJSON, reportOf(failure("run-as-root", "high", func(f *finding.Finding) { f.Message = strings.Repeat("long ", 200) })))
	one = one[:strings.Index(one, "\n")+1]
	const n = 80_000
	in, out := io.Pipe()
	go func() {
		for range n {
			if _, err := io.WriteString(out, one); err != nil {
				return
			}
		}
		_ = out.Close()
	}()
	got := 0
	live := uint64(0)
	_, err := gate.ReadReport("r.json", in, func(*finding.Finding) error {
		if got++; got%20_000 == 0 {
			live = max(live, heap())
		}
		return nil
	})
	if err != nil || got != n {
		t.Errorf("%d findings, %v", got, err)
	}
	if live > 50<<20 {
		t.Errorf("%d MiB are held", live>>20)
	}
}

func FuzzBaseline(f *testing.F) {
	r := reportOf(failure("run-as-root", "high"), failure("image-latest-tag", "low", waivedNow), failure("run-as-root", "high", with(finding.Error)))
	r.Coverage = []finding.Coverage{{Scope: "namespace/web", State: finding.Forbidden, Detail: "x"}}
	r.Errors = []finding.Problem{{File: "a.yaml", Line: 1, Message: "x"}}
	for _, format := range []string{report.JSON, report.NDJSON} {
		f.Add(save(f, format, r))
	}
	f.Add(`{"check":"a","workload":{"kind":"b"},"status":"fail","severity":"low"}{"summary":{}}`)
	f.Add(`{"summary":{},"coverage":null,"inspections":[{"profile":{"name":"x"}}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		b, err := gate.ParseBaseline("r.json", strings.NewReader(text))
		l, err2 := gate.ReadListed("r.json", strings.NewReader(text))
		if (err == nil) != (err2 == nil) {
			t.Fatalf("as baseline: %v, to compare: %v", err, err2)
		}
		if err != nil {
			if !strings.Contains(err.Error(), "r.json") {
				t.Errorf("%q does not name the file", err)
			}
			return
		}
		// What is held against itself has nothing new.
		d, err := gate.Compare(l, l)
		if err != nil || d.Summary.New+d.Summary.Gone+d.Summary.Changed+d.Summary.NotLookedAt > 0 {
			t.Errorf("%v: %+v", err, d)
		}
		for i := range d.Changes {
			x := d.Changes[i].Finding
			if !b.Known(&x) && x.Status != finding.Error {
				t.Errorf("%+v is not known", x)
			}
		}
		if gone, not := b.Gone(reportOf()); gone+not > 0 {
			t.Errorf("%d gone, %d not known", gone, not)
		}
	})
}

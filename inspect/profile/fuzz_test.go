package profile_test

import (
	"errors"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/inspect/profile"
)

// FuzzLoad: whatever a file holds, loading it ends, and every problem has a
// place that is in the file.
func FuzzLoad(f *testing.F) {
	f.Add(base)
	f.Add(fifty())
	f.Add(one("  when: [{expression: 'true', reason: r}]\n  tests: [{expression: \"a &&\\n \\\\\\n b\", message: '{{ x }} {{'}]\n"))
	f.Add(head + "include: [{profile: ./p.yaml}, {profile: container-core, skip: x, impact: {}, inputs: {}}]\n")
	f.Add(head + "controls:\n- &a {id: a}\n- *a\n- |2-\n   x\n")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := profile.Load(fstest.MapFS{"p.yaml": {Data: []byte(text)}}, "p.yaml")
		if err == nil {
			p.Plan()
			return
		}
		var wrong *profile.LoadError
		if !errors.As(err, &wrong) || len(wrong.Problems) == 0 {
			t.Fatalf("no problem is named: %v", err)
		}
		lines := 1
		for _, end := range []string{"\n", "\r", "\u0085", "\u2028", "\u2029"} {
			lines += strings.Count(text, end)
		}
		for i, problem := range wrong.Problems {
			if problem.Line == 0 && i == len(wrong.Problems)-1 {
				continue // about the whole file, or how many more there are
			}
			if len(wrong.Problems) == 1 {
				problem.Column = max(1, problem.Column) // of what is no YAML, only the line is known
			}
			if problem.File == "p.yaml" && (problem.Line < 1 || problem.Line > lines+1 || problem.Column < 1) {
				t.Errorf("%s: the file has %d lines", problem, lines)
			}
		}
	})
}

// FuzzExpression: whatever an expression says, evaluating it ends in time, and
// is a verdict or a reason for none.
func FuzzExpression(f *testing.F) {
	for _, x := range []string{
		`tree("/").setuid.all(f, f.path in ["/bin/su"])`, `users.map(u, u.name).filter(n, n.matches("^r.*t$")).size() == 1`,
		`config("/etc/app.conf", "ini")[""]["port"] == "80"`, `[1, 2, 3].exists_one(x, x > 2) ? file("/a").exists : pod.spec.containers[0].name == "a"`,
		`"%s %d".format([process1.name, 1]).replace("a", "b").split(" ").join() == ""`, `files("/[a-z]*/*")`, `secrets(["/etc/*"]).size() > 0`,
		`mounts.all(i, m, m.target.startsWith("/")) && ports.transformList(i, p, p.port).sum() > 3`, `lists.range(100).map(x, lists.range(x)).flatten().distinct().size() == 1`,
	} {
		f.Add(x)
	}
	statuses := map[finding.Status]bool{finding.Pass: true, finding.Fail: true, finding.Error: true, finding.NotReviewed: true}
	f.Fuzz(func(t *testing.T, source string) {
		s := sample(t)
		for _, key := range []string{"expression", "none"} {
			text := one("  tests:\n  - " + key + ": |2-\n        " + strings.ReplaceAll(source, "\n", "\n        ") + "\n    message: m\n")
			p, err := profile.Load(fstest.MapFS{"p.yaml": {Data: []byte(text)}}, "p.yaml")
			if err != nil {
				continue
			}
			start := time.Now()
			r, err := p.Evaluate(t.Context(), s, profile.Options{ExpressionTime: time.Second})
			if err != nil {
				t.Fatal(err)
			}
			if took := time.Since(start); took > 20*time.Second {
				t.Errorf("%s took %s", source, took)
			}
			x := r.Findings[0]
			if !statuses[x.Status] || x.Status != finding.Pass && x.Message == "" {
				t.Errorf("%s: status %s, message %q", source, x.Status, x.Message)
			}
		}
	})
}

package snapshot_test

import (
	"strings"
	"testing"

	"github.com/kubeassay/assay/inspect/snapshot"
)

func TestPlansThatCannotBe(t *testing.T) {
	for name, plan := range map[string]*snapshot.Plan{
		"a relative path":    {Files: []string{"etc/passwd"}},
		"an empty path":      {Stats: []string{""}},
		"a zero byte":        {Files: []string{"/etc/pass\x00wd"}},
		"a path too long":    {Files: []string{"/" + strings.Repeat("x/", 2048)}},
		"a bad pattern":      {Globs: []snapshot.Glob{{Pattern: "/etc/[a"}}},
		"a relative pattern": {Globs: []snapshot.Glob{{Pattern: "*"}}},
		"a bad tree":         {Trees: []snapshot.Tree{{Path: "/", Contents: []string{"[a"}}}},
		"a negative size":    {Trees: []snapshot.Tree{{Path: "/", ContentsUpTo: -1}}},
		"a negative limit":   {Limits: snapshot.Limits{Files: -1}},
		"too many":           {Files: make([]string, snapshot.MaxPlan+1)},
	} {
		if err := plan.Check(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	good := &snapshot.Plan{
		Files: []string{"/etc/passwd"}, Stats: []string{"/"}, Globs: []snapshot.Glob{{Pattern: "/etc/*.conf"}},
		Trees: []snapshot.Tree{{Path: "/usr", Contents: []string{"*.pem"}, ContentsUpTo: 1}},
	}
	if err := good.Check(); err != nil {
		t.Error(err)
	}
}

// Package assay is the library's face: what the command assay does, as calls.
//
// It puts sources and wings together and does nothing by itself: objects come
// from posture/source/cluster and posture/source/manifest, verdicts from
// posture, formats from report.
//
//	client, err := kube.Connect(kube.Options{})
//	src, err := cluster.New(client, cluster.Options{Others: posture.Kinds(builtin.Default())})
//	report, err := assay.Scan(ctx, src, posture.Options{})
package assay

import (
	"context"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/check/builtin"
	"github.com/kubeassay/assay/posture/source"
)

// Scan judges everything that a source yields and returns one report. All its
// findings are in memory then; where that is too much, use [posture.Scan],
// which hands them on one by one. Without Checks, all are made but those that read
// what may be secret, which are not-reviewed. So is every check that asks about
// objects that the source does not give.
//
// An error means that the source could not go on. What it cannot read in part
// is in the report's Coverage and Errors, and Summary.Complete is false.
func Scan(ctx context.Context, src source.Source, o posture.Options) (*finding.Report, error) {
	if len(o.Checks) == 0 {
		var given []string
		if o.Settings != nil && len(o.Settings.Registries) > 0 {
			given = append(given, check.Registries)
		}
		o.Checks, o.Off = builtin.Permitted(builtin.Default(), given...)
	}
	all := collected{findings: []finding.Finding{}}
	r, err := posture.Scan(ctx, src, o, &all)
	if r != nil {
		r.Findings = all.findings
	}
	return r, err
}

// collected is a sink that keeps everything.
type collected struct{ findings []finding.Finding }

func (c *collected) Finding(f *finding.Finding) error {
	c.findings = append(c.findings, *f)
	return nil
}

func (*collected) Flush() error { return nil }

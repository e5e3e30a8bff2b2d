package framework_test

import (
	"fmt"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/framework"
)

func Example() {
	pss, err := framework.Get("pss")
	if err != nil {
		panic(err)
	}
	tally, err := framework.NewTally(pss, "baseline")
	if err != nil {
		panic(err)
	}
	cart := finding.Workload{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "shop", Name: "cart"}
	tally.Add(&finding.Finding{Check: "privileged-container", Status: finding.Fail, Workload: cart})
	tally.Add(&finding.Finding{Check: "host-port", Status: finding.Pass, Workload: cart})
	report := tally.Report([]finding.Rule{{ID: "privileged-container"}, {ID: "host-port"}}, true)
	for _, item := range report.Items {
		if item.Status != finding.NotReviewed {
			fmt.Printf("%s %s %q\n", item.ID, item.Status, item.Reason)
		}
	}
	fmt.Printf("%d of %d items were reviewed\n", report.Summary.Reviewed, report.Summary.Items)
	// Output:
	// baseline/privileged fail "privileged-container failed once"
	// baseline/hostPorts pass ""
	// 2 of 12 items were reviewed
}

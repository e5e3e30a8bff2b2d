package main

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/check/builtin"
	"github.com/kubeassay/assay/posture/source"
	"github.com/kubeassay/assay/posture/source/manifest"
)

// lookAt is what a check may cost a pod before somebody looks at it.
const lookAt = 2 * time.Microsecond

// checks measures what each check adds to a scan, for each pod or template:
// a scan with it alone against one without any, over objects in memory.
func checks(w *tabwriter.Writer) {
	const resources = 4000
	file := filepath.Join(*dir, "manifests-checks.yaml")
	must(writeManifests(file, resources))
	held, pods := hold(file)
	fmt.Fprintln(w, "CHECK\tCOST A POD\tLOOKED AT ABOVE")
	type row struct {
		id   string
		cost time.Duration
	}
	var rows []row
	for _, c := range builtin.All() {
		// The least of several runs is what nothing else disturbed.
		with, without := time.Hour, time.Hour
		for range *runs {
			without = min(without, held.scan(nil))
			with = min(with, held.scan([]*check.Check{c}))
		}
		rows = append(rows, row{c.ID, (with - without) / time.Duration(pods)})
	}
	slices.SortFunc(rows, func(a, b row) int { return cmp.Compare(b.cost, a.cost) })
	var sum time.Duration
	for _, r := range rows {
		sum += r.cost
		fmt.Fprintf(w, "%s\t%v\t%v\n", r.id, r.cost, lookAt)
	}
	fmt.Fprintf(w, "all %d checks\t%v\t\n", len(rows), sum)
}

// memory is a source that holds everything, so that only judging takes time.
type memory []source.Item

func hold(file string) (items memory, pods int) {
	src := manifest.New([]string{file}, manifest.Options{Others: posture.Others(builtin.All())})
	for item, err := range src.Items(context.Background()) {
		must(err)
		if item.Object != nil {
			pods++
			item.Object.Locate = nil
		}
		if item.Other != nil {
			item.Other.Locate = nil
		}
		items = append(items, item)
	}
	return items, pods
}

func (m memory) Items(context.Context) iter.Seq2[source.Item, error] {
	return func(yield func(source.Item, error) bool) {
		for _, item := range m {
			if !yield(item, nil) {
				return
			}
		}
	}
}

// Describe implements source.Described: checks must not take it that anything is missing.
func (m memory) Describe() source.Description {
	return manifest.New(nil, manifest.Options{Others: posture.Others(builtin.All())}).Describe()
}

// nothing is a sink that forgets.
type nothing struct{}

func (nothing) Finding(*finding.Finding) error { return nil }
func (nothing) Flush() error                   { return nil }

func (m memory) scan(checks []*check.Check) time.Duration {
	runtime.GC()
	begin := processor()
	_, err := posture.Scan(context.Background(), m, posture.Options{Checks: checks}, nothing{})
	must(err)
	return processor() - begin
}

// processor is the processor time that this process has had so far.
func processor() time.Duration {
	var u syscall.Rusage
	must(syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

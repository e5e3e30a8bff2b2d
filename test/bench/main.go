// Command bench measures assay as whole processes and prints one table: ratios
// against the least that could do the work, in the same run on the same
// machine. It judges nothing; the numbers that it is held to stand beside.
//
//	bench -dir DIR                        start and files
//	bench -dir DIR -checks                    only what each check costs a pod
//	bench -dir DIR -kubeconfig FILE -pods N   a live cluster that holds N pods
//
// DIR holds the programs assay, bare and empty (make bench builds them).
package main

import (
	"cmp"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"text/tabwriter"
	"time"
)

var (
	dir        = flag.String("dir", "", "folder with the programs")
	kubeconfig = flag.String("kubeconfig", "", "cluster to measure; empty: files and start only")
	pods       = flag.Int("pods", 0, "how many pods the cluster holds")
	runs       = flag.Int("runs", 7, "counted runs of each command, after one that does not count")
	only       = flag.Bool("checks", false, "measure only what each check costs")
	chunk      = flag.Int("chunk", 150, "page size of both sides")
)

// cost is what one run of a process took.
type cost struct {
	wall, cpu time.Duration
	rss       int64 // bytes, the peak
}

func main() {
	log.SetFlags(0)
	flag.Parse()
	if *dir == "" {
		log.Fatal("bench: -dir is missing: run make bench")
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	defer w.Flush()
	fmt.Fprintln(w, "WHAT\tCPU\tOF\tRATIO\tWALL\tOF\tRATIO\tPEAK RSS\tOF\tHELD TO")
	if *kubeconfig != "" {
		live(w)
		return
	}
	if *only {
		checks(w)
		return
	}
	start(w)
	files(w)
	fmt.Fprintln(w)
	checks(w)
}

func program(name string) string { return filepath.Join(*dir, name) }

// start measures what it takes to start at all.
func start(w *tabwriter.Writer) {
	a, b := pair([]string{program("assay"), "version"}, []string{program("empty")})
	row(w, "assay version (of: empty main)", a, b, "wall 60 ms")
	info, err := os.Stat(program("assay"))
	must(err)
	fmt.Fprintf(w, "size of the binary\t\t\t\t\t\t\t%.1f MB\t\t\n", float64(info.Size())/1e6)
}

// files measures manifests against decoding them.
func files(w *tabwriter.Writer) {
	for _, n := range []int{1000, 10000, 50000} {
		file := filepath.Join(*dir, fmt.Sprintf("manifests-%d.yaml", n))
		must(writeManifests(file, n))
		a, b := pair(
			[]string{program("assay"), "scan", "--quiet", "--fail-on=none", "-o", "json=" + os.DevNull, file},
			[]string{program("bare"), "decode", file},
		)
		held := map[int]string{1000: "CPU 0.30 s", 10000: "CPU 1.60, 160 MiB", 50000: "linear"}[n]
		row(w, fmt.Sprintf("%d resources in one file (of: decoding)", n), a, b, held)
	}
}

// live measures a scan of a cluster against listing it.
func live(w *tabwriter.Writer) {
	size := strconv.Itoa(*chunk)
	a, b := pair(
		[]string{program("assay"), "scan", "--quiet", "--fail-on=none", "--kubeconfig", *kubeconfig, "--chunk-size", size, "-o", "json=" + os.DevNull},
		[]string{program("bare"), "list", *kubeconfig, size},
	)
	held := "CPU and wall 1.40, 160 MiB"
	if *pods > 10000 {
		held = "RSS 1.3 times that of 10000"
	}
	row(w, fmt.Sprintf("cluster of %d pods (of: listing)", *pods), a, b, held)
}

func row(w *tabwriter.Writer, what string, a, b cost, held string) {
	ratio := func(x, y time.Duration) string { return fmt.Sprintf("%.2f", float64(x)/float64(max(y, 1))) }
	fmt.Fprintf(w, "%s\t%.3f s\t%.3f s\t%s\t%.3f s\t%.3f s\t%s\t%d MiB\t%d MiB\t%s\n", what,
		a.cpu.Seconds(), b.cpu.Seconds(), ratio(a.cpu, b.cpu), a.wall.Seconds(), b.wall.Seconds(), ratio(a.wall, b.wall), a.rss>>20, b.rss>>20, held)
	must(w.Flush())
}

// pair runs two commands in turn, so that a machine that is slow for a while is
// slow for both, and returns the medians.
func pair(a, b []string) (cost, cost) {
	var as, bs []cost
	for i := range *runs + 1 {
		ca, cb := run(a), run(b)
		if i > 0 {
			as, bs = append(as, ca), append(bs, cb)
		}
	}
	return median(as), median(bs)
}

func median(all []cost) cost {
	middle := func(of func(cost) int64) int64 {
		values := make([]int64, len(all))
		for i, c := range all {
			values[i] = of(c)
		}
		slices.SortFunc(values, cmp.Compare)
		return values[len(values)/2]
	}
	return cost{
		wall: time.Duration(middle(func(c cost) int64 { return int64(c.wall) })),
		cpu:  time.Duration(middle(func(c cost) int64 { return int64(c.cpu) })),
		rss:  middle(func(c cost) int64 { return c.rss }),
	}
}

func run(command []string) cost {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stderr = os.Stderr
	begin := time.Now()
	if err := cmd.Run(); err != nil {
		log.Fatalf("bench: %v: %v", command, err)
	}
	wall := time.Since(begin)
	usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		log.Fatal("bench: this system does not tell what a process used")
	}
	return cost{wall, cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), usage.Maxrss << 10}
}

func must(err error) {
	if err != nil {
		log.Fatalf("bench: %v", err)
	}
}

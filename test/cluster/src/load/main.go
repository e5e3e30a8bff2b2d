// Command load fills a test cluster with fake nodes and pods, and measures
// how fast it can create them and list them again.
//
//	load cluster -n 10000 -etcd 127.0.0.1:2379   the objects of a busy cluster, straight to etcd (up --bench)
//	load nodes   -n 100                          create fake nodes, wait until kwok has them Ready
//	load pods    -n 10000                        create pods, spread over the fake nodes
//	load wait    -n 10000                        wait until so many pods are Running
//	load list    -limit 500 -as json             list all pods, page by page
//	load delete                                  delete the namespaces of the pods
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"os/signal"
	"runtime"
	"sync/atomic"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/kubeassay/assay/test/cluster/src/load/populate"
)

// loader is one run of the command.
type loader struct {
	kubeconfig string
	number     int
	nodes      int
	namespaces int
	workers    int
	limit      int64
	as         string
	timeout    time.Duration
	etcd       string
	scheduled  bool
	seed       uint64
	begin      time.Time
}

var commands = map[string]func(*loader, context.Context) error{
	"cluster": (*loader).fillCluster,
	"nodes":   (*loader).createNodes,
	"pods":    (*loader).createPods,
	"wait":    (*loader).waitRunning,
	"list":    (*loader).list,
	"delete":  (*loader).delete,
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("load: ")
	if len(os.Args) < 2 || commands[os.Args[1]] == nil {
		log.Fatal("usage: load cluster|nodes|pods|wait|list|delete [flags]; load pods -h lists the flags")
	}
	l := &loader{begin: time.Now()}
	flags := flag.NewFlagSet("load "+os.Args[1], flag.ExitOnError)
	flags.StringVar(&l.kubeconfig, "kubeconfig", os.Getenv("KUBECONFIG"), "kubeconfig `file`")
	flags.IntVar(&l.number, "n", 100, "how many (for cluster: pods)")
	flags.IntVar(&l.nodes, "nodes", 0, "spread pods over so many fake nodes (0: one per 100 pods)")
	flags.IntVar(&l.namespaces, "namespaces", 0, "spread pods over so many namespaces (0: one per 200 pods)")
	flags.IntVar(&l.workers, "workers", 32, "requests at the same time")
	flags.Int64Var(&l.limit, "limit", 500, "pods per page (0: all at once)")
	flags.StringVar(&l.as, "as", "protobuf", "json or protobuf")
	flags.DurationVar(&l.timeout, "timeout", 30*time.Minute, "give up after")
	flags.StringVar(&l.etcd, "etcd", "", "write straight to etcd at this `address`: far faster than the API")
	flags.BoolVar(&l.scheduled, "scheduled", false, "let the scheduler place the pods")
	flags.Uint64Var(&l.seed, "seed", 1, "for cluster: the same seed gives the same objects")
	_ = flags.Parse(os.Args[2:])

	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	ctx, cancelTimeout := context.WithTimeout(ctx, l.timeout)
	err := commands[os.Args[1]](l, ctx)
	cancelTimeout()
	cancel()
	if err != nil {
		log.Fatal(err)
	}
}

// fillCluster writes the objects of a busy cluster, and prints as JSON what they are.
func (l *loader) fillCluster(ctx context.Context) error {
	client, err := l.etcdClient()
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	report, err := populate.Run(ctx, client, populate.Options{
		Pods: l.number, Nodes: l.nodes, Namespaces: l.namespaces, Seed: l.seed, Writers: l.workers,
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "filled the cluster with %d pods in %v\n", report.Pods, time.Since(l.begin).Round(time.Millisecond))
	out := json.NewEncoder(os.Stdout)
	out.SetIndent("", "  ")
	return out.Encode(report)
}

func (l *loader) etcdClient() (*clientv3.Client, error) {
	if l.etcd == "" {
		return nil, fmt.Errorf("-etcd is missing: the address of the cluster's etcd, such as 127.0.0.1:2379")
	}
	return clientv3.New(clientv3.Config{Endpoints: []string{l.etcd}, DialTimeout: 10 * time.Second, Logger: zap.NewNop()})
}

// clients returns several clients, each with a connection of its own: one
// HTTP/2 connection is a bottleneck.
func (l *loader) clients(n int) ([]*kubernetes.Clientset, error) {
	config, err := clientcmd.BuildConfigFromFlags("", l.kubeconfig)
	if err != nil {
		return nil, err
	}
	config.QPS, config.Burst = -1, -1
	config.ContentType = "application/vnd.kubernetes.protobuf"
	if l.as == "json" {
		config.ContentType = "application/json"
	}
	all := make([]*kubernetes.Clientset, n)
	for i := range all {
		c := rest.CopyConfig(config)
		c.Dial = (&net.Dialer{Timeout: 10 * time.Second}).DialContext // not shared
		if all[i], err = kubernetes.NewForConfig(c); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (l *loader) createNodes(ctx context.Context) error {
	clients, err := l.clients(1)
	if err != nil {
		return err
	}
	nodes := clients[0].CoreV1().Nodes()
	err = l.each(l.number, func(i int) error {
		_, err := nodes.Create(ctx, fakeNode(i), metav1.CreateOptions{})
		return err
	})
	if err != nil {
		return err
	}
	err = wait.PollUntilContextCancel(ctx, 500*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		list, err := nodes.List(ctx, metav1.ListOptions{LabelSelector: "type=kwok", ResourceVersion: "0"})
		if err != nil {
			return false, err
		}
		ready := 0
		for _, n := range list.Items {
			for _, c := range n.Status.Conditions {
				if c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue {
					ready++
				}
			}
		}
		return ready >= l.number, nil
	})
	l.report("nodes ready", l.number)
	return err
}

func (l *loader) waitRunning(ctx context.Context) error {
	clients, err := l.clients(1)
	if err != nil {
		return err
	}
	err = wait.PollUntilContextCancel(ctx, time.Second, true, func(ctx context.Context) (bool, error) {
		list, err := clients[0].CoreV1().Pods("").List(ctx, metav1.ListOptions{FieldSelector: "status.phase=Running", ResourceVersion: "0"})
		return err == nil && len(list.Items) >= l.number, err
	})
	l.report("pods running", l.number)
	return err
}

func (l *loader) list(ctx context.Context) error {
	clients, err := l.clients(1)
	if err != nil {
		return err
	}
	var pages, pods int
	var first time.Duration
	options := metav1.ListOptions{Limit: l.limit}
	for begin := time.Now(); pages == 0 || options.Continue != ""; pages++ {
		page, err := clients[0].CoreV1().Pods("").List(ctx, options)
		if err != nil {
			return err
		}
		if pages == 0 {
			first = time.Since(begin)
		}
		pods += len(page.Items)
		options.Continue = page.Continue
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	fmt.Printf("listed %d pods as %s, limit %d: %d pages in %v (first page %v), client memory %d MiB\n",
		pods, l.as, l.limit, pages, time.Since(l.begin).Round(time.Millisecond), first.Round(time.Millisecond), m.Sys>>20)
	return nil
}

func (l *loader) delete(ctx context.Context) error {
	clients, err := l.clients(1)
	if err != nil {
		return err
	}
	namespaces := clients[0].CoreV1().Namespaces()
	all, err := namespaces.List(ctx, metav1.ListOptions{LabelSelector: "load=true"})
	if err != nil {
		return err
	}
	err = l.each(len(all.Items), func(i int) error {
		return namespaces.Delete(ctx, all.Items[i].Name, metav1.DeleteOptions{})
	})
	l.report("namespaces deleted", len(all.Items))
	return err
}

// each calls do for 0..n-1 from several goroutines. What exists already is fine.
func (l *loader) each(n int, do func(int) error) error {
	var next atomic.Int64
	var group errgroup.Group
	for range l.workers {
		group.Go(func() error {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return nil
				}
				if err := do(i); err != nil && !apierrors.IsAlreadyExists(err) {
					return err
				}
			}
		})
	}
	return group.Wait()
}

func (l *loader) report(what string, n int) {
	took := time.Since(l.begin)
	fmt.Printf("%s: %d in %v, %.0f/s\n", what, n, took.Round(time.Millisecond), float64(n)/took.Seconds())
}

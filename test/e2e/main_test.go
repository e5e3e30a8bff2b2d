package e2e

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	// The program is built by the tests, which go test can't see: with this, a
	// change of the program is a change of its tests, and no old result is shown.
	_ "github.com/kubeassay/assay/internal/cli"
)

// suite is the cluster that all tests share, nil where there is none. TestMain
// sets it, before any test.
var suite *cluster

// atOnce is how many tests run side by side: most of their time they wait for
// the cluster.
const atOnce = "6"

func TestMain(m *testing.M) { os.Exit(runAll(m)) }

func runAll(m *testing.M) int {
	flag.Parse()
	// Not KUBECONFIG: that may well be somebody's real cluster.
	file := os.Getenv("TEST_CLUSTER_KUBECONFIG")
	if file == "" {
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "assay-e2e-")
	if err != nil {
		return fail(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if suite, err = connect(file, dir); err != nil {
		return fail(err)
	}
	if err := suite.build(); err != nil {
		return fail(err)
	}
	parallel := false
	flag.Visit(func(f *flag.Flag) { parallel = parallel || f.Name == "test.parallel" })
	if !parallel {
		if err := flag.Set("test.parallel", atOnce); err != nil {
			return fail(err)
		}
	}
	code := m.Run()
	if err := suite.awaitEmpty(); err != nil {
		return fail(err)
	}
	return code
}

func fail(err error) int {
	fmt.Fprintln(os.Stderr, "end-to-end tests:", err)
	return 1
}

// start gives a test the cluster, or skips the test where there is none.
func start(t *testing.T) *cluster {
	t.Helper()
	if suite == nil {
		t.Skip("no test cluster: TEST_CLUSTER_KUBECONFIG is not set (make test-e2e sets it, and so does test/cluster/run)")
	}
	return suite
}

// startOnNode is start for tests whose pods must really run.
func startOnNode(t *testing.T) *cluster {
	t.Helper()
	c := start(t)
	if !c.hasNode {
		t.Skip("the test cluster has no real node, which takes root and Linux: test/cluster/up --node")
	}
	return c
}

// authority is the name in the certificate of every test cluster's authority.
const authority = "test-cluster-ca"

// connect reads the kubeconfig, and makes sure that it is a test cluster's.
func connect(kubeconfig, dir string) (*cluster, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(config.CAData)
	if block == nil {
		return nil, fmt.Errorf("%s holds no certificate of the cluster's authority: this is not a test cluster's kubeconfig", kubeconfig)
	}
	ca, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, err
	}
	if ca.Subject.CommonName != authority {
		return nil, fmt.Errorf("%s is for a cluster whose authority is %q, not %q: the tests make and delete objects, so they only touch test clusters", kubeconfig, ca.Subject.CommonName, authority)
	}
	server, err := url.Parse(config.Host)
	if err != nil {
		return nil, err
	}
	config.QPS = -1
	config.WarningHandler = rest.NoWarnings{} // much of what tests make is worth a warning
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	c := &cluster{
		Interface: client, config: config, kubeconfig: kubeconfig, state: filepath.Dir(kubeconfig), address: server.Host,
		binary: filepath.Join(dir, "assay"), caFile: filepath.Join(dir, "ca.crt"), run: strings.ToLower(rand.Text()[:6]),
	}
	if err := os.WriteFile(c.caFile, config.CAData, 0o600); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	nodes, err := listOf[corev1.Node](ctx, c, "", metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("the test cluster of %s: %w", kubeconfig, err)
	}
	for i := range nodes {
		c.hasNode = c.hasNode || nodes[i].Annotations["kwok.x-k8s.io/node"] == "" && ready(&nodes[i])
	}
	return c, nil
}

func ready(node *corev1.Node) bool {
	for _, condition := range node.Status.Conditions {
		if condition.Type == corev1.NodeReady {
			return condition.Status == corev1.ConditionTrue
		}
	}
	return false
}

// moduleRoot is where go build is run; tests run in their own folder.
const moduleRoot = "../.."

// build makes the program under test.
func (c *cluster) build() error {
	args := []string{"build", "-o", c.binary}
	if raceDetector {
		args = append(args, "-race")
	}
	return goBuild(nil, append(args, "./cmd/assay")...)
}

func goBuild(env []string, args ...string) error {
	cmd := exec.Command("go", args...)
	cmd.Dir = moduleRoot
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}

// awaitEmpty waits until the namespaces of this run are gone.
func (c *cluster) awaitEmpty() error {
	var left []string
	err := wait.PollUntilContextTimeout(context.Background(), pollEvery, patience, true, func(ctx context.Context) (bool, error) {
		all, err := listOf[corev1.Namespace](ctx, c, "", metav1.ListOptions{LabelSelector: runLabel + "=" + c.run})
		left = left[:0]
		for i := range all {
			left = append(left, all[i].Name)
			if all[i].DeletionTimestamp == nil { // a test was cut off
				err = errors.Join(err, ignoreNotFound(c.resource("v1", "Namespace", "").Delete(ctx, all[i].Name, metav1.DeleteOptions{})))
			}
		}
		return err == nil && len(left) == 0, err
	})
	if err != nil {
		return fmt.Errorf("waiting until the tests' namespaces are gone (%s left): %w", strings.Join(left, ", "), err)
	}
	return nil
}

func ignoreNotFound(err error) error {
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

const (
	// patience is how long anything may take; the machine may be busy.
	patience  = 3 * time.Minute
	pollEvery = 100 * time.Millisecond
	runLabel  = "assay.dev/e2e"
)

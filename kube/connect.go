package kube

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/client-go/util/homedir"
)

// podFolder is where the kubelet puts a pod's credentials for the API server.
const podFolder = "/var/run/secrets/kubernetes.io/serviceaccount"

// Connect finds the cluster and prepares a client for it, without sending
// anything yet. What the flags name wins; then the pod's own service account;
// then the files in KUBECONFIG; then ~/.kube/config.
func Connect(o Options) (*Client, error) { return connect(o, podFolder) }

func connect(o Options, podFolder string) (*Client, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	timeout, err := o.timeout()
	if err != nil {
		return nil, err
	}
	t, err := locate(&o, podFolder)
	if err != nil {
		return nil, err
	}
	overrides := o.Overrides
	overrides.Timeout = "" // is for one attempt, not for the client; see Client.once
	loader := clientcmd.NewNonInteractiveClientConfig(t.config, "", &overrides, t.access)
	config, err := loader.ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t.how, err)
	}
	namespace, _, err := loader.Namespace()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t.how, err)
	}
	return newClient(config, &o, t, namespace, timeout)
}

// target is the place where credentials were found.
type target struct {
	config clientcmdapi.Config
	access clientcmd.ConfigAccess
	how    string
	inPod  bool
}

// locate goes through the places in order and takes the first that names a cluster.
func locate(o *Options, podFolder string) (*target, error) {
	var tried []string
	if !o.explicit() {
		t, why := inCluster(podFolder)
		if t != nil {
			dropTokenFile(o, &t.config)
			return t, nil
		}
		tried = append(tried, why)
	}
	rules, why := kubeconfigRules(o)
	config, err := rules.Load()
	if err != nil {
		return nil, fmt.Errorf("reading the kubeconfig file: %w; is it the right file, and may it be read?", plainly(err))
	}
	tried = append(tried, why)
	t := &target{config: *config, access: rules}
	if err := t.choose(o, tried); err != nil {
		return nil, err
	}
	dropTokenFile(o, &t.config)
	return t, nil
}

// plainly leaves out what the decoder says about Go: client-go hands its words
// on as text.
func plainly(err error) error {
	for _, words := range []string{"couldn't get version/kind", "no kind ", "json: cannot unmarshal"} {
		if where, what, ok := strings.Cut(err.Error(), words); ok {
			const is = "it is no kubeconfig, which begins with apiVersion: v1 and kind: Config"
			if _, field, ok := strings.Cut(what, "Go struct field Config."); ok {
				field, _, _ = strings.Cut(field, " ")
				return fmt.Errorf("%sthe value of %s is of another type than a kubeconfig has there", where, field)
			}
			return errors.New(where + is)
		}
	}
	return err
}

// dropTokenFile makes --token count: client-go prefers a token file that the
// user's entry may name.
func dropTokenFile(o *Options, config *clientcmdapi.Config) {
	if o.Overrides.AuthInfo.Token == "" {
		return
	}
	for _, user := range config.AuthInfos {
		user.TokenFile = ""
	}
}

// inCluster returns the pod's own credentials, or why there are none. They are
// put in the form of a kubeconfig, so that flags override them in the one way.
func inCluster(folder string) (*target, string) {
	host, port := os.Getenv("KUBERNETES_SERVICE_HOST"), os.Getenv("KUBERNETES_SERVICE_PORT")
	if host == "" || port == "" {
		return nil, "this is not a pod (KUBERNETES_SERVICE_HOST is not set)"
	}
	token := filepath.Join(folder, "token")
	if _, err := os.ReadFile(token); err != nil {
		return nil, fmt.Sprintf("this is a pod, but without credentials (%v; does the pod or its service account say automountServiceAccountToken: false?)", err)
	}
	const name = "in-cluster"
	cluster := &clientcmdapi.Cluster{Server: "https://" + net.JoinHostPort(host, port)}
	if ca := filepath.Join(folder, "ca.crt"); readable(ca) {
		cluster.CertificateAuthority = ca
	}
	context := &clientcmdapi.Context{Cluster: name, AuthInfo: name}
	if ns, err := os.ReadFile(filepath.Join(folder, "namespace")); err == nil {
		context.Namespace = strings.TrimSpace(string(ns))
	}
	config := clientcmdapi.NewConfig()
	config.Clusters[name] = cluster
	config.AuthInfos[name] = &clientcmdapi.AuthInfo{TokenFile: token}
	config.Contexts[name] = context
	config.CurrentContext = name
	return &target{config: *config, how: "in-cluster service account", inPod: true}, ""
}

func readable(file string) bool {
	f, err := os.Open(file)
	if err != nil {
		return false
	}
	return f.Close() == nil
}

// kubeconfigRules says which files to load, and, for an error, which they are.
func kubeconfigRules(o *Options) (*clientcmd.ClientConfigLoadingRules, string) {
	if o.Kubeconfig != "" {
		return &clientcmd.ClientConfigLoadingRules{ExplicitPath: o.Kubeconfig}, "--kubeconfig " + o.Kubeconfig + " names no cluster"
	}
	if env := os.Getenv(clientcmd.RecommendedConfigPathEnvVar); env != "" {
		files := slices.DeleteFunc(filepath.SplitList(env), func(f string) bool { return f == "" })
		return &clientcmd.ClientConfigLoadingRules{Precedence: files}, "KUBECONFIG is " + env + ": " + state(files)
	}
	file := filepath.Join(homedir.HomeDir(), ".kube", "config")
	return &clientcmd.ClientConfigLoadingRules{Precedence: []string{file}}, "KUBECONFIG is not set; " + file + ": " + state([]string{file})
}

func state(files []string) string {
	for _, f := range files {
		if _, err := os.Stat(f); err == nil {
			return "names no cluster"
		}
	}
	return "no such file"
}

// choose picks the context, checks that what it points to is there, and says
// in t.how what was picked.
func (t *target) choose(o *Options, tried []string) error {
	v := &o.Overrides
	name := v.CurrentContext
	if name == "" {
		name = t.config.CurrentContext
	}
	context := t.config.Contexts[name]
	switch {
	case context != nil:
		t.how = fmt.Sprintf("kubeconfig %s, context %s", context.LocationOfOrigin, name)
	case name != "":
		return unknownName("context", name, t.config.Contexts, tried)
	case v.ClusterInfo.Server == "" && v.Context.Cluster == "" && len(t.config.Contexts) > 0:
		return fmt.Errorf("the kubeconfig file has no current context: choose one with --context: %s", names(t.config.Contexts))
	case v.ClusterInfo.Server == "" && v.Context.Cluster == "":
		return fmt.Errorf("found no cluster to connect to: %s; give --kubeconfig FILE or --server URL", strings.Join(tried, "; "))
	}
	cluster, user := v.Context.Cluster, v.Context.AuthInfo
	if context != nil && cluster == "" {
		cluster = context.Cluster
	}
	if context != nil && user == "" {
		user = context.AuthInfo
	}
	if _, ok := t.config.Clusters[cluster]; !ok && cluster != "" {
		return unknownName("cluster", cluster, t.config.Clusters, tried)
	}
	if _, ok := t.config.AuthInfos[user]; !ok && user != "" {
		return unknownName("user", user, t.config.AuthInfos, tried)
	}
	switch {
	case v.ClusterInfo.Server != "" && t.how != "":
		t.how = "flag --server, credentials of " + t.how
	case v.ClusterInfo.Server != "":
		t.how = "flag --server"
	case t.how == "":
		t.how = "flag --cluster " + cluster
	}
	return nil
}

func unknownName[V any](what, name string, known map[string]V, tried []string) error {
	if len(known) == 0 {
		return fmt.Errorf("there is no %s %q: %s", what, name, strings.Join(tried, "; "))
	}
	return fmt.Errorf("there is no %s %q in the kubeconfig: it has %s", what, name, names(known))
}

func names[V any](m map[string]V) string {
	return strings.Join(slices.Sorted(maps.Keys(m)), ", ")
}

// restConfig finishes what client-go made of the settings.
func (o *Options) restConfig(config *rest.Config) {
	config.UserAgent = userAgent(o.Version)
	config.QPS = -1 // the server's priority and fairness does this better
	if o.QPS > 0 {
		config.QPS = o.QPS
		config.Burst = max(1, int(2*o.QPS))
	}
}

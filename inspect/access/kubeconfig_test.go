package access_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"k8s.io/client-go/tools/clientcmd"

	"github.com/kubeassay/assay/inspect/access"
	"github.com/kubeassay/assay/kube"
)

// behindProxy connects through a proxy that passes everything on to the fake.
func behindProxy(t *testing.T, user string) *kube.Client {
	t.Helper()
	f, _ := newFake(t)
	proxy := httptest.NewServer(http.HandlerFunc(f.ServeHTTP))
	t.Cleanup(proxy.Close)
	var o kube.Options
	o.Overrides.ClusterInfo.Server = "http://cluster.example:8080"
	o.Overrides.ClusterInfo.ProxyURL = strings.Replace(proxy.URL, "http://", "http://"+user, 1)
	o.Overrides.AuthInfo.Token = "users-own"
	client, err := kube.Connect(o)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func TestKubeconfig(t *testing.T) {
	g, err := access.Create(t.Context(), behindProxy(t, ""), access.Options{Needs: cart, Home: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	text, err := g.Kubeconfig("")
	if err != nil {
		t.Fatal(err)
	}
	config, err := clientcmd.Load(text)
	if err != nil {
		t.Fatal(err)
	}
	cluster, user, context := config.Clusters["cluster"], config.AuthInfos[g.Name()], config.Contexts[config.CurrentContext]
	if cluster.Server != "http://cluster.example:8080" || !strings.HasPrefix(cluster.ProxyURL, "http://127.0.0.1:") {
		t.Errorf("cluster: %+v", cluster)
	}
	if user.Token != secret || context.Namespace != "shop" || context.AuthInfo != g.Name() {
		t.Errorf("context %+v", context)
	}
	if strings.Contains(string(text), "users-own") {
		t.Error("the user's own token is in it")
	}
}

// TestKubeconfigHandsOnNoPassword: neither a proxy's.
func TestKubeconfigHandsOnNoPassword(t *testing.T) {
	g, err := access.Create(t.Context(), behindProxy(t, "me:hunter2@"), access.Options{Needs: cart, Home: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	text, err := g.Kubeconfig("")
	if err == nil || strings.Contains(err.Error(), "hunter2") || strings.Contains(string(text), "hunter2") {
		t.Errorf("%v\n%s", err, text)
	}
}

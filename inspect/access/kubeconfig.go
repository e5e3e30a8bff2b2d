package access

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// Kubeconfig is a file with which kubectl, or any other tool, uses the grant.
// It holds the token, so keep it from others; and nothing of the credentials
// with which the grant was made. Namespace is the one it begins in; empty:
// the first that the grant is for.
func (g *Grant) Kubeconfig(namespace string) ([]byte, error) {
	if namespace == "" {
		namespace = g.needs[0].Namespace
	}
	cluster, err := clusterOf(g.own.RESTConfig())
	if err != nil {
		return nil, fmt.Errorf("writing a kubeconfig for grant %s: %w", g.name, err)
	}
	config := clientcmdapi.NewConfig()
	config.Clusters["cluster"] = cluster
	config.AuthInfos[g.name] = &clientcmdapi.AuthInfo{Token: g.token()}
	config.Contexts[g.name] = &clientcmdapi.Context{Cluster: "cluster", AuthInfo: g.name, Namespace: namespace}
	config.CurrentContext = g.name
	return clientcmd.Write(*config)
}

// clusterOf is how the server is reached, with everything in it that lies in
// files of this machine.
func clusterOf(config *rest.Config) (*clientcmdapi.Cluster, error) {
	server, _, err := rest.DefaultServerUrlFor(config)
	if err != nil {
		return nil, err
	}
	if server.User != nil {
		return nil, errors.New("the server's address holds a user's name or password, which would be handed on: connect by an address without them")
	}
	if err := rest.LoadTLSFiles(config); err != nil {
		return nil, err
	}
	c := &clientcmdapi.Cluster{
		Server: server.String(), TLSServerName: config.ServerName,
		InsecureSkipTLSVerify: config.Insecure, CertificateAuthorityData: config.CAData, DisableCompression: config.DisableCompression,
	}
	if config.Proxy == nil {
		return c, nil
	}
	proxy, err := config.Proxy(&http.Request{URL: server})
	if err != nil {
		return nil, err
	}
	if proxy != nil {
		if proxy.User != nil {
			return nil, fmt.Errorf("the proxy %s is used with a user's name or password, which would be handed on", proxy.Redacted())
		}
		c.ProxyURL = withoutPath(proxy)
	}
	return c, nil
}

func withoutPath(u *url.URL) string { return u.Scheme + "://" + u.Host }

package controlplane

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"

	"go.yaml.in/yaml/v3"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/index"
)

var configMapKind = schema.GroupKind{Kind: "ConfigMap"}

// proxyFile is the key under which kubeadm keeps kube-proxy's configuration.
const proxyFile = "config.conf"

// kubeProxyMetrics fails where kube-proxy's figures are open to others.
//
// Fields: data['config.conf'] of the ConfigMap kube-system/kube-proxy, and in it metricsBindAddress.
func kubeProxyMetrics() *check.Check {
	return &check.Check{
		Rule: finding.Rule{
			ID: "kube-proxy-metrics-address", Title: "kube-proxy serves metrics beyond loopback", Severity: low,
			Description: "kube-proxy serves its figures, its configuration and, where it is switched on, its profiling endpoint, without TLS and logins, on addresses that others reach. Who reads them learns about the cluster's services and network.",
			Check: "In the ConfigMap kube-proxy of kube-system, where kubeadm keeps the configuration, metricsBindAddress has to be a loopback address. Unset means 127.0.0.1. Flags of kube-proxy are not looked at, because it passes over them where it reads a file. " +
				"Reading ConfigMaps of a cluster has to be permitted (--read-configmaps).",
			Fix: "Let kube-proxy serve its figures to the node only, in the ConfigMap kube-proxy of kube-system, and restart it:\n\n" +
				"    apiVersion: kubeproxy.config.k8s.io/v1alpha1\n    kind: KubeProxyConfiguration\n    metricsBindAddress: 127.0.0.1:10249\n",
			References: references("kube-proxy-metrics-address", "reference/config-api/kube-proxy-config.v1alpha1/"),
		},
		Fields: []string{"data['" + proxyFile + "'].metricsBindAddress"},
		Kinds:  []schema.GroupKind{configMapKind}, OptIn: check.ReadConfigMaps,
		JudgeObject: judgeProxy,
	}
}

func judgeProxy(o *index.Object, _ *index.Index) check.Verdict {
	out := check.Verdict{Status: finding.NotApplicable, Severity: low, Evidence: finding.Declared, Message: "It is not kube-proxy's configuration."}
	m, ok := o.Object.(*corev1.ConfigMap)
	if !ok || m.Namespace != "kube-system" || m.Name != "kube-proxy" {
		return out
	}
	text, ok := m.Data[proxyFile]
	if !ok {
		out.Message = "kube-proxy's ConfigMap holds no file " + proxyFile + "."
		return out
	}
	address, err := metricsAddress(text)
	if err != nil {
		out.Status, out.Message = finding.Error, "kube-proxy's configuration could not be read: "+err.Error()+"."
		out.Basis = []finding.Basis{{Evidence: finding.Declared, Field: "metadata.name", Value: m.Name}}
		return out
	}
	out.Basis = []finding.Basis{{Evidence: finding.Declared, Field: "data['" + proxyFile + "'].metricsBindAddress", Value: check.Unset}}
	if address == "" {
		out.Status, out.Message = finding.Pass, "kube-proxy serves its figures to the node only, because no address is set."
		return out
	}
	host, err := hostOf(address)
	if err != nil { // what stands there is not shown: it could be anything
		out.Status, out.Message = finding.Error, "metricsBindAddress of kube-proxy is no address, so kube-proxy can't start with it."
		out.Basis = []finding.Basis{{Evidence: finding.Declared, Field: "metadata.name", Value: m.Name}}
		return out
	}
	out.Basis[0].Value = address
	switch {
	case host.Unmap().IsLoopback():
		out.Status, out.Message = finding.Pass, "kube-proxy serves its figures to the node only."
	default:
		out.Status, out.Message = finding.Fail, "kube-proxy serves its figures on "+address+", without TLS and logins."
	}
	return out
}

// mostOfFile bounds a configuration: the API server takes no larger ConfigMap.
const mostOfFile = 1 << 20

// metricsAddress reads the one field that matters. Errors tell nothing of the
// text, which may hold what nobody should see.
func metricsAddress(text string) (string, error) {
	if len(text) > mostOfFile {
		return "", fmt.Errorf("%s has more than %d bytes, more than a ConfigMap can have in a cluster", proxyFile, mostOfFile)
	}
	var file struct {
		MetricsBindAddress string `yaml:"metricsBindAddress"`
	}
	err := yaml.NewDecoder(bytes.NewReader([]byte(text))).Decode(&file)
	switch {
	case errors.Is(err, io.EOF):
		return "", fmt.Errorf("%s is empty", proxyFile)
	case err != nil:
		return "", fmt.Errorf("%s is no YAML that kube-proxy could read", proxyFile)
	}
	return file.MetricsBindAddress, nil
}

// hostOf is the address without its port, which may be missing.
func hostOf(address string) (netip.Addr, error) {
	if ip, err := netip.ParseAddr(address); err == nil {
		return ip, nil
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return netip.Addr{}, err
	}
	return netip.ParseAddr(host)
}

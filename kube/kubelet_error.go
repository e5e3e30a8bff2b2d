package kube

import (
	"crypto/tls"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	utilnet "k8s.io/apimachinery/pkg/util/net"
)

// KubeletError says why the configuration of one kubelet is not known.
type KubeletError struct {
	Node string
	// Why, and what to do about it.
	Why string
	// Err is what went wrong, where it was more than a refusal of ours.
	Err error
}

func (e *KubeletError) Error() string {
	return fmt.Sprintf("the kubelet of node %q: %s", e.Node, e.Why)
}

func (e *KubeletError) Unwrap() error { return e.Err }

// redirectError means that the answer names another address, to which we don't go.
type redirectError struct{ status string }

func (e *redirectError) Error() string {
	return fmt.Sprintf("the server sends us elsewhere (%s); give the address of the API server itself", e.status)
}

// explain makes a sentence of what went wrong with a kubelet at an address.
func (k *Kubelets) explain(node, at string, err error) error {
	e := &KubeletError{Node: node, Err: err}
	if k.proxy {
		e.Why = explainProxied(err)
	} else {
		e.Why = explainDirect(at, err)
	}
	return e
}

func explainDirect(at string, err error) string {
	var untrusted *tls.CertificateVerificationError
	var elsewhere *redirectError
	var status apierrors.APIStatus
	var unreachable *UnreachableError
	switch {
	case errors.As(err, &untrusted):
		return fmt.Sprintf("it was not asked, for its certificate can't be verified (%v), and whoever answers at %s would get our credentials: "+
			"have the cluster sign the kubelets' serving certificates (serverTLSBootstrap in their configuration), name the authority with --kubelet-certificate-authority, "+
			"or ask through the API server with --kubelet-proxy", untrusted.Err, at)
	case apierrors.IsUnauthorized(err):
		return fmt.Sprintf("it does not take our credentials (%s): kubelets take tokens where authentication.webhook.enabled is true, "+
			"and certificates of their authentication.x509.clientCAFile; or ask through the API server with --kubelet-proxy", said(err))
	case apierrors.IsForbidden(err):
		return fmt.Sprintf("we may not read it (%s): it takes the permission to get nodes/configz, which kubelets ask for since Kubernetes 1.33; "+
			"assay scan --plan --read-kubelet prints the role. Older ones can be asked with --kubelet-proxy", said(err))
	case apierrors.IsNotFound(err):
		return fmt.Sprintf("it does not tell its configuration (%s): is enableDebuggingHandlers off, or is it not a kubelet's real program?", said(err))
	case errors.As(err, &elsewhere):
		return fmt.Sprintf("it sends us elsewhere (%s), where we don't go with our credentials", elsewhere.status)
	case errors.As(err, &status):
		return said(err)
	case errors.As(err, &unreachable) && unreachable.Timeout:
		return fmt.Sprintf("no whole answer from %s in time: mostly, nodes can be reached only from inside of the cluster; "+
			"scan from there, or ask through the API server with --kubelet-proxy", at)
	case utilnet.IsConnectionRefused(err):
		return fmt.Sprintf("connection refused at %s; is the node up?", at)
	case errors.As(err, &unreachable):
		return fmt.Sprintf("cannot reach %s: %s", at, unreachable.Err)
	}
	return err.Error()
}

func explainProxied(err error) string {
	var status apierrors.APIStatus
	var unreachable *UnreachableError
	switch {
	case errors.As(err, &unreachable) && unreachable.Timeout:
		return "no whole answer through the API server in time; is the node up?"
	case apierrors.IsForbidden(err):
		return fmt.Sprintf("it may not be asked through the API server (%s): that takes the permission to get nodes/proxy", said(err))
	case apierrors.IsNotFound(err):
		return fmt.Sprintf("it does not tell its configuration (%s): is it gone, is enableDebuggingHandlers off, or is it not a kubelet's real program?", said(err))
	case errors.As(err, &status):
		return fmt.Sprintf("asked through the API server: %s", said(err))
	}
	return err.Error()
}

// said is what the other side said itself, without our words around it.
func said(err error) string {
	var status apierrors.APIStatus
	if errors.As(err, &status) {
		return status.Status().Message
	}
	return err.Error()
}

package kube

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilnet "k8s.io/apimachinery/pkg/util/net"

	"github.com/kubeassay/assay/internal/excerpt"
	"github.com/kubeassay/assay/kube/audit"
)

// UnreachableError means that the API server gave no answer at all, or none
// that could be read to its end. (What it answered instead of what was asked
// for is an error of apimachinery's errors package: apierrors.IsForbidden…)
type UnreachableError struct {
	Server string
	// Attempts that were made.
	Attempts int
	// Timeout: the answer did not come in time.
	Timeout bool
	Err     error
	hint    string
}

func (e *UnreachableError) Error() string {
	s := "cannot reach " + e.Server
	if e.Attempts > 1 {
		s += fmt.Sprintf(" (tried %d times)", e.Attempts)
	}
	return s + ": " + e.hint
}

func (e *UnreachableError) Unwrap() error { return e.Err }

// CredentialsError means that there are no credentials to ask with: the plug-in
// that the kubeconfig names for them gave none.
type CredentialsError struct {
	// How the cluster was found, which tells where the plug-in is named.
	How string
	Err error
}

func (e *CredentialsError) Error() string { return e.How + ": " + oneLine(e.Err.Error()) }
func (e *CredentialsError) Unwrap() error { return e.Err }

// oneLine is a text of several paragraphs in one, for errors that stand in lists.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// IsUnauthenticated reports whether the server does not know us: it does not
// take our credentials, or there are none. Nothing else will work either.
func IsUnauthenticated(err error) bool {
	var none *CredentialsError
	return apierrors.IsUnauthorized(err) || errors.As(err, &none)
}

// IsTimeout says whether it was time that ran out, on our side or the server's.
func IsTimeout(err error) bool {
	var u *UnreachableError
	return errors.As(err, &u) && u.Timeout || errors.Is(err, context.DeadlineExceeded) ||
		apierrors.IsTimeout(err) || apierrors.IsServerTimeout(err)
}

// malformedError means that an answer came, but is not what it should be.
type malformedError struct{ what string }

func (e *malformedError) Error() string { return "the server's answer can't be understood: " + e.what }

// linkError means that no whole answer came; what came over the link is not its matter.
type linkError struct{ err error }

func (e *linkError) Error() string { return e.err.Error() }
func (e *linkError) Unwrap() error { return e.err }

func newLinkError(err error) error {
	// The wrapper would repeat the whole URL, query and all.
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	return &linkError{err}
}

// explain makes a sentence of what went wrong with the connection or the
// credentials; other errors are left as they are.
func (c *Client) explain(err error, attempts int) error {
	var write *audit.WriteError
	var status apierrors.APIStatus
	var link *linkError
	switch {
	case apierrors.IsUnauthorized(err):
		// The API server says no more than this one word.
		return fmt.Errorf("%w: %s does not take our credentials; have they expired, or are they for another cluster?", err, c.Server())
	case errors.As(err, &status) && attempts > 1:
		return fmt.Errorf("%w (tried %d times)", err, attempts)
	case errors.As(err, &write), errors.Is(err, errTooLarge), !errors.As(err, &link):
		return err
	case strings.HasPrefix(err.Error(), "getting credentials"):
		// A plug-in named in the kubeconfig; it has said what is wrong.
		return &CredentialsError{How: c.how, Err: err}
	}
	return &UnreachableError{Server: c.Server(), Attempts: attempts, Timeout: isTimeout(err), Err: err, hint: c.hint(err)}
}

func (c *Client) hint(err error) string {
	var unknown x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	var plain tls.RecordHeaderError
	switch {
	case noSuchHost(err):
		return fmt.Sprintf("the name %s is not known; check the server's address (--server, or the kubeconfig) and the network", c.base.Hostname())
	case utilnet.IsConnectionRefused(err):
		return "connection refused; is the cluster up, and is this its address and port?"
	case isTimeout(err):
		return fmt.Sprintf("no whole answer in time (%v); is it up, is a VPN or firewall in between, does it need longer (--request-timeout)?", err)
	case errors.As(err, &unknown):
		return fmt.Sprintf("its certificate is not from an authority that we trust (%v); give its authority with --certificate-authority", err)
	case errors.As(err, &host):
		return fmt.Sprintf("its certificate is for another name (%v); correct the address or give --tls-server-name", err)
	case errors.As(err, &invalid):
		return fmt.Sprintf("its certificate is not valid (%v); check the clock of this machine and of the server", err)
	case errors.As(err, &plain), strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return "it does not speak TLS; is the port right, or should the address begin with http://?"
	}
	return err.Error()
}

// statusError makes the API's own kind of error from an answer that is no success.
func (c *Client) statusError(call *call, resp *http.Response, body []byte) error {
	seconds, _ := strconv.Atoi(resp.Header.Get("Retry-After"))
	seconds = max(0, seconds)
	if s := decodeStatus(resp, body); s != nil {
		c.answered.Store(true)
		if s.Code == 0 {
			s.Code = int32(resp.StatusCode)
		}
		if seconds > 0 {
			if s.Details == nil {
				s.Details = &metav1.StatusDetails{}
			}
			s.Details.RetryAfterSeconds = int32(min(seconds, 3600))
		}
		return &apierrors.StatusError{ErrStatus: *s}
	}
	if location := resp.Header.Get("Location"); resp.StatusCode/100 == 3 && location != "" {
		return &redirectError{resp.Status}
	}
	err := apierrors.NewGenericServerResponse(resp.StatusCode, strings.ToLower(call.method), schema.GroupResource{}, "", written(body), min(seconds, 3600), true)
	// It speaks for the resource "", which reads badly.
	err.ErrStatus.Message = fmt.Sprintf("the server answered %s", resp.Status)
	if text := written(body); text != "" {
		err.ErrStatus.Message += ": " + text
	}
	return err
}

func decodeStatus(resp *http.Response, body []byte) *metav1.Status {
	a := answer{contentType: resp.Header.Get("Content-Type")}
	var s metav1.Status
	switch {
	case a.isType(protobufType):
		raw, kind, err := openEnvelope(body)
		if err != nil || kind != "Status" || s.Unmarshal(raw) != nil {
			return nil
		}
	case a.isType("application/json"):
		if json.Unmarshal(body, &s) != nil || s.Kind != "Status" {
			return nil
		}
	default:
		return nil
	}
	if s.Status != metav1.StatusFailure {
		return nil
	}
	return &s
}

// written is the beginning of a text that something other than an API server
// may have written.
func written(body []byte) string {
	if !utf8.Valid(body) {
		return ""
	}
	return excerpt.Line(string(body), 200)
}

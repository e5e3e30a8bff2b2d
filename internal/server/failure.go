package server

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/danielgtaylor/huma/v2"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/internal/server/flight"
	"github.com/kubeassay/assay/internal/server/metrics"
	"github.com/kubeassay/assay/internal/server/problem"
	"github.com/kubeassay/assay/kube"
)

// The causes that end a scan's context.
var (
	errShuttingDown = errors.New("the server is shutting down")
	errTimeLimit    = errors.New("the scan took longer than the server allows")
)

// nothingReadError says that a scan ended without having read anything that it was asked for.
type nothingReadError struct {
	coverage []finding.Coverage
	// forbidden: permissions are all that was lacking.
	forbidden bool
}

func (e *nothingReadError) Error() string {
	if e.forbidden {
		return "the cluster permits reading nothing of what was asked for"
	}
	return "nothing of what was asked for could be read"
}

// problemOf says to a client why there is no result.
func problemOf(err error) error {
	p := describe(err)
	if p.Status == http.StatusTooManyRequests {
		return huma.ErrorWithHeaders(p, http.Header{"Retry-After": {retryAfter}})
	}
	return p
}

func describe(err error) *huma.ErrorModel {
	var (
		nothing  *nothingReadError
		panicked *flight.PanicError
	)
	switch {
	case errors.Is(err, flight.ErrBusy):
		return problem.TooManyScans.Because("as many different scans are running, or being read, as this server allows; ask again in %s seconds, or for the same as somebody else", retryAfter)
	case errors.Is(err, flight.ErrTooLarge):
		return problem.ResultTooLarge.Because("the scan found more than this server keeps in memory; ask for fewer namespaces, or with selector or min_severity")
	case errors.Is(err, errShuttingDown), errors.Is(err, flight.ErrClosed):
		return problem.ShuttingDown.Because("the scan was stopped because the server ends; ask again when it is back")
	case errors.As(err, &panicked):
		return problem.Internal.Because("the scan met a fault in Assay")
	case errors.As(err, &nothing):
		return describeNothing(nothing)
	case apierrors.IsForbidden(err):
		return problem.NothingPermitted.Because("%v", err)
	case kube.IsUnauthenticated(err):
		return problem.CredentialsRejected.Because("%v", err)
	case unreachable(err):
		return problem.ClusterUnreachable.Because("%v", err)
	default:
		return problem.ScanFailed.Because("%v", err)
	}
}

func describeNothing(e *nothingReadError) *huma.ErrorModel {
	kind := problem.ClusterUnreachable
	if e.forbidden {
		kind = problem.NothingPermitted
	}
	p := kind.Because("%v", e)
	for _, c := range e.coverage {
		message := string(c.State)
		if c.Detail != "" {
			message += ": " + c.Detail
		}
		p.Errors = append(p.Errors, &huma.ErrorDetail{Location: c.Scope, Message: message})
	}
	return p
}

// unreachable reports whether the API server did not answer, or said that it can't.
func unreachable(err error) bool {
	var (
		unreachable *kube.UnreachableError
		urlError    *url.Error
		netError    net.Error
	)
	return errors.As(err, &unreachable) || errors.As(err, &urlError) || errors.As(err, &netError) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, context.DeadlineExceeded) ||
		apierrors.IsServiceUnavailable(err) || apierrors.IsServerTimeout(err) || apierrors.IsTimeout(err) ||
		apierrors.IsTooManyRequests(err) || apierrors.IsInternalError(err)
}

// resultOf is how a scan is counted.
func resultOf(ctx context.Context, o *outcome, err error) metrics.Result {
	var nothing *nothingReadError
	switch {
	case errors.Is(context.Cause(ctx), flight.ErrAbandoned):
		return metrics.Abandoned
	case errors.As(err, &nothing) && nothing.forbidden, apierrors.IsForbidden(err):
		return metrics.Forbidden
	case err != nil:
		return metrics.Failed
	case o.report.Summary.Complete:
		return metrics.Complete
	default:
		return metrics.Partial
	}
}

// stoppedByLimit makes the report say why it is not whole.
func stoppedByLimit(report *finding.Report, limit time.Duration) {
	report.Summary.Complete, report.Summary.Interrupted = false, true
	detail := "the scan was stopped after " + limit.String() + ", which is the longest that this server lets a scan take"
	for i := range report.Coverage {
		if report.Coverage[i].State == finding.Interrupted {
			report.Coverage[i].Detail = detail
			return
		}
	}
	report.Coverage = append(report.Coverage, finding.Coverage{Scope: "scan", State: finding.Interrupted, Detail: detail})
}

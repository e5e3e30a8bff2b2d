package kube

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"time"

	"golang.org/x/net/http2"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	utilnet "k8s.io/apimachinery/pkg/util/net"
)

// patience says what is worth another attempt, and after how long.
type patience struct {
	// attempts at most, for errors that come and go (an API server that is
	// being replaced is away for half a minute).
	attempts int
	// few attempts for what seldom gets better: time-outs, which are long
	// already, malformed answers and internal errors.
	few int
	// strangers: attempts for a server that has not answered anything yet.
	strangers int
	first     time.Duration // doubles with every attempt…
	longest   time.Duration // …up to this
	// longestAsked is how long we wait at most when the server says how long.
	longestAsked time.Duration
	// total of all the waiting for one call.
	total  time.Duration
	wait   func(context.Context, time.Duration) error
	spread func() float64 // of [0,1)
}

func defaultPatience() patience {
	return patience{
		attempts: 10, few: 3, strangers: 4,
		first: 250 * time.Millisecond, longest: 10 * time.Second, longestAsked: 30 * time.Second, total: 90 * time.Second,
		wait: wait, spread: rand.Float64,
	}
}

// tries is what one call has gone through so far.
type tries struct {
	made   int
	waited time.Duration
}

// next says whether to try again after err, and how long to wait before.
func (p *patience) next(t *tries, err error, answered, renews bool) (time.Duration, bool) {
	t.made++
	if t.made >= p.allowed(err, answered, renews) {
		return 0, false
	}
	delay := p.first << (t.made - 1)
	delay = min(delay, p.longest)
	// Half of it is luck, so that callers who failed together don't come back together.
	delay = delay/2 + time.Duration(p.spread()*float64(delay))
	if seconds, ok := apierrors.SuggestsClientDelay(err); ok && seconds > 0 {
		asked := min(time.Duration(min(seconds, 3600))*time.Second, p.longestAsked)
		delay = max(delay, asked+time.Duration(p.spread()*float64(asked)/4))
	}
	t.waited += delay
	return delay, t.waited <= p.total
}

// allowed is the number of attempts in all that an error is worth.
func (p *patience) allowed(err error, answered, renews bool) int {
	var status apierrors.APIStatus
	var malformed *malformedError
	switch {
	case errors.As(err, &status):
		switch status.Status().Code {
		case http.StatusTooManyRequests:
			return p.attempts
		case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
			if !answered {
				return p.strangers // a load balancer in front of nothing
			}
			return p.attempts
		case http.StatusInternalServerError:
			// etcd choosing a new leader, but also an object that can't be decrypted.
			return p.few
		case http.StatusUnauthorized:
			if renews {
				return 2 // the plug-in that made the credentials makes new ones
			}
		}
		return 1
	case errors.As(err, &malformed):
		return p.few
	case !broken(err):
		return 1
	case answered && isTimeout(err):
		return p.few
	case answered:
		return p.attempts
	case isTimeout(err) || noSuchHost(err):
		return 1
	}
	return p.strangers
}

// broken says whether it was the connection that failed, and not what was
// said over it (certificates, credentials, addresses).
func broken(err error) bool {
	if isTimeout(err) || utilnet.IsProbableEOF(err) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || utilnet.IsHTTP2ConnectionLost(err) ||
		utilnet.IsConnectionReset(err) || utilnet.IsConnectionRefused(err) {
		return true
	}
	var stream http2.StreamError
	var goAway http2.GoAwayError //nolint:staticcheck // deprecated without a successor, and still what comes
	var connection http2.ConnectionError
	if errors.As(err, &stream) || errors.As(err, &goAway) || errors.As(err, &connection) {
		return true
	}
	var op *net.OpError
	return errors.As(err, &op) && (op.Op == "dial" || op.Op == "read" || op.Op == "write")
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &n) && n.Timeout()
}

func noSuchHost(err error) bool {
	var dns *net.DNSError
	return errors.As(err, &dns) && dns.IsNotFound
}

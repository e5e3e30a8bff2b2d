package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/version"
)

// Get reads a path of the API, such as /version, as JSON or text.
func (c *Client) Get(ctx context.Context, path string) ([]byte, error) {
	a, err := c.do(ctx, &call{what: "reading " + path, method: http.MethodGet, path: path, accept: "application/json, */*"})
	if err != nil {
		return nil, err
	}
	return a.body, nil
}

// Review posts a review (a SelfSubjectAccessReview, say) and reads the answer
// into out, which may be in. A review only asks: nothing is stored on the
// server, so it is repeated like a read. Don't use it for anything else.
func (c *Client) Review(ctx context.Context, r Resource, in, out any) error {
	what := "asking for a " + r.Kind
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	_, err = c.do(ctx, &call{
		what: what, method: http.MethodPost, path: r.path(""), accept: "application/json", body: body,
		parse: func(a *answer) error {
			if err := json.Unmarshal(a.body, out); err != nil {
				return &malformedError{err.Error()}
			}
			return nil
		},
	})
	return err
}

// ServerVersion is the API server's version, such as "v1.36.2".
func (c *Client) ServerVersion(ctx context.Context) (string, error) {
	b, err := c.Get(ctx, "/version")
	if err != nil {
		return "", err
	}
	var info version.Info
	if err := json.Unmarshal(b, &info); err != nil || info.GitVersion == "" {
		return "", fmt.Errorf("reading /version: this does not look like a Kubernetes API server: it answered %q", written(b))
	}
	return info.GitVersion, nil
}

// Ready asks once, without trying again, whether the API server answers and
// takes our credentials. Where /readyz is forbidden, the server has answered
// all the same, and that is enough.
func (c *Client) Ready(ctx context.Context) error {
	_, err := c.do(ctx, &call{what: "reading /readyz", method: http.MethodGet, path: "/readyz", accept: "*/*", hasty: true})
	var status apierrors.APIStatus
	switch {
	case err == nil, apierrors.IsForbidden(err), apierrors.IsNotFound(err):
		return nil
	case apierrors.IsUnauthorized(err):
		return err // it says all
	case errors.As(err, &status):
		return fmt.Errorf("%s answers, but is not ready: %w", c.Server(), err)
	}
	return err
}

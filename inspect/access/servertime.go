package access

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"k8s.io/client-go/rest"

	"github.com/kubeassay/assay/kube"
)

// ServerTime asks the API server for its time, to the second: what expires is
// counted by its clock, and ours may be wrong.
func ServerTime(ctx context.Context, client *kube.Client) (time.Time, error) {
	t, err := serverTime(ctx, client.RESTConfig())
	if err != nil {
		return time.Time{}, fmt.Errorf("asking %s for its time: %w", client.Server(), err)
	}
	return t, nil
}

func serverTime(ctx context.Context, config *rest.Config) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, stepTime)
	defer cancel()
	base, _, err := rest.DefaultServerUrlFor(config)
	if err != nil {
		return time.Time{}, err
	}
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return time.Time{}, err
	}
	defer client.CloseIdleConnections()
	// Any answer will do, a refusal too.
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, base.JoinPath("/version").String(), nil)
	if err != nil {
		return time.Time{}, err
	}
	response, err := client.Do(request)
	if err != nil {
		return time.Time{}, err
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 64<<10))
	if err := response.Body.Close(); err != nil {
		return time.Time{}, err
	}
	date := response.Header.Get("Date")
	if date == "" {
		return time.Time{}, errors.New("its answer has no Date")
	}
	return http.ParseTime(date)
}

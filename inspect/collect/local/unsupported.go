//go:build !linux

package local

import (
	"context"

	"github.com/kubeassay/assay/inspect/snapshot"
)

func collect(context.Context, Source, *snapshot.Plan) (*snapshot.Snapshot, error) {
	return nil, ErrUnsupported
}

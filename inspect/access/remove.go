package access

import (
	"context"
	"errors"
	"slices"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubeassay/assay/kube"
)

// object is one thing that was made, or may have been: whoever gets no answer
// can't know.
type object struct {
	ref kube.Ref
	// uid is empty where no answer told it; names are drawn by lot, so the name does.
	uid  types.UID
	gone bool
}

// The order of removal: with the bindings the access ends at once; a role
// alone allows nobody anything.
var stages = [...]kube.Resource{kube.RoleBindings, kube.ServiceAccounts, kube.Roles, kube.Pods}

// remove deletes what is not gone yet, stage by stage. It tries all of it and
// joins what failed. The context must not be one that ends with the run.
func remove(ctx context.Context, client *kube.Client, all []*object) error {
	var failed []error
	for _, stage := range stages {
		ctx, cancel := context.WithTimeout(ctx, removeTime)
		failed = append(failed, removeStage(ctx, client, slices.DeleteFunc(slices.Clone(all), func(o *object) bool {
			return o.gone || o.ref.Resource != stage
		})))
		cancel()
	}
	return errors.Join(failed...)
}

// atOnce bounds the requests under way.
const atOnce = 8

func removeStage(ctx context.Context, client *kube.Client, objects []*object) error {
	errs := make([]error, len(objects))
	turns := make(chan struct{}, atOnce)
	var done sync.WaitGroup
	for i, o := range objects {
		done.Go(func() {
			turns <- struct{}{}
			defer func() { <-turns }()
			errs[i] = removeOne(ctx, client, o)
		})
	}
	done.Wait()
	return errors.Join(errs...)
}

func removeOne(ctx context.Context, client *kube.Client, o *object) error {
	var options kube.WriteOptions
	options.UID = o.uid
	if o.ref.Resource == kube.Pods {
		options.GracePeriod = new(int64) // it holds nothing that it would have to save
	}
	err := client.Delete(ctx, o.ref, options)
	// Gone, and its namespace maybe with it; or gone, and another has its name.
	if err == nil || apierrors.IsNotFound(err) || o.uid != "" && apierrors.IsConflict(err) {
		o.gone = true
		return nil
	}
	return err
}

package collect

import "errors"

// ErrChanged means that a target is not the container any more that it was:
// its pod was replaced, or the container was started anew or has ended.
var ErrChanged = errors.New("the container is not the one that was to be looked into")

//go:build !race

package e2e

// raceDetector: the tests are built without it, so assay is too.
const raceDetector = false

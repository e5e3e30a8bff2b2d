//go:build race

package e2e

// raceDetector: the tests are built with it, so assay is too.
const raceDetector = true

// Package docs holds the tests of the documentation: README.md and docs/. It
// has no other code.
//
// Every command in a ```sh block is run, in a folder with the files of
// docs/examples and with the assay of this checkout. It passes with exit code
// 0 or 1 (1 says that something was found). A comment before the block says
// where it can be run, if not just anywhere:
//
//	<!-- test: server -->       the demo is served on localhost:8080
//	<!-- test: serves -->       each command serves until it is interrupted
//	<!-- test: cluster -->      needs the test cluster (test/cluster/run sets TEST_CLUSTER_INDEX)
//	<!-- test: node -->         needs its real node, and Deployment cart in namespace shop, which the test makes there
//	<!-- test: skip REASON -->  can't be run in a test
//
// What a command prints is never typed. The block after such a comment holds
// what it printed (on the demo's server, where it names localhost:8080), below
// the command itself where it is a block of console:
//
//	<!-- output: assay demo --once -->
//	<!-- cluster output: assay scan --plan -->
//	<!-- node output: assay inspect deploy/cart -n shop -->
//
// And so is what the program knows itself, up to a line <!-- end -->:
//
//	<!-- generated: problems -->
//
// The tests fail where a page says something else; go test ./test/docs -update
// writes the pages anew. Times and the like may differ, see same in run_test.go.
package docs

// Package interop holds tests against the programs of others that read what
// Assay writes: the SAF CLI and inspecjs, from npm. It has no other code.
//
// make test-interop installs them first, with saf/install, into the user's
// cache. Where they can't be, that says why and the tests say that they were
// left out; with CI or ASSAY_REQUIRE_SAF set, it fails.
package interop

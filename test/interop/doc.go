// Package interop holds tests against the programs of others that read what
// Assay writes: the SAF CLI and inspecjs, from npm. And Assay reads what others
// write: every manifest that the modules publish which are used here. It has no
// other code.
//
// make test-interop installs those programs first, with saf/install, into the user's
// cache. Where they can't be, that says why and the tests say that they were
// left out; with CI or ASSAY_REQUIRE_SAF set, it fails.
package interop

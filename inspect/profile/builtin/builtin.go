// Package builtin holds the profiles that come with Assay, as the files that
// anyone could write: package profile loads them. It is for those files alone;
// nothing here judges.
//
//	p, err := profile.Load(builtin.Files, "container-core.yaml")
package builtin

import "embed"

// Files holds one file a profile, named after it.
//
//go:embed *.yaml
var Files embed.FS

package profile

import (
	"slices"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"

	"github.com/kubeassay/assay/inspect/profile/facts"
	"github.com/kubeassay/assay/inspect/snapshot"
	"github.com/kubeassay/assay/internal/nearest"
)

// defineSettings: what is installed, how it is configured, what lies about.
func defineSettings(l *language) {
	pkg := l.class(newClass("Package", "One installed package."))
	pkg.label = func(v any) string { return v.(*facts.Package).Name }
	textField(pkg, "name", "The package's name.", func(p *facts.Package) string { return p.Name })
	textField(pkg, "version", "With epoch and revision where there are such.", func(p *facts.Package) string { return p.Version })
	textField(pkg, "arch", "The architecture.", func(p *facts.Package) string { return p.Arch })
	textField(pkg, "source", "What it was built from, where that has another name.", func(p *facts.Package) string { return p.Source })
	textField(pkg, "type", "deb, apk, rpm, alpm or opkg.", func(p *facts.Package) string { return p.Type })
	textField(pkg, "database", "The file that says so.", func(p *facts.Package) string { return p.Database })
	listName(l, "packages", pkg, "The packages that dpkg, apk, rpm, pacman and opkg know as installed; none where there is no package database.", func(e *evaluation) ([]facts.Package, error) {
		inventory, source := facts.Packages(e.ctx, e.s)
		return trusted(e, inventory.Packages, source, "the list of packages")
	})

	os := l.class(newClass("OS", "What the image says it is: /etc/os-release. Fields are empty where it says nothing."))
	textField(os, "id", "debian, alpine, rhel…", func(o *facts.OSRelease) string { return o.ID })
	textsField(os, "idLike", "What it is built from.", func(o *facts.OSRelease) []string { return o.IDLike })
	textField(os, "name", "The name for people.", func(o *facts.OSRelease) string { return o.Name })
	textField(os, "prettyName", "With the version.", func(o *facts.OSRelease) string { return o.PrettyName })
	textField(os, "version", "The version for people.", func(o *facts.OSRelease) string { return o.Version })
	textField(os, "versionId", "The version's number.", func(o *facts.OSRelease) string { return o.VersionID })
	textField(os, "codename", "The version's name.", func(o *facts.OSRelease) string { return o.VersionCodename })
	l.ident(&name{name: "os", typ: os.typ, about: "What the image says it is.", get: func(e *evaluation) ref.Val {
		release, source := facts.OS(e.s)
		if !source.Whole() {
			return types.WrapErr(e.sourceGap("the name of the system", source))
		}
		return e.object(os, &release)
	}})
	l.function(&function{name: "config", args: []*cel.Type{cel.StringType, cel.StringType}, result: cel.DynType,
		about: "A configuration file as a map; empty where there is none. Formats: " + strings.Join(facts.Formats(), ", ") + ".",
		call: func(e *evaluation, args []ref.Val) ref.Val {
			return e.config(string(args[0].(types.String)), string(args[1].(types.String)))
		}})
	defineSecrets(l)
}

// config is what a configuration file says.
func (e *evaluation) config(p, format string) ref.Val {
	if !slices.Contains(facts.Formats(), format) {
		return types.NewErr("config(%q, %q): unknown format%s: use one of %s", p, format, nearest.Hint(format, facts.Formats()), strings.Join(facts.Formats(), ", "))
	}
	return e.once("config "+format+" "+p, func() ref.Val {
		entry := e.s.Resolve(p)
		if entry.Meta.State == snapshot.Present && entry.Redacted {
			_, err := e.content(&file{path: p, entry: entry})
			return types.WrapErr(err)
		}
		v, source := facts.Config(e.s, p, format)
		if !source.Whole() {
			return types.WrapErr(e.sourceGap("the configuration in "+show(p), source))
		}
		return types.DefaultTypeAdapter.NativeToValue(v)
	})
}

func defineSecrets(l *language) {
	c := l.class(newClass("Secret", "A file that holds a secret: never which, only that."))
	c.label = func(v any) string { return v.(*facts.Secret).Path }
	textField(c, "path", "The file.", func(s *facts.Secret) string { return s.Path })
	textField(c, "kind", "What the secret looks like.", func(s *facts.Secret) string { return s.Kind })
	textField(c, "class", `"private-key", "cloud" or "token".`, func(s *facts.Secret) string { return s.Class })
	secrets := cel.ListType(c.typ)
	search := func(e *evaluation, where snapshot.Plan, what string) ref.Val {
		return e.once("secrets "+what, func() ref.Val {
			found, source := facts.Secrets(e.ctx, e.s, where, facts.SecretLimits{})
			if source.Whole() {
				return listOf(objects(e, c, found), nil)
			}
			g := e.sourceGap("what is searched for secrets ("+what+")", source)
			if source.Fact.State == snapshot.NotCollected {
				g.need = joinPlans(g.need, where)
			}
			return listOf(objects(e, c, found), g)
		})
	}
	l.function(&function{name: "secrets", args: []*cel.Type{cel.ListType(cel.StringType)}, result: secrets,
		about: "Private keys, cloud credentials and tokens in the files that match patterns as of files(…).",
		call: func(e *evaluation, args []ref.Val) ref.Val {
			patterns := stringsOf(args[0].(traits.Lister))
			var where snapshot.Plan
			for _, p := range patterns {
				if strings.ContainsAny(p, `*?[\`) {
					where.Globs = append(where.Globs, snapshot.Glob{Pattern: p, Contents: true})
				} else {
					where.Files = append(where.Files, p)
				}
			}
			return search(e, where, strings.Join(patterns, ", "))
		}})
	l.function(&function{name: "secretsBelow", args: []*cel.Type{cel.StringType}, result: secrets,
		about: "The same in all files below a folder whose names are those that such files have.",
		call: func(e *evaluation, args []ref.Val) ref.Val {
			folder := string(args[0].(types.String))
			return search(e, facts.SecretPlan(folder), "files below "+folder)
		}})
}

func stringsOf(l traits.Lister) []string {
	var all []string
	for _, v := range elements(l) {
		if s, ok := v.(types.String); ok {
			all = append(all, string(s))
		}
	}
	return all
}

package report

import (
	"encoding/json"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/kubeassay/assay/finding"
)

const schemaFile = "../docs/schema/report-v1alpha1.json"

// object is a JSON object of a schema.
type object = map[string]any

// schemaOf makes the schema of a Go type from its JSON tags, and from the
// comments in its source.
type schemaOf struct {
	defs object
	docs map[string]string // comment by "Type" and "Type.Field"
}

// words are the types that are one of a few strings.
func words[T ~string](list []T) object {
	var enum []any
	for _, w := range list {
		enum = append(enum, string(w))
	}
	return object{"type": "string", "enum": enum}
}

func enums() map[reflect.Type]object {
	return map[reflect.Type]object{
		reflect.TypeFor[finding.Status]():   words(finding.Statuses),
		reflect.TypeFor[finding.Severity](): words(finding.Severities),
		reflect.TypeFor[finding.Evidence](): words([]finding.Evidence{finding.Declared, finding.Reported, finding.Observed}),
		reflect.TypeFor[finding.ContainerType](): words([]finding.ContainerType{finding.Container, finding.InitContainer,
			finding.SidecarContainer, finding.EphemeralContainer, finding.ImageVolume}),
		reflect.TypeFor[finding.CoverageState](): words([]finding.CoverageState{finding.Forbidden, finding.TimedOut, finding.Vanished,
			finding.NotFound, finding.Unreadable, finding.Interrupted, finding.Unsupported, finding.Inconsistent, finding.NotRunning, finding.NotObserved, finding.Unreviewed, finding.NotJudged, finding.OwnerUnresolved}),
	}
}

func (s *schemaOf) of(t reflect.Type) object {
	if e, ok := enums()[t]; ok {
		s.defs[t.Name()] = e
		if d := s.docs[t.Name()]; d != "" {
			e["description"] = d
		}
		return object{"$ref": "#/$defs/" + t.Name()}
	}
	if t == reflect.TypeFor[time.Time]() {
		return object{"type": "string", "format": "date-time"}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return s.of(t.Elem())
	case reflect.Slice:
		return object{"type": "array", "items": s.of(t.Elem())}
	case reflect.Map:
		return object{"type": "object", "propertyNames": s.of(t.Key()), "additionalProperties": s.of(t.Elem())}
	case reflect.String:
		return object{"type": "string"}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Int, reflect.Int64:
		return object{"type": "integer", "minimum": 0}
	case reflect.Float64:
		return object{"type": "number", "minimum": 0}
	case reflect.Struct:
		s.defs[t.Name()] = s.structure(t)
		return object{"$ref": "#/$defs/" + t.Name()}
	}
	panic("no schema for " + t.String())
}

func (s *schemaOf) structure(t reflect.Type) object {
	properties, required := object{}, []string{}
	for f := range t.Fields() {
		name, option, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "-" {
			continue
		}
		p := s.of(f.Type)
		if d := s.docs[t.Name()+"."+f.Name]; d != "" {
			p["description"] = d
		}
		properties[name] = p
		if option == "" {
			required = append(required, name)
		}
	}
	o := object{"type": "object", "properties": properties, "required": required, "additionalProperties": false}
	if d := s.docs[t.Name()]; d != "" {
		o["description"] = d
	}
	return o
}

// comments reads the comments of the finding package's types and their fields.
func comments(t *testing.T) map[string]string {
	t.Helper()
	fset := token.NewFileSet()
	paths, err := filepath.Glob("../finding/*.go")
	if err != nil {
		t.Fatal(err)
	}
	var files []*ast.File
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(fset, path, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	pkg, err := doc.NewFromFiles(fset, files, "github.com/kubeassay/assay/finding", doc.PreserveAST)
	if err != nil {
		t.Fatal(err)
	}
	line := func(text string) string { return strings.Join(strings.Fields(text), " ") }
	out := map[string]string{}
	for _, typ := range pkg.Types {
		out[typ.Name] = line(typ.Doc)
		spec, ok := typ.Decl.Specs[0].(*ast.TypeSpec).Type.(*ast.StructType)
		if !ok {
			continue
		}
		for _, field := range spec.Fields.List {
			for _, name := range field.Names {
				out[typ.Name+"."+name.Name] = line(field.Doc.Text() + " " + field.Comment.Text())
			}
		}
	}
	return out
}

// TestSchema keeps docs/schema/report-v1alpha1.json the schema of finding.Report.
func TestSchema(t *testing.T) {
	s := &schemaOf{object{}, comments(t)}
	root := s.structure(reflect.TypeFor[finding.Report]())
	properties := root["properties"].(object)
	properties["apiVersion"] = object{"const": finding.APIVersion}
	properties["kind"] = object{"const": finding.ReportKind}
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "Assay report, " + finding.APIVersion
	// The last line of -o ndjson; the others are findings.
	last := object{}
	for f := range reflect.TypeFor[tail]().Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		last[name] = properties[name]
	}
	s.defs["LastLine"] = object{"type": "object", "properties": last, "required": []string{"summary"}, "additionalProperties": false,
		"description": "The last line of -o ndjson. Every line before it is a Finding."}
	root["$defs"] = s.defs
	b, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, schemaFile, string(b)+"\n")
}

// TestPartsAreTheReport: what writers write in parts has every field of a report.
func TestPartsAreTheReport(t *testing.T) {
	names := func(t reflect.Type) (all []string) {
		for f := range t.Fields() {
			all = append(all, f.Tag.Get("json"))
		}
		return all
	}
	parts := slices.Concat(names(reflect.TypeFor[head]()), []string{"findings"}, names(reflect.TypeFor[tail]()))
	if whole := names(reflect.TypeFor[finding.Report]()); !slices.Equal(parts, whole) {
		t.Errorf("head, findings and tail are %q, a report is %q", parts, whole)
	}
}

// schema compiles the published file, or a part of it.
func schema(t *testing.T, part string) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	s, err := c.Compile(schemaFile + part)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func parsed(t *testing.T, text string) any {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestOutputsKeepToTheSchema checks what the writers really write.
func TestOutputsKeepToTheSchema(t *testing.T) {
	whole, line, last := schema(t, ""), schema(t, "#/$defs/Finding"), schema(t, "#/$defs/LastLine")
	for name, s := range samples() {
		t.Run(name, func(t *testing.T) {
			if err := whole.Validate(parsed(t, s.write(t, JSON, Options{}))); err != nil {
				t.Error(err)
			}
			lines := strings.Split(strings.TrimSpace(s.write(t, NDJSON, Options{})), "\n")
			for i, text := range lines {
				want := line
				if i == len(lines)-1 {
					want = last
				}
				if err := want.Validate(parsed(t, text)); err != nil {
					t.Errorf("line %d: %v", i+1, err)
				}
			}
		})
	}
}

// TestSchemaRefuses shows that the schema can say no.
func TestSchemaRefuses(t *testing.T) {
	s := schema(t, "")
	good := samples()["complete"].write(t, JSON, Options{})
	for name, change := range map[string]func(object){
		"another version":   func(o object) { o["apiVersion"] = "assay.dev/v2" },
		"no findings":       func(o object) { delete(o, "findings") },
		"no summary":        func(o object) { delete(o, "summary") },
		"unknown field":     func(o object) { o["grade"] = "A" },
		"unknown status":    func(o object) { o["findings"].([]any)[0].(object)["status"] = "bad" },
		"unknown severity":  func(o object) { o["summary"].(object)["findings"].(object)["terrible"] = json.Number("1") },
		"null for an array": func(o object) { o["findings"] = nil },
		"no time":           func(o object) { o["summary"].(object)["startedAt"] = "yesterday" },
	} {
		t.Run(name, func(t *testing.T) {
			o := parsed(t, good).(object)
			change(o)
			if s.Validate(o) == nil {
				t.Error("the schema accepts it")
			}
		})
	}
}

// TestEnumsAreWhole finds constants of the finding package that the schema does not know.
func TestEnumsAreWhole(t *testing.T) {
	known := map[string][]any{}
	for typ, e := range enums() {
		known[typ.Name()] = e["enum"].([]any)
	}
	paths, _ := filepath.Glob("../finding/*.go")
	seen := 0
	for _, path := range paths {
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || len(spec.Values) != 1 {
				return true
			}
			typ, ok := spec.Type.(*ast.Ident)
			if !ok || known[typ.Name] == nil {
				return true
			}
			value := strings.Trim(spec.Values[0].(*ast.BasicLit).Value, `"`)
			seen++
			if !slices.Contains(known[typ.Name], any(value)) {
				t.Errorf("the schema does not know the %s %q (%s)", typ.Name, value, spec.Names[0])
			}
			return true
		})
	}
	if seen < 20 {
		t.Errorf("found only %d constants in %v", seen, paths)
	}
	if _, err := os.Stat(schemaFile); err != nil {
		t.Error(err)
	}
}

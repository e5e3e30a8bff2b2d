package facts

import (
	"bytes"
	"strings"

	"github.com/kubeassay/assay/inspect/snapshot"
)

// OSRelease is what the image says it is (os-release(5)).
type OSRelease struct {
	// ID is "debian", "alpine"…; IDLike names what it is built from.
	ID              string
	IDLike          []string
	Name            string
	PrettyName      string
	Version         string
	VersionID       string
	VersionCodename string
	// Fields has everything, by its name in the file.
	Fields map[string]string
	// Path is the file that it is from.
	Path string
}

// osReleasePaths: the second is asked only where the first isn't there.
func osReleasePaths() []string { return []string{"/etc/os-release", "/usr/lib/os-release"} }

// OSPlan says what to collect for [OS].
func OSPlan() snapshot.Plan { return snapshot.Plan{Files: osReleasePaths()} }

// OS reads os-release.
func OS(s *snapshot.Snapshot) (OSRelease, Source) {
	var d document
	for _, path := range osReleasePaths() {
		d = read(s, path)
		if d.Fact.State == snapshot.Absent {
			continue
		}
		fields := parseOSRelease(d.data, &d.Source, path)
		return OSRelease{
			ID: fields["ID"], IDLike: strings.Fields(fields["ID_LIKE"]), Name: fields["NAME"], PrettyName: fields["PRETTY_NAME"],
			Version: fields["VERSION"], VersionID: fields["VERSION_ID"], VersionCodename: fields["VERSION_CODENAME"],
			Fields: fields, Path: path,
		}, d.Source
	}
	return OSRelease{Fields: map[string]string{}}, d.Source
}

// parseOSRelease reads assignments quoted as a shell would: later ones win.
func parseOSRelease(data []byte, source *Source, path string) map[string]string {
	fields := map[string]string{}
	n := 0
	for line := range bytes.Lines(data) {
		n++
		text := strings.TrimSpace(string(line))
		if text == "" || text[0] == '#' || text[0] == ';' {
			continue
		}
		name, value, ok := strings.Cut(text, "=")
		if !ok || !assignable(name) {
			source.note("%s:%d is no assignment and is ignored", path, n)
			continue
		}
		fields[name] = unquote(value)
	}
	return fields
}

func assignable(name string) bool {
	for i, c := range []byte(name) {
		switch {
		case c == '_', c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z':
		case c >= '0' && c <= '9' && i > 0:
		default:
			return false
		}
	}
	return name != ""
}

// unquote takes a shell's quotes away: '…' keeps everything, in "…" and
// outside a backslash keeps the next one. It ends at an unquoted blank.
func unquote(value string) string {
	var out strings.Builder
	var quote byte
	for i := 0; i < len(value); i++ {
		c := value[i]
		switch {
		case quote != '\'' && c == '\\' && i+1 < len(value):
			next := value[i+1]
			if quote == '"' && !strings.ContainsRune("$`\"\\", rune(next)) {
				out.WriteByte(c)
			}
			out.WriteByte(next)
			i++
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == ' ' || c == '\t'):
			return out.String()
		default:
			out.WriteByte(c)
		}
	}
	return out.String()
}

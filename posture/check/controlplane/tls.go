package controlplane

import (
	"crypto/tls"
	"slices"
	"strconv"
	"strings"
)

// strongSuites are what the fix of checks about cipher suites shows.
const strongSuites = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"

// strength is what is to be thought of a cipher suite.
type strength int

const (
	strong strength = iota
	dated           // without forward secrecy or authenticated encryption, but not known to be broken
	insecure
	nameless // no suite has that name
)

// strengthOf says what to think of a suite by its name, as Go's TLS library
// does: its list of insecure ones is the library's. Of the others those are
// strong that encrypt and authenticate in one, with a key for each connection.
func strengthOf(name string) strength {
	switch name {
	case "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305", "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305": // old names
		return strong
	}
	named := func(s *tls.CipherSuite) bool { return s.Name == name }
	if slices.ContainsFunc(tls.InsecureCipherSuites(), named) {
		return insecure
	}
	if !slices.ContainsFunc(tls.CipherSuites(), named) {
		return nameless
	}
	ownKeys := strings.HasPrefix(name, "TLS_ECDHE_") || !strings.Contains(name, "_WITH_") // the latter is TLS 1.3
	if ownKeys && (strings.Contains(name, "_GCM_") || strings.Contains(name, "_CHACHA20_")) {
		return strong
	}
	return dated
}

// suitesDecide says how checks about cipher suites decide.
func suitesDecide(list, version string) string {
	return "Every suite in " + list + " has to be one with a key for each connection (ECDHE, or TLS 1.3) and authenticated encryption (GCM or ChaCha20). One that Go's TLS library calls insecure fails as medium, another one as low. " +
		"Unset, the default of the Go version that the program was built with is taken, which has CBC suites in it: that is for your information. With " + version + " at VersionTLS13 there are no weak ones, and the list counts for nothing."
}

func judgeSuites(l *commandLine) answer {
	var names []string
	_, set := l.get("tls-cipher-suites", false)
	l.each("tls-cipher-suites", false, func(f found) { names = append(names, strings.Split(f.text, ",")...) })
	return suites(set, names, l.text("tls-min-version"), "tls-min-version")
}

// suites judges a list of cipher suites, and the oldest version, which stands in versionField.
func suites(set bool, names []string, version, versionField string) answer {
	if version == "VersionTLS13" {
		return pass("Only TLS 1.3 is spoken, which has no weak cipher suites.").by(versionField)
	}
	if !set || len(names) == 0 {
		return failAs(info, "Nobody chose the cipher suites. The default, which depends on the Go version that the program was built with, has CBC suites in it.")
	}
	worst, of := strong, ""
	for _, n := range names {
		if s := strengthOf(n); s > worst {
			worst, of = s, n
		}
	}
	switch worst {
	case nameless:
		return broken("There is no cipher suite " + strconv.Quote(of) + ", so the program can't start with it.")
	case insecure:
		return failAs(medium, "The cipher suite "+of+" is accepted, which is known to be insecure.")
	case dated:
		return fail("The cipher suite " + of + " is accepted, which has no authenticated encryption, or no key for each connection.")
	}
	return pass("All cipher suites are strong ones.")
}

// minVersion is a rule about the oldest TLS version.
func minVersion(id string, of component) rule {
	return rule{
		id: id, title: nameOf(of) + " accepts TLS older than 1.2", severity: medium, of: of, flags: []string{"tls-min-version"}, fix: []string{"--tls-min-version=VersionTLS12"},
		why:     "Old versions of TLS are accepted. They have known holes: somebody in between can make both sides use them, and read what goes over the connection.",
		decides: "--tls-min-version VersionTLS10 or VersionTLS11 fails. Unset means 1.2.",
		judge: func(l *commandLine) answer {
			switch l.text("tls-min-version") {
			case "", "VersionTLS12", "VersionTLS13":
				return pass("TLS 1.2 is the oldest version that is spoken.")
			case "VersionTLS10", "VersionTLS11":
				return fail("Versions of TLS older than 1.2 are accepted.")
			}
			return broken("There is no such TLS version, so the program can't start with it.")
		},
	}
}

// nameOf is a program's name in a sentence.
func nameOf(c component) string {
	switch c {
	case apiServer:
		return "API server"
	case controllerManager:
		return "Controller manager"
	case scheduler:
		return "Scheduler"
	}
	return string(c)
}

// isTrue reports whether a value means yes, as flags take it.
func isTrue(s string) bool {
	b, err := strconv.ParseBool(s)
	return err == nil && b
}

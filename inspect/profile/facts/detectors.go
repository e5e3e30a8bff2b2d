package facts

import (
	"bytes"
	"encoding/binary"
	"encoding/pem"
	"slices"

	"github.com/google/osv-scalibr/veles"
	"github.com/google/osv-scalibr/veles/secrets/anthropicapikey"
	"github.com/google/osv-scalibr/veles/secrets/awsaccesskey"
	"github.com/google/osv-scalibr/veles/secrets/azurestorageaccountaccesskey"
	"github.com/google/osv-scalibr/veles/secrets/azuretoken"
	"github.com/google/osv-scalibr/veles/secrets/digitaloceanapikey"
	"github.com/google/osv-scalibr/veles/secrets/dockerhubpat"
	"github.com/google/osv-scalibr/veles/secrets/gcpapikey"
	"github.com/google/osv-scalibr/veles/secrets/gcpoauth2access"
	"github.com/google/osv-scalibr/veles/secrets/gcpoauth2client"
	"github.com/google/osv-scalibr/veles/secrets/gcpsak"
	"github.com/google/osv-scalibr/veles/secrets/gcshmackey"
	"github.com/google/osv-scalibr/veles/secrets/github"
	"github.com/google/osv-scalibr/veles/secrets/gitlabpat"
	"github.com/google/osv-scalibr/veles/secrets/hashicorpvault"
	"github.com/google/osv-scalibr/veles/secrets/herokuplatformkey"
	"github.com/google/osv-scalibr/veles/secrets/huggingfaceapikey"
	"github.com/google/osv-scalibr/veles/secrets/jwt"
	"github.com/google/osv-scalibr/veles/secrets/npmjsaccesstoken"
	"github.com/google/osv-scalibr/veles/secrets/openai"
	"github.com/google/osv-scalibr/veles/secrets/privatekey"
	"github.com/google/osv-scalibr/veles/secrets/pypiapitoken"
	"github.com/google/osv-scalibr/veles/secrets/rubygemsapikey"
	"github.com/google/osv-scalibr/veles/secrets/sendgrid"
	"github.com/google/osv-scalibr/veles/secrets/slacktoken"
	"github.com/google/osv-scalibr/veles/secrets/stripeapikeys"
)

// Classes of secrets.
const (
	classKey   = "private-key"
	classCloud = "cloud"
	classToken = "token"
)

// Kinds that no detector of the library stands for.
const (
	kindKey          = "private-key"
	kindEncryptedKey = "encrypted-private-key"
	kindPGPKey       = "pgp-private-key"
)

// detector is one of the library's, with what must be in a file for it to be asked at all.
type detector struct {
	finding
	needles []string
	pair    bool // of an ID and a secret: see windows
	veles.Detector
}

// detectors are those whose secrets have a form of their own: what could as
// well be any other text is left out.
func detectors() []detector {
	token := func(kind string, d veles.Detector, needles ...string) detector {
		return detector{finding{kind, classToken}, needles, false, d}
	}
	cloud := func(kind string, d veles.Detector, needles ...string) detector {
		return detector{finding{kind, classCloud}, needles, false, d}
	}
	pair := func(d detector) detector { d.pair = true; return d }
	const githubKind = "github-token"
	return []detector{
		pair(cloud("aws-access-key", awsaccesskey.NewDetector(), "AKIA", "ASIA")),
		cloud("azure-storage-key", azurestorageaccountaccesskey.NewDetector(), "azure", "Azure", "AZURE", "az "),
		cloud("azure-token", azuretoken.NewDetector(), "eyJ"),
		cloud("gcp-service-account-key", gcpsak.NewDetector(), "auth_provider_x509_cert_url", "ewogICJ0eXBlIjogInNlcnZpY2VfYWNjb3VudCIs"),
		cloud("gcp-api-key", gcpapikey.NewDetector(), "AIzaSy"),
		pair(cloud("gcp-oauth2-client", gcpoauth2client.NewDetector(), "GOCSPX-")),
		cloud("gcp-oauth2-token", gcpoauth2access.NewDetector(), "ya29."),
		pair(cloud("gcs-hmac-key", gcshmackey.NewDetector(), "GOOG")),
		cloud("digitalocean-key", digitaloceanapikey.NewDetector(), "dop_v1_"),
		cloud("heroku-key", herokuplatformkey.NewSecretKeyDetector(), "HRKU-"),
		token(githubKind, github.NewClassicPATDetector(), "ghp_"),
		token(githubKind, github.NewFineGrainedPATDetector(), "github_pat_"),
		token(githubKind, github.NewOAuthTokenDetector(), "gho_"),
		token(githubKind, github.NewAppU2SDetector(), "ghu_"),
		token(githubKind, github.NewAppS2STokenDetector(), "ghs_"),
		token(githubKind, github.NewAppRefreshTokenDetector(), "ghr_"),
		token("gitlab-token", gitlabpat.NewDetector(), "glpat-"),
		pair(token("dockerhub-token", dockerhubpat.NewDetector(), "dckr_pat_")),
		token("npm-token", npmjsaccesstoken.NewDetector(), "npm_"),
		token("pypi-token", pypiapitoken.NewDetector(), "pypi-"),
		token("rubygems-key", rubygemsapikey.NewDetector(), "rubygems_"),
		token("slack-token", slacktoken.NewAppLevelTokenDetector(), "xapp-"),
		token("slack-token", slacktoken.NewAppConfigAccessTokenDetector(), "xoxe."),
		token("slack-token", slacktoken.NewAppConfigRefreshTokenDetector(), "xoxe-"),
		token("stripe-key", stripeapikeys.NewSecretKeyDetector(), "sk_live_"),
		token("stripe-key", stripeapikeys.NewRestrictedKeyDetector(), "rk_live_"),
		token("sendgrid-key", sendgrid.NewDetector(), "SG."),
		token("vault-token", hashicorpvault.NewTokenDetector(), "hvs.", "hvb."),
		token("openai-key", openai.NewDetector(), "sk-"),
		token("anthropic-key", anthropicapikey.NewDetector(), "sk-ant-"),
		token("huggingface-token", huggingfaceapikey.NewDetector(), "hf_"),
		token("json-web-token", jwt.NewDetector(), "eyJ"),
	}
}

// SecretKinds lists what [Secrets] tells apart, sorted.
func SecretKinds() []string {
	kinds := []string{kindKey, kindEncryptedKey, kindPGPKey}
	for _, d := range detectors() {
		kinds = append(kinds, d.kind)
	}
	slices.Sort(kinds)
	return slices.Compact(kinds)
}

// keys finds private keys: in PEM and its relatives, and bare in DER. Of a
// redacted one only the frame is left, and that is nearly always enough.
func keys(data []byte, redacted bool) []finding {
	var found []finding
	add := func(kind string) {
		if f := (finding{kind, classKey}); !slices.Contains(found, f) {
			found = append(found, f)
		}
	}
	endless := map[string]bool{} // labels that have no end any more
	for rest := data; ; {
		_, after, ok := bytes.Cut(rest, []byte("-----BEGIN "))
		if !ok {
			break
		}
		rest = after
		label, _, ok := bytes.Cut(after[:min(len(after), 64)], []byte("-----"))
		if !ok || !slices.Contains(keyLabels(), string(label)) || endless[string(label)] {
			continue
		}
		ending := []byte("-----END " + string(label) + "-----")
		end := bytes.Index(after, ending)
		if end < 0 {
			endless[string(label)] = true
			continue
		}
		frame := append([]byte("-----BEGIN "), after[:end+len(ending)]...)
		if k := keyKind(string(label), frame, redacted); k != "" {
			add(k)
		}
		rest = after[end+len(ending):]
	}
	if bytes.HasPrefix(data, []byte("PuTTY-User-Key-File-")) {
		if bytes.Contains(data, []byte("\nEncryption: none")) {
			add(kindKey)
		} else {
			add(kindEncryptedKey)
		}
	}
	if len(data) > 0 && data[0] == 0x30 { // a DER sequence
		if secrets, _ := privatekey.NewDetector().Detect(data); len(secrets) > 0 {
			add(kindKey)
		}
	}
	return found
}

const labelPGP = "PGP PRIVATE KEY BLOCK"

func keyLabels() []string {
	return []string{"PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "DSA PRIVATE KEY", "ED25519 PRIVATE KEY",
		"OPENSSH PRIVATE KEY", labelPGP}
}

// keyKind looks into one armoured key; empty where it is none.
func keyKind(label string, frame []byte, redacted bool) string {
	if label == labelPGP {
		return kindPGPKey
	}
	if label == "ENCRYPTED PRIVATE KEY" || bytes.Contains(frame, []byte("Proc-Type: 4,ENCRYPTED")) {
		return kindEncryptedKey
	}
	block, _ := pem.Decode(frame) // a redacted one has its length still
	switch {
	case block == nil || len(block.Bytes) < 32: // an example in a text
		return ""
	case redacted && label == "OPENSSH PRIVATE KEY": // says inside whether it is encrypted
		return ""
	case label == "OPENSSH PRIVATE KEY" && !opensshPlain(block.Bytes):
		return kindEncryptedKey
	}
	return kindKey
}

// opensshPlain: after its magic, a key names its cipher.
func opensshPlain(key []byte) bool {
	rest, ok := bytes.CutPrefix(key, []byte("openssh-key-v1\x00"))
	if !ok || len(rest) < 4 {
		return true // not what it should be: no reason to call it encrypted
	}
	n := binary.BigEndian.Uint32(rest)
	return uint64(n) <= uint64(len(rest)-4) && string(rest[4:4+n]) == "none"
}

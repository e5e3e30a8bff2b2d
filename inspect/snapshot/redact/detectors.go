package redact

import (
	"bytes"
	"reflect"

	"github.com/google/osv-scalibr/veles"
	"github.com/google/osv-scalibr/veles/secrets/anthropicapikey"
	"github.com/google/osv-scalibr/veles/secrets/awsaccesskey"
	"github.com/google/osv-scalibr/veles/secrets/azurestorageaccountaccesskey"
	"github.com/google/osv-scalibr/veles/secrets/azuretoken"
	"github.com/google/osv-scalibr/veles/secrets/bitwardenoauth2access"
	"github.com/google/osv-scalibr/veles/secrets/circleci"
	"github.com/google/osv-scalibr/veles/secrets/cloudflareapitoken"
	"github.com/google/osv-scalibr/veles/secrets/cratesioapitoken"
	"github.com/google/osv-scalibr/veles/secrets/cursorapikey"
	"github.com/google/osv-scalibr/veles/secrets/denopat"
	"github.com/google/osv-scalibr/veles/secrets/digitaloceanapikey"
	"github.com/google/osv-scalibr/veles/secrets/discordbottoken"
	"github.com/google/osv-scalibr/veles/secrets/dockerhubpat"
	"github.com/google/osv-scalibr/veles/secrets/elasticcloudapikey"
	"github.com/google/osv-scalibr/veles/secrets/gcpapikey"
	"github.com/google/osv-scalibr/veles/secrets/gcpexpressmode"
	"github.com/google/osv-scalibr/veles/secrets/gcpoauth2access"
	"github.com/google/osv-scalibr/veles/secrets/gcpoauth2client"
	"github.com/google/osv-scalibr/veles/secrets/gcpsak"
	"github.com/google/osv-scalibr/veles/secrets/gcshmackey"
	"github.com/google/osv-scalibr/veles/secrets/github"
	"github.com/google/osv-scalibr/veles/secrets/gitlabpat"
	"github.com/google/osv-scalibr/veles/secrets/grokxaiapikey"
	"github.com/google/osv-scalibr/veles/secrets/hashicorpvault"
	"github.com/google/osv-scalibr/veles/secrets/hcp"
	"github.com/google/osv-scalibr/veles/secrets/herokuplatformkey"
	"github.com/google/osv-scalibr/veles/secrets/http"
	"github.com/google/osv-scalibr/veles/secrets/huggingfaceapikey"
	"github.com/google/osv-scalibr/veles/secrets/jwt"
	"github.com/google/osv-scalibr/veles/secrets/mistralapikey"
	"github.com/google/osv-scalibr/veles/secrets/npmjsaccesstoken"
	"github.com/google/osv-scalibr/veles/secrets/onepasswordkeys"
	"github.com/google/osv-scalibr/veles/secrets/openai"
	"github.com/google/osv-scalibr/veles/secrets/openrouter"
	"github.com/google/osv-scalibr/veles/secrets/packagist"
	"github.com/google/osv-scalibr/veles/secrets/paystacksecretkey"
	"github.com/google/osv-scalibr/veles/secrets/perplexityapikey"
	"github.com/google/osv-scalibr/veles/secrets/postmanapikey"
	"github.com/google/osv-scalibr/veles/secrets/privatekey"
	"github.com/google/osv-scalibr/veles/secrets/pypiapitoken"
	"github.com/google/osv-scalibr/veles/secrets/pyxkeyv1"
	"github.com/google/osv-scalibr/veles/secrets/pyxkeyv2"
	"github.com/google/osv-scalibr/veles/secrets/recaptchakey"
	"github.com/google/osv-scalibr/veles/secrets/rubygemsapikey"
	"github.com/google/osv-scalibr/veles/secrets/salesforceoauth2access"
	"github.com/google/osv-scalibr/veles/secrets/salesforceoauth2client"
	"github.com/google/osv-scalibr/veles/secrets/salesforceoauth2jwt"
	"github.com/google/osv-scalibr/veles/secrets/salesforceoauth2refresh"
	"github.com/google/osv-scalibr/veles/secrets/sendgrid"
	"github.com/google/osv-scalibr/veles/secrets/slacktoken"
	"github.com/google/osv-scalibr/veles/secrets/squareapikey"
	"github.com/google/osv-scalibr/veles/secrets/stripeapikeys"
	"github.com/google/osv-scalibr/veles/secrets/supabase"
	"github.com/google/osv-scalibr/veles/secrets/telegrambotapitoken"
	"github.com/google/osv-scalibr/veles/secrets/tinkkeyset"
	"github.com/google/osv-scalibr/veles/secrets/vapid"
)

// detector is one of the library's, with what must be in a text, in lower case,
// for it to be asked at all: each of them takes its time.
type detector struct {
	veles.Detector
	needles []string
}

func when(d veles.Detector, needles ...string) detector { return detector{d, needles} }

// detectors are the library's, but for the one that takes every checksum for a
// token of a user of Packagist, and the one for URLs, whose host is worth keeping.
func detectors() []detector {
	return append(services(), []detector{
		when(azuretoken.NewDetector(), "eyj"),
		when(supabase.NewServiceRoleJWTDetector(), "eyj"),
		when(jwt.NewDetector(), "eyj"),
		when(privatekey.NewDetector(), "private key"),
		when(tinkkeyset.NewDetector(), "primarykeyid", "r5cguuz29vz2xlyxbpcy5jb20", "dhlwzs5nb29nbgvhcglzlmnvb", "0exblmdvb2dszwfwaxmuy29t"),
		when(salesforceoauth2client.NewDetector(), "3mvg"),
		when(salesforceoauth2jwt.NewDetector(), "3mvg"),
		when(salesforceoauth2refresh.NewDetector(), "3mvg"),
		when(salesforceoauth2access.NewDetector(), "00d"),
		when(hashicorpvault.NewTokenDetector(), "hvs.", "hvb."),
		when(hashicorpvault.NewAppRoleDetector(), "role_id", "role-id", "roleid", "secret_id", "secret-id", "secretid"),
		when(hcp.NewPairDetector(), "hcp_client"),
		when(hcp.NewAccessTokenDetector(), "eyj"),
		when(vapid.NewDetector(), "vapid"),
		when(recaptchakey.NewDetector(), "captcha"),
		when(mistralapikey.NewDetector(), "mistral"),
		when(cloudflareapitoken.NewDetector(), "cloudflare", "cf_", "cf-"),
		when(bitwardenoauth2access.NewDetector(), "bitwarden", "bw_", "apikey"),
		when(discordbottoken.NewDetector(), "discord"),
		when(telegrambotapitoken.NewDetector(), "telegram", "tgram"),
		when(azurestorageaccountaccesskey.NewDetector(), "azure", "az "),
		when(http.NewBasicAuthDetector(), "basic"),
		when(http.NewBearerDetector(), "bearer"),
		when(http.NewCSRFTokenDetector(), "csrf", "xsrf"),
		when(http.NewCookieDetector(), "cookie"),
	}...)
}

// services are those whose keys and tokens have a beginning of their own.
func services() []detector {
	return []detector{
		when(anthropicapikey.NewDetector(), "sk-ant-"),
		when(awsaccesskey.NewDetector(), "akia", "asia"),
		when(circleci.NewPersonalAccessTokenDetector(), "ccipat_"),
		when(circleci.NewProjectTokenDetector(), "cciprj_"),
		when(cratesioapitoken.NewDetector(), "cio"),
		when(cursorapikey.NewDetector(), "key_"),
		when(denopat.NewUserTokenDetector(), "ddp_"),
		when(denopat.NewOrgTokenDetector(), "ddo_"),
		when(digitaloceanapikey.NewDetector(), "dop_v1_"),
		when(dockerhubpat.NewDetector(), "dckr_pat_"),
		when(elasticcloudapikey.NewDetector(), "essu_"),
		when(gcpapikey.NewDetector(), "aizasy"),
		when(gcpexpressmode.NewDetector(), "aq.ab8r"),
		when(gcpoauth2access.NewDetector(), "ya29."),
		when(gcpoauth2client.NewDetector(), "gocspx-"),
		when(gcpsak.NewDetector(), "auth_provider_x509_cert_url", "ewogicj0exblijogi"),
		when(gcshmackey.NewDetector(), "goog"),
		when(github.NewAppRefreshTokenDetector(), "ghr_", "z2hyx"),
		when(github.NewAppS2STokenDetector(), "ghs_", "z2hzx"),
		when(github.NewAppU2SDetector(), "ghu_", "z2h1x"),
		when(github.NewClassicPATDetector(), "ghp_", "z2hwx"),
		when(github.NewFineGrainedPATDetector(), "github_pat_", "z2l0ahvix3bhdf"),
		when(github.NewOAuthTokenDetector(), "gho_", "z2hvx"),
		when(gitlabpat.NewDetector(), "glpat-"),
		when(grokxaiapikey.NewAPIKeyDetector(), "xai-"),
		when(grokxaiapikey.NewManagementKeyDetector(), "xai-token-"),
		when(herokuplatformkey.NewSecretKeyDetector(), "hrku-"),
		when(huggingfaceapikey.NewDetector(), "hf_"),
		when(npmjsaccesstoken.NewDetector(), "npm_"),
		when(onepasswordkeys.NewSecretKeyDetector(), "a3-"),
		when(onepasswordkeys.NewServiceTokenDetector(), "ops_eyj"),
		when(onepasswordkeys.NewRecoveryTokenDetector(), "1prk"),
		when(openai.NewDetector(), "sk-"),
		when(openrouter.NewDetector(), "sk-or-"),
		when(packagist.NewAPISecretDetector(), "packagist"),
		when(packagist.NewOrgReadTokenDetector(), "packagist"),
		when(packagist.NewOrgUpdateTokenDetector(), "packagist"),
		when(packagist.NewConductorUpdateTokenDetector(), "packagist"),
		when(paystacksecretkey.NewSecretKeyDetector(), "sk_"),
		when(perplexityapikey.NewDetector(), "pplx-"),
		when(postmanapikey.NewAPIKeyDetector(), "pmak-"),
		when(postmanapikey.NewCollectionTokenDetector(), "pmat-"),
		when(pypiapitoken.NewDetector(), "pypi-"),
		when(pyxkeyv1.NewDetector(), "sk-pyx-"),
		when(pyxkeyv2.NewDetector(), "sk-pyx-"),
		when(rubygemsapikey.NewDetector(), "rubygems_"),
		when(sendgrid.NewDetector(), "sg."),
		when(slacktoken.NewAppConfigAccessTokenDetector(), "xoxe."),
		when(slacktoken.NewAppConfigRefreshTokenDetector(), "xoxe-"),
		when(slacktoken.NewAppLevelTokenDetector(), "xapp-"),
		when(squareapikey.NewPersonalAccessTokenDetector(), "eaaa"),
		when(squareapikey.NewOAuthApplicationSecretDetector(), "sq0"),
		when(stripeapikeys.NewSecretKeyDetector(), "sk_live_"),
		when(stripeapikeys.NewRestrictedKeyDetector(), "rk_live_"),
		when(stripeapikeys.NewWebhookSecretDetector(), "whsec_"),
		when(supabase.NewPATDetector(), "sbp_"),
		when(supabase.NewProjectSecretKeyDetector(), "sb_secret_"),
	}
}

// A detector of pairs compares every half with every other, and a hostile file
// would keep it busy for ever: so each sees a piece at a time.
const (
	pieceBytes   = 16 << 10
	overlapBytes = 4 << 10
)

// detect masks what the library finds in what is left.
func detect(w *work, detectors []detector) {
	text := bytes.Clone(w.data())
	lower := lowered(text)
	for at := 0; ; at += pieceBytes - overlapBytes {
		end := min(at+pieceBytes, len(text))
		for _, d := range detectors {
			if d.wants(lower[at:end]) {
				w.ask(d, at, text[at:end:end])
			}
		}
		if end == len(text) {
			return
		}
	}
}

// ask masks what one detector finds in a piece.
func (w *work) ask(d detector, at int, piece []byte) {
	secrets, starts := d.Detect(piece)
	for i, s := range secrets {
		start := 0
		if i < len(starts) {
			start = max(0, min(starts[i], len(piece)))
		}
		w.found(at, piece, start, s)
	}
}

func (d *detector) wants(lower []byte) bool {
	for _, n := range d.needles {
		if bytes.Contains(lower, []byte(n)) {
			return true
		}
	}
	return len(d.needles) == 0
}

// found masks all that a secret is made of; where that is not in the text as
// such, because it was encoded, the line that it begins in.
func (w *work) found(at int, piece []byte, start int, secret veles.Secret) {
	hit := false
	for _, value := range texts(reflect.ValueOf(secret), 0) {
		if len(value) < 6 {
			continue
		}
		for from := 0; ; {
			i := bytes.Index(piece[from:], value)
			if i < 0 {
				break
			}
			hit = true
			w.token(at+from+i, at+from+i+len(value))
			from += i + len(value)
		}
	}
	if hit {
		return
	}
	end := len(piece)
	if i := bytes.IndexByte(piece[start:], '\n'); i >= 0 {
		end = start + i
	}
	w.full(at+start, at+end)
}

// texts are all texts in a value, however deep.
func texts(v reflect.Value, depth int) [][]byte {
	if depth > 6 {
		return nil
	}
	var all [][]byte
	switch v.Kind() {
	case reflect.String:
		return [][]byte{[]byte(v.String())}
	case reflect.Slice, reflect.Array:
		if v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Uint8 {
			return [][]byte{v.Bytes()}
		}
		for i := range v.Len() {
			all = append(all, texts(v.Index(i), depth+1)...)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			all = append(all, texts(v.Field(i), depth+1)...)
		}
	case reflect.Map:
		for _, k := range v.MapKeys() {
			all = append(all, texts(v.MapIndex(k), depth+1)...)
		}
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			return texts(v.Elem(), depth+1)
		}
	}
	return all
}

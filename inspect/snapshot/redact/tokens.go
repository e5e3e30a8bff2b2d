package redact

import (
	"bytes"
	"iter"
	"regexp"
)

// tokenRule is a token that can be told by how it begins. Its pattern is asked
// only where the beginning is: Go's expressions take seconds for what a plain
// search does at once.
type tokenRule struct {
	start   string
	word    bool // no letter or digit may stand before it
	pattern *regexp.Regexp
}

// tokenRules are those of the services. The lengths are a little below what
// they give out today.
func tokenRules() []tokenRule {
	var rules []tokenRule
	add := func(word bool, rest string, starts ...string) {
		p := regexp.MustCompile(`^(?:` + rest + `)`)
		for _, s := range starts {
			rules = append(rules, tokenRule{s, word, p})
		}
	}
	add(true, `[A-Z0-9]{16}`, "AKIA", "ASIA")
	add(false, `[A-Z0-9]{20,61}`, "GOOG")
	add(false, `[\w-]{30,}`, "AIza", "HRKU-")
	add(false, `[\w-]{10,}`, "ya29.")
	add(false, `[\w-]{20,}`, "GOCSPX-", "xapp-", "sq0csp-", "sq0idp-", "dckr_pat_", "dckr_oat_", "sb_secret_", "PMAK-", "PMAT-")
	add(true, `[\w-]{20,}`, "sk-", "hvs.", "hvb.", "hvr.")
	add(false, `[\w-]{40,}`, "AQ.Ab8R", "CCIPAT_", "CCIPRJ_", "xai-", "pplx-")
	add(false, `[A-Za-z0-9]{20,}`, "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "whsec_")
	add(false, `\w{20,}`, "github_pat_")
	add(false, `[\w+/]{36,}={0,2}`, "Z2hwX", "Z2hvX", "Z2h1X", "Z2hzX", "Z2hyX", "Z2l0aHViX3BhdF") // the same, as base64
	add(false, `[\w.-]{20,}`, "glpat-")
	add(false, `[a-z][.-][\w.-]{10,}`, "xox")
	add(false, `[\w-]{16,}\.[\w-]{16,}`, "SG.")
	add(true, `[a-z]{1,15}_\w{10,}`, "sk_", "rk_")
	add(false, `[\w+=-]{50,}`, "EAAA")
	add(true, `[\w-]{24,}`, "s.", "b.", "r.")
	add(true, `[A-Za-z]{30,}`, "hf_")
	add(true, `[a-z0-9]{64}`, "key_")
	add(false, `\w{30,}`, "npm_", "ddp_", "ddo_")
	add(false, `[\w-]{50,}`, "pypi-")
	add(false, `[0-9a-f]{40,}`, "rubygems_", "dop_v1_", "doo_v1_", "dor_v1_", "sbp_")
	add(true, `[A-Za-z0-9-]{32}\b`, "cio")
	add(false, `\w{3}_[0-9a-f]{28,}`, "packagist_")
	add(false, `[\w+/=]{80,}`, "essu_")
	add(false, `[A-Z0-9]{6}-[A-Z0-9-]{20,}`, "A3-")
	add(false, `[\w+/=]{50,}`, "ops_eyJ")
	add(false, `(?:-[A-Z0-9]{4}){5,}`, "1PRK")
	add(true, `[0-9A-Za-z]{8,15}![\w.-]{30,}`, "00D")
	return rules
}

// maxToken bounds how far a pattern looks: longer ones are masked piece by piece.
const maxToken = 8 << 10

// webToken is a JSON Web Token (RFC 7519) behind its "eyJ".
func webToken() tokenRule {
	return tokenRule{"eyJ", false, regexp.MustCompile(`^[\w-]{8,}(?:\.[\w-]*){1,4}`)}
}

func (r *tokenRule) mask(w *work) (found bool) {
	for i := range occurrences(w.src, r.start) {
		if r.word && i > 0 && isWord(w.src[i-1]) {
			continue
		}
		rest := w.src[i+len(r.start):]
		if m := r.pattern.FindIndex(rest[:min(len(rest), maxToken)]); m != nil {
			w.token(i, i+len(r.start)+m[1])
			found = true
		}
	}
	return found
}

func isWord(c byte) bool {
	return c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '_'
}

// occurrences are where a text begins, one behind the other.
func occurrences(data []byte, text string) iter.Seq[int] {
	return func(yield func(int) bool) {
		for at := 0; ; {
			i := bytes.Index(data[at:], []byte(text))
			if i < 0 || !yield(at+i) {
				return
			}
			at += i + len(text)
		}
	}
}

// tokens masks what is a token by its look.
func (r *Redactor) tokens(w *work) {
	pairs := false
	for _, rule := range r.rules {
		hit := rule.mask(w)
		pairs = pairs || hit && (rule.start == "AKIA" || rule.start == "ASIA" || rule.start == "GOOG")
	}
	if pairs { // the key beside it has no mark of its own, only its length
		runs(w.src, func(from, to int) {
			if to-from == 40 {
				w.token(from, to)
			}
		})
	}
	if bytes.Contains(w.src, []byte("==")) { // keys of Azure's storage
		runs(w.src, func(from, to int) {
			if to-from == 86 && bytes.HasPrefix(w.src[to:], []byte("==")) {
				w.token(from, to)
			}
		})
	}
}

// runs calls f with every run of what base64 is made of.
func runs(data []byte, f func(from, to int)) {
	from := 0
	for i := 0; i <= len(data); i++ {
		if i < len(data) && (isWord(data[i]) && data[i] != '_' || data[i] == '+' || data[i] == '/') {
			continue
		}
		if i > from {
			f(from, i)
		}
		from = i + 1
	}
}

package cluster

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"time"
)

// bundle is what a list of authorities in PEM is worth.
type bundle struct {
	// usable are the certificates that can be read, as an API server reads them:
	// it passes over all others.
	usable int
	// valid are those whose time has come and not passed.
	valid int
	// last is when the last of them ends, where none is valid.
	last time.Time
	// future: none is valid, and the time of one has not come yet.
	future bool
}

// bundleKept bounds how many certificates are looked at. Real bundles have a few.
const bundleKept = 1000

// readBundle reads a list of authorities.
func readBundle(text []byte, now time.Time) bundle {
	var b bundle
	for n := 0; n < bundleKept; n++ {
		block, rest := pem.Decode(text)
		if block == nil {
			break
		}
		text = rest
		if block.Type != "CERTIFICATE" || len(block.Headers) > 0 {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			continue
		}
		b.usable++
		switch {
		case now.Before(c.NotBefore):
			b.future = true
		case now.After(c.NotAfter):
			if c.NotAfter.After(b.last) {
				b.last = c.NotAfter
			}
		default:
			b.valid++
		}
	}
	return b
}

// wrong says why nothing that the authorities sign is believed; empty where
// something is.
func (b *bundle) wrong() string {
	switch {
	case b.usable == 0:
		return "no certificate in caBundle can be read"
	case b.valid > 0:
		return ""
	case b.future:
		return "the certificates in caBundle are not valid yet"
	}
	return fmt.Sprintf("the last certificate in caBundle ended on %s", b.last.UTC().Format(time.DateOnly))
}

// placeholder: manifests often hold an empty line, which is replaced later.
func placeholder(text []byte) bool { return len(bytes.TrimSpace(text)) == 0 }

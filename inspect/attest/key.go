package attest

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"
)

// LoadSigner reads a private key from a PEM file: PKCS #8, or OpenSSL's older
// forms for EC and RSA keys. It takes Ed25519, ECDSA over P-256, P-384 and
// P-521 and RSA from 2048 bits (as RSASSA-PSS with SHA-256). Keys with a pass phrase it refuses.
func LoadSigner(path string) (*Signer, error) {
	block, err := readPEM(path)
	if err != nil {
		return nil, err
	}
	var key any
	switch block.Type {
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "ENCRYPTED PRIVATE KEY":
		return nil, fmt.Errorf("the key in %s is encrypted: give one without a pass phrase", path)
	default:
		return nil, fmt.Errorf("%s holds a %q, not a private key", path, block.Type)
	}
	if err != nil {
		return nil, fmt.Errorf("the private key in %s can't be read: %w", path, err)
	}
	private, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("the private key in %s can't sign", path)
	}
	public, err := newPublicKey(private.Public())
	if err != nil {
		return nil, fmt.Errorf("the private key in %s: %w", path, err)
	}
	k := &privateKey{publicKey: public, private: private}
	envelopes, err := dsse.NewEnvelopeSigner(k)
	if err != nil {
		return nil, err
	}
	return &Signer{envelopes: envelopes}, nil
}

// LoadKey reads a public key (PEM, PKIX) or a certificate's. Only the key
// counts: a certificate's dates and names are not looked at.
func LoadKey(path string) (Key, error) {
	block, err := readPEM(path)
	if err != nil {
		return nil, err
	}
	var key any
	switch block.Type {
	case "PUBLIC KEY":
		key, err = x509.ParsePKIXPublicKey(block.Bytes)
	case "CERTIFICATE":
		var c *x509.Certificate
		if c, err = x509.ParseCertificate(block.Bytes); err == nil {
			key = c.PublicKey
		}
	default:
		return nil, fmt.Errorf("%s holds a %q, not a public key", path, block.Type)
	}
	if err != nil {
		return nil, fmt.Errorf("the public key in %s can't be read: %w", path, err)
	}
	k, err := newPublicKey(key)
	if err != nil {
		return nil, fmt.Errorf("the public key in %s: %w", path, err)
	}
	return k, nil
}

// mostPEM bounds a key file; the largest sensible key takes a few KiB.
const mostPEM = 1 << 20

func readPEM(path string) (*pem.Block, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular() || info.Size() > mostPEM:
		return nil, fmt.Errorf("%s is no key file", path)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	for {
		var block *pem.Block
		block, data = pem.Decode(data)
		if block == nil {
			return nil, fmt.Errorf("%s holds no PEM block: give a key that begins with -----BEGIN", path)
		}
		if block.Type != "EC PARAMETERS" { // openssl ecparam -genkey writes it before the key
			return block, nil
		}
	}
}

// Key is a public key that statements can be verified with.
type Key = dsse.Verifier

// publicKey verifies signatures. It is a dsse.Verifier.
type publicKey struct {
	public crypto.PublicKey
	hash   crypto.Hash // of what is signed; 0 for Ed25519, which takes the message itself
	id     string
}

func newPublicKey(public crypto.PublicKey) (*publicKey, error) {
	k := &publicKey{public: public, hash: crypto.SHA256}
	switch p := public.(type) {
	case ed25519.PublicKey:
		k.hash = 0
	case *ecdsa.PublicKey:
		switch size := p.Curve.Params().BitSize; size {
		case 256:
		case 384:
			k.hash = crypto.SHA384
		case 521:
			k.hash = crypto.SHA512
		default:
			return nil, fmt.Errorf("a curve of %d bits is not supported: use P-256, P-384 or P-521", size)
		}
	case *rsa.PublicKey:
		if p.N.BitLen() < 2048 {
			return nil, fmt.Errorf("an RSA key of %d bits is too weak: use 2048 or more", p.N.BitLen())
		}
	default:
		return nil, fmt.Errorf("keys of type %T are not supported: use Ed25519, ECDSA or RSA", public)
	}
	var err error
	k.id, err = dsse.SHA256KeyID(public)
	return k, err
}

func (k *publicKey) KeyID() (string, error)   { return k.id, nil }
func (k *publicKey) Public() crypto.PublicKey { return k.public }

var errSignature = errors.New("the signature does not fit")

func (k *publicKey) Verify(_ context.Context, data, signature []byte) error {
	digest := k.digest(data)
	ok := false
	switch p := k.public.(type) {
	case ed25519.PublicKey:
		ok = ed25519.Verify(p, data, signature)
	case *ecdsa.PublicKey:
		ok = ecdsa.VerifyASN1(p, digest, signature)
	case *rsa.PublicKey:
		ok = rsa.VerifyPSS(p, k.hash, digest, signature, nil) == nil
	}
	if !ok {
		return errSignature
	}
	return nil
}

func (k *publicKey) digest(data []byte) []byte {
	if k.hash == 0 {
		return data
	}
	h := k.hash.New()
	h.Write(data)
	return h.Sum(nil)
}

// privateKey signs. It is a dsse.Signer.
type privateKey struct {
	*publicKey
	private crypto.Signer
}

func (k *privateKey) Sign(_ context.Context, data []byte) ([]byte, error) {
	var o crypto.SignerOpts = k.hash
	if k.hash != 0 {
		if _, ok := k.private.(*rsa.PrivateKey); ok {
			o = &rsa.PSSOptions{SaltLength: sha256.Size, Hash: k.hash}
		}
	}
	return k.private.Sign(rand.Reader, k.digest(data), o)
}

//! Scopes, signing keys, and the chain of chunk signatures.

use hmac::digest::KeyInit;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

/// SHA-256 of nothing, in hex.
pub(crate) const EMPTY_SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// What a signing key is good for: one day, one region, one service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// The day, `20261122`.
    pub date: String,
    /// The region.
    pub region: String,
    /// The service.
    pub service: String,
}

impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}/{}/aws4_request", self.date, self.region, self.service)
    }
}

/// A key derived from a secret for one [`Scope`]. It may be kept to save four of five HMACs.
#[derive(Clone)]
pub struct SigningKey([u8; 32]);

impl SigningKey {
    /// Derives the key of `scope` from a secret access key.
    pub fn derive(secret_key: &str, scope: &Scope) -> Self {
        let start = [b"AWS4", secret_key.as_bytes()].concat();
        let date = mac(&start, scope.date.as_bytes());
        let region = mac(&date, scope.region.as_bytes());
        let service = mac(&region, scope.service.as_bytes());
        Self(mac(&service, b"aws4_request"))
    }

    pub(crate) fn sign(&self, text: &str) -> [u8; 32] {
        mac(&self.0, text.as_bytes())
    }

    /// Whether `signature` is that of `text`, in a time that does not depend on where they differ.
    pub(crate) fn matches(&self, text: &str, signature: &[u8; 32]) -> bool {
        keyed(&self.0).chain_update(text).verify_slice(signature).is_ok()
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningKey(..)")
    }
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    // The block of HMAC-SHA256 is built here because the constructor that takes a
    // slice returns an error that cannot occur.
    let mut block = [0_u8; 64];
    if key.len() > block.len() {
        block[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    <Hmac<Sha256> as KeyInit>::new(&block.into())
}

fn mac(key: &[u8], text: &[u8]) -> [u8; 32] {
    keyed(key).chain_update(text).finalize().into_bytes().into()
}

/// Signs or checks the chunks of one body, each signature covering the one before.
#[derive(Clone, Debug)]
pub struct ChunkSigner {
    key: SigningKey,
    amz_date: String,
    scope: String,
    previous: [u8; 32],
}

impl ChunkSigner {
    /// Starts from the signature of the request's head.
    pub(crate) fn new(key: SigningKey, amz_date: String, scope: &Scope, seed: [u8; 32]) -> Self {
        Self { key, amz_date, scope: scope.to_string(), previous: seed }
    }

    /// The signature of the next chunk, whose bytes have this SHA-256.
    pub(crate) fn sign_chunk(&mut self, sha256: &[u8; 32]) -> [u8; 32] {
        self.previous = self.key.sign(&self.chunk_text(sha256));
        self.previous
    }

    /// Whether this is the signature of the next chunk.
    pub(crate) fn chunk_matches(&mut self, sha256: &[u8; 32], signature: &[u8; 32]) -> bool {
        let matches = self.key.matches(&self.chunk_text(sha256), signature);
        self.previous = *signature;
        matches
    }

    /// The signature of the trailers, whose canonical form has this SHA-256.
    pub(crate) fn sign_trailers(&self, sha256: &[u8; 32]) -> [u8; 32] {
        self.key.sign(&self.trailer_text(sha256))
    }

    /// Whether this is the signature of the trailers.
    pub(crate) fn trailers_match(&self, sha256: &[u8; 32], signature: &[u8; 32]) -> bool {
        self.key.matches(&self.trailer_text(sha256), signature)
    }

    fn chunk_text(&self, sha256: &[u8; 32]) -> String {
        format!(
            "AWS4-HMAC-SHA256-PAYLOAD\n{}\n{}\n{}\n{EMPTY_SHA256}\n{}",
            self.amz_date,
            self.scope,
            hex::encode(self.previous),
            hex::encode(sha256)
        )
    }

    fn trailer_text(&self, sha256: &[u8; 32]) -> String {
        format!(
            "AWS4-HMAC-SHA256-TRAILER\n{}\n{}\n{}\n{}",
            self.amz_date,
            self.scope,
            hex::encode(self.previous),
            hex::encode(sha256)
        )
    }
}

/// Reads 64 hex digits.
pub(crate) fn parse_digest(text: &str) -> Option<[u8; 32]> {
    let mut digest = [0; 32];
    hex::decode_to_slice(text, &mut digest).ok()?;
    Some(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_longer_than_a_block_are_hashed_first() {
        // RFC 4231, test case 6.
        let key = [0xaa_u8; 131];
        let text = b"Test Using Larger Than Block-Size Key - Hash Key First";
        assert_eq!(
            hex::encode(mac(&key, text)),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        );
    }

    #[test]
    fn debug_output_holds_no_key() {
        let scope = Scope { date: "20130524".into(), region: "r".into(), service: "s3".into() };
        assert_eq!(format!("{:?}", SigningKey::derive("secret", &scope)), "SigningKey(..)");
    }
}

use mucura_runtime::Entropy;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

use crate::error::StoreError;

/// What the key for objects is derived for (`docs/formats/encryption.md`).
const OBJECTS_CONTEXT: &str = "mucura 2026-11 site key that wraps the keys of objects";

/// Seals what must not stand in the log in the clear: inline bodies and the
/// secrets of access keys. AES-256-GCM under one key that all nodes of a site
/// hold; a random nonce stands before the ciphertext.
pub struct SiteKey {
    seals: LessSafeKey,
    /// Another key, made from this one: wraps those of encrypted objects.
    for_objects: [u8; 32],
}

impl SiteKey {
    /// The key of a site.
    ///
    /// # Errors
    /// `Internal`: the cipher does not take the key.
    pub fn new(key: &[u8; 32]) -> Result<Self, StoreError> {
        let for_objects = blake3::derive_key(OBJECTS_CONTEXT, key);
        let key =
            UnboundKey::new(&AES_256_GCM, key).map_err(|_| StoreError::internal("site key not accepted"))?;
        Ok(Self { seals: LessSafeKey::new(key), for_objects })
    }

    /// The key that wraps those of encrypted objects.
    pub(crate) fn for_objects(&self) -> &[u8; 32] {
        &self.for_objects
    }

    /// Seals `plain`; `purpose` must be the same when it is opened.
    ///
    /// # Errors
    /// `Internal`: no randomness, or far too long.
    pub fn seal(&self, purpose: &[u8], plain: &[u8], entropy: &dyn Entropy) -> Result<Vec<u8>, StoreError> {
        let mut nonce = [0; NONCE_LEN];
        entropy.fill(&mut nonce).map_err(StoreError::internal)?;
        let mut sealed = plain.to_vec();
        self.seals
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(purpose), &mut sealed)
            .map_err(|_| StoreError::internal("sealing failed"))?;
        let mut out = Vec::with_capacity(NONCE_LEN + sealed.len());
        out.extend_from_slice(&nonce);
        out.append(&mut sealed);
        Ok(out)
    }

    /// The inverse of [`SiteKey::seal`].
    ///
    /// # Errors
    /// `Internal`: damaged, sealed by another key, or for another purpose.
    pub fn open(&self, purpose: &[u8], sealed: &[u8]) -> Result<Vec<u8>, StoreError> {
        let failed = || StoreError::internal("sealed bytes do not open: damaged, or another site key");
        let (nonce, cipher) = sealed.split_at_checked(NONCE_LEN).ok_or_else(failed)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| failed())?;
        let mut bytes = cipher.to_vec();
        let len =
            self.seals.open_in_place(nonce, Aad::from(purpose), &mut bytes).map_err(|_| failed())?.len();
        bytes.truncate(len);
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mucura_runtime::OsEntropy;

    #[test]
    fn only_what_was_sealed_for_the_purpose_opens() {
        let key = SiteKey::new(&[7; 32]).unwrap();
        let sealed = key.seal(b"body", b"hello", &OsEntropy).unwrap();
        assert_eq!(key.open(b"body", &sealed).unwrap(), b"hello");
        assert!(key.open(b"secret", &sealed).is_err());
        assert!(SiteKey::new(&[8; 32]).unwrap().open(b"body", &sealed).is_err());
        for at in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[at] ^= 1;
            assert!(key.open(b"body", &damaged).is_err());
            assert!(key.open(b"body", &sealed[..at]).is_err());
        }
        assert_ne!(key.seal(b"body", b"hello", &OsEntropy).unwrap(), sealed);
    }
}

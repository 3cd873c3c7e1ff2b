use std::collections::BTreeMap;
use std::fmt;

use mucura_runtime::Entropy;
use mucura_types::BucketId;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

const KEY_BYTES: usize = 32;
const TAG_BYTES: usize = 16;
const SEALED_KEY_BYTES: usize = NONCE_LEN + KEY_BYTES + TAG_BYTES;

/// What the associated data of a wrapped key begins with; both are of one
/// length, so that none can be taken for the other.
const SITE_PURPOSE: &[u8; 20] = b"mucura data key site";
const CUSTOMER_PURPOSE: &[u8; 20] = b"mucura data key cust";

const FINGERPRINT_CONTEXT: &str = "mucura 2026-11-23 fingerprint of a site encryption key";

/// A key could not be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The site key is not at hand: it was taken out of the key file too early.
    #[error("site encryption key {0} is not in the key ring")]
    UnknownKey(KeyId),
    /// Wrapped by another key, for another object, or damaged. With a
    /// customer's key: not the one that the object was stored with.
    #[error("a data key does not open: another key, another object, or damaged")]
    Refused,
    /// The machine has no randomness to give.
    #[error("no randomness: {0}")]
    Entropy(#[from] std::io::Error),
    /// The cipher does not take the key.
    #[error("the cipher does not take the key")]
    Cipher,
}

/// The number of a site encryption key, for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub u32);

/// The number of the key that every site has: it is derived from the site key.
pub(crate) const BUILT_IN: KeyId = KeyId(0);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Tells site keys apart without telling them: the first 8 bytes of BLAKE3 in
/// its mode `derive_key` over number and key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct KeyFingerprint([u8; 8]);

impl KeyFingerprint {
    fn of(id: KeyId, key: &[u8; KEY_BYTES]) -> Self {
        let mut material = [0; 4 + KEY_BYTES];
        let (number, rest) = material.split_at_mut(4);
        number.copy_from_slice(&id.0.to_be_bytes());
        rest.copy_from_slice(key);
        let [a, b, c, d, e, f, g, h, ..] = blake3::derive_key(FINGERPRINT_CONTEXT, &material);
        wipe(&mut material);
        Self([a, b, c, d, e, f, g, h])
    }
}

impl fmt::Display for KeyFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Overwrites what was secret.
pub(super) fn wipe(bytes: &mut [u8]) {
    bytes.fill(0);
    // Else the compiler may leave out what nobody reads.
    std::hint::black_box(bytes);
}

/// The key of one object, from which those of its bodies are derived.
pub struct DataKey([u8; KEY_BYTES]);

impl DataKey {
    /// A new one.
    ///
    /// # Errors
    /// `Entropy`.
    pub fn random(entropy: &dyn Entropy) -> Result<Self, KeyError> {
        let mut key = Self([0; KEY_BYTES]);
        entropy.fill(&mut key.0)?;
        Ok(key)
    }

    pub(super) fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }

    #[cfg(test)]
    pub(super) fn from_bytes(bytes: [u8; KEY_BYTES]) -> Self {
        Self(bytes)
    }
}

impl Drop for DataKey {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey")
    }
}

/// Whose data key it is: a wrapped key opens for this object only.
#[derive(Clone, Copy, Debug)]
pub struct KeyContext<'a> {
    /// Its bucket.
    pub bucket: BucketId,
    /// Its key.
    pub key: &'a str,
}

impl KeyContext<'_> {
    fn associated_data(&self, purpose: &[u8; 20]) -> Vec<u8> {
        [purpose.as_slice(), &self.bucket.0.to_be_bytes(), self.key.as_bytes()].concat()
    }
}

/// A data key, sealed by AES-256-GCM: nonce, ciphertext, tag.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SealedKey([u8; SEALED_KEY_BYTES]);

impl SealedKey {
    /// As it is stored.
    pub fn as_bytes(&self) -> &[u8; SEALED_KEY_BYTES] {
        &self.0
    }

    /// The inverse of [`SealedKey::as_bytes`].
    ///
    /// # Errors
    /// `Refused`: of another length.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        bytes.try_into().map(Self).map_err(|_| KeyError::Refused)
    }
}

impl fmt::Debug for SealedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealedKey")
    }
}

/// A data key wrapped by a site key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrappedKey {
    /// Which.
    pub key: KeyId,
    /// The data key.
    pub sealed: SealedKey,
}

impl WrappedKey {
    /// As it is stored: the number of the key, and the data key.
    pub fn to_bytes(&self) -> Vec<u8> {
        [&self.key.0.to_be_bytes()[..], self.sealed.as_bytes()].concat()
    }

    /// The inverse of [`WrappedKey::to_bytes`].
    ///
    /// # Errors
    /// `Refused`: of another length.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        let (number, sealed) = bytes.split_first_chunk::<4>().ok_or(KeyError::Refused)?;
        Ok(Self { key: KeyId(u32::from_be_bytes(*number)), sealed: SealedKey::from_bytes(sealed)? })
    }
}

/// A key that wraps others.
struct WrappingKey(LessSafeKey);

impl WrappingKey {
    fn new(key: &[u8; KEY_BYTES]) -> Result<Self, KeyError> {
        UnboundKey::new(&AES_256_GCM, key)
            .map(|key| Self(LessSafeKey::new(key)))
            .map_err(|_| KeyError::Cipher)
    }

    fn wrap(&self, data_key: &DataKey, context: &[u8], entropy: &dyn Entropy) -> Result<SealedKey, KeyError> {
        let mut nonce = [0; NONCE_LEN];
        entropy.fill(&mut nonce)?;
        let mut sealed = [0; SEALED_KEY_BYTES];
        sealed[..NONCE_LEN].copy_from_slice(&nonce);
        let (key, tag) = sealed[NONCE_LEN..].split_at_mut(KEY_BYTES);
        key.copy_from_slice(&data_key.0);
        let nonce = Nonce::assume_unique_for_key(nonce);
        let computed = self.0.seal_in_place_separate_tag(nonce, Aad::from(context), key);
        tag.copy_from_slice(computed.map_err(|_| KeyError::Cipher)?.as_ref());
        Ok(SealedKey(sealed))
    }

    fn unwrap(&self, sealed: &SealedKey, context: &[u8]) -> Result<DataKey, KeyError> {
        let (nonce, cipher) = sealed.0.split_at(NONCE_LEN);
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| KeyError::Refused)?;
        let mut bytes = [0; KEY_BYTES + TAG_BYTES];
        bytes.copy_from_slice(cipher);
        let plain = self.0.open_in_place(nonce, Aad::from(context), &mut bytes);
        let mut key = DataKey([0; KEY_BYTES]);
        key.0.copy_from_slice(plain.map_err(|_| KeyError::Refused)?);
        wipe(&mut bytes);
        Ok(key)
    }
}

/// The encryption keys of a site. One is active and wraps; the others are
/// there for what they wrapped before.
pub struct KeyRing {
    active: KeyId,
    /// Of the active one.
    fingerprint: KeyFingerprint,
    keys: BTreeMap<KeyId, SiteKey>,
}

/// A key of the site.
struct SiteKey {
    wraps: WrappingKey,
    fingerprint: KeyFingerprint,
}

impl SiteKey {
    fn new(id: KeyId, key: &[u8; KEY_BYTES]) -> Result<Self, KeyError> {
        Ok(Self { wraps: WrappingKey::new(key)?, fingerprint: KeyFingerprint::of(id, key) })
    }
}

impl KeyRing {
    /// A ring of one key, which is active.
    ///
    /// # Errors
    /// `Cipher`.
    pub fn new(active: KeyId, key: &[u8; KEY_BYTES]) -> Result<Self, KeyError> {
        let key = SiteKey::new(active, key)?;
        Ok(Self { active, fingerprint: key.fingerprint, keys: BTreeMap::from([(active, key)]) })
    }

    /// Adds a key that only opens.
    pub(crate) fn with(mut self, id: KeyId, key: &[u8; KEY_BYTES]) -> Result<Self, KeyError> {
        self.keys.insert(id, SiteKey::new(id, key)?);
        Ok(self)
    }

    /// The key that wraps.
    pub fn active(&self) -> KeyId {
        self.active
    }

    /// All keys, in order.
    pub fn ids(&self) -> impl Iterator<Item = KeyId> {
        self.keys.keys().copied()
    }

    /// The key that wraps, and what it is known by.
    pub(crate) fn active_key(&self) -> (KeyId, KeyFingerprint) {
        (self.active, self.fingerprint)
    }

    /// All keys, in order, each with what it is known by.
    pub fn fingerprints(&self) -> impl Iterator<Item = (KeyId, KeyFingerprint)> {
        self.keys.iter().map(|(id, key)| (*id, key.fingerprint))
    }

    /// Wraps a data key by the active key.
    ///
    /// # Errors
    /// `Entropy`, `Cipher`.
    pub fn wrap(
        &self,
        data_key: &DataKey,
        context: KeyContext<'_>,
        entropy: &dyn Entropy,
    ) -> Result<WrappedKey, KeyError> {
        let key = self.key(self.active)?;
        let sealed = key.wrap(data_key, &context.associated_data(SITE_PURPOSE), entropy)?;
        Ok(WrappedKey { key: self.active, sealed })
    }

    /// The inverse of [`KeyRing::wrap`], by whichever key it was.
    ///
    /// # Errors
    /// `UnknownKey`, `Refused`.
    pub fn unwrap(&self, wrapped: &WrappedKey, context: KeyContext<'_>) -> Result<DataKey, KeyError> {
        self.key(wrapped.key)?.unwrap(&wrapped.sealed, &context.associated_data(SITE_PURPOSE))
    }

    /// The same data key wrapped by the active key; none if it is already.
    ///
    /// # Errors
    /// As [`KeyRing::unwrap`] and [`KeyRing::wrap`].
    pub fn rewrap(
        &self,
        wrapped: &WrappedKey,
        context: KeyContext<'_>,
        entropy: &dyn Entropy,
    ) -> Result<Option<WrappedKey>, KeyError> {
        if wrapped.key == self.active {
            return Ok(None);
        }
        self.wrap(&self.unwrap(wrapped, context)?, context, entropy).map(Some)
    }

    fn key(&self, id: KeyId) -> Result<&WrappingKey, KeyError> {
        self.keys.get(&id).map(|key| &key.wraps).ok_or(KeyError::UnknownKey(id))
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<_> = self.ids().collect();
        f.debug_struct("KeyRing").field("active", &self.active).field("ids", &ids).finish_non_exhaustive()
    }
}

/// The key that a customer sends with each request for an object (SSE-C). It
/// is never kept: the object's data key is, wrapped by it, and opens with no
/// other.
pub struct CustomerKey(WrappingKey);

impl CustomerKey {
    /// The key of a request.
    ///
    /// # Errors
    /// `Cipher`.
    pub fn new(key: &[u8; KEY_BYTES]) -> Result<Self, KeyError> {
        WrappingKey::new(key).map(Self)
    }

    /// Wraps a data key.
    ///
    /// # Errors
    /// `Entropy`, `Cipher`.
    pub fn wrap(
        &self,
        data_key: &DataKey,
        context: KeyContext<'_>,
        entropy: &dyn Entropy,
    ) -> Result<SealedKey, KeyError> {
        self.0.wrap(data_key, &context.associated_data(CUSTOMER_PURPOSE), entropy)
    }

    /// The inverse of [`CustomerKey::wrap`].
    ///
    /// # Errors
    /// `Refused`: most likely another key than the object was stored with.
    pub fn unwrap(&self, sealed: &SealedKey, context: KeyContext<'_>) -> Result<DataKey, KeyError> {
        self.0.unwrap(sealed, &context.associated_data(CUSTOMER_PURPOSE))
    }
}

impl fmt::Debug for CustomerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CustomerKey")
    }
}

#[cfg(test)]
#[path = "keys_tests.rs"]
mod tests;

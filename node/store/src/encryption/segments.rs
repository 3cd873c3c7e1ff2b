use mucura_runtime::Entropy;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

use crate::encryption::keys::{DataKey, KeyError, wipe};
use crate::encryption::layout::{SEALED_SEGMENT_BYTES, SealedLayout, TAG_BYTES};

/// What the keys of bodies are derived for (BLAKE3, `derive_key`).
const BODY_KEY_CONTEXT: &str = "mucura 2026-11-23 object body segments 1";

/// What makes the key of a body its own among those of the object's parts.
/// Kept beside the body; not secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodySalt(pub [u8; 16]);

impl BodySalt {
    /// A new one: every body must have its own.
    ///
    /// # Errors
    /// The machine has no randomness to give.
    pub fn random(entropy: &dyn Entropy) -> Result<Self, KeyError> {
        let mut salt = [0; 16];
        entropy.fill(&mut salt)?;
        Ok(Self(salt))
    }
}

/// The key of one body.
pub struct BodyKey(LessSafeKey);

impl BodyKey {
    /// The key of the body with this salt.
    ///
    /// # Errors
    /// `Cipher`.
    pub fn derive(data_key: &DataKey, salt: BodySalt) -> Result<Self, KeyError> {
        let mut hasher = blake3::Hasher::new_derive_key(BODY_KEY_CONTEXT);
        hasher.update(data_key.bytes()).update(&salt.0);
        let mut key: [u8; 32] = hasher.finalize().into();
        let unbound = UnboundKey::new(&AES_256_GCM, &key);
        wipe(&mut key);
        Ok(Self(LessSafeKey::new(unbound.map_err(|_| KeyError::Cipher)?)))
    }

    /// Seals whole segments in place, the first of which is number `first`, and
    /// the last of the body `last`, if that is among them. They lie in `memory`
    /// as they are stored, with room for their tags.
    pub(super) fn seal(&self, first: u64, last: Option<u64>, memory: &mut [u8]) -> Result<(), SegmentFault> {
        for (number, segment) in (first..).zip(memory.chunks_mut(SEALED_SEGMENT_BYTES)) {
            let fault = SegmentFault { number };
            let plain = segment.len().checked_sub(TAG_BYTES).ok_or(fault)?;
            let (plain, room) = segment.split_at_mut(plain);
            let tag =
                self.0.seal_in_place_separate_tag(nonce(number, last == Some(number)), Aad::empty(), plain);
            room.copy_from_slice(tag.map_err(|_| fault)?.as_ref());
        }
        Ok(())
    }

    /// Opens whole segments in place, the first of which is number `first`.
    /// Afterwards the plaintext of each is where its ciphertext was.
    pub(super) fn open(
        &self,
        layout: SealedLayout,
        first: u64,
        memory: &mut [u8],
    ) -> Result<(), SegmentFault> {
        for (number, segment) in (first..).zip(memory.chunks_mut(SEALED_SEGMENT_BYTES)) {
            self.0
                .open_in_place(nonce(number, layout.is_last(number)), Aad::empty(), segment)
                .map_err(|_| SegmentFault { number })?;
        }
        Ok(())
    }
}

/// A segment is not what was sealed, or not where it belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("segment {number} of a body does not open: damaged, or another key")]
pub(super) struct SegmentFault {
    number: u64,
}

/// The nonce of a segment: its number, and whether it is the last. A segment
/// thus opens only at its place, and one that was not the last never as it.
fn nonce(number: u64, is_last: bool) -> Nonce {
    let mut bytes = [0; NONCE_LEN];
    bytes[3..11].copy_from_slice(&number.to_be_bytes());
    bytes[11] = u8::from(is_last);
    Nonce::assume_unique_for_key(bytes)
}

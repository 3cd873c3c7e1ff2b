//! Encryption of bodies at rest: sealed in segments under a key of the object's
//! own, which is kept wrapped by a key of the site or of the customer. The
//! bytes are described in `docs/formats/encryption.md`.
//!
//! Invariant: no byte leaves here as plaintext that was not authenticated.

mod key_file;
mod keys;
mod layout;
mod opening;
mod sealing;
mod segments;
#[cfg(test)]
mod tests;

pub use key_file::{KEY_FILE_BYTES_MAX, KeyFileError, KeyFileFault, KeyFileReason, KeyText};
pub(crate) use keys::BUILT_IN;
pub use keys::{
    CustomerKey, DataKey, KeyContext, KeyError, KeyFingerprint, KeyId, KeyRing, SealedKey, WrappedKey,
};
pub use layout::{PLAIN_BYTES_MAX, SEGMENT_BYTES, SealedLayout, SealedSpan};
pub use opening::open_sealed;
pub use sealing::SealingBody;
pub use segments::{BodyKey, BodySalt};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// How the bytes of a version are sealed (`docs/formats/encryption.md`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Encryption {
    /// Whose key the data key is wrapped by.
    pub method: EncryptionMethod,
    /// The data key of the version, wrapped.
    pub wrapped_key: Bytes,
}

/// Whose key a data key is wrapped by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EncryptionMethod {
    /// The site's.
    SseS3,
    /// The site's, for a client that named it as a key of a key service.
    SseKms {
        /// The name that the client gave.
        key_id: String,
    },
    /// The client's, of this MD5.
    SseC {
        /// MD5 of the key.
        key_md5: [u8; 16],
    },
}

/// How one body is sealed under the data key of its version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seal {
    /// Makes the key of this body.
    pub salt: [u8; 16],
    /// Bytes that are stored, more than the body has.
    pub stored: u64,
}

//! What an answer says of the encryption of an object.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderName, HeaderValue};

use crate::sse::headers::{BUCKET_KEY, CUSTOMER_ALGORITHM, CUSTOMER_KEY_MD5, KMS_KEY, METHOD};
use crate::sse::{CustomerKey, KmsMethod};

/// How an object, or an upload, is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppliedSse<'a> {
    /// Not at all, as far as the client knows.
    None,
    /// By keys of the site.
    SseS3,
    /// By a key of KMS.
    SseKms {
        /// In which form.
        method: KmsMethod,
        /// Which key.
        key_id: &'a str,
        /// Whether with a key of the bucket in between.
        bucket_key: bool,
    },
    /// By the key that the client sent with the request.
    SseC {
        /// Its MD5, so that the client sees which key was used.
        key_md5: [u8; 16],
    },
}

impl From<&CustomerKey> for AppliedSse<'_> {
    fn from(key: &CustomerKey) -> Self {
        Self::SseC { key_md5: key.md5() }
    }
}

impl AppliedSse<'_> {
    /// The headers of the answer to a write, a part, a completion or a read.
    pub fn headers(self) -> Vec<(HeaderName, HeaderValue)> {
        let name = HeaderName::from_static;
        let text = HeaderValue::from_static;
        match self {
            Self::None => Vec::new(),
            Self::SseS3 => vec![(name(METHOD), text("AES256"))],
            Self::SseKms { method, key_id, bucket_key } => {
                let method = (name(METHOD), text(method.as_str()));
                // It came in a header; or in a document, where it may not fit into one.
                let key_id = HeaderValue::from_str(key_id).ok().map(|id| (name(KMS_KEY), id));
                let bucket_key = bucket_key.then(|| (name(BUCKET_KEY), text("true")));
                [Some(method), key_id, bucket_key].into_iter().flatten().collect()
            }
            Self::SseC { key_md5 } => {
                let md5 = HeaderValue::from_str(&STANDARD.encode(key_md5)).ok();
                let algorithm = (name(CUSTOMER_ALGORITHM), text("AES256"));
                [Some(algorithm), md5.map(|md5| (name(CUSTOMER_KEY_MD5), md5))]
                    .into_iter()
                    .flatten()
                    .collect()
            }
        }
    }
}

//! What a request that stores an object asks for.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::error::S3Error;
use crate::sse::headers::{BUCKET_KEY, KMS_CONTEXT, METHOD, kms_needed};
use crate::sse::{CustomerKey, KeyChecks, SseHeaders};

/// How an object is to be encrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SseRequest {
    /// As the bucket says.
    None,
    /// By keys of the site (`AES256`).
    SseS3,
    /// By a key of KMS.
    SseKms(KmsRequest),
    /// By the customer's key.
    SseC(CustomerKey),
}

/// The forms of encryption by a key of KMS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KmsMethod {
    /// `aws:kms`.
    Kms,
    /// `aws:kms:dsse`: in two layers.
    Dsse,
}

impl KmsMethod {
    /// Its name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kms => "aws:kms",
            Self::Dsse => "aws:kms:dsse",
        }
    }
}

/// What is asked of KMS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KmsRequest {
    /// In which form.
    pub method: KmsMethod,
    /// Which key; none: the default one.
    pub key_id: Option<String>,
    /// What the key is bound to besides: base64 of UTF-8, as it came. That it is JSON is not checked.
    pub context: Option<String>,
    /// Whether a key of the bucket may stand in between; none: as the bucket says.
    pub bucket_key: Option<bool>,
}

impl SseRequest {
    pub(super) fn parse(headers: &SseHeaders<'_>, checks: &KeyChecks) -> Result<Self, S3Error> {
        let method = headers.method;
        if let (Some(method), true) = (method, headers.customer().any()) {
            return Err(incompatible(method));
        }
        let kms = match method {
            None | Some("AES256") => None,
            Some("aws:kms") => Some(KmsMethod::Kms),
            Some("aws:kms:dsse") => Some(KmsMethod::Dsse),
            Some(other) => {
                return Err(S3Error::invalid_argument(
                    "The encryption method specified is not supported",
                    METHOD,
                    other,
                ));
            }
        };
        if let Some(kms) = kms {
            return KmsRequest::parse(kms, headers).map(Self::SseKms);
        }
        // A context that bound nothing would be a wrong success, as would a key that is not used.
        if headers.kms_key.is_some() || headers.kms_context.is_some() {
            return Err(kms_needed(method));
        }
        if method.is_some() {
            return Ok(Self::SseS3);
        }
        Ok(headers.customer().for_write(checks)?.map_or(Self::None, Self::SseC))
    }
}

impl KmsRequest {
    fn parse(method: KmsMethod, headers: &SseHeaders<'_>) -> Result<Self, S3Error> {
        if let Some(context) = headers.kms_context
            && !STANDARD.decode(context).is_ok_and(|bytes| std::str::from_utf8(&bytes).is_ok())
        {
            return Err(S3Error::invalid_argument(
                "The header 'x-amz-server-side-encryption-context' shall be Base64-encoded UTF-8 string \
                 holding JSON which represents a string-string map",
                KMS_CONTEXT,
                context,
            ));
        }
        let bucket_key = match headers.bucket_key {
            None => None,
            Some(text) if text.eq_ignore_ascii_case("true") => Some(true),
            Some(text) if text.eq_ignore_ascii_case("false") => Some(false),
            Some(text) => {
                return Err(S3Error::invalid_argument("Value must be true or false", BUCKET_KEY, text));
            }
        };
        Ok(Self {
            method,
            key_id: headers.kms_key.filter(|id| !id.is_empty()).map(str::to_owned),
            context: headers.kms_context.map(str::to_owned),
            bucket_key,
        })
    }
}

fn incompatible(method: &str) -> S3Error {
    S3Error::invalid_argument(
        "Server Side Encryption with Customer provided key is incompatible with the encryption method \
         specified",
        METHOD,
        method,
    )
}

//! Signature Version 4, as S3 uses it: in the `Authorization` header, in the query of a presigned
//! URL, and chained through the chunks of a body.
//!
//! Two steps: [`Claim::parse`] reads what a request claims (no secret needed), then
//! [`Claim::verify`] checks it against the secret of the access key and the time. A claim that was
//! not verified proves nothing. Every `x-amz-*` header and `host` must be signed.

mod canonical;
mod claim;
mod credential;
mod key;
mod payload;
mod sign;

pub use claim::{Claim, Verified};
pub(crate) use claim::{authorization, check_skew, header_date, is_presigned, several_mechanisms};
pub(crate) use credential::{Place, parse_credential};
pub(crate) use key::parse_digest;
pub use key::{ChunkSigner, Scope, SigningKey};
pub use payload::PayloadMode;
pub use sign::{Credentials, SignError, presign, sign};

/// The one algorithm there is.
pub(crate) const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// How far the clock of a client may be off.
const MAX_SKEW_MS: u64 = 15 * 60 * 1_000;
/// The longest life of a presigned URL.
const MAX_EXPIRES_S: u64 = 7 * 24 * 3_600;

/// What requests to this endpoint must be signed for.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The region of this site.
    pub region: &'a str,
    /// The service: `s3`, or another name for another API.
    pub service: &'a str,
}

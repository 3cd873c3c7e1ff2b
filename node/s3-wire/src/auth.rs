//! Who sent a request: a claim in any of the forms that are served, read and then verified.

use crate::error::S3Error;
use crate::head::RequestHead;
use crate::sigv4::{ChunkSigner, Expected, PayloadMode};
use crate::uri::Query;
use crate::{sigv2, sigv4};

/// What the head of a request claims. Not yet verified: it proves nothing.
#[derive(Clone, Debug)]
pub enum Claim {
    /// Signature Version 4, in the header or presigned.
    V4(Box<sigv4::Claim>),
    /// Signature Version 2, in the header or presigned.
    V2(sigv2::Claim),
}

/// What is known once a claim was verified.
#[derive(Clone, Debug)]
pub struct Verified {
    /// The access key that signed.
    pub access_key: String,
    /// The session token of temporary credentials; the caller must check it.
    pub session_token: Option<String>,
    /// How the body is covered.
    pub payload: PayloadMode,
    /// Checks the signatures of the chunks of the body, if it may have any.
    pub chunk_signer: Option<ChunkSigner>,
}

/// How a request is signed, as conditions of policies know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignatureForm {
    /// `s3:signatureversion`.
    pub version: &'static str,
    /// `s3:authType`.
    pub way: &'static str,
    /// When it was signed, since 1970; not every form says so.
    pub signed_ms: Option<u64>,
}

impl Claim {
    /// Reads the claim of a request; `None` if it is anonymous. `domains` are those that buckets
    /// are named in front of.
    ///
    /// Fails with the error of AWS for a claim that is malformed or made for something else.
    pub fn parse(
        head: &RequestHead<'_>,
        expected: Expected<'_>,
        domains: &[String],
    ) -> Result<Option<Self>, S3Error> {
        let query = Query::parse(head.query())?;
        let authorization = sigv4::authorization(head, &query)?.map(|value| value.to_str().unwrap_or(""));
        if let Some(text) = authorization.and_then(sigv2::Claim::in_header) {
            return sigv2::Claim::from_header(head, text, &query, domains).map(|claim| Some(Self::V2(claim)));
        }
        if let Some(claim) = sigv4::Claim::parse(head, expected)? {
            return Ok(Some(Self::V4(Box::new(claim))));
        }
        if sigv2::Claim::is_in(&query) {
            return sigv2::Claim::parse(head, &query, domains).map(|claim| Some(Self::V2(claim)));
        }
        Ok(None)
    }

    /// The access key to look the secret up by.
    pub fn access_key(&self) -> &str {
        match self {
            Self::V4(claim) => &claim.access_key,
            Self::V2(claim) => &claim.access_key,
        }
    }

    /// The session token of temporary credentials.
    pub fn session_token(&self) -> Option<&str> {
        match self {
            Self::V4(claim) => claim.session_token.as_deref(),
            Self::V2(claim) => claim.session_token.as_deref(),
        }
    }

    /// How it is signed.
    pub fn form(&self) -> SignatureForm {
        let (version, presigned, signed_ms) = match self {
            Self::V4(claim) => ("AWS4-HMAC-SHA256", claim.is_presigned(), Some(claim.signed_at_ms())),
            Self::V2(claim) => ("AWS", claim.is_presigned(), claim.signed_at_ms()),
        };
        let way = if presigned { "REST-QUERY-STRING" } else { "REST-HEADER" };
        SignatureForm { version, way, signed_ms }
    }

    /// Verifies time and signature against the secret of [`Claim::access_key`].
    ///
    /// Fails with `RequestTimeTooSkewed`, `AccessDenied` (expired, or not yet valid) or
    /// `SignatureDoesNotMatch`.
    pub fn verify(self, secret_key: &str, now_ms: u64) -> Result<Verified, S3Error> {
        match self {
            Self::V4(claim) => {
                let sigv4::Verified { access_key, session_token, payload, chunk_signer } =
                    claim.verify(secret_key, now_ms)?;
                Ok(Verified { access_key, session_token, payload, chunk_signer: Some(chunk_signer) })
            }
            Self::V2(claim) => claim.verify(secret_key, now_ms),
        }
    }
}

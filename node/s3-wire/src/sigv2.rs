//! Signature Version 2: presigned URLs, which boto3 and aws-cli make for `us-east-1` and an endpoint
//! of one's own unless they are told otherwise, and the `Authorization` header of old clients.
//!
//! Source: "Signing and authenticating REST requests (AWS signature version 2)", S3 developer guide.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac as _};
use sha1::Sha1;

use crate::auth::Verified;
use crate::error::{ErrorCode, S3Error};
use crate::head::RequestHead;
use crate::request::bucket_of_host;
use crate::sigv4::{PayloadMode, check_skew, header_date};
use crate::time::iso8601;
use crate::uri::Query;

const MAX_ACCESS_KEY_LEN: usize = 128;

/// The query parameters that the signature covers: every sub-resource among them, lest a URL that was
/// made to store an object also changes what keeps it.
const SIGNED_PARAMETERS: &[&str] = &[
    "accelerate",
    "acl",
    "analytics",
    "attributes",
    "cors",
    "delete",
    "encryption",
    "inventory",
    "legal-hold",
    "lifecycle",
    "location",
    "logging",
    "metrics",
    "notification",
    "object-lock",
    "ownershipControls",
    "partNumber",
    "policy",
    "policyStatus",
    "publicAccessBlock",
    "replication",
    "requestPayment",
    "response-cache-control",
    "response-content-disposition",
    "response-content-encoding",
    "response-content-language",
    "response-content-type",
    "response-expires",
    "restore",
    "retention",
    "select",
    "select-type",
    "storageClass",
    "tagging",
    "torrent",
    "uploadId",
    "uploads",
    "versionId",
    "versioning",
    "versions",
    "website",
];

/// What a request claims. Not yet verified.
#[derive(Clone, Debug)]
pub struct Claim {
    pub(crate) access_key: String,
    pub(crate) session_token: Option<String>,
    payload: PayloadMode,
    life: Life,
    to_sign: ToSign,
    signature: String,
}

/// For how long a signature is good.
#[derive(Clone, Copy, Debug)]
enum Life {
    /// Until then; a presigned URL says so itself.
    Until { unix_s: u64 },
    /// Around then, when a header was signed.
    Around { unix_ms: u64 },
}

impl Claim {
    pub(crate) fn is_presigned(&self) -> bool {
        matches!(self.life, Life::Until { .. })
    }

    /// When it was signed, which a presigned URL does not say.
    pub(crate) fn signed_at_ms(&self) -> Option<u64> {
        match self.life {
            Life::Until { .. } => None,
            Life::Around { unix_ms } => Some(unix_ms),
        }
    }

    /// Whether a query carries a claim of this version.
    pub(crate) fn is_in(query: &Query) -> bool {
        query.has("AWSAccessKeyId") || query.has("Signature")
    }

    /// The claim of this version in the value of an `Authorization` header, without its first word.
    pub(crate) fn in_header(authorization: &str) -> Option<&str> {
        let (mechanism, claim) = authorization.trim().split_once(' ').unwrap_or((authorization.trim(), ""));
        (mechanism == "AWS").then_some(claim)
    }

    /// Reads the claim of an `Authorization` header; `text` is what [`Claim::in_header`] found.
    pub(crate) fn from_header(
        head: &RequestHead<'_>,
        text: &str,
        query: &Query,
        domains: &[String],
    ) -> Result<Self, S3Error> {
        let fault = || {
            S3Error::invalid_argument(
                "AWS authorization header is invalid.  Expected AwsAccessKeyId:signature",
                "Authorization",
                &format!("AWS {text}"),
            )
        };
        let (access_key, signature) = text.trim().split_once(':').ok_or_else(fault)?;
        if access_key.is_empty() || access_key.len() > MAX_ACCESS_KEY_LEN || signature.is_empty() {
            return Err(fault());
        }
        let (unix_ms, dated_by) = header_date(head)?;
        // `x-amz-date` stands among the other headers of its kind, and `Date` does not count then.
        let date = if dated_by == "date" { head.header("date")?.unwrap_or("") } else { "" };
        Ok(Self {
            access_key: access_key.to_owned(),
            session_token: head.header("x-amz-security-token")?.map(str::to_owned),
            payload: payload_mode(head)?,
            life: Life::Around { unix_ms },
            to_sign: string_to_sign(head, query, &Place::Header { date }, domains)?,
            signature: signature.to_owned(),
        })
    }

    /// Reads the claim of a presigned URL.
    pub(crate) fn parse(head: &RequestHead<'_>, query: &Query, domains: &[String]) -> Result<Self, S3Error> {
        let (Some(access_key), Some(signature), Some(expires)) =
            (query.filled("AWSAccessKeyId"), query.filled("Signature"), query.filled("Expires"))
        else {
            return Err(denied(
                "Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters",
            ));
        };
        let unix_s: u64 = expires
            .parse()
            .map_err(|_| denied(format!("Invalid date (should be seconds since epoch): {expires}")))?;
        Ok(Self {
            access_key: access_key.to_owned(),
            session_token: query.get("x-amz-security-token").map(str::to_owned),
            payload: payload_mode(head)?,
            life: Life::Until { unix_s },
            to_sign: string_to_sign(head, query, &Place::Query { expires }, domains)?,
            signature: signature.to_owned(),
        })
    }

    /// Verifies time and signature against the secret of the access key.
    pub(crate) fn verify(self, secret_key: &str, now_ms: u64) -> Result<Verified, S3Error> {
        match self.life {
            Life::Around { unix_ms } => check_skew(unix_ms, now_ms)?,
            Life::Until { unix_s } => check_expiry(unix_s.saturating_mul(1_000), now_ms)?,
        }
        if !self.to_sign.is_signed_by(&self.signature, secret_key) {
            return Err(S3Error::new(ErrorCode::SignatureDoesNotMatch)
                .field("AWSAccessKeyId", self.access_key)
                .field("StringToSign", self.to_sign.text)
                .field("SignatureProvided", self.signature));
        }
        Ok(Verified {
            access_key: self.access_key,
            session_token: self.session_token,
            payload: self.payload,
            chunk_signer: None,
        })
    }
}

/// Whether a signature in base64 is that of a text, in a time that does not depend on where they
/// differ.
pub(crate) fn is_signature_of(text: &str, signature: &str, secret_key: &str) -> bool {
    STANDARD.decode(signature).is_ok_and(|signature| {
        // Keys of any length are fit for HMAC.
        Hmac::<Sha1>::new_from_slice(secret_key.as_bytes())
            .is_ok_and(|mac| mac.chain_update(text).verify_slice(&signature).is_ok())
    })
}

fn check_expiry(expires_ms: u64, now_ms: u64) -> Result<(), S3Error> {
    if now_ms <= expires_ms {
        return Ok(());
    }
    Err(denied("Request has expired")
        .field("Expires", iso8601(expires_ms))
        .field("ServerTime", iso8601(now_ms)))
}

/// How the body comes. No signature of this version covers it, whatever else a header says.
fn payload_mode(head: &RequestHead<'_>) -> Result<PayloadMode, S3Error> {
    match head.header("x-amz-content-sha256")?.map(PayloadMode::parse).transpose()? {
        Some(mode) if mode.needs_signature() => Err(ErrorCode::InvalidRequest.into()),
        mode => Ok(mode.unwrap_or(PayloadMode::Unsigned)),
    }
}

fn denied(message: impl Into<std::borrow::Cow<'static, str>>) -> S3Error {
    S3Error::with_message(ErrorCode::AccessDenied, message)
}

/// The text that is signed.
#[derive(Clone, Debug)]
struct ToSign {
    text: String,
    /// Where the bucket ends that the path names without a slash behind it. Most clients sign it
    /// with one, which asks for the same.
    bucket_end: Option<usize>,
}

impl ToSign {
    fn is_signed_by(&self, signature: &str, secret_key: &str) -> bool {
        let with_slash = |at: usize| {
            let (front, back) = self.text.split_at_checked(at)?;
            Some(format!("{front}/{back}"))
        };
        is_signature_of(&self.text, signature, secret_key)
            || self
                .bucket_end
                .and_then(with_slash)
                .is_some_and(|text| is_signature_of(&text, signature, secret_key))
    }
}

/// Where the signature stands, and the time that is signed there.
enum Place<'a> {
    /// In the header; `date` is the value of `Date`, empty where `x-amz-date` is given.
    Header { date: &'a str },
    /// In the query.
    Query { expires: &'a str },
}

/// The text that is signed: method, a few headers, the date or the time of expiry, the `x-amz-*`
/// headers, and what is asked for.
fn string_to_sign(
    head: &RequestHead<'_>,
    query: &Query,
    place: &Place<'_>,
    domains: &[String],
) -> Result<ToSign, S3Error> {
    check_query(head, query)?;
    let stated = |name: &str| {
        let in_query = || query.get(name).filter(|_| matches!(place, Place::Query { .. }));
        Ok::<_, S3Error>(head.header(name)?.or_else(in_query).unwrap_or(""))
    };
    let (md5, content_type) = (stated("content-md5")?, stated("content-type")?);
    let (Place::Header { date: time } | Place::Query { expires: time }) = place;
    let mut text = format!("{}\n{md5}\n{content_type}\n{time}\n", head.method);
    for (name, value) in amz_headers(head, query)? {
        text.push_str(&format!("{name}:{value}\n"));
    }
    let path = head.uri.path();
    let bucket = bucket_of_host(head.host().unwrap_or(""), domains);
    let is_bucket = bucket.is_none()
        && path.strip_prefix('/').is_some_and(|name| !name.is_empty() && !name.contains('/'));
    if let Some(bucket) = bucket {
        text.push_str(&format!("/{bucket}"));
    }
    text.push_str(path);
    let bucket_end = is_bucket.then_some(text.len());
    let mut covered: Vec<_> = query.pairs().filter(|(name, _)| SIGNED_PARAMETERS.contains(name)).collect();
    covered.sort_unstable();
    for (number, (name, value)) in covered.into_iter().enumerate() {
        text.push(if number == 0 { '?' } else { '&' });
        text.push_str(name);
        if !value.is_empty() {
            text.push_str(&format!("={value}"));
        }
    }
    Ok(ToSign { text, bucket_end })
}

/// `SignatureDoesNotMatch` for a query whose signed text could stand for another request: in it a
/// line break would end one header and begin the next, an ampersand one parameter and another, and of
/// two parameters of one name both count later on. What is signed as `content-md5` must be the header that the body is held against.
fn check_query(head: &RequestHead<'_>, query: &Query) -> Result<(), S3Error> {
    let mut seen = BTreeSet::new();
    for (name, value) in query.pairs() {
        let lower = name.to_ascii_lowercase();
        let header = lower.starts_with("x-amz-") || lower == "content-md5" || lower == "content-type";
        if !header && !SIGNED_PARAMETERS.contains(&name) {
            continue;
        }
        let fault = name.chars().chain(value.chars()).any(char::is_control)
            || (lower == "content-md5" && head.header("content-md5")? != Some(value))
            || names_another(value)
            || !seen.insert(lower);
        if fault {
            return Err(S3Error::new(ErrorCode::SignatureDoesNotMatch).field("Parameter", name));
        }
    }
    Ok(())
}

/// Whether a value looks like one with another parameter behind it, once it is decoded.
fn names_another(value: &str) -> bool {
    value
        .split('&')
        .skip(1)
        .any(|pair| SIGNED_PARAMETERS.contains(&pair.split_once('=').map_or(pair, |(name, _)| name)))
}

/// The `x-amz-*` headers by lower-case name. Those in the query are read as headers later on, so
/// that they must be signed like them.
fn amz_headers(head: &RequestHead<'_>, query: &Query) -> Result<BTreeMap<String, String>, S3Error> {
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    for name in head.headers.keys().filter(|name| name.as_str().starts_with("x-amz-")) {
        let values: Vec<&str> = head
            .headers
            .get_all(name)
            .iter()
            .map(|value| {
                std::str::from_utf8(value.as_bytes()).map(str::trim).map_err(|_| {
                    S3Error::with_message(ErrorCode::InvalidArgument, "Header value is not UTF-8")
                        .field("ArgumentName", name.as_str())
                })
            })
            .collect::<Result<_, _>>()?;
        found.insert(name.as_str().to_owned(), values.join(","));
    }
    for (name, value) in query.pairs() {
        let name = name.to_ascii_lowercase();
        if name.starts_with("x-amz-") {
            found.entry(name).or_insert_with(|| value.to_owned());
        }
    }
    Ok(found)
}

#[cfg(test)]
#[path = "sigv2_tests.rs"]
mod tests;

//! A claim of identity: read from the head of a request, then verified.

use http::HeaderValue;

use crate::error::{ErrorCode, S3Error};
use crate::head::RequestHead;
use crate::sigv4::canonical::{canonical_request, string_to_sign};
use crate::sigv4::credential::{Place, not_signed, parse_credential, parse_signature, parse_signed_headers};
use crate::sigv4::key::{ChunkSigner, Scope, SigningKey};
use crate::sigv4::payload::PayloadMode;
use crate::sigv4::{ALGORITHM, Expected, MAX_EXPIRES_S, MAX_SKEW_MS};
use crate::time::{amz_date, iso8601, parse_amz_date, parse_http_date};
use crate::uri::Query;

/// What the head of a request claims: who signed it, when, and for how long. Not yet verified.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The access key to look the secret up by.
    pub access_key: String,
    /// The session token of temporary credentials; the caller must check it.
    pub session_token: Option<String>,
    /// How the body is covered.
    pub payload: PayloadMode,
    /// For which day, region and service the signature is made.
    pub scope: Scope,
    place: Place,
    signed_at_ms: u64,
    expires_s: u64,
    amz_date: String,
    signature: [u8; 32],
    canonical: Vec<u8>,
    to_sign: String,
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
    /// Checks the signatures of the chunks of the body, if it has any.
    pub chunk_signer: ChunkSigner,
}

impl Claim {
    pub(crate) fn is_presigned(&self) -> bool {
        self.place == Place::Query
    }

    /// Reads the claim of a request; `None` if it is anonymous.
    ///
    /// Fails with the error of AWS for a claim that is malformed, made for another region or
    /// service, or that leaves `host` or an `x-amz-*` header unsigned.
    pub fn parse(head: &RequestHead<'_>, expected: Expected<'_>) -> Result<Option<Self>, S3Error> {
        let query = Query::parse(head.query())?;
        match authorization(head, &query)? {
            Some(value) => Self::from_header(head, value.to_str().unwrap_or(""), expected).map(Some),
            None if is_presigned(&query) => Self::from_query(head, &query, expected).map(Some),
            None => Ok(None),
        }
    }

    fn from_header(head: &RequestHead<'_>, value: &str, expected: Expected<'_>) -> Result<Self, S3Error> {
        let value = value.trim();
        let (algorithm, fields) = value.split_once(char::is_whitespace).unwrap_or((value, ""));
        if algorithm == "AWS" {
            return Err(old_mechanism());
        }
        if algorithm != ALGORITHM {
            return Err(S3Error::with_message(ErrorCode::InvalidArgument, "Unsupported Authorization Type")
                .field("ArgumentName", "Authorization"));
        }
        let place = Place::Header;
        let (mut credential, mut signed_headers, mut signature) = (None, None, None);
        for field in fields.split(',') {
            let (name, value) = field.trim().split_once('=').ok_or_else(|| {
                place.malformed("expecting \"Credential=..., SignedHeaders=..., Signature=...\".")
            })?;
            let slot = match name {
                "Credential" => &mut credential,
                "SignedHeaders" => &mut signed_headers,
                "Signature" => &mut signature,
                _ => return Err(place.malformed("it holds an unknown component.")),
            };
            if slot.replace(value).is_some() {
                return Err(place.malformed(&format!("{name} is given twice.")));
            }
        }
        let missing =
            |name: &str| place.malformed(&format!("the authorization component \"{name}=...\" is missing."));
        let credential = credential.ok_or_else(|| missing("Credential"))?;
        let signed_headers = signed_headers.ok_or_else(|| missing("SignedHeaders"))?;
        let signature = signature.ok_or_else(|| missing("Signature"))?;

        let (access_key, scope) = parse_credential(credential, expected, place)?;
        let (signed_at_ms, dated_by) = header_date(head)?;
        let amz_date = amz_date(signed_at_ms);
        let day = &amz_date[..8];
        if day != scope.date {
            return Err(place.malformed(&format!(
                "Invalid credential date \"{}\". This date is not the same as X-Amz-Date: \"{day}\".",
                scope.date
            )));
        }
        let payload = head.header("x-amz-content-sha256")?.ok_or_else(|| {
            S3Error::with_message(
                ErrorCode::InvalidRequest,
                "Missing required header for this request: x-amz-content-sha256",
            )
        })?;
        let signed_headers = parse_signed_headers(head, signed_headers, place)?;
        // Without this a request dated by `Date` could be replayed for ever.
        if !signed_headers.iter().any(|name| name == dated_by) {
            return Err(not_signed(dated_by));
        }
        let canonical = canonical_request(head, &signed_headers, payload)?;
        Ok(Self {
            access_key,
            session_token: head.header("x-amz-security-token")?.map(str::to_owned),
            payload: PayloadMode::parse(payload)?,
            place,
            signed_at_ms,
            expires_s: 0,
            signature: parse_signature(signature)?,
            to_sign: string_to_sign(&amz_date, &scope, &canonical),
            scope,
            amz_date,
            canonical,
        })
    }

    fn from_query(head: &RequestHead<'_>, query: &Query, expected: Expected<'_>) -> Result<Self, S3Error> {
        let place = Place::Query;
        let fault = |message: &'static str| {
            S3Error::with_message(ErrorCode::AuthorizationQueryParametersError, message)
        };
        let required = |name: &str| {
            query.get(name).ok_or_else(|| {
                fault(
                    "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, \
                     X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.",
                )
            })
        };
        let algorithm = required("X-Amz-Algorithm")?;
        let credential = required("X-Amz-Credential")?;
        let signature = required("X-Amz-Signature")?;
        let date = required("X-Amz-Date")?;
        let signed_headers = required("X-Amz-SignedHeaders")?;
        let expires = required("X-Amz-Expires")?;
        if algorithm != ALGORITHM {
            return Err(fault("X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256\""));
        }
        let (access_key, scope) = parse_credential(credential, expected, place)?;
        let signed_at_ms = parse_amz_date(date)
            .ok_or_else(|| fault("X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\""))?;
        if !date.starts_with(&scope.date) {
            return Err(place.malformed(&format!(
                "Invalid credential date \"{}\". This date is not the same as X-Amz-Date: \"{}\".",
                scope.date,
                &amz_date(signed_at_ms)[..8]
            )));
        }
        let expires_s = match expires.parse::<i64>() {
            Err(_) => return Err(fault("X-Amz-Expires should be a number")),
            Ok(..0) => return Err(fault("X-Amz-Expires must be non-negative")),
            Ok(0) => return Err(fault("X-Amz-Expires must be at least 1 second")),
            Ok(seconds) => u64::try_from(seconds).ok().filter(|seconds| *seconds <= MAX_EXPIRES_S).ok_or_else(|| {
                fault(
                    "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires \
                     must be less than 604800 seconds",
                )
            })?,
        };
        let signed_headers = parse_signed_headers(head, signed_headers, place)?;
        let payload = match head.header("x-amz-content-sha256")? {
            Some(value) => value,
            None => query.get("X-Amz-Content-Sha256").unwrap_or("UNSIGNED-PAYLOAD"),
        };
        let canonical = canonical_request(head, &signed_headers, payload)?;
        let header_token = head.header("x-amz-security-token")?;
        Ok(Self {
            access_key,
            session_token: query.get("X-Amz-Security-Token").or(header_token).map(str::to_owned),
            payload: PayloadMode::parse(payload)?,
            place,
            signed_at_ms,
            expires_s,
            signature: parse_signature(signature)?,
            to_sign: string_to_sign(date, &scope, &canonical),
            scope,
            amz_date: date.to_owned(),
            canonical,
        })
    }

    /// When it says that it was signed.
    pub(crate) fn signed_at_ms(&self) -> u64 {
        self.signed_at_ms
    }

    /// Verifies time and signature against the secret of [`Claim::access_key`].
    ///
    /// Fails with `RequestTimeTooSkewed`, `AccessDenied` (expired, or not yet valid) or
    /// `SignatureDoesNotMatch`. The comparison takes the same time wherever signatures differ.
    pub fn verify(self, secret_key: &str, now_ms: u64) -> Result<Verified, S3Error> {
        let key = SigningKey::derive(secret_key, &self.scope);
        self.verify_with_key(key, now_ms)
    }

    /// The same with a key derived before, which must be that of [`Claim::scope`].
    pub fn verify_with_key(self, key: SigningKey, now_ms: u64) -> Result<Verified, S3Error> {
        self.check_time(now_ms)?;
        if !key.matches(&self.to_sign, &self.signature) {
            return Err(self.mismatch());
        }
        Ok(Verified {
            chunk_signer: ChunkSigner::new(key, self.amz_date, &self.scope, self.signature),
            access_key: self.access_key,
            session_token: self.session_token,
            payload: self.payload,
        })
    }

    fn check_time(&self, now_ms: u64) -> Result<(), S3Error> {
        match self.place {
            Place::Header => check_skew(self.signed_at_ms, now_ms),
            Place::Query if self.signed_at_ms > now_ms.saturating_add(MAX_SKEW_MS) => {
                Err(S3Error::with_message(ErrorCode::AccessDenied, "Request is not yet valid")
                    .field("ServerTime", iso8601(now_ms)))
            }
            Place::Query if now_ms > self.signed_at_ms.saturating_add(self.expires_s * 1_000) => {
                Err(S3Error::with_message(ErrorCode::AccessDenied, "Request has expired")
                    .field("X-Amz-Expires", self.expires_s.to_string())
                    .field("Expires", iso8601(self.signed_at_ms.saturating_add(self.expires_s * 1_000)))
                    .field("ServerTime", iso8601(now_ms)))
            }
            Place::Query => Ok(()),
        }
    }

    /// The texts that were signed hold nothing the client did not send; they help it to find its fault.
    fn mismatch(self) -> S3Error {
        S3Error::new(ErrorCode::SignatureDoesNotMatch)
            .field("AWSAccessKeyId", self.access_key)
            .field("StringToSign", self.to_sign)
            .field("SignatureProvided", hex::encode(self.signature))
            .field("CanonicalRequest", String::from_utf8_lossy(&self.canonical))
    }
}

/// The `Authorization` header, if there is one. It must be the only claim of the request, in any
/// version: `InvalidArgument` otherwise.
pub(crate) fn authorization<'a>(
    head: &RequestHead<'a>,
    query: &Query,
) -> Result<Option<&'a HeaderValue>, S3Error> {
    let mut values = head.headers.get_all(http::header::AUTHORIZATION).iter();
    let first = values.next();
    let in_query = is_presigned(query) || (query.has("Signature") && query.has("AWSAccessKeyId"));
    if first.is_some() && (in_query || values.next().is_some()) {
        return Err(several_mechanisms());
    }
    Ok(first)
}

/// The error for a request that is signed in more places than one, or where it must not be.
pub(crate) fn several_mechanisms() -> S3Error {
    S3Error::with_message(
        ErrorCode::InvalidArgument,
        "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, \
         Signature query string parameter or the Authorization header should be specified",
    )
    .field("ArgumentName", "Authorization")
}

/// Whether a query carries a claim of this version.
pub(crate) fn is_presigned(query: &Query) -> bool {
    ["X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature"].iter().any(|name| query.has(name))
}

fn old_mechanism() -> S3Error {
    S3Error::with_message(
        ErrorCode::InvalidRequest,
        "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.",
    )
}

/// When the request says it was signed, and the header that says so: `x-amz-date` before `Date`.
pub(crate) fn header_date(head: &RequestHead<'_>) -> Result<(u64, &'static str), S3Error> {
    let (text, name) = match head.header("x-amz-date")? {
        Some(text) => (Some(text), "x-amz-date"),
        None => (head.header("date")?, "date"),
    };
    text.and_then(|text| parse_amz_date(text).or_else(|| parse_http_date(text)))
        .map(|signed_at_ms| (signed_at_ms, name))
        .ok_or_else(|| {
            S3Error::with_message(
                ErrorCode::AccessDenied,
                "AWS authentication requires a valid Date or x-amz-date header",
            )
        })
}

/// `RequestTimeTooSkewed` if the clock of the client is too far off.
pub(crate) fn check_skew(signed_at_ms: u64, now_ms: u64) -> Result<(), S3Error> {
    if now_ms.abs_diff(signed_at_ms) <= MAX_SKEW_MS {
        return Ok(());
    }
    Err(S3Error::new(ErrorCode::RequestTimeTooSkewed)
        .field("RequestTime", amz_date(signed_at_ms))
        .field("ServerTime", iso8601(now_ms))
        .field("MaxAllowedSkewMilliseconds", MAX_SKEW_MS.to_string()))
}

#[cfg(test)]
#[path = "claim_tests.rs"]
mod tests;

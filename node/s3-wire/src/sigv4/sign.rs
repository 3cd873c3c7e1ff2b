//! The client's side: signing a request, and making presigned URLs.

use http::header::{AUTHORIZATION, HOST, InvalidHeaderValue};
use http::{HeaderMap, HeaderValue, Method, Uri};

use crate::error::S3Error;
use crate::head::RequestHead;
use crate::sigv4::canonical::{canonical_request, string_to_sign};
use crate::sigv4::key::{ChunkSigner, Scope, SigningKey};
use crate::sigv4::payload::PayloadMode;
use crate::sigv4::{ALGORITHM, Expected};
use crate::time::amz_date;
use crate::uri;

/// What a client signs with.
#[derive(Clone)]
pub struct Credentials {
    /// The access key.
    pub access_key: String,
    /// Its secret.
    pub secret_key: String,
    /// The session token of temporary credentials.
    pub session_token: Option<String>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("access_key", &self.access_key).finish_non_exhaustive()
    }
}

/// Why a request cannot be signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// The URI names no host and the headers have none.
    #[error("the request names no host")]
    NoHost,
    /// A value does not fit into a header.
    #[error("value does not fit into a header")]
    Header(#[from] InvalidHeaderValue),
    /// The path or the query has a broken percent escape.
    #[error("path or query has a broken escape")]
    Escape,
}

impl From<S3Error> for SignError {
    fn from(_: S3Error) -> Self {
        Self::Escape
    }
}

/// Headers that proxies and HTTP libraries change on the way, and so are left out.
const UNSTABLE: [&str; 7] =
    ["authorization", "connection", "content-length", "expect", "te", "transfer-encoding", "user-agent"];

/// Signs a request by adding `host` (if it is missing), `x-amz-date`, `x-amz-content-sha256`,
/// `x-amz-security-token` and `authorization` to its headers.
///
/// The result signs the chunks, if the payload mode has signed ones.
pub fn sign(
    credentials: &Credentials,
    target: Expected<'_>,
    method: &Method,
    uri: &Uri,
    headers: &mut HeaderMap,
    payload: PayloadMode,
    now_ms: u64,
) -> Result<ChunkSigner, SignError> {
    let amz_date = amz_date(now_ms);
    let scope = scope(target, &amz_date);
    add_host(uri, headers)?;
    headers.remove(AUTHORIZATION);
    headers.insert("x-amz-date", HeaderValue::from_str(&amz_date)?);
    headers.insert("x-amz-content-sha256", HeaderValue::from_str(&payload.to_header())?);
    if let Some(token) = &credentials.session_token {
        headers.insert("x-amz-security-token", HeaderValue::from_str(token)?);
    }
    let signed = signed_names(headers);
    let head = RequestHead { method, uri, headers };
    let canonical = canonical_request(&head, &signed, &payload.to_header())?;
    let key = SigningKey::derive(&credentials.secret_key, &scope);
    let signature = key.sign(&string_to_sign(&amz_date, &scope, &canonical));
    let value = format!(
        "{ALGORITHM} Credential={}/{scope}, SignedHeaders={}, Signature={}",
        credentials.access_key,
        signed.join(";"),
        hex::encode(signature)
    );
    headers.insert(AUTHORIZATION, HeaderValue::from_str(&value)?);
    Ok(ChunkSigner::new(key, amz_date, &scope, signature))
}

/// Makes the path and query of a presigned URL that is good for `expires_s` seconds.
///
/// All of `headers` are signed, so whoever uses the URL must send the same.
pub fn presign(
    credentials: &Credentials,
    target: Expected<'_>,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    expires_s: u32,
    now_ms: u64,
) -> Result<String, SignError> {
    let amz_date = amz_date(now_ms);
    let scope = scope(target, &amz_date);
    let mut headers = headers.clone();
    add_host(uri, &mut headers)?;
    let signed = signed_names(&headers);

    let mut query = String::new();
    if let Some(own) = uri.query().filter(|own| !own.is_empty()) {
        query.push_str(own);
        query.push('&');
    }
    let mut push = |name: &str, value: &str| {
        query.push_str(name);
        query.push('=');
        uri::encode_into(&mut query, value.as_bytes(), false);
        query.push('&');
    };
    push("X-Amz-Algorithm", ALGORITHM);
    push("X-Amz-Credential", &format!("{}/{scope}", credentials.access_key));
    push("X-Amz-Date", &amz_date);
    push("X-Amz-Expires", &expires_s.to_string());
    if let Some(token) = &credentials.session_token {
        push("X-Amz-Security-Token", token);
    }
    push("X-Amz-SignedHeaders", &signed.join(";"));
    let unsigned = format!("{}?{}", uri.path(), query.trim_end_matches('&'));
    let unsigned: Uri = unsigned.parse().map_err(|_| SignError::Escape)?;

    let head = RequestHead { method, uri: &unsigned, headers: &headers };
    let canonical = canonical_request(&head, &signed, "UNSIGNED-PAYLOAD")?;
    let key = SigningKey::derive(&credentials.secret_key, &scope);
    let signature = key.sign(&string_to_sign(&amz_date, &scope, &canonical));
    Ok(format!("{unsigned}&X-Amz-Signature={}", hex::encode(signature)))
}

fn scope(target: Expected<'_>, amz_date: &str) -> Scope {
    Scope {
        date: amz_date.chars().take(8).collect(),
        region: target.region.to_owned(),
        service: target.service.to_owned(),
    }
}

fn add_host(uri: &Uri, headers: &mut HeaderMap) -> Result<(), SignError> {
    if !headers.contains_key(HOST) {
        let host = uri.authority().ok_or(SignError::NoHost)?.as_str();
        headers.insert(HOST, HeaderValue::from_str(host)?);
    }
    Ok(())
}

fn signed_names(headers: &HeaderMap) -> Vec<String> {
    let mut names: Vec<String> = headers
        .keys()
        .map(|name| name.as_str().to_owned())
        .filter(|name| !UNSTABLE.contains(&name.as_str()))
        .collect();
    names.sort_unstable();
    names
}

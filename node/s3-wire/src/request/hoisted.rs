//! Headers that a presigned URL carries as query parameters.
//!
//! Some SDKs move the `x-amz-*` headers of a request into the query when they presign it, and S3
//! takes them for headers; so do we, before anything is read from the request.

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::error::S3Error;
use crate::head::RequestHead;
use crate::uri::Query;

/// The parameters of the signature itself.
const SIGNATURE: &[&str] = &[
    "x-amz-algorithm",
    "x-amz-credential",
    "x-amz-date",
    "x-amz-expires",
    "x-amz-security-token",
    "x-amz-signature",
    "x-amz-signedheaders",
];

/// Checksums count only as headers: some SDKs put that of an empty body into every URL that they
/// presign for an upload.
fn is_checksum(name: &str) -> bool {
    name.starts_with("x-amz-checksum-") || name == "x-amz-sdk-checksum-algorithm"
}

/// The headers together with those in the query, or `None` if the query has none. Everything but the
/// signature is to be read from these. Their values are trimmed, as those of headers are before
/// anybody reads them.
///
/// `InvalidArgument` for what does not fit into a header, or is given there with another value.
pub fn with_hoisted(head: &RequestHead<'_>) -> Result<Option<HeaderMap>, S3Error> {
    let query = Query::parse(head.query())?;
    let mut merged: Option<HeaderMap> = None;
    for (name, value) in query.pairs() {
        let lower = name.to_ascii_lowercase();
        if !lower.starts_with("x-amz-") || SIGNATURE.contains(&lower.as_str()) || is_checksum(&lower) {
            continue;
        }
        let fault = || S3Error::invalid_argument("The parameter does not fit into the headers", name, value);
        let header = HeaderName::from_bytes(lower.as_bytes()).map_err(|_| fault())?;
        let value = HeaderValue::from_bytes(value.trim().as_bytes()).map_err(|_| fault())?;
        // A signature may cover the header alone, and what is not done must not be said.
        if head.headers.get_all(&header).iter().any(|there| *there != value) {
            return Err(fault());
        }
        if !head.headers.contains_key(&header) {
            merged.get_or_insert_with(|| head.headers.clone()).append(header, value);
        }
    }
    Ok(merged)
}

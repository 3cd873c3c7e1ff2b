//! The `Credential`, `SignedHeaders` and `Signature` of a claim, and the faults they can have.
//!
//! The header and the query carry the same three things and differ in the words of their errors.

use crate::error::{ErrorCode, S3Error};
use crate::head::RequestHead;
use crate::sigv4::Expected;
use crate::sigv4::key::{Scope, parse_digest};

/// Where the signature stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Header,
    Query,
}

impl Place {
    /// The error for a claim that is malformed in this place.
    pub(crate) fn malformed(self, detail: &str) -> S3Error {
        match self {
            Self::Header => S3Error::with_message(
                ErrorCode::AuthorizationHeaderMalformed,
                format!("The authorization header is malformed; {detail}"),
            ),
            Self::Query => S3Error::with_message(
                ErrorCode::AuthorizationQueryParametersError,
                format!("Error parsing the X-Amz-Credential parameter; {detail}"),
            ),
        }
    }
}

/// Splits `AKID/20261122/region/service/aws4_request` and holds it against what is expected.
pub(crate) fn parse_credential(
    text: &str,
    expected: Expected<'_>,
    place: Place,
) -> Result<(String, Scope), S3Error> {
    let mut fields = text.rsplitn(5, '/');
    let (terminal, service, region, date, access_key) =
        (fields.next(), fields.next(), fields.next(), fields.next(), fields.next());
    let (Some(terminal), Some(service), Some(region), Some(date), Some(access_key)) =
        (terminal, service, region, date, access_key)
    else {
        return Err(place.malformed(
            "the Credential is mal-formed; expecting \"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".",
        ));
    };
    if access_key.is_empty() || access_key.len() > 128 {
        return Err(place.malformed("the Credential is mal-formed; the access key is missing or too long."));
    }
    if date.len() != 8 || !date.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(place.malformed(&format!(
            "incorrect date format \"{date}\". This date in the credential must be in the format \"yyyyMMdd\"."
        )));
    }
    if region != expected.region {
        let right = expected.region;
        return Err(place
            .malformed(&format!("the region '{region}' is wrong; expecting '{right}'"))
            .field("Region", right));
    }
    if service != expected.service {
        let right = expected.service;
        return Err(place
            .malformed(&format!("incorrect service \"{service}\". This endpoint belongs to \"{right}\".")));
    }
    if terminal != "aws4_request" {
        return Err(place
            .malformed(&format!("incorrect terminal \"{terminal}\". This endpoint uses \"aws4_request\".")));
    }
    let scope = Scope { date: date.to_owned(), region: region.to_owned(), service: service.to_owned() };
    Ok((access_key.to_owned(), scope))
}

/// Splits the signed headers and refuses a request with headers that should be among them.
pub(crate) fn parse_signed_headers(
    head: &RequestHead<'_>,
    text: &str,
    place: Place,
) -> Result<Vec<String>, S3Error> {
    let names: Vec<String> = text.split(';').map(str::to_owned).collect();
    let proper = |name: &String| {
        !name.is_empty()
            && http::HeaderName::from_bytes(name.as_bytes()).is_ok_and(|parsed| parsed.as_str() == name)
    };
    if !names.iter().all(proper) {
        return Err(match place {
            Place::Header => place.malformed("the SignedHeaders are mal-formed."),
            Place::Query => S3Error::with_message(
                ErrorCode::AuthorizationQueryParametersError,
                "X-Amz-SignedHeaders must be a list of lower-case header names separated by ';'",
            ),
        });
    }
    let mut unsigned: Vec<&str> = head
        .headers
        .keys()
        .map(http::HeaderName::as_str)
        .chain(["host"])
        .filter(|name| *name == "host" || name.starts_with("x-amz-"))
        .filter(|name| !names.iter().any(|signed| signed == name))
        .collect();
    unsigned.sort_unstable();
    unsigned.dedup();
    if unsigned.is_empty() { Ok(names) } else { Err(not_signed(&unsigned.join(", "))) }
}

/// The error for headers that the signature leaves open.
pub(crate) fn not_signed(names: &str) -> S3Error {
    S3Error::with_message(
        ErrorCode::AccessDenied,
        "There were headers present in the request which were not signed",
    )
    .field("HeadersNotSigned", names)
}

/// Reads a signature; one that is not 64 hex digits cannot match.
pub(crate) fn parse_signature(text: &str) -> Result<[u8; 32], S3Error> {
    parse_digest(text).ok_or_else(|| ErrorCode::SignatureDoesNotMatch.into())
}

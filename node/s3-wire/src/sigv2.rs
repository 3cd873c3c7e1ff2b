//! Presigned URLs of Signature Version 2: what boto3 and aws-cli make for `us-east-1` and an
//! endpoint of one's own, unless they are told otherwise. Nothing else of that version is served.
//!
//! Source: "Signing and authenticating REST requests (AWS signature version 2)", S3 developer guide.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac as _};
use sha1::Sha1;

use crate::auth::Verified;
use crate::error::{ErrorCode, S3Error};
use crate::head::RequestHead;
use crate::request::bucket_of_host;
use crate::sigv4::PayloadMode;
use crate::time::iso8601;
use crate::uri::Query;

/// The query parameters that the signature covers.
const SIGNED_PARAMETERS: &[&str] = &[
    "accelerate",
    "acl",
    "analytics",
    "cors",
    "delete",
    "inventory",
    "lifecycle",
    "location",
    "logging",
    "metrics",
    "notification",
    "object-lock",
    "partNumber",
    "policy",
    "replication",
    "requestPayment",
    "response-cache-control",
    "response-content-disposition",
    "response-content-encoding",
    "response-content-language",
    "response-content-type",
    "response-expires",
    "restore",
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

/// What a presigned URL claims. Not yet verified.
#[derive(Clone, Debug)]
pub struct Claim {
    pub(crate) access_key: String,
    pub(crate) session_token: Option<String>,
    payload: PayloadMode,
    expires_s: u64,
    to_sign: String,
    signature: String,
}

impl Claim {
    /// Whether a query carries a claim of this version.
    pub(crate) fn is_in(query: &Query) -> bool {
        query.has("AWSAccessKeyId") || query.has("Signature")
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
        let expires_s: u64 = expires
            .parse()
            .map_err(|_| denied(format!("Invalid date (should be seconds since epoch): {expires}")))?;
        // Its body is covered by no signature, whatever else a header says.
        let payload = match head.header("x-amz-content-sha256")?.map(PayloadMode::parse).transpose()? {
            Some(mode) if mode.needs_signature() => return Err(ErrorCode::InvalidRequest.into()),
            mode => mode.unwrap_or(PayloadMode::Unsigned),
        };
        Ok(Self {
            access_key: access_key.to_owned(),
            session_token: query.get("x-amz-security-token").map(str::to_owned),
            payload,
            expires_s,
            to_sign: string_to_sign(head, query, expires, domains)?,
            signature: signature.to_owned(),
        })
    }

    /// Verifies time and signature against the secret of the access key.
    pub(crate) fn verify(self, secret_key: &str, now_ms: u64) -> Result<Verified, S3Error> {
        let expires_ms = self.expires_s.saturating_mul(1_000);
        if now_ms > expires_ms {
            return Err(denied("Request has expired")
                .field("Expires", iso8601(expires_ms))
                .field("ServerTime", iso8601(now_ms)));
        }
        let matches = STANDARD.decode(&self.signature).is_ok_and(|signature| {
            // Keys of any length are fit for HMAC.
            Hmac::<Sha1>::new_from_slice(secret_key.as_bytes())
                .is_ok_and(|mac| mac.chain_update(&self.to_sign).verify_slice(&signature).is_ok())
        });
        if !matches {
            return Err(S3Error::new(ErrorCode::SignatureDoesNotMatch)
                .field("AWSAccessKeyId", self.access_key)
                .field("StringToSign", self.to_sign)
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

fn denied(message: impl Into<std::borrow::Cow<'static, str>>) -> S3Error {
    S3Error::with_message(ErrorCode::AccessDenied, message)
}

/// The text that is signed: method, a few headers, the time of expiry, the `x-amz-*` headers, and
/// what is asked for.
fn string_to_sign(
    head: &RequestHead<'_>,
    query: &Query,
    expires: &str,
    domains: &[String],
) -> Result<String, S3Error> {
    let stated = |name: &str| Ok::<_, S3Error>(head.header(name)?.or(query.get(name)).unwrap_or(""));
    let mut text =
        format!("{}\n{}\n{}\n{expires}\n", head.method, stated("content-md5")?, stated("content-type")?);
    for (name, value) in amz_headers(head, query)? {
        text.push_str(&format!("{name}:{value}\n"));
    }
    if let Some(bucket) = bucket_of_host(head.host().unwrap_or(""), domains) {
        text.push_str(&format!("/{bucket}"));
    }
    text.push_str(head.uri.path());
    let mut covered: Vec<_> = query.pairs().filter(|(name, _)| SIGNED_PARAMETERS.contains(name)).collect();
    covered.sort_unstable();
    for (number, (name, value)) in covered.into_iter().enumerate() {
        text.push(if number == 0 { '?' } else { '&' });
        text.push_str(name);
        if !value.is_empty() {
            text.push_str(&format!("={value}"));
        }
    }
    Ok(text)
}

/// The `x-amz-*` headers by lower-case name, those in the query included.
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
mod tests {
    use super::*;
    use http::Request;
    use proptest::prelude::*;

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    const NOW_MS: u64 = 1_175_139_000_000;

    /// The example of the developer guide.
    const EXAMPLE: &str = "/photos/puppy.jpg?AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE\
        &Signature=NpgCjnDzrM%2BWFzoENXmpNDUsSn8%3D&Expires=1175139620";
    const EXAMPLE_HOST: &str = "johnsmith.s3.us-west-1.amazonaws.com";

    fn check(request: &Request<()>, now_ms: u64) -> Result<Verified, S3Error> {
        let head = RequestHead::from(request);
        let domains = ["s3.us-west-1.amazonaws.com".to_owned()];
        Claim::parse(&head, &Query::parse(head.query())?, &domains)?.verify(SECRET, now_ms)
    }

    fn get(uri: &str) -> Request<()> {
        Request::builder().uri(uri).header("host", EXAMPLE_HOST).body(()).unwrap()
    }

    fn code(request: &Request<()>, now_ms: u64) -> ErrorCode {
        check(request, now_ms).expect_err("refused").code
    }

    #[test]
    fn the_example_of_the_documentation_verifies() {
        let verified = check(&get(EXAMPLE), NOW_MS).unwrap();
        assert_eq!(verified.access_key, "AKIAIOSFODNN7EXAMPLE");
        assert_eq!(verified.payload, PayloadMode::Unsigned);
        assert!(verified.chunk_signer.is_none());
    }

    #[test]
    fn a_url_is_good_until_it_expires_and_for_nothing_else() {
        assert!(check(&get(EXAMPLE), 1_175_139_620_000).is_ok());
        assert_eq!(code(&get(EXAMPLE), 1_175_139_620_001), ErrorCode::AccessDenied);
        for other in [
            EXAMPLE.replace("puppy", "kitty"),
            EXAMPLE.replace("1175139620", "1175139621"),
            format!("{EXAMPLE}&versionId=1"),
            format!("{EXAMPLE}&acl"),
            format!("{EXAMPLE}&x-amz-meta-a=b"),
            format!("{EXAMPLE}&content-type=text/html"),
            EXAMPLE.replace("NpgC", "npgC"),
            EXAMPLE.replace("NpgCjnDzrM%2BWFzoENXmpNDUsSn8%3D", "x"),
        ] {
            assert_eq!(code(&get(&other), NOW_MS), ErrorCode::SignatureDoesNotMatch, "{other}");
        }
        let mut put = get(EXAMPLE);
        *put.method_mut() = http::Method::PUT;
        assert_eq!(code(&put, NOW_MS), ErrorCode::SignatureDoesNotMatch);
        let mut typed = get(EXAMPLE);
        typed.headers_mut().insert("x-amz-meta-a", http::HeaderValue::from_static("b"));
        assert_eq!(code(&typed, NOW_MS), ErrorCode::SignatureDoesNotMatch);
    }

    #[test]
    fn what_the_url_does_not_cover_may_be_added() {
        assert!(check(&get(&format!("{EXAMPLE}&x-id=GetObject")), NOW_MS).is_ok());
    }

    #[test]
    fn half_a_claim_is_refused() {
        for part in ["Signature=a", "AWSAccessKeyId=a", "AWSAccessKeyId=a&Signature=b", "Expires="] {
            assert_eq!(code(&get(&format!("/k?{part}")), NOW_MS), ErrorCode::AccessDenied);
        }
        let soon = "/k?AWSAccessKeyId=a&Signature=b&Expires=soon";
        assert_eq!(code(&get(soon), NOW_MS), ErrorCode::AccessDenied);
    }

    #[test]
    fn covered_parameters_and_headers_are_sorted_and_joined() {
        let request = Request::builder()
            .method("PUT")
            .uri("/b/k%20k?uploadId=u%2Fu&partNumber=2&x-amz-meta-z=q&other=1&acl")
            .header("host", "h")
            .header("content-type", "text/plain")
            .header("x-amz-meta-b", " one ")
            .header("x-amz-meta-b", "two")
            .header("x-amz-acl", "private")
            .body(())
            .unwrap();
        let head = RequestHead::from(&request);
        let query = Query::parse(head.query()).unwrap();
        assert_eq!(
            string_to_sign(&head, &query, "7", &[]).unwrap(),
            "PUT\n\ntext/plain\n7\nx-amz-acl:private\nx-amz-meta-b:one,two\nx-amz-meta-z:q\n\
             /b/k%20k?acl&partNumber=2&uploadId=u/u"
        );
    }

    proptest! {
        #[test]
        fn arbitrary_requests_never_panic(path in "/[ -~]*", value in "[ -~é]{0,9}") {
            if let Ok(request) = Request::builder().uri(path).header("x-amz-a", value).body(()) {
                check(&request, NOW_MS).ok();
            }
        }
    }
}

//! The canonical form of a request, which is what gets signed.

use sha2::{Digest, Sha256};

use crate::error::S3Error;
use crate::head::RequestHead;
use crate::sigv4::ALGORITHM;
use crate::sigv4::key::Scope;
use crate::uri;

/// The query parameter that carries a presigned signature and so cannot be covered by it.
const SIGNATURE_PARAMETER: &str = "X-Amz-Signature";

/// The canonical request: method, path, query, signed headers, and the word for the body.
///
/// `signed_headers` are lower-case names in the order of the signature; a header that the request
/// does not have counts as empty.
pub(crate) fn canonical_request(
    head: &RequestHead<'_>,
    signed_headers: &[String],
    payload: &str,
) -> Result<Vec<u8>, S3Error> {
    let mut out = String::with_capacity(512);
    out.push_str(head.method.as_str());
    out.push('\n');
    // S3 encodes the path once; other services encode it twice.
    uri::encode_into(&mut out, &uri::decode(head.uri.path(), false)?, true);
    out.push('\n');
    push_query(&mut out, head.query())?;
    out.push('\n');
    // From here on bytes: a header may hold any.
    let mut out = out.into_bytes();
    for name in signed_headers {
        out.extend_from_slice(name.as_bytes());
        out.push(b':');
        push_values(&mut out, head, name);
        out.push(b'\n');
    }
    out.push(b'\n');
    out.extend_from_slice(signed_headers.join(";").as_bytes());
    out.push(b'\n');
    out.extend_from_slice(payload.as_bytes());
    Ok(out)
}

fn push_query(out: &mut String, query: &str) -> Result<(), S3Error> {
    let mut pairs = Vec::new();
    for (name, value) in uri::raw_pairs(query) {
        let name = uri::encode(&uri::decode(name, true)?, false);
        if name != SIGNATURE_PARAMETER {
            pairs.push((name, uri::encode(&uri::decode(value, true)?, false)));
        }
    }
    pairs.sort();
    for (index, (name, value)) in pairs.iter().enumerate() {
        if index > 0 {
            out.push('&');
        }
        out.push_str(name);
        out.push('=');
        out.push_str(value);
    }
    Ok(())
}

fn push_values(out: &mut Vec<u8>, head: &RequestHead<'_>, name: &str) {
    let mut any = false;
    for value in head.headers.get_all(name) {
        if any {
            out.push(b',');
        }
        any = true;
        let words = value.as_bytes().split(|byte| matches!(byte, b' ' | b'\t'));
        for (index, word) in words.filter(|word| !word.is_empty()).enumerate() {
            if index > 0 {
                out.push(b' ');
            }
            out.extend_from_slice(word);
        }
    }
    if !any && name == "host" {
        out.extend_from_slice(head.host().unwrap_or("").as_bytes());
    }
}

/// The text that is signed: algorithm, time, scope, and the hash of the canonical request.
pub(crate) fn string_to_sign(amz_date: &str, scope: &Scope, canonical_request: &[u8]) -> String {
    format!("{ALGORITHM}\n{amz_date}\n{scope}\n{}", hex::encode(Sha256::digest(canonical_request)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;
    use proptest::prelude::*;

    fn canonical(uri: &str, headers: &[(&str, &str)], signed: &[&str]) -> String {
        let mut request = Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(()).unwrap();
        let signed: Vec<String> = signed.iter().map(|name| (*name).to_owned()).collect();
        String::from_utf8(canonical_request(&RequestHead::from(&request), &signed, "P").unwrap()).unwrap()
    }

    #[test]
    fn path_is_encoded_once_and_not_normalised() {
        assert!(canonical("/b/a%20b//../+%2B%7e", &[], &[]).starts_with("GET\n/b/a%20b//../%2B%2B~\n"));
    }

    #[test]
    fn query_is_sorted_by_name_then_value_and_skips_the_signature() {
        let text = canonical("/?b=2&a=z&a=%2F&acl&X-Amz-Signature=f&c=x+y", &[], &[]);
        assert!(text.starts_with("GET\n/\na=%2F&a=z&acl=&b=2&c=x%20y\n"), "{text}");
    }

    #[test]
    fn header_values_are_trimmed_collapsed_and_joined() {
        let text =
            canonical("/", &[("x-amz-meta-a", "  one   two "), ("x-amz-meta-a", "three")], &["x-amz-meta-a"]);
        assert_eq!(text, "GET\n/\n\nx-amz-meta-a:one two,three\n\nx-amz-meta-a\nP");
    }

    proptest! {
        #[test]
        fn arbitrary_requests_never_panic(path in "/[ -~]*", names in prop::collection::vec("[ -~é]{0,9}", 0..4)) {
            if let Ok(request) = Request::builder().uri(path).body(()) {
                canonical_request(&RequestHead::from(&request), &names, "P").ok();
            }
        }
    }
}

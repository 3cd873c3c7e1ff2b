use http::request::Parts;
use mucura_s3_wire::RequestHead;
use mucura_s3_wire::sigv4::{Claim, PayloadMode};
use ring::digest::{SHA256, digest};

use crate::admin::EXPECTED;
use crate::admin::answer::AdminError;
use crate::config::RootKey;

/// Says whether the operator signed this request, body included.
pub(super) fn authorise(root: &RootKey, parts: &Parts, body: &[u8], now_ms: u64) -> Result<(), AdminError> {
    let refuse = |reason: &str| AdminError::NotAllowed(reason.to_owned());
    let head = RequestHead::from(parts);
    let claim = Claim::parse(&head, EXPECTED).map_err(|error| refuse(&error.message))?;
    let claim = claim.ok_or_else(|| refuse("the request is not signed"))?;
    if claim.access_key != root.access_key {
        return Err(refuse("the access key is not the operator's"));
    }
    let verified = claim.verify(&root.secret_key, now_ms).map_err(|error| refuse(&error.message))?;
    match verified.payload {
        PayloadMode::Signed(expected) if digest(&SHA256, body).as_ref() == expected => Ok(()),
        PayloadMode::Signed(_) => Err(refuse("the body is not the one that was signed")),
        _ => Err(refuse("the body must be signed")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderMap, Method, Request, Uri};
    use mucura_s3_wire::sigv4::{Credentials, sign};

    const NOW: u64 = 1_700_000_000_000;

    fn request(secret: &str, body: &[u8], signed_at: u64) -> Parts {
        let credentials =
            Credentials { access_key: "root".into(), secret_key: secret.into(), session_token: None };
        let uri: Uri = "http://127.0.0.1:9400/admin/v1/users".parse().unwrap();
        let mut sha256 = [0; 32];
        sha256.copy_from_slice(digest(&SHA256, body).as_ref());
        let mut headers = HeaderMap::new();
        let mode = PayloadMode::Signed(sha256);
        sign(&credentials, EXPECTED, &Method::POST, &uri, &mut headers, mode, signed_at).unwrap();
        let mut request = Request::post(uri).body(()).unwrap();
        *request.headers_mut() = headers;
        request.into_parts().0
    }

    #[test]
    fn only_the_operators_signature_over_this_body_and_time_counts() {
        let root = RootKey::new("root", "right-secret").unwrap();
        assert_eq!(authorise(&root, &request("right-secret", b"{}", NOW), b"{}", NOW), Ok(()));
        assert!(authorise(&root, &request("wrong-secret", b"{}", NOW), b"{}", NOW).is_err());
        assert!(authorise(&root, &request("right-secret", b"{}", NOW), b"{ }", NOW).is_err());
        assert!(authorise(&root, &request("right-secret", b"{}", NOW - 3_600_000), b"{}", NOW).is_err());
        let unsigned = Request::get("http://127.0.0.1/admin/v1/users").body(()).unwrap().into_parts().0;
        assert!(authorise(&root, &unsigned, b"", NOW).is_err());
        let other = RootKey::new("other", "right-secret").unwrap();
        assert!(authorise(&other, &request("right-secret", b"{}", NOW), b"{}", NOW).is_err());
    }
}

//! Claims and signatures against the examples of the AWS documentation, and against their faults.

use super::*;
use crate::sigv4::{Credentials, presign, sign};
use crate::uri;
use http::{HeaderMap, HeaderValue, Method, Request, Uri};
use proptest::prelude::*;

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const NOW_MS: u64 = 1_369_353_600_000;
const EXPECTED: Expected<'static> = Expected { region: "us-east-1", service: "s3" };
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn credentials() -> Credentials {
    Credentials { access_key: "AKIAIOSFODNN7EXAMPLE".into(), secret_key: SECRET.into(), session_token: None }
}

fn example(method: &str, uri: &str, headers: &[(&str, &str)], signed: &str, signature: &str) -> Request<()> {
    let mut request = Request::builder().method(method).uri(uri);
    request = request.header("host", "examplebucket.s3.amazonaws.com");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request
        .header(
            "authorization",
            format!(
                "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,\
                 SignedHeaders={signed},Signature={signature}"
            ),
        )
        .body(())
        .unwrap()
}

fn get_example() -> Request<()> {
    example(
        "GET",
        "/test.txt",
        &[("range", "bytes=0-9"), ("x-amz-content-sha256", EMPTY), ("x-amz-date", "20130524T000000Z")],
        "host;range;x-amz-content-sha256;x-amz-date",
        "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
    )
}

const PRESIGNED: &str = "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE\
    %2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400\
    &X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";

fn presigned(uri: &str) -> Request<()> {
    Request::builder().uri(uri).header("host", "examplebucket.s3.amazonaws.com").body(()).unwrap()
}

fn check(request: &Request<()>, now_ms: u64) -> Result<Verified, S3Error> {
    match Claim::parse(&RequestHead::from(request), EXPECTED)? {
        Some(claim) => claim.verify(SECRET, now_ms),
        None => panic!("taken as anonymous"),
    }
}

fn refusal(request: &Request<()>, now_ms: u64) -> (ErrorCode, String) {
    let error = check(request, now_ms).expect_err("refused");
    (error.code, error.message.into_owned())
}

#[test]
fn header_examples_of_the_documentation_verify() {
    let put = example(
        "PUT",
        "/test%24file.text",
        &[
            ("date", "Fri, 24 May 2013 00:00:00 GMT"),
            ("x-amz-date", "20130524T000000Z"),
            ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
            ("x-amz-content-sha256", "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"),
        ],
        "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
        "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
    );
    let plain = [("x-amz-content-sha256", EMPTY), ("x-amz-date", "20130524T000000Z")];
    let signed = "host;x-amz-content-sha256;x-amz-date";
    let lifecycle = "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543";
    let list = "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7";
    for request in [
        get_example(),
        put,
        example("GET", "/?lifecycle", &plain, signed, lifecycle),
        example("GET", "/?max-keys=2&prefix=J", &plain, signed, list),
    ] {
        let verified = check(&request, NOW_MS).unwrap();
        assert_eq!(verified.access_key, "AKIAIOSFODNN7EXAMPLE");
    }
}

#[test]
fn presigned_example_verifies_until_it_expires() {
    let request = presigned(PRESIGNED);
    assert_eq!(check(&request, NOW_MS).unwrap().payload, PayloadMode::Unsigned);
    assert!(check(&request, NOW_MS + 86_400_000).is_ok());
    let (code, message) = refusal(&request, NOW_MS + 86_400_001);
    assert_eq!((code, message.as_str()), (ErrorCode::AccessDenied, "Request has expired"));
    let (code, message) = refusal(&request, NOW_MS - 900_001);
    assert_eq!((code, message.as_str()), (ErrorCode::AccessDenied, "Request is not yet valid"));
}

#[test]
fn presigning_gives_the_example() {
    let uri: Uri = "https://examplebucket.s3.amazonaws.com/test.txt".parse().unwrap();
    let url =
        presign(&credentials(), EXPECTED, &Method::GET, &uri, &HeaderMap::new(), 86_400, NOW_MS).unwrap();
    assert_eq!(url, PRESIGNED);
}

#[test]
fn a_skewed_clock_is_refused() {
    let request = get_example();
    assert!(check(&request, NOW_MS + 900_000).is_ok());
    assert!(check(&request, NOW_MS - 900_000).is_ok());
    for now_ms in [NOW_MS + 900_001, NOW_MS - 900_001, 0, u64::MAX] {
        assert_eq!(refusal(&request, now_ms).0, ErrorCode::RequestTimeTooSkewed);
    }
}

#[test]
fn a_wrong_secret_is_refused_with_what_was_signed() {
    let request = get_example();
    let claim = Claim::parse(&RequestHead::from(&request), EXPECTED).unwrap().unwrap();
    let error = claim.verify("other", NOW_MS).unwrap_err();
    assert_eq!(error.code, ErrorCode::SignatureDoesNotMatch);
    let canonical = error.fields.iter().find(|(name, _)| *name == "CanonicalRequest").unwrap();
    assert!(canonical.1.starts_with("GET\n/test.txt\n"));
}

#[test]
fn changed_requests_are_refused() {
    let mut path = get_example();
    *path.uri_mut() = "/other.txt".parse().unwrap();
    let mut range = get_example();
    range.headers_mut().insert("range", HeaderValue::from_static("bytes=0-8"));
    let mut method = get_example();
    *method.method_mut() = Method::DELETE;
    let mut missing = get_example();
    missing.headers_mut().remove("range");
    let mut twice = get_example();
    twice.headers_mut().append("range", HeaderValue::from_static("bytes=0-9"));
    for request in [path, range, method, missing, twice, presigned(&PRESIGNED.replace("86400", "86401"))] {
        assert_eq!(refusal(&request, NOW_MS).0, ErrorCode::SignatureDoesNotMatch);
    }
}

#[test]
fn unsigned_amz_headers_are_refused_by_name() {
    let mut in_header = get_example();
    in_header.headers_mut().insert("x-amz-copy-source", HeaderValue::from_static("a/b"));
    let mut in_query = presigned(PRESIGNED);
    in_query.headers_mut().insert("x-amz-copy-source", HeaderValue::from_static("a/b"));
    for request in [in_header, in_query] {
        let error = check(&request, NOW_MS).unwrap_err();
        assert_eq!(error.code, ErrorCode::AccessDenied);
        assert_eq!(error.message, "There were headers present in the request which were not signed");
        assert_eq!(error.fields, [("HeadersNotSigned", "x-amz-copy-source".to_owned())]);
    }
    let no_host = presigned(&PRESIGNED.replace("SignedHeaders=host", "SignedHeaders=range"));
    assert_eq!(refusal(&no_host, NOW_MS).0, ErrorCode::AccessDenied);
}

#[test]
fn faults_of_the_header_have_their_codes() {
    let with = |value: &str| {
        let mut request = get_example();
        request.headers_mut().insert("authorization", HeaderValue::from_str(value).unwrap());
        refusal(&request, NOW_MS)
    };
    let right = "Credential=AKID/20130524/us-east-1/s3/aws4_request,SignedHeaders=host,Signature=00";
    for (value, code, part) in [
        ("AWS AKID:sig".to_owned(), ErrorCode::InvalidRequest, "Please use AWS4-HMAC-SHA256"),
        ("Bearer x".to_owned(), ErrorCode::InvalidArgument, "Unsupported Authorization Type"),
        ("AWS4-HMAC-SHA256".to_owned(), ErrorCode::AuthorizationHeaderMalformed, "expecting"),
        (
            format!("AWS4-HMAC-SHA256 {}", right.replace("us-east-1", "eu")),
            ErrorCode::AuthorizationHeaderMalformed,
            "the region 'eu' is wrong; expecting 'us-east-1'",
        ),
        (
            format!("AWS4-HMAC-SHA256 {}", right.replace("/s3/", "/ec2/")),
            ErrorCode::AuthorizationHeaderMalformed,
            "incorrect service \"ec2\"",
        ),
        (
            format!("AWS4-HMAC-SHA256 {}", right.replace("aws4_request", "aws5")),
            ErrorCode::AuthorizationHeaderMalformed,
            "incorrect terminal",
        ),
        (
            format!("AWS4-HMAC-SHA256 {}", right.replace("20130524", "20130525")),
            ErrorCode::AuthorizationHeaderMalformed,
            "Invalid credential date",
        ),
        (
            format!("AWS4-HMAC-SHA256 {}", right.replace("20130524", "2013")),
            ErrorCode::AuthorizationHeaderMalformed,
            "incorrect date format",
        ),
        (
            format!("AWS4-HMAC-SHA256 {}", right.replace("AKID/", "")),
            ErrorCode::AuthorizationHeaderMalformed,
            "Credential is mal-formed",
        ),
        (
            format!("AWS4-HMAC-SHA256 {}", right.replace("=host", "=Host")),
            ErrorCode::AuthorizationHeaderMalformed,
            "SignedHeaders",
        ),
        (
            format!("AWS4-HMAC-SHA256 {}", right.replace(",Signature=00", "")),
            ErrorCode::AuthorizationHeaderMalformed,
            "Signature=...",
        ),
    ] {
        let (found, message) = with(&value);
        assert_eq!(found, code, "{value}");
        assert!(message.contains(part), "{value}: {message}");
    }
}

#[test]
fn a_request_without_date_or_hash_is_refused() {
    let mut request = get_example();
    request.headers_mut().remove("x-amz-date");
    assert_eq!(refusal(&request, NOW_MS).0, ErrorCode::AccessDenied);
    let mut request = get_example();
    request.headers_mut().remove("x-amz-content-sha256");
    assert_eq!(refusal(&request, NOW_MS).0, ErrorCode::InvalidRequest);
    // A Date header that is not signed would allow a replay at any later time.
    let mut request = get_example();
    request.headers_mut().remove("x-amz-date");
    request.headers_mut().insert("date", HeaderValue::from_static("Fri, 24 May 2013 00:00:00 GMT"));
    assert_eq!(refusal(&request, NOW_MS).0, ErrorCode::AccessDenied);
}

#[test]
fn faults_of_the_query_have_their_codes() {
    for (from, to, part) in [
        ("X-Amz-Expires=86400", "X-Amz-Expires=604801", "less than a week"),
        ("X-Amz-Expires=86400", "X-Amz-Expires=-1", "non-negative"),
        ("X-Amz-Expires=86400", "X-Amz-Expires=0", "at least 1"),
        ("X-Amz-Expires=86400", "X-Amz-Expires=x", "should be a number"),
        ("&X-Amz-Expires=86400", "", "requires the X-Amz-Algorithm"),
        ("X-Amz-Date=20130524T000000Z", "X-Amz-Date=20130524", "ISO8601 Long Format"),
        ("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1", "only supports"),
        ("us-east-1", "eu", "the region 'eu' is wrong"),
        ("SignedHeaders=host", "SignedHeaders=", "lower-case"),
    ] {
        let (code, message) = refusal(&presigned(&PRESIGNED.replace(from, to)), NOW_MS);
        assert_eq!(code, ErrorCode::AuthorizationQueryParametersError, "{to}");
        assert!(message.contains(part), "{to}: {message}");
    }
    let mut both = presigned(PRESIGNED);
    both.headers_mut().insert("authorization", HeaderValue::from_static("x"));
    assert_eq!(refusal(&both, NOW_MS).0, ErrorCode::InvalidArgument);
    let mut old = presigned("/a?AWSAccessKeyId=A&Signature=B&Expires=1");
    old.headers_mut().insert("authorization", HeaderValue::from_static("x"));
    assert_eq!(refusal(&old, NOW_MS).0, ErrorCode::InvalidArgument);
}

#[test]
fn a_request_without_a_claim_is_anonymous() {
    let request = presigned("/test.txt?prefix=a");
    assert!(Claim::parse(&RequestHead::from(&request), EXPECTED).unwrap().is_none());
}

proptest! {
    #[test]
    fn what_is_signed_verifies_and_any_other_time_or_secret_does_not(
        path in "(/[a-zA-Z0-9~+*$ ]{0,8}){1,4}",
        query in prop::collection::vec(("[a-z+ ]{1,5}", "[ -~é]{0,8}"), 0..4),
        meta in "[!-~]( ?[!-~]{1,4}){0,5}",
        presigning: bool,
        shift_ms in 0_u64..900_000,
    ) {
        let mut text = format!("https://host.example:9000{}", uri::encode(path.as_bytes(), true));
        for (index, (name, value)) in query.iter().enumerate() {
            text.push(if index == 0 { '?' } else { '&' });
            text.push_str(&format!("{}={}", uri::encode(name.as_bytes(), false), uri::encode(value.as_bytes(), false)));
        }
        let uri: Uri = text.parse().unwrap();
        let mut headers = HeaderMap::new();
        headers.insert("x-amz-meta-a", HeaderValue::from_str(&meta).unwrap());
        let mut credentials = credentials();
        credentials.session_token = Some("to/ken+=".into());
        let uri = if presigning {
            let uri = presign(&credentials, EXPECTED, &Method::PUT, &uri, &headers, 60, NOW_MS).unwrap();
            headers.insert("host", HeaderValue::from_static("host.example:9000"));
            uri.parse().unwrap()
        } else {
            sign(&credentials, EXPECTED, &Method::PUT, &uri, &mut headers, PayloadMode::Unsigned, NOW_MS).unwrap();
            uri
        };
        let head = RequestHead { method: &Method::PUT, uri: &uri, headers: &headers };
        let claim = Claim::parse(&head, EXPECTED).unwrap().unwrap();
        prop_assert_eq!(claim.session_token.as_deref(), Some("to/ken+="));
        let now_ms = if presigning { NOW_MS + shift_ms % 60_000 } else { NOW_MS + shift_ms };
        prop_assert!(claim.clone().verify(SECRET, now_ms).is_ok());
        prop_assert!(claim.clone().verify("wrong", now_ms).is_err());
        prop_assert!(claim.verify(SECRET, NOW_MS + 900_001).is_err());
    }

    #[test]
    fn arbitrary_claims_never_panic(authorization in "[ -~]{0,120}", query in "[!-~]{0,120}", date in "[ -~]{0,30}") {
        for authorization in [authorization.clone(), format!("AWS4-HMAC-SHA256 {authorization}")] {
            let request = Request::builder()
                .uri(format!("/?{query}").replace('#', ""))
                .header("authorization", authorization)
                .header("x-amz-date", date.clone())
                .body(());
            if let Ok(request) = request {
                Claim::parse(&RequestHead::from(&request), EXPECTED).ok();
            }
        }
        let request = Request::builder().uri(format!("/?X-Amz-Signature={query}").replace('#', "")).body(());
        if let Ok(request) = request {
            Claim::parse(&RequestHead::from(&request), EXPECTED).ok();
        }
    }
}

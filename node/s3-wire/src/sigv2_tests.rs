//! Claims of Signature Version 2 against the examples of the AWS documentation, and their faults.

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
        string_to_sign(&head, &query, &Place::Query { expires: "7" }, &[]).unwrap().text,
        "PUT\n\ntext/plain\n7\nx-amz-acl:private\nx-amz-meta-b:one,two\nx-amz-meta-z:q\n\
         /b/k%20k?acl&partNumber=2&uploadId=u/u"
    );
}

/// A presigned URL for a path with its query.
fn presigned(method: &str, path: &str) -> Request<()> {
    let and = if path.contains('?') { '&' } else { '?' };
    let uri = format!("{path}{and}AWSAccessKeyId=a&Expires=1175139620&Signature=");
    let unsigned = Request::builder().method(method).uri(&uri).header("host", "h").body(()).unwrap();
    let head = RequestHead::from(&unsigned);
    let query = Query::parse(head.query()).unwrap();
    let place = Place::Query { expires: "1175139620" };
    let to_sign = string_to_sign(&head, &query, &place, &[]).unwrap();
    let mac = Hmac::<Sha1>::new_from_slice(SECRET.as_bytes()).unwrap().chain_update(to_sign.text);
    let signature = crate::uri::encode(STANDARD.encode(mac.finalize().into_bytes()).as_bytes(), false);
    Request::builder().method(method).uri(uri + &signature).header("host", "h").body(()).unwrap()
}

fn with_more(request: &Request<()>, more: &str) -> Request<()> {
    let mut changed = request.clone();
    *changed.uri_mut() = format!("{}{more}", request.uri()).parse().unwrap();
    changed
}

#[test]
fn every_sub_resource_that_is_served_is_signed() {
    assert!(SIGNED_PARAMETERS.is_sorted());
    let put = presigned("PUT", "/b/k");
    assert!(check(&put, NOW_MS).is_ok());
    for name in crate::request::served_sub_resources() {
        for more in [format!("&{name}="), format!("&{name}"), format!("&{name}=1")] {
            assert_eq!(code(&with_more(&put, &more), NOW_MS), ErrorCode::SignatureDoesNotMatch, "{more}");
        }
        assert!(check(&presigned("PUT", &format!("/b/k?{name}")), NOW_MS).is_ok(), "{name}");
    }
}

#[test]
fn what_is_signed_cannot_stand_for_something_else() {
    let put = presigned("PUT", "/b/k?x-amz-grant-read=id%3D1&x-amz-meta-a=b");
    assert!(check(&put, NOW_MS).is_ok());
    for more in [
        // The first is what would be signed, and both what would be granted.
        "&x-amz-grant-read=id%3D2",
        "&X-Amz-Grant-Read=id%3D2",
    ] {
        assert_eq!(code(&with_more(&put, more), NOW_MS), ErrorCode::SignatureDoesNotMatch, "{more}");
    }
    // One header more in the value of another, which then goes away.
    let folded = put.uri().to_string().replace("id%3D1&x-amz-meta-a=b", "id%3D1%0Ax-amz-meta-a:b");
    let folded = Request::builder().method("PUT").uri(folded).header("host", "h").body(()).unwrap();
    assert_eq!(code(&folded, NOW_MS), ErrorCode::SignatureDoesNotMatch);
    // One parameter more in the value of another, which then goes away.
    let tags = presigned("GET", "/b/k?response-expires=a&tagging");
    assert!(check(&tags, NOW_MS).is_ok());
    let object = tags.uri().to_string().replace("a&tagging", "a%26tagging");
    let object = Request::builder().uri(object).header("host", "h").body(()).unwrap();
    assert_eq!(code(&object, NOW_MS), ErrorCode::SignatureDoesNotMatch);
    assert!(check(&presigned("GET", "/b/k?response-expires=a%26b%26c=d"), NOW_MS).is_ok());
    let again = with_more(&presigned("GET", "/b/k?versionId=1"), "&versionId=1");
    assert_eq!(code(&again, NOW_MS), ErrorCode::SignatureDoesNotMatch);
}

#[test]
fn a_digest_in_the_query_must_be_that_of_the_header() {
    let uri = "/b/k?content-md5=AA%3D%3D&AWSAccessKeyId=a&Signature=b&Expires=1175139620";
    let parsed = |header: Option<&str>| {
        let mut request = Request::builder().method("PUT").uri(uri);
        if let Some(value) = header {
            request = request.header("content-md5", value);
        }
        let request = request.body(()).unwrap();
        let head = RequestHead::from(&request);
        let query = Query::parse(head.query()).unwrap();
        Claim::parse(&head, &query, &[]).map(|claim| claim.to_sign.text).map_err(|error| error.code)
    };
    assert_eq!(parsed(Some("AA==")), Ok("PUT\nAA==\n\n1175139620\n/b/k".to_owned()));
    for header in [None, Some("BB==")] {
        assert_eq!(parsed(header), Err(ErrorCode::SignatureDoesNotMatch), "{header:?}");
    }
}

fn check_header(request: &Request<()>, now_ms: u64) -> Result<Verified, S3Error> {
    let head = RequestHead::from(request);
    let domains = ["s3.amazonaws.com".to_owned()];
    let expected = crate::sigv4::Expected { region: "us-east-1", service: "s3" };
    crate::auth::Claim::parse(&head, expected, &domains)?.expect("a claim").verify(SECRET, now_ms)
}

/// A request whose signature a client or the developer guide made.
fn signed(method: &str, uri: &str, host: &str, signature: &str) -> http::request::Builder {
    Request::builder()
        .method(method)
        .uri(uri)
        .header("host", host)
        .header("date", "Tue, 27 Mar 2007 19:36:42 +0000")
        .header("authorization", format!("AWS AKIAIOSFODNN7EXAMPLE:{signature}"))
}

const SIGNED_AT_MS: u64 = 1_175_024_202_000;

#[test]
fn a_claim_says_how_and_when_it_was_made() {
    let form = |request: Request<()>| {
        let expected = crate::sigv4::Expected { region: "us-east-1", service: "s3" };
        let head = RequestHead::from(&request);
        let form = crate::auth::Claim::parse(&head, expected, &[]).unwrap().unwrap().form();
        (form.version, form.way, form.signed_ms)
    };
    let header = signed_get("/photos/puppy.jpg").body(()).unwrap();
    assert_eq!(form(header), ("AWS", "REST-HEADER", Some(SIGNED_AT_MS)));
    assert_eq!(form(get(EXAMPLE)), ("AWS", "REST-QUERY-STRING", None));
    let newer = format!(
        "/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a/20070327/us-east-1/s3/aws4_request\
         &X-Amz-Date=20070327T193642Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature={}",
        "0".repeat(64)
    );
    assert_eq!(form(get(&newer)), ("AWS4-HMAC-SHA256", "REST-QUERY-STRING", Some(SIGNED_AT_MS)));
}

/// The first example of the developer guide.
fn signed_get(uri: &str) -> http::request::Builder {
    signed("GET", uri, "johnsmith.s3.amazonaws.com", "bWq2s1WEIj+Ydj0vQ697zp+IXMU=")
}

#[test]
fn signed_headers_verify() {
    let get = signed_get("/photos/puppy.jpg").body(()).unwrap();
    let part = signed(
        "PUT",
        "/b/k%20k?uploadId=u%2Fu&partNumber=2&x-id=UploadPart",
        "127.0.0.1:9000",
        "ddOGK1IwwoYhjQSGK7YV7i63cXs=",
    )
    .header("content-md5", "1B2M2Y8AsgTpgAmY7PhCfg==")
    .header("content-type", "text/plain")
    .header("x-amz-meta-b", "one")
    .header("x-amz-acl", "private")
    .body(())
    .unwrap();
    let acl = signed("GET", "/b?acl", "127.0.0.1:9000", "ERLFwz3KELpVdusO+sDYFSfObkI=").body(()).unwrap();
    for request in [get, part, acl] {
        let verified = check_header(&request, SIGNED_AT_MS).unwrap();
        assert_eq!(verified.access_key, "AKIAIOSFODNN7EXAMPLE");
        assert_eq!(verified.payload, PayloadMode::Unsigned);
        assert!(verified.chunk_signer.is_none());
    }
}

#[test]
fn a_bucket_may_be_signed_with_a_slash_behind_it() {
    for (method, uri, signature, good) in [
        ("GET", "/b?acl", "JyhiZaGhD5Jyk+7PKESX8p39Nxc=", true),
        ("PUT", "/b", "YAjw7wZGIpG+s5bG1l4MWgodfeE=", true),
        ("PUT", "/b/", "YAjw7wZGIpG+s5bG1l4MWgodfeE=", true),
        ("PUT", "/b//", "YAjw7wZGIpG+s5bG1l4MWgodfeE=", false),
        // A key with a slash behind it is another key.
        ("GET", "/b/k?acl", "y8fsxuc7DtU37SaL1gr80Q/JX/w=", false),
    ] {
        let request = signed(method, uri, "127.0.0.1:9000", signature).body(()).unwrap();
        assert_eq!(check_header(&request, SIGNED_AT_MS).is_ok(), good, "{uri}");
    }
}

#[test]
fn a_signed_header_is_good_for_a_quarter_of_an_hour_and_for_nothing_else() {
    let code = |request: &Request<()>, now_ms| check_header(request, now_ms).map(|_| ()).map_err(|e| e.code);
    let get = signed_get("/photos/puppy.jpg").body(()).unwrap();
    for (shift_ms, expected) in
        [(0, Ok(())), (15 * 60_000, Ok(())), (15 * 60_000 + 1, Err(ErrorCode::RequestTimeTooSkewed))]
    {
        assert_eq!(code(&get, SIGNED_AT_MS + shift_ms), expected);
        assert_eq!(code(&get, SIGNED_AT_MS - shift_ms), expected);
    }
    for other in ["/photos/kitty.jpg", "/photos/puppy.jpg?acl", "/photos/puppy.jpg?x-amz-acl=public-read"] {
        let other = signed_get(other).body(()).unwrap();
        assert_eq!(code(&other, SIGNED_AT_MS), Err(ErrorCode::SignatureDoesNotMatch));
    }
    for (name, value) in [("content-type", "text/html"), ("x-amz-meta-a", "b"), ("content-md5", "AA==")] {
        let other = signed_get("/photos/puppy.jpg").header(name, value).body(()).unwrap();
        assert_eq!(code(&other, SIGNED_AT_MS), Err(ErrorCode::SignatureDoesNotMatch), "{name}");
    }
    let head =
        signed("HEAD", "/photos/puppy.jpg", "johnsmith.s3.amazonaws.com", "bWq2s1WEIj+Ydj0vQ697zp+IXMU=");
    assert_eq!(code(&head.body(()).unwrap(), SIGNED_AT_MS), Err(ErrorCode::SignatureDoesNotMatch));
}

#[test]
fn the_amz_date_is_the_one_that_counts() {
    for (date, code) in [
        ("Bad Date", ErrorCode::AccessDenied),
        ("", ErrorCode::AccessDenied),
        ("Tue, 07 Jul 1950 21:53:04 GMT", ErrorCode::AccessDenied),
        ("Tue, 07 Jul 2010 21:53:04 GMT", ErrorCode::RequestTimeTooSkewed),
        ("Tue, 07 Jul 9999 21:53:04 GMT", ErrorCode::RequestTimeTooSkewed),
        // Now it is among the signed headers, and `Date` is not.
        ("Tue, 27 Mar 2007 19:36:42 +0000", ErrorCode::SignatureDoesNotMatch),
    ] {
        let request = signed_get("/photos/puppy.jpg").header("x-amz-date", date).body(()).unwrap();
        assert_eq!(check_header(&request, SIGNED_AT_MS).expect_err("refused").code, code, "{date}");
    }
    let mut undated = signed_get("/photos/puppy.jpg").body(()).unwrap();
    undated.headers_mut().remove("date");
    let error = check_header(&undated, SIGNED_AT_MS).expect_err("refused");
    assert_eq!(error.code, ErrorCode::AccessDenied);
    assert_eq!(error.message, "AWS authentication requires a valid Date or x-amz-date header");
    let request = signed_get("/k").header("x-amz-date", "20070327T193642Z").body(()).unwrap();
    let head = RequestHead::from(&request);
    let claim = Claim::from_header(&head, "a:b", &Query::default(), &[]).unwrap();
    assert_eq!(claim.to_sign.text, "GET\n\n\n\nx-amz-date:20070327T193642Z\n/k");
}

#[test]
fn a_header_that_is_no_claim_is_refused() {
    for value in ["AWS HAHAHA", "AWS", "AWS ", "AWS :b", "AWS a:", "AWS  "] {
        let request = Request::builder().header("authorization", value).body(()).unwrap();
        let error = check_header(&request, NOW_MS).expect_err("refused");
        assert_eq!(error.code, ErrorCode::InvalidArgument, "{value}");
        assert_eq!(error.message, "AWS authorization header is invalid.  Expected AwsAccessKeyId:signature");
    }
    for uri in ["/k?Signature=a&AWSAccessKeyId=b", "/k?X-Amz-Signature=a"] {
        let error = check_header(&signed_get(uri).body(()).unwrap(), SIGNED_AT_MS).expect_err("refused");
        assert_eq!(error.code, ErrorCode::InvalidArgument);
        assert!(error.message.starts_with("Only one auth mechanism allowed"));
    }
}

proptest! {
    #[test]
    fn arbitrary_headers_never_panic(claim in "AWS[ -~é]{0,20}", date in "[ -~]{0,30}", path in "/[!-~]{0,20}") {
        let request = Request::builder().uri(path).header("authorization", claim).header("date", date);
        if let Ok(request) = request.body(()) {
            let expected = crate::sigv4::Expected { region: "us-east-1", service: "s3" };
            crate::auth::Claim::parse(&RequestHead::from(&request), expected, &[]).ok();
        }
    }

    #[test]
    fn arbitrary_requests_never_panic(path in "/[ -~]*", value in "[ -~é]{0,9}") {
        if let Ok(request) = Request::builder().uri(path).header("x-amz-a", value).body(()) {
            check(&request, NOW_MS).ok();
        }
    }
}

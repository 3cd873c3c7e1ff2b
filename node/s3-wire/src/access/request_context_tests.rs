use super::*;
use crate::error::ErrorCode;
use crate::request::with_hoisted;
use http::Request;

/// The values of a condition key for a request with these headers.
fn values(uri: &str, headers: &[(&str, &str)], key: &str) -> Vec<String> {
    let mut request = Request::builder().method("PUT").uri(uri);
    for (name, value) in headers {
        request = request.header(*name, http::HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    let request = request.body(()).unwrap();
    let head = RequestHead::from(&request);
    let merged = with_hoisted(&head).unwrap();
    let head = RequestHead { headers: merged.as_ref().unwrap_or(head.headers), ..head };
    context_of(&head, Requester::Anonymous, &RequestFacts::default()).unwrap().get(key).to_vec()
}

#[test]
fn of_a_header_in_several_lines_conditions_see_what_counts() {
    let grants = [("x-amz-grant-read", "id=1 "), ("x-amz-grant-read", " id=2")];
    assert_eq!(values("/b/k", &grants, "s3:x-amz-grant-read"), ["id=1,id=2"]);
    let in_query = "/b/k?x-amz-grant-read=id%3D1&X-Amz-Grant-Read=+id%3D2";
    assert_eq!(values(in_query, &[], "s3:x-amz-grant-read"), ["id=1,id=2"]);
    let lists = [("x-amz-acl", "public-read"), ("x-amz-acl", "private")];
    assert_eq!(values("/b/k", &lists, "s3:x-amz-acl"), ["public-read"]);
}

#[test]
fn spaces_around_a_value_evade_no_condition() {
    for space in ["+", "%20", "%09", "%C2%A0"] {
        let uri = format!("/b/k?x-amz-acl={space}public-read{space}");
        assert_eq!(values(&uri, &[], "s3:x-amz-acl"), ["public-read"], "{uri}");
    }
    assert_eq!(values("/b/k", &[("x-amz-acl", "\u{a0}public-read")], "s3:x-amz-acl"), ["public-read"]);
    let request = Request::builder().uri("/b/k?x-amz-acl=+public-read+").body(()).unwrap();
    let merged = with_hoisted(&RequestHead::from(&request)).unwrap().unwrap();
    assert_eq!(merged["x-amz-acl"], "public-read");
}

#[test]
fn the_source_of_a_copy_is_known_by_one_name() {
    for source in ["src/a b/k", "/src/a%20b/k", "s%72c/a+b/k", "src%2Fa b%2fk", " src/a b/k?versionId=1 "] {
        assert_eq!(
            values("/b/k", &[("x-amz-copy-source", source)], "s3:x-amz-copy-source"),
            ["src/a b/k"],
            "{source}"
        );
    }
    assert_eq!(values("/b/k?x-amz-copy-source=%2Fsrc%2Fk", &[], "s3:x-amz-copy-source"), ["src/k"]);
    assert!(values("/b/k", &[("x-amz-copy-source", "src")], "s3:x-amz-copy-source").is_empty());
}

#[test]
fn a_parameter_is_not_another_than_the_header() {
    let merge = |uri: &str| {
        let request = Request::builder().uri(uri).header("x-amz-grant-read", "id=1").body(()).unwrap();
        with_hoisted(&RequestHead::from(&request)).map(|merged| merged.is_some())
    };
    assert_eq!(merge("/b/k?x-amz-grant-read=id%3D1"), Ok(false));
    assert_eq!(merge("/b/k?X-Amz-Grant-Read=id%3D2").unwrap_err().code, ErrorCode::InvalidArgument);
    let twice = "/b/k?x-amz-grant-read=id%3D1&x-amz-grant-read=id%3D2";
    assert_eq!(merge(twice).unwrap_err().code, ErrorCode::InvalidArgument);
}

#[test]
fn headers_that_do_nothing_satisfy_no_condition() {
    let tags = ("x-amz-tagging", "a=b");
    let mode = ("x-amz-object-lock-mode", "COMPLIANCE");
    let (of_tag, of_mode) = ("s3:RequestObjectTag/a", "s3:object-lock-mode");
    for (uri, headers, key, seen) in [
        ("/b/k", &[tags][..], of_tag, true),
        ("/b/k?tagging", &[tags], of_tag, false),
        ("/b/k", &[tags, ("x-amz-copy-source", "b/l")], of_tag, false),
        ("/b/k", &[tags, ("x-amz-copy-source", "b/l"), ("x-amz-tagging-directive", "COPY")], of_tag, false),
        ("/b/k", &[tags, ("x-amz-copy-source", "b/l"), ("x-amz-tagging-directive", "REPLACE")], of_tag, true),
        ("/b/k", &[mode], of_mode, true),
        ("/b/k?retention", &[mode], of_mode, false),
        ("/b/k?legal-hold", &[mode], of_mode, false),
    ] {
        assert_eq!(!values(uri, headers, key).is_empty(), seen, "{uri} {headers:?}");
    }
}

/// The context of a request with these headers, of a user who signed it so.
fn full(uri: &str, headers: &[&'static str], signed: SignatureForm) -> Context {
    let mut request = Request::builder().method("PUT").uri(uri);
    for name in headers {
        request = request.header(*name, if *name == "x-amz-copy-source" { "src/k" } else { "a=b" });
    }
    let request = request.body(()).unwrap();
    let facts = RequestFacts {
        source_ip: Some([127, 0, 0, 1].into()),
        secure: true,
        signed: Some(signed),
        now_ms: 1_700_000_000_000,
    };
    let ann = Requester::User { id: "00000000000000aa", name: "ann" };
    context_of(&RequestHead::from(&request), ann, &facts).unwrap()
}

const V4: SignatureForm =
    SignatureForm { version: "AWS4-HMAC-SHA256", way: "REST-HEADER", signed_ms: Some(1_699_999_999_000) };

#[test]
fn every_key_that_a_denial_may_use_is_set_by_some_request() {
    let renamed = RENAMED.iter().map(|(header, _)| *header);
    let more = ["x-amz-copy-source"];
    let headers: Vec<&str> = HEADERS.iter().chain(LISTS).copied().chain(renamed).chain(more).collect();
    let all = full("/b?prefix=a&delimiter=b&max-keys=1&versionId=null", &headers, V4);
    let tagged = full("/b/k", &["x-amz-tagging"], V4);
    let service = Context::of(Requester::Service("logging.s3.amazonaws.com"));
    let mut set: Vec<&str> = all.keys().chain(tagged.keys()).chain(service.keys()).collect();
    // The object has them, not the request.
    set.push("s3:existingobjecttag/");
    for name in crate::policy::ever_set() {
        assert!(set.iter().any(|key| key.strip_suffix("a").unwrap_or(key) == name || *key == name), "{name}");
    }
}

#[test]
fn a_signature_is_as_old_as_it_says_and_one_that_does_not_say_of_any_age() {
    for (signed_ms, age) in
        [(Some(1_699_999_999_000), "1000"), (Some(1_700_000_001_000), "0"), (None, "18446744073709551615")]
    {
        let context = full("/b/k", &[], SignatureForm { signed_ms, ..V4 });
        assert_eq!(context.get("s3:signatureAge"), [age]);
    }
    let context = full("/b/k", &[], V4);
    assert_eq!(context.get("aws:PrincipalArn"), ["arn:aws:iam:::user/ann"]);
    assert_eq!(context.get("aws:ViaAWSService"), ["false"]);
    assert!(values("/b/k", &[], "s3:signatureAge").is_empty());
}

//! Parameters are read from query and headers, and nothing that counts is ignored.

use proptest::prelude::*;

use super::*;
use crate::acl::{AclRequest, CannedAcl};
use crate::checksum::{ChecksumAlgorithm, ChecksumType, ExpectedChecksum};
use crate::conditions::{EtagMatch, WriteCondition};
use crate::range::{ByteSpan, RangeSpec};
use crate::sigv4::PayloadMode;

/// 2026-01-01.
const NOW_MS: u64 = 1_767_225_600_000;

type Headers<'a> = &'a [(&'a str, &'a str)];

fn parse(method: &str, uri: &str, headers: Headers<'_>) -> Result<Operation, ErrorCode> {
    let mut request = http::Request::builder().method(method).uri(uri).header("host", "localhost");
    for (name, value) in headers {
        request = request.header(*name, http::HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    let request = request.body(()).unwrap();
    parse_request(&RequestHead::from(&request), &[], NOW_MS)
        .map(|request| request.operation)
        .map_err(|error| error.code)
}

macro_rules! parsed {
    ($kind:ident, $method:expr, $uri:expr, $headers:expr) => {
        match parse($method, $uri, $headers) {
            Ok(Operation::$kind(operation)) => operation,
            other => panic!("{} {}: {other:?}", $method, $uri),
        }
    };
}

fn refused(method: &str, uri: &str, headers: Headers<'_>, code: ErrorCode) {
    assert_eq!(parse(method, uri, headers).map(|_| ()), Err(code), "{method} {uri} {headers:?}");
}

#[test]
fn a_put_is_read_with_all_that_is_stored() {
    let put = parsed!(
        PutObject,
        "PUT",
        "/photos/a%20b",
        &[
            ("content-length", "5"),
            ("content-type", "text/plain"),
            ("content-encoding", "gzip, aws-chunked"),
            ("cache-control", "no-cache"),
            ("expires", "whenever"),
            ("x-amz-meta-Colour", "blau, grün"),
            ("x-amz-meta-age", "7"),
            ("x-amz-acl", "private"),
            ("x-amz-storage-class", "STANDARD"),
            ("if-none-match", "*"),
            ("content-md5", "1B2M2Y8AsgTpgAmY7PhCfg=="),
            ("x-amz-checksum-crc32", "AAAAAA=="),
        ]
    );
    assert_eq!((put.bucket.as_str(), put.key.as_str()), ("photos", "a b"));
    assert_eq!(put.condition, WriteCondition { if_match: None, if_none_match: Some(EtagMatch::Any) });
    assert_eq!(put.attributes.content_type.as_deref(), Some("text/plain"));
    assert_eq!(put.attributes.content_encoding.as_deref(), Some("gzip"));
    assert_eq!(put.attributes.expires.as_deref(), Some("whenever"));
    let metadata = [("age".to_owned(), "7".to_owned()), ("colour".to_owned(), "blau, grün".to_owned())];
    assert_eq!(put.attributes.metadata, metadata);
    assert_eq!((put.body.len, put.body.payload), (BodyLen::Exactly(5), PayloadMode::Unsigned));
    assert!(put.body.md5.is_some() && put.body.checksum.is_some());
}

#[test]
fn a_chunked_put_has_the_length_of_its_payload() {
    let headers = [
        ("content-length", "50"),
        ("x-amz-decoded-content-length", "5"),
        ("content-encoding", "aws-chunked"),
        ("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"),
        ("x-amz-trailer", "x-amz-checksum-crc64nvme"),
    ];
    let put = parsed!(PutObject, "PUT", "/photos/a", &headers);
    assert_eq!(put.body.len, BodyLen::Exactly(5));
    assert_eq!(put.attributes.content_encoding, None);
    let checksum = put.body.checksum.unwrap();
    assert_eq!(
        (checksum.algorithm, checksum.expected),
        (ChecksumAlgorithm::Crc64Nvme, ExpectedChecksum::Trailer)
    );

    let without: Vec<_> =
        headers.into_iter().filter(|(name, _)| *name != "x-amz-decoded-content-length").collect();
    refused("PUT", "/photos/a", &without, ErrorCode::MissingContentLength);
    let plain = [("content-length", "5"), ("x-amz-trailer", "x-amz-checksum-crc32")];
    refused("PUT", "/photos/a", &plain, ErrorCode::InvalidRequest);
}

#[test]
fn lengths_of_uploads_are_bounded() {
    refused("PUT", "/photos/a", &[], ErrorCode::MissingContentLength);
    let framed = parsed!(PutObject, "PUT", "/photos/a", &[("transfer-encoding", "chunked")]);
    assert_eq!(framed.body.len, BodyLen::UpTo(MAX_OBJECT_PART_LEN));
    refused("PUT", "/photos/a", &[("content-length", "-1")], ErrorCode::InvalidArgument);
    assert!(parse("PUT", "/photos/a", &[("content-length", "5368709120")]).is_ok());
    for length in ["5368709121", "99999999999999999999999"] {
        refused("PUT", "/photos/a", &[("content-length", length)], ErrorCode::EntityTooLarge);
    }
    refused(
        "POST",
        "/photos?delete",
        &[("content-length", "9000000"), ("content-md5", "1B2M2Y8AsgTpgAmY7PhCfg==")],
        ErrorCode::MaxMessageLengthExceeded,
    );
    refused("PUT", "/photos", &[("transfer-encoding", "chunked")], ErrorCode::MissingContentLength);
    assert_eq!(parsed!(CreateBucket, "PUT", "/photos", &[]).body.len, BodyLen::Exactly(0));
}

#[test]
fn metadata_is_bounded_and_must_be_text() {
    let put = |value: &str| {
        parse("PUT", "/photos/a", &[("content-length", "0"), ("x-amz-meta-a", value)]).map(|_| ())
    };
    assert_eq!(put(&"v".repeat(2_047)), Ok(()));
    assert_eq!(put(&"v".repeat(2_048)), Err(ErrorCode::MetadataTooLarge));
}

#[test]
fn headers_we_would_have_to_ignore_are_refused() {
    for (name, value) in [
        ("x-amz-mfa", "12"),
        ("x-amz-if-match-size", "5"),
        ("x-amz-rename-source", "/a"),
        ("x-amz-write-offset-bytes", "5"),
        ("x-amz-checksum-xxhash3", "AAAA"),
        ("if-unmodified-since", "Sun, 06 Nov 1994 08:49:37 GMT"),
    ] {
        refused("PUT", "/photos/a", &[("content-length", "0"), (name, value)], ErrorCode::NotImplemented);
        // Some SDKs put such headers into the query of a presigned URL.
        if name.starts_with("x-amz-") && !name.starts_with("x-amz-checksum-") {
            let uri = format!("/photos/a?{}={value}", name.to_uppercase());
            refused("PUT", &uri, &[("content-length", "0")], ErrorCode::NotImplemented);
        }
    }
    refused("DELETE", "/photos/a", &[("if-none-match", "*")], ErrorCode::NotImplemented);
}

#[test]
fn headers_in_a_presigned_query_count() {
    let uri = "/photos/a?X-Amz-Meta-Colour=red&x-amz-checksum-crc32=AAAAAA%3D%3D&X-Amz-Expires=5";
    let put = parsed!(PutObject, "PUT", uri, &[("content-length", "0")]);
    assert_eq!(put.attributes.metadata, [("colour".to_owned(), "red".to_owned())]);
    assert!(put.body.checksum.is_none(), "checksums count only as headers");
    assert!(matches!(parse("PUT", "/photos/a?x-amz-copy-source=b12/c", &[]), Ok(Operation::CopyObject(_))));
}

#[test]
fn a_get_is_read_with_range_conditions_and_overrides() {
    let get = parsed!(
        GetObject,
        "GET",
        "/photos/a?response-content-type=text%2Fcsv&response-expires=",
        &[("range", "bytes=1-2"), ("if-match", "\"x\""), ("x-amz-checksum-mode", "ENABLED")]
    );
    assert_eq!(get.range, Some(vec![RangeSpec::Between(1, 2)]));
    assert_eq!(get.conditions.if_match, Some(EtagMatch::OneOf(vec!["x".into()])));
    assert!(get.checksum_mode);
    assert_eq!(get.overrides.len(), 1);
    assert_eq!(parsed!(HeadObject, "HEAD", "/photos/a?partNumber=3", &[]).part_number, Some(3));
    assert_eq!(parsed!(GetObject, "GET", "/photos/a", &[("range", "bytes=9-1")]).range, None);
    let later = [("range", "bytes=1-2"), ("if-range", "\"x\"")];
    assert_eq!(parsed!(GetObject, "GET", "/photos/a", &later).range, None);
    refused("GET", "/photos/a?partNumber=0", &[], ErrorCode::InvalidArgument);
    refused("GET", "/photos/a?partNumber=1", &[("range", "bytes=1-2")], ErrorCode::InvalidRequest);
    refused("GET", "/photos/a?response-content-type=a%0d%0aset-cookie:b", &[], ErrorCode::InvalidArgument);
}

#[test]
fn listings_are_read() {
    let list = parsed!(
        ListObjects,
        "GET",
        "/photos?prefix=a%2Fb&delimiter=&marker=c&max-keys=5000&encoding-type=url",
        &[]
    );
    assert_eq!((list.prefix.as_str(), list.delimiter, list.marker.as_str()), ("a/b", None, "c"));
    assert_eq!((list.max_keys, list.url_encoded), (1_000, true));
    let list = parsed!(
        ListObjectsV2,
        "GET",
        "/photos?list-type=2&max-keys=0&start-after=a+b&continuation-token=t%3D&fetch-owner=true",
        &[]
    );
    assert_eq!((list.max_keys, list.fetch_owner), (0, true));
    assert_eq!((list.start_after.as_deref(), list.continuation_token.as_deref()), (Some("a b"), Some("t=")));
    let uploads =
        parsed!(ListMultipartUploads, "GET", "/photos?uploads&key-marker=k&upload-id-marker=u", &[]);
    assert_eq!((uploads.key_marker.as_str(), uploads.upload_id_marker.as_str()), ("k", "u"));
    let parts = parsed!(ListParts, "GET", "/photos/a?uploadId=u&part-number-marker=7&max-parts=2", &[]);
    assert_eq!((parts.part_number_marker, parts.max_parts), (7, 2));
    for query in ["max-keys=-1", "max-keys=x", "max-keys=2147483648", "encoding-type=rot13"] {
        refused("GET", &format!("/photos?{query}"), &[], ErrorCode::InvalidArgument);
    }
}

#[test]
fn a_copy_names_its_source() {
    for source in ["/source/a%20b%3Fc", "source/a%20b%3Fc?versionId=null", "%2Fsource%2Fa%20b%3Fc"] {
        let copy = parsed!(CopyObject, "PUT", "/photos/a", &[("x-amz-copy-source", source)]);
        assert_eq!((copy.source.bucket.as_str(), copy.source.key.as_str()), ("source", "a b?c"), "{source}");
        assert_eq!(copy.attributes, None);
    }
    let replace = [
        ("x-amz-copy-source", "photos/a"),
        ("x-amz-metadata-directive", "REPLACE"),
        ("content-type", "a/b"),
        ("x-amz-copy-source-if-match", "x"),
    ];
    let copy = parsed!(CopyObject, "PUT", "/photos/a", &replace);
    assert_eq!(copy.attributes.unwrap().content_type.as_deref(), Some("a/b"));
    assert!(copy.source.conditions.if_match.is_some());
    for (source, code) in [
        ("photos/a", ErrorCode::InvalidRequest),
        ("source", ErrorCode::InvalidArgument),
        ("source/", ErrorCode::InvalidArgument),
        ("", ErrorCode::InvalidArgument),
        ("source/%zz", ErrorCode::InvalidArgument),
        ("source/%ff", ErrorCode::InvalidArgument),
        ("source/a?other=b", ErrorCode::InvalidArgument),
        ("SOURCE/a", ErrorCode::InvalidBucketName),
    ] {
        refused("PUT", "/photos/a", &[("x-amz-copy-source", source)], code);
    }
}

#[test]
fn multipart_uploads_are_read() {
    let create = parsed!(
        CreateMultipartUpload,
        "POST",
        "/photos/a?uploads",
        &[("x-amz-checksum-algorithm", "crc32"), ("x-amz-checksum-type", "FULL_OBJECT")]
    );
    assert_eq!(create.checksum, Some((ChecksumAlgorithm::Crc32, ChecksumType::FullObject)));
    let part =
        parsed!(UploadPart, "PUT", "/photos/a?uploadId=u&partNumber=10000", &[("content-length", "1")]);
    assert_eq!((part.upload_id.as_str(), part.part_number), ("u", 10_000));
    let copy = parsed!(
        UploadPartCopy,
        "PUT",
        "/photos/a?uploadId=u&partNumber=1",
        &[("x-amz-copy-source", "source/b"), ("x-amz-copy-source-range", "bytes=0-4")]
    );
    assert_eq!(copy.source_range, Some(ByteSpan { start: 0, end: 5 }));
    let complete = parsed!(
        CompleteMultipartUpload,
        "POST",
        "/photos/a?uploadId=u",
        &[
            ("content-length", "10"),
            ("x-amz-checksum-crc32", "AAAAAA==-3"),
            ("x-amz-mp-object-size", "9"),
            ("if-match", "e")
        ]
    );
    assert!(complete.checksum.is_some() && complete.body.checksum.is_none());
    assert_eq!(complete.object_len, Some(9));
    assert_eq!(parsed!(AbortMultipartUpload, "DELETE", "/photos/a?uploadId=u", &[]).upload_id, "u");

    for number in ["0", "10001", "-1", "+1", "x", ""] {
        let uri = format!("/photos/a?uploadId=u&partNumber={number}");
        refused("PUT", &uri, &[("content-length", "1")], ErrorCode::InvalidArgument);
    }
    refused("PUT", "/photos/a?uploadId=&partNumber=1", &[("content-length", "1")], ErrorCode::NoSuchUpload);
    let wrong = [("x-amz-checksum-algorithm", "SHA1"), ("x-amz-checksum-type", "FULL_OBJECT")];
    refused("POST", "/photos/a?uploads", &wrong, ErrorCode::InvalidRequest);
    refused("POST", "/photos/a?uploads", &[("x-amz-checksum-algorithm", "MD4")], ErrorCode::InvalidRequest);
}

#[test]
fn versions_are_read_as_they_are_named() {
    assert_eq!(parsed!(GetObject, "GET", "/photos/a?versionId=v1", &[]).version.as_deref(), Some("v1"));
    assert_eq!(parsed!(GetObject, "GET", "/photos/a", &[]).version, None);
    let delete = parsed!(
        DeleteObject,
        "DELETE",
        "/photos/a?versionId=null",
        &[("x-amz-bypass-governance-retention", "true")]
    );
    assert_eq!((delete.version.as_deref(), delete.bypass_governance), (Some("null"), true));
    for method in ["GET", "HEAD", "DELETE"] {
        refused(method, "/photos/a?versionId=", &[], ErrorCode::InvalidArgument);
    }
    let copy = [("x-amz-copy-source", "source/a?versionId=v2"), ("content-length", "0")];
    assert_eq!(parsed!(CopyObject, "PUT", "/photos/a", &copy).source.version.as_deref(), Some("v2"));
    let list = "/photos?versions&key-marker=k&version-id-marker=v3";
    assert_eq!(parsed!(ListObjectVersions, "GET", list, &[]).version_id_marker.as_deref(), Some("v3"));
    refused("GET", "/photos?versions&version-id-marker=v3", &[], ErrorCode::InvalidArgument);
}

#[test]
fn what_an_upload_says_of_its_object_is_read_from_headers_and_presigned_queries() {
    for uri in ["/photos/a", "/photos/a?X-Amz-Tagging=a%3Db&x-amz-acl=public-read"] {
        let headers = [("content-length", "0"), ("x-amz-tagging", "a=b"), ("x-amz-acl", "public-read")];
        let headers = if uri.contains('?') { &headers[..1] } else { &headers[..] };
        let put = parsed!(PutObject, "PUT", uri, headers);
        assert_eq!(put.settings.tags.as_ref().and_then(|tags| tags.get("a")), Some("b"), "{uri}");
        assert_eq!(put.settings.acl, AclRequest::Canned(CannedAcl::PublicRead), "{uri}");
    }
    let past = [
        ("content-length", "0"),
        ("x-amz-object-lock-mode", "GOVERNANCE"),
        ("x-amz-object-lock-retain-until-date", "2025-01-01T00:00:00Z"),
    ];
    refused("PUT", "/photos/a", &past, ErrorCode::InvalidArgument);
}

#[test]
fn each_sub_resource_is_the_setting_of_its_name() {
    let put = parsed!(PutBucketSetting, "PUT", "/photos?policy", &[("content-length", "2")]);
    assert_eq!((put.setting, put.body.len), (BucketSetting::Policy, BodyLen::Exactly(2)));
    let get = parsed!(GetBucketSetting, "GET", "/photos?policyStatus", &[]);
    assert_eq!(get.setting, BucketSetting::PolicyStatus);
    let delete = parsed!(DeleteBucketSetting, "DELETE", "/photos?cors", &[]);
    assert_eq!(delete.setting, BucketSetting::Cors);
    let hold = parsed!(GetObjectSetting, "GET", "/photos/a?legal-hold&versionId=v", &[]);
    assert_eq!((hold.setting, hold.version.as_deref()), (ObjectSetting::LegalHold, Some("v")));
    let acl = parsed!(
        PutObjectSetting,
        "PUT",
        "/photos/a?acl",
        &[("x-amz-acl", "private"), ("content-length", "0")]
    );
    assert_eq!(acl.acl, AclRequest::Canned(CannedAcl::Private));
}

#[test]
fn delete_of_many_needs_a_digest() {
    refused("POST", "/photos?delete", &[("content-length", "5")], ErrorCode::InvalidRequest);
    let digest = [("content-length", "5"), ("x-amz-checksum-crc32", "AAAAAA==")];
    assert_eq!(parsed!(DeleteObjects, "POST", "/photos?delete", &digest).body.len, BodyLen::Exactly(5));
}

#[test]
fn operations_we_do_not_serve_are_named() {
    let request = http::Request::builder().uri("/photos?accelerate").body(()).unwrap();
    let request = parse_request(&RequestHead::from(&request), &[], NOW_MS).unwrap();
    assert_eq!(request.name.as_str(), "GetBucketAccelerateConfiguration");
    assert_eq!(request.operation, Operation::Unsupported);
}

proptest! {
    #[test]
    fn arbitrary_requests_never_panic(
        method in prop_oneof!["GET", "PUT", "POST", "DELETE", "HEAD"],
        path in "/(bucket(/[!-~]{0,8})?)?",
        query in "((uploadId|partNumber|uploads|delete|max-keys|encoding-type|prefix|list-type|x-amz-[a-z-]{0,9})=?[!-~]{0,6}&?){0,4}",
        name in prop_oneof![
            "x-amz-copy-source", "x-amz-copy-source-range", "range", "if-match", "x-amz-meta-a", "content-md5",
            "x-amz-checksum-type", "x-amz-trailer", "x-amz-mp-object-size", "content-encoding", "[a-z-]{1,10}",
        ],
        value in "[ -~é]{0,20}",
        length in "[0-9]{0,20}",
    ) {
        let uri = format!("{path}?{query}");
        if uri.parse::<http::Uri>().is_ok() && http::HeaderName::from_bytes(name.as_bytes()).is_ok() {
            parse(&method, &uri, &[(&name, &value), ("content-length", &length)]).ok();
        }
    }
}

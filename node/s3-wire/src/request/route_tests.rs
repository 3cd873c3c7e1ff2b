//! Every operation is found by its method and sub-resource, and nothing is taken for another.

use std::collections::BTreeSet;

use super::*;
use http::Request;
use proptest::prelude::*;

fn request(method: &str, uri: &str, headers: &[(&str, &str)]) -> Request<()> {
    let mut request = Request::builder().method(method).uri(uri).header("host", "localhost");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap()
}

fn routed(method: &str, uri: &str, headers: &[(&str, &str)]) -> Result<OperationName, ErrorCode> {
    let request = request(method, uri, headers);
    route(&RequestHead::from(&request), &[]).map(|route| route.name).map_err(|error| error.code)
}

#[test]
fn plain_operations_are_found() {
    for (method, uri, name) in [
        ("GET", "/", ListBuckets),
        ("GET", "/?x-id=ListBuckets", ListBuckets),
        ("GET", "/bucket", ListObjects),
        ("GET", "/bucket?prefix=&delimiter=/", ListObjects),
        ("GET", "/bucket/?list-type=2&prefix=acl", ListObjectsV2),
        ("HEAD", "/bucket", HeadBucket),
        ("PUT", "/bucket", CreateBucket),
        ("DELETE", "/bucket", DeleteBucket),
        ("POST", "/bucket", PostObject),
        ("POST", "/bucket?delete", DeleteObjects),
        ("GET", "/bucket?uploads", ListMultipartUploads),
        ("GET", "/bucket?location=", GetBucketLocation),
        ("GET", "/bucket/key", GetObject),
        ("GET", "/bucket/key?response-expires=", GetObject),
        ("GET", "/bucket/key?cache=1", GetObject),
        ("HEAD", "/bucket/key", HeadObject),
        ("PUT", "/bucket/key", PutObject),
        ("DELETE", "/bucket/key?versionId=null", DeleteObject),
        ("POST", "/bucket/key?uploads", CreateMultipartUpload),
        ("PUT", "/bucket/key?uploadId=a&partNumber=1", UploadPart),
        ("POST", "/bucket/key?uploadId=a", CompleteMultipartUpload),
        ("DELETE", "/bucket/key?uploadId=a", AbortMultipartUpload),
        ("GET", "/bucket/key?uploadId=a", ListParts),
        ("OPTIONS", "/bucket/key", CorsPreflight),
        ("GET", "/bucket?analytics", ListBucketAnalyticsConfigurations),
        ("GET", "/bucket?analytics&id=a", GetBucketAnalyticsConfiguration),
    ] {
        assert_eq!(routed(method, uri, &[]), Ok(name), "{method} {uri}");
    }
    let copy = [("x-amz-copy-source", "a/b")];
    assert_eq!(routed("PUT", "/bucket/key", &copy), Ok(CopyObject));
    assert_eq!(routed("PUT", "/bucket/key?uploadId=a&partNumber=1", &copy), Ok(UploadPartCopy));
}

#[test]
fn what_is_unknown_or_contradictory_is_refused() {
    for (method, uri, code) in [
        ("PUT", "/bucket/key?brandNew", ErrorCode::NotImplemented),
        ("GET", "/bucket?brandNew=", ErrorCode::NotImplemented),
        ("GET", "/?acl", ErrorCode::NotImplemented),
        ("PUT", "/bucket?delete", ErrorCode::MethodNotAllowed),
        ("HEAD", "/bucket?acl", ErrorCode::MethodNotAllowed),
        ("PATCH", "/bucket/key", ErrorCode::MethodNotAllowed),
        ("POST", "/bucket/key", ErrorCode::MethodNotAllowed),
        ("PUT", "/", ErrorCode::MethodNotAllowed),
        ("PUT", "/bucket/key?partNumber=1", ErrorCode::InvalidArgument),
        ("GET", "/bucket?acl&policy", ErrorCode::InvalidArgument),
        ("GET", "/bucket?prefix=%zz", ErrorCode::InvalidUri),
        ("GET", "/bucket?prefix=%ff", ErrorCode::InvalidUri),
    ] {
        assert_eq!(routed(method, uri, &[]), Err(code), "{method} {uri}");
    }
}

#[test]
fn every_operation_can_be_reached() {
    let mut reached = BTreeSet::new();
    let methods = ["GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS"];
    let copy = [("x-amz-copy-source", "a/b")];
    for method in methods {
        for path in ["/", "/bucket", "/bucket?list-type=2", "/bucket/key"] {
            reached.extend(routed(method, path, &[]).ok());
        }
        for (table, path) in [(BUCKET, "/bucket"), (OBJECT, "/bucket/key")] {
            for (name, _) in table {
                reached.extend(routed(method, &format!("{path}?{name}"), &[]).ok());
                reached.extend(routed(method, &format!("{path}?{name}&id=a"), &copy).ok());
            }
        }
        reached.extend(routed(method, "/bucket/key", &copy).ok());
    }
    let missing: Vec<_> = OperationName::ALL.iter().filter(|name| !reached.contains(name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

proptest! {
    #[test]
    fn arbitrary_requests_never_panic(method in "[A-Z]{1,7}", uri in "/[!-~]{0,60}") {
        if uri.parse::<http::Uri>().is_ok() {
            routed(&method, &uri, &[]).ok();
        }
    }
}

//! Requests to the web site of a bucket.

use crate::conditions::ReadConditions;
use crate::error::{ErrorCode, S3Error};
use crate::head::RequestHead;
use crate::range::parse_range;
use crate::request::GetObject;
use crate::request::address::{check_bucket_name, check_key, in_front, plain_name};
use crate::uri;

/// The host of a web site.
///
/// See "Website endpoints" of the S3 user guide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebsiteHost {
    /// As the client wrote it, with the port if there was one.
    pub host: String,
    /// What stands in front of the domain; `None` for a request to the domain itself.
    bucket: Option<String>,
}

impl WebsiteHost {
    /// The web site that a request is for; `None` if it is one to S3. If a host lies both in a
    /// domain of web sites and in one of buckets (`domains`), the longer domain counts.
    pub fn of(head: &RequestHead<'_>, domains: &[String], website_domains: &[String]) -> Option<Self> {
        if website_domains.is_empty() {
            return None;
        }
        let host = head.host()?;
        let name = plain_name(host);
        let bucket = in_front(&name, website_domains)?;
        if in_front(&name, domains).is_some_and(|of_s3| of_s3.len() < bucket.len()) {
            return None;
        }
        let bucket = Some(bucket.to_owned()).filter(|bucket| !bucket.is_empty());
        Some(Self { host: host.to_owned(), bucket })
    }

    /// What is asked for: the object of the path, with the conditions and the range of the head.
    /// The query means nothing. The key is empty for the root of the site.
    ///
    /// `NoSuchBucket` where none is named, `InvalidBucketName`, `InvalidURI`, `KeyTooLongError`.
    pub fn visit(&self, head: &RequestHead<'_>) -> Result<GetObject, S3Error> {
        let bucket = self.bucket.clone().ok_or(ErrorCode::NoSuchBucket)?;
        check_bucket_name(&bucket)?;
        let path = head.uri.path();
        let key = uri::decode_utf8(path.strip_prefix('/').ok_or(ErrorCode::InvalidUri)?, false)?;
        check_key(&key)?;
        // As of GetObject: the whole object is always a right answer to If-Range.
        let ranged = !head.headers.contains_key(http::header::IF_RANGE);
        Ok(GetObject {
            range: head.header("range")?.and_then(parse_range).filter(|_| ranged),
            conditions: ReadConditions::from_head(head, "")?,
            ..GetObject::plain(bucket, key)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;
    use proptest::prelude::*;

    fn visit(host: &str, path: &str) -> Option<Result<(String, String), ErrorCode>> {
        let request = Request::get(path).header("host", host).body(()).unwrap();
        let head = RequestHead::from(&request);
        let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let s3 = list(&["s3.example", "deep.web.s3.example"]);
        let at = WebsiteHost::of(&head, &s3, &list(&["web.s3.example", "pages.example"]))?;
        assert_eq!(at.host, host);
        Some(at.visit(&head).map(|get| (get.bucket, get.key)).map_err(|error| error.code))
    }

    #[test]
    fn the_longest_domain_says_whether_a_host_is_a_web_site() {
        for (host, path, bucket, key) in [
            ("photos.pages.example", "/", "photos", ""),
            ("Photos.Web.S3.Example.:9000", "/a%20b/c+d?versionId=x", "photos", "a b/c+d"),
            ("www.photos.org.pages.example", "//a", "www.photos.org", "/a"),
            // Under the longer domain of S3 this would be a host of S3.
            ("a.b.web.s3.example", "/x", "a.b", "x"),
        ] {
            assert_eq!(visit(host, path), Some(Ok((bucket.into(), key.into()))), "{host}");
        }
        for host in [
            "photos.s3.example",
            "s3.example",
            "photos.deep.web.s3.example",
            "127.0.0.1:9000",
            "xpages.example",
        ] {
            assert_eq!(visit(host, "/"), None, "{host}");
        }
    }

    #[test]
    fn what_names_no_bucket_or_key_is_refused() {
        for (host, path, code) in [
            ("web.s3.example", "/photos/a", ErrorCode::NoSuchBucket),
            ("pages.example:80", "/", ErrorCode::NoSuchBucket),
            ("a/b.pages.example", "/", ErrorCode::InvalidBucketName),
            ("x@evil.pages.example", "/", ErrorCode::InvalidBucketName),
            ("photos.pages.example", "/%zz", ErrorCode::InvalidUri),
            ("photos.pages.example", "/%ff", ErrorCode::InvalidUri),
        ] {
            assert_eq!(visit(host, path), Some(Err(code)), "{host}{path}");
        }
        let long = format!("/{}", "a".repeat(1_025));
        assert_eq!(visit("photos.pages.example", &long), Some(Err(ErrorCode::KeyTooLong)));
    }

    #[test]
    fn ranges_and_conditions_count_and_versions_do_not() {
        let request = Request::get("/a?versionId=v&partNumber=2&response-content-type=x")
            .header("host", "photos.pages.example")
            .header("range", "bytes=1-2")
            .header("if-none-match", "\"t\"")
            .header("x-amz-checksum-mode", "ENABLED")
            .body(())
            .unwrap();
        let head = RequestHead::from(&request);
        let get = WebsiteHost::of(&head, &[], &["pages.example".into()]).unwrap().visit(&head).unwrap();
        assert!(get.range.is_some() && get.conditions.if_none_match.is_some());
        let plain = GetObject::plain("photos".into(), "a".into());
        assert_eq!(GetObject { range: None, conditions: ReadConditions::default(), ..get }, plain);
    }

    proptest! {
        #[test]
        fn no_host_or_path_breaks_it(host in "[ -~]{0,40}", path in "/[ -~&&[^ ]]{0,40}") {
            let request = Request::get(path.as_str()).header("host", host).body(());
            if let Ok(request) = request {
                let head = RequestHead::from(&request);
                let domains = ["e".to_owned(), "".to_owned()];
                if let Some(at) = WebsiteHost::of(&head, &[], &domains) {
                    at.visit(&head).ok();
                }
            }
        }
    }
}

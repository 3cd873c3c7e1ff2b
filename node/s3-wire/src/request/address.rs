//! Bucket and key: found in host and path, and checked.

use crate::error::{ErrorCode, S3Error};
use crate::head::RequestHead;
use crate::uri;

/// The longest key, in bytes of UTF-8.
const MAX_KEY_LEN: usize = 1_024;

/// Which bucket and key a request is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) bucket: Option<String>,
    pub(super) key: Option<String>,
}

impl Address {
    pub(super) fn of(head: &RequestHead<'_>, domains: &[String]) -> Result<Self, S3Error> {
        let path = head.uri.path();
        let path =
            path.strip_prefix('/').or_else(|| path.is_empty().then_some("")).ok_or(ErrorCode::InvalidUri)?;
        let (bucket, key) = match bucket_of_host(head.host().unwrap_or(""), domains) {
            Some(bucket) => (bucket, path),
            None => {
                let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
                (uri::decode_utf8(bucket, false)?, key)
            }
        };
        if bucket.is_empty() {
            // `//key` names no bucket, and must not be taken for the list of buckets.
            return if key.is_empty() {
                Ok(Self { bucket: None, key: None })
            } else {
                Err(ErrorCode::InvalidBucketName.into())
            };
        }
        check_bucket_name(&bucket)?;
        let key = uri::decode_utf8(key, false)?;
        if key.is_empty() {
            return Ok(Self { bucket: Some(bucket), key: None });
        }
        check_key(&key)?;
        Ok(Self { bucket: Some(bucket), key: Some(key) })
    }
}

/// The bucket in front of one of our domains; `None` for a host that is a domain itself or foreign.
pub(crate) fn bucket_of_host(host: &str, domains: &[String]) -> Option<String> {
    in_front(&plain_name(host), domains).filter(|bucket| !bucket.is_empty()).map(str::to_owned)
}

/// A host in lower case, without port and final dot.
pub(super) fn plain_name(host: &str) -> String {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    name.trim_end_matches('.').to_ascii_lowercase()
}

/// What a name has in front of the domain that it lies in: the longest, should one lie within
/// another. Empty for the domain itself, `None` for a name in none of them.
pub(super) fn in_front<'n>(name: &'n str, domains: &[String]) -> Option<&'n str> {
    domains
        .iter()
        .filter_map(|domain| {
            let rest = name.strip_suffix(&domain.to_ascii_lowercase())?;
            if rest.is_empty() { Some("") } else { rest.strip_suffix('.') }
        })
        .min_by_key(|rest| rest.len())
}

/// Checks a bucket name by the rules of S3: `InvalidBucketName` if it breaks one.
pub fn check_bucket_name(name: &str) -> Result<(), S3Error> {
    let edge = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = name.as_bytes();
    let proper = (3..=63).contains(&bytes.len())
        && bytes.iter().all(|byte| edge(*byte) || matches!(byte, b'-' | b'.'))
        && bytes.first().is_some_and(|byte| edge(*byte))
        && bytes.last().is_some_and(|byte| edge(*byte))
        && !["..", ".-", "-."].iter().any(|pair| name.contains(pair))
        && !["xn--", "sthree-"].iter().any(|prefix| name.starts_with(prefix))
        && !["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"]
            .iter()
            .any(|suffix| name.ends_with(suffix))
        && name.parse::<std::net::Ipv4Addr>().is_err();
    if proper { Ok(()) } else { Err(S3Error::new(ErrorCode::InvalidBucketName).field("BucketName", name)) }
}

/// Checks the length of a key: `KeyTooLongError` beyond 1,024 bytes.
pub fn check_key(key: &str) -> Result<(), S3Error> {
    if key.len() <= MAX_KEY_LEN {
        return Ok(());
    }
    Err(S3Error::new(ErrorCode::KeyTooLong)
        .field("Size", key.len().to_string())
        .field("MaxSizeAllowed", MAX_KEY_LEN.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;
    use proptest::prelude::*;

    fn address(host: &str, path: &str) -> Result<(Option<String>, Option<String>), ErrorCode> {
        let request = Request::builder().uri(path).header("host", host).body(()).unwrap();
        let domains = ["s3.example".to_owned(), "eu.s3.example".to_owned()];
        Address::of(&RequestHead::from(&request), &domains)
            .map(|address| (address.bucket, address.key))
            .map_err(|error| error.code)
    }

    fn found(bucket: &str, key: &str) -> Result<(Option<String>, Option<String>), ErrorCode> {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Ok((some(bucket), some(key)))
    }

    #[test]
    fn bucket_and_key_come_from_host_or_path() {
        for (host, path, bucket, key) in [
            ("s3.example", "/", "", ""),
            ("s3.example:9000", "/photos", "photos", ""),
            ("s3.example", "/photos/", "photos", ""),
            ("s3.example", "/photos/a/b%20c+d", "photos", "a/b c+d"),
            ("s3.example", "/photos//a", "photos", "/a"),
            ("photos.s3.example:9000", "/a", "photos", "a"),
            ("Photos.S3.Example.", "/a%2Fb", "photos", "a/b"),
            ("photos.eu.s3.example", "/", "photos", ""),
            ("my.photos.s3.example", "/a", "my.photos", "a"),
            ("eu.s3.example", "/photos/a", "photos", "a"),
            ("xs3.example", "/photos/a", "photos", "a"),
            ("127.0.0.1:9000", "/photos/a", "photos", "a"),
            ("[::1]:9000", "/photos/a", "photos", "a"),
        ] {
            assert_eq!(address(host, path), found(bucket, key), "{host}{path}");
        }
    }

    #[test]
    fn bad_names_and_escapes_are_refused() {
        for (path, code) in [
            ("/photos/%zz", ErrorCode::InvalidUri),
            ("/photos/%ff", ErrorCode::InvalidUri),
            ("//key", ErrorCode::InvalidBucketName),
            ("/Photos/a", ErrorCode::InvalidBucketName),
            ("/ph%2Fotos/a", ErrorCode::InvalidBucketName),
        ] {
            assert_eq!(address("s3.example", path), Err(code), "{path}");
        }
        let long = |len| address("s3.example", &format!("/photos/{}", "k".repeat(len)));
        assert!(long(1_024).is_ok());
        assert_eq!(long(1_025), Err(ErrorCode::KeyTooLong));
        let wide = format!("/photos/{}", "%C3%A9".repeat(513));
        assert_eq!(address("s3.example", &wide), Err(ErrorCode::KeyTooLong));
    }

    #[test]
    fn bucket_names_follow_the_rules() {
        for name in ["abc", "a.b.c", "1bucket", "a-b", &"a".repeat(63)] {
            assert_eq!(check_bucket_name(name), Ok(()), "{name}");
        }
        for name in [
            "",
            "ab",
            &"a".repeat(64),
            "Abc",
            "a_b",
            "-abc",
            "abc-",
            ".abc",
            "abc.",
            "a..b",
            "a.-b",
            "a-.b",
            "192.168.5.4",
            "xn--abc",
            "sthree-abc",
            "abc-s3alias",
            "é--",
            "a b c",
        ] {
            assert!(check_bucket_name(name).is_err(), "{name}");
        }
    }

    proptest! {
        #[test]
        fn any_key_survives_the_path(key in "\\PC{1,50}") {
            let path = format!("/photos/{}", uri::encode(key.as_bytes(), true));
            prop_assert_eq!(address("s3.example", &path), found("photos", &key));
        }

        #[test]
        fn arbitrary_hosts_and_paths_never_panic(host in "[ -~]{0,40}", path in "/[!-~]{0,60}") {
            if path.parse::<http::Uri>().is_ok() {
                address(&host, &path).ok();
            }
        }
    }
}

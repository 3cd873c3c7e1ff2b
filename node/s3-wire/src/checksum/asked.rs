//! What the headers of an upload say about checksums.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::checksum::algorithm::{Checksum, ChecksumAlgorithm};
use crate::error::{ErrorCode, S3Error};
use crate::head::RequestHead;

/// The MD5 a client says the body has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContentMd5(pub [u8; 16]);

impl ContentMd5 {
    /// Reads `Content-MD5`; `InvalidDigest` unless it is the base64 of 16 bytes.
    pub fn from_head(head: &RequestHead<'_>) -> Result<Option<Self>, S3Error> {
        let Some(text) = head.header("content-md5")? else { return Ok(None) };
        let bytes = STANDARD.decode(text).ok().and_then(|bytes| bytes.try_into().ok());
        match bytes {
            Some(bytes) => Ok(Some(Self(bytes))),
            None => Err(S3Error::new(ErrorCode::InvalidDigest).field("Content-MD5", text)),
        }
    }

    /// Checks it against the MD5 of the body: `BadDigest` if they differ.
    pub fn check(self, computed: &[u8; 16]) -> Result<(), S3Error> {
        if self.0 == *computed {
            return Ok(());
        }
        Err(S3Error::with_message(
            ErrorCode::BadDigest,
            "The Content-MD5 you specified did not match what we received.",
        )
        .field("ExpectedDigest", STANDARD.encode(self.0))
        .field("CalculatedDigest", STANDARD.encode(computed)))
    }
}

/// Where the expected value of a checksum comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpectedChecksum {
    /// It stood in a header.
    Value(Checksum),
    /// It comes behind the body, in a trailer of an aws-chunked body.
    Trailer,
}

/// The checksum that a body is uploaded with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyChecksum {
    /// The algorithm to hash the body with.
    pub algorithm: ChecksumAlgorithm,
    /// What to compare with.
    pub expected: ExpectedChecksum,
}

impl BodyChecksum {
    /// Reads `x-amz-checksum-*`, `x-amz-trailer` and `x-amz-sdk-checksum-algorithm`.
    ///
    /// `BadDigest` for a value that cannot be one, `InvalidRequest` for two checksums, and for headers that
    /// contradict each other; `NotImplemented` for algorithms that we do not have, because to
    /// ignore them would be to confirm what was not checked.
    pub fn from_head(head: &RequestHead<'_>) -> Result<Option<Self>, S3Error> {
        let mut found: Option<Self> = None;
        for name in head.headers.keys().map(http::HeaderName::as_str) {
            let Some(word) = name.strip_prefix("x-amz-checksum-") else { continue };
            if matches!(word, "algorithm" | "mode" | "type") {
                continue;
            }
            let algorithm =
                ChecksumAlgorithm::from_header(name).ok_or_else(|| S3Error::header_not_implemented(name))?;
            let text = head.header(name)?.unwrap_or("");
            // No body has such a digest.
            let value = Checksum::from_base64(algorithm, text).ok_or_else(|| {
                S3Error::with_message(ErrorCode::BadDigest, format!("Value for {name} header is invalid."))
            })?;
            let checksum = Self { algorithm, expected: ExpectedChecksum::Value(value) };
            if found.replace(checksum).is_some() {
                return Err(several());
            }
        }
        for algorithm in trailer_checksums(head)? {
            let checksum = Self { algorithm, expected: ExpectedChecksum::Trailer };
            if found.replace(checksum).is_some() {
                return Err(several());
            }
        }
        let Some(name) = head.header("x-amz-sdk-checksum-algorithm")? else { return Ok(found) };
        let announced = ChecksumAlgorithm::from_name(name);
        match found {
            None => Err(S3Error::with_message(
                ErrorCode::InvalidRequest,
                "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or \
                 x-amz-trailer headers were found.",
            )),
            Some(checksum) if announced == Some(checksum.algorithm) => Ok(found),
            Some(_) => Err(invalid_value("x-amz-sdk-checksum-algorithm")),
        }
    }

    /// Checks the checksum of a body that has ended: `BadDigest` if it differs.
    ///
    /// `trailer` is the value that came behind the body, if one did; a missing one is
    /// `MalformedTrailerError`.
    pub fn check(&self, computed: &Checksum, trailer: Option<&Checksum>) -> Result<(), S3Error> {
        let expected = match (&self.expected, trailer) {
            (ExpectedChecksum::Value(value), _) => value,
            (ExpectedChecksum::Trailer, Some(value)) => value,
            (ExpectedChecksum::Trailer, None) => return Err(ErrorCode::MalformedTrailer.into()),
        };
        if expected == computed {
            return Ok(());
        }
        Err(S3Error::with_message(
            ErrorCode::BadDigest,
            format!("The {} you specified did not match the calculated checksum.", self.algorithm.name()),
        ))
    }
}

/// The checksums announced in `x-amz-trailer`; any other trailer is refused.
pub(crate) fn trailer_checksums(head: &RequestHead<'_>) -> Result<Vec<ChecksumAlgorithm>, S3Error> {
    let mut found = Vec::new();
    for name in head.header("x-amz-trailer")?.unwrap_or("").split(',').map(str::trim) {
        if name.is_empty() {
            continue;
        }
        let algorithm = ChecksumAlgorithm::from_header(name).ok_or_else(|| {
            S3Error::with_message(
                ErrorCode::InvalidRequest,
                "The value specified in the x-amz-trailer header is not supported",
            )
        })?;
        found.push(algorithm);
    }
    Ok(found)
}

fn invalid_value(header: &str) -> S3Error {
    S3Error::with_message(ErrorCode::InvalidRequest, format!("Value for {header} header is invalid."))
}

fn several() -> S3Error {
    S3Error::with_message(
        ErrorCode::InvalidRequest,
        "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checksum::ChecksumHasher;
    use http::Request;
    use proptest::prelude::*;

    fn asked(headers: &[(&str, &str)]) -> Result<Option<BodyChecksum>, (ErrorCode, String)> {
        let mut request = Request::builder();
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(()).unwrap();
        BodyChecksum::from_head(&RequestHead::from(&request))
            .map_err(|error| (error.code, error.message.into_owned()))
    }

    #[test]
    fn headers_and_trailers_name_one_checksum() {
        let value = Checksum::from_base64(ChecksumAlgorithm::Crc32, "AAAAAA==").unwrap();
        let header = ("x-amz-checksum-crc32", "AAAAAA==");
        assert_eq!(asked(&[]), Ok(None));
        assert_eq!(
            asked(&[header, ("x-amz-sdk-checksum-algorithm", "crc32")]),
            Ok(Some(BodyChecksum {
                algorithm: ChecksumAlgorithm::Crc32,
                expected: ExpectedChecksum::Value(value)
            }))
        );
        assert_eq!(
            asked(&[("x-amz-trailer", "x-amz-checksum-sha256"), ("x-amz-checksum-type", "FULL_OBJECT")]),
            Ok(Some(BodyChecksum {
                algorithm: ChecksumAlgorithm::Sha256,
                expected: ExpectedChecksum::Trailer
            }))
        );
    }

    #[test]
    fn contradictions_and_unknown_algorithms_are_refused() {
        let header = ("x-amz-checksum-crc32", "AAAAAA==");
        for (headers, code) in [
            (vec![("x-amz-checksum-crc32", "AAAA")], ErrorCode::BadDigest),
            (
                vec![header, ("x-amz-checksum-sha1", "qZk+NkcGgWq6PiVxeFDCbJzQ2J0=")],
                ErrorCode::InvalidRequest,
            ),
            (vec![header, ("x-amz-trailer", "x-amz-checksum-crc32")], ErrorCode::InvalidRequest),
            (vec![header, ("x-amz-sdk-checksum-algorithm", "SHA1")], ErrorCode::InvalidRequest),
            (vec![("x-amz-sdk-checksum-algorithm", "SHA1")], ErrorCode::InvalidRequest),
            (vec![("x-amz-trailer", "x-amz-meta-a")], ErrorCode::InvalidRequest),
            (vec![("x-amz-checksum-xxhash64", "AAAA")], ErrorCode::NotImplemented),
        ] {
            assert_eq!(asked(&headers).map_err(|error| error.0), Err(code), "{headers:?}");
        }
    }

    #[test]
    fn a_body_with_another_checksum_is_refused() {
        let right = ChecksumHasher::checksum(ChecksumAlgorithm::Crc32, b"right");
        let wrong = ChecksumHasher::checksum(ChecksumAlgorithm::Crc32, b"wrong");
        let code = |result: Result<(), S3Error>| result.map_err(|error| error.code);
        let expected = ExpectedChecksum::Value(right);
        let by_header = BodyChecksum { algorithm: ChecksumAlgorithm::Crc32, expected };
        assert_eq!(code(by_header.check(&right, None)), Ok(()));
        assert_eq!(code(by_header.check(&wrong, Some(&wrong))), Err(ErrorCode::BadDigest));
        let by_trailer = BodyChecksum { expected: ExpectedChecksum::Trailer, ..by_header };
        assert_eq!(code(by_trailer.check(&right, Some(&right))), Ok(()));
        assert_eq!(code(by_trailer.check(&right, Some(&wrong))), Err(ErrorCode::BadDigest));
        assert_eq!(code(by_trailer.check(&right, None)), Err(ErrorCode::MalformedTrailer));
    }

    #[test]
    fn content_md5_must_be_sixteen_bytes_and_match() {
        let read = |value: &str| {
            let request = Request::builder().header("content-md5", value).body(()).unwrap();
            ContentMd5::from_head(&RequestHead::from(&request)).map_err(|error| error.code)
        };
        assert_eq!(
            read("1B2M2Y8AsgTpgAmY7PhCfg=="),
            Ok(Some(ContentMd5(*b"\xd4\x1d\x8c\xd9\x8f\x00\xb2\x04\xe9\x80\x09\x98\xec\xf8\x42\x7e")))
        );
        for value in ["", "YWJj", "not base64", "1B2M2Y8AsgTpgAmY7PhCfgAA"] {
            assert_eq!(read(value), Err(ErrorCode::InvalidDigest), "{value}");
        }
        assert_eq!(ContentMd5([1; 16]).check(&[1; 16]), Ok(()));
        assert_eq!(ContentMd5([1; 16]).check(&[2; 16]).unwrap_err().code, ErrorCode::BadDigest);
    }

    proptest! {
        #[test]
        fn arbitrary_headers_never_panic(name in "[a-z0-9-]{0,12}", value in "[ -~]{0,40}", trailer in "[ -~]{0,40}") {
            asked(&[
                (&format!("x-amz-checksum-{name}"), &value),
                ("x-amz-trailer", &trailer),
                ("x-amz-sdk-checksum-algorithm", &value),
            ]).ok();
        }
    }
}

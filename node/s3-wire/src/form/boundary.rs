//! The boundary of a form, which its `Content-Type` names.

use crate::error::{ErrorCode, S3Error};
use crate::form::{malformed, parameters};
use crate::head::RequestHead;

/// The longest boundary (RFC 2046, section 5.1.1).
const MAX_BOUNDARY_LEN: usize = 70;

/// What stands between the parts of a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Boundary(String);

impl Boundary {
    /// Reads the `Content-Type` of a request.
    ///
    /// `PreconditionFailed` unless it is `multipart/form-data`, as S3 answers;
    /// `MalformedPOSTRequest` if it has no proper boundary.
    pub fn from_head(head: &RequestHead<'_>) -> Result<Self, S3Error> {
        let value = head.header("content-type")?.unwrap_or("");
        let kind = value.split(';').next().unwrap_or("").trim();
        if !kind.eq_ignore_ascii_case("multipart/form-data") {
            return Err(S3Error::new(ErrorCode::PreconditionFailed)
                .field("Condition", "Bucket POST must be of the enclosure-type multipart/form-data"));
        }
        let (_, found) = parameters::parse(value).ok_or_else(malformed)?;
        let boundary = found.into_iter().find(|(name, _)| name == "boundary").map(|(_, value)| value);
        boundary.and_then(Self::new).ok_or_else(malformed)
    }

    /// A boundary of 1 to 70 visible characters or spaces, the last no space.
    pub fn new(text: String) -> Option<Self> {
        let visible = |byte: u8| byte.is_ascii_graphic() || byte == b' ';
        let proper =
            (1..=MAX_BOUNDARY_LEN).contains(&text.len()) && text.bytes().all(visible) && !text.ends_with(' ');
        proper.then_some(Self(text))
    }

    /// The boundary as it was named.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderValue, Request};
    use proptest::prelude::*;

    fn read(value: &str) -> Result<String, ErrorCode> {
        let mut request = Request::new(());
        request.headers_mut().insert("content-type", HeaderValue::from_bytes(value.as_bytes()).unwrap());
        Boundary::from_head(&RequestHead::from(&request))
            .map(|boundary| boundary.as_str().to_owned())
            .map_err(|error| error.code)
    }

    #[test]
    fn the_boundary_is_read_from_the_content_type() {
        for (value, boundary) in [
            ("multipart/form-data; boundary=abc", "abc"),
            ("Multipart/Form-Data;charset=utf-8;Boundary=\"a b'c\"", "a b'c"),
            ("multipart/form-data; boundary=----WebKitFormBoundary7MA4", "----WebKitFormBoundary7MA4"),
        ] {
            assert_eq!(read(value), Ok(boundary.to_owned()), "{value}");
        }
    }

    #[test]
    fn other_types_and_boundaries_are_refused() {
        for value in ["", "text/plain", "multipart/mixed; boundary=a", "application/x-www-form-urlencoded"] {
            assert_eq!(read(value), Err(ErrorCode::PreconditionFailed), "{value}");
        }
        for value in [
            "multipart/form-data",
            "multipart/form-data; boundary=",
            "multipart/form-data; boundary=\"a ",
            "multipart/form-data; boundary=\"a \"",
            "multipart/form-data; boundary=é",
            &format!("multipart/form-data; boundary={}", "a".repeat(71)),
        ] {
            assert_eq!(read(value), Err(ErrorCode::MalformedPostRequest), "{value}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_types_never_panic(value in "(multipart/form-data)?[ -~]{0,40}") {
            read(&value).ok();
        }
    }
}

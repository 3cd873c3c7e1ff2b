//! The head of an HTTP request, which is all that routing and signatures look at.

use http::{HeaderMap, Method, Uri};

use crate::error::{ErrorCode, S3Error};

/// Method, URI and headers of a request, borrowed.
#[derive(Clone, Copy, Debug)]
pub struct RequestHead<'a> {
    /// The method.
    pub method: &'a Method,
    /// The URI as it was received; the path must not have been normalised.
    pub uri: &'a Uri,
    /// The headers as they were received; nothing may have been added or changed.
    pub headers: &'a HeaderMap,
}

impl<'a> From<&'a http::request::Parts> for RequestHead<'a> {
    fn from(parts: &'a http::request::Parts) -> Self {
        Self { method: &parts.method, uri: &parts.uri, headers: &parts.headers }
    }
}

impl<'a, B> From<&'a http::Request<B>> for RequestHead<'a> {
    fn from(request: &'a http::Request<B>) -> Self {
        Self { method: request.method(), uri: request.uri(), headers: request.headers() }
    }
}

impl<'a> RequestHead<'a> {
    /// The value of a header, without surrounding spaces. `InvalidArgument` if it is not UTF-8, or
    /// comes again with another value: to take one of them is to drop a condition or a checksum.
    pub(crate) fn header(&self, name: &str) -> Result<Option<&'a str>, S3Error> {
        let mut values = self.headers.get_all(name).iter();
        let Some(value) = values.next() else { return Ok(None) };
        if values.any(|other| other != value) {
            return Err(S3Error::with_message(
                ErrorCode::InvalidArgument,
                "Header was given more than once, with different values",
            )
            .field("ArgumentName", name));
        }
        match std::str::from_utf8(value.as_bytes()) {
            Ok(text) => Ok(Some(text.trim())),
            Err(_) => Err(S3Error::with_message(ErrorCode::InvalidArgument, "Header value is not UTF-8")
                .field("ArgumentName", name)),
        }
    }

    /// The host the client meant, with its port if it gave one.
    pub(crate) fn host(&self) -> Option<&'a str> {
        match self.headers.get(http::header::HOST) {
            Some(host) => host.to_str().ok(),
            None => self.uri.authority().map(http::uri::Authority::as_str),
        }
    }

    /// The raw query, empty when there is none.
    pub(crate) fn query(&self) -> &'a str {
        self.uri.query().unwrap_or("")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_that_comes_again_with_another_value_is_refused() {
        let request = http::Request::builder()
            .header("if-match", " \"a\"")
            .header("if-match", " \"a\"")
            .header("content-md5", "a")
            .header("content-md5", "b")
            .body(())
            .unwrap();
        let head = RequestHead::from(&request);
        assert_eq!(head.header("if-match").unwrap(), Some("\"a\""));
        assert_eq!(head.header("content-md5").unwrap_err().code, ErrorCode::InvalidArgument);
        assert_eq!(head.header("expires").unwrap(), None);
    }
}

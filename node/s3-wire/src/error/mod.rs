//! An S3 error: code, message, and the elements that stand beside them in the body.

mod code;

pub use code::ErrorCode;

use std::borrow::Cow;

use http::StatusCode;

use crate::xml::XmlWriter;

/// What a request is refused with. `message` and `fields` are shown to the client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct S3Error {
    /// The code, which fixes the HTTP status.
    pub code: ErrorCode,
    /// The message for the client.
    pub message: Cow<'static, str>,
    /// Further elements of the body, such as `BucketName`, `Key` or `ArgumentName`.
    pub fields: Vec<(&'static str, String)>,
}

impl S3Error {
    /// The error with its default message.
    pub fn new(code: ErrorCode) -> Self {
        Self { code, message: Cow::Borrowed(code.message()), fields: Vec::new() }
    }

    /// The error with a message of its own.
    pub fn with_message(code: ErrorCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), fields: Vec::new() }
    }

    /// Adds an element to the body, after those already there.
    #[must_use]
    pub fn field(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.fields.push((name, value.into()));
        self
    }

    /// `InvalidArgument` about one named argument, as AWS words it.
    pub fn invalid_argument(message: impl Into<Cow<'static, str>>, name: &str, value: &str) -> Self {
        Self::with_message(ErrorCode::InvalidArgument, message)
            .field("ArgumentName", name)
            .field("ArgumentValue", value)
    }

    /// `NotImplemented` because of a header that must not be ignored.
    pub fn header_not_implemented(header: &str) -> Self {
        Self::with_message(
            ErrorCode::NotImplemented,
            "A header you provided implies functionality that is not implemented",
        )
        .field("Header", header)
    }

    /// The HTTP status of the answer.
    pub fn status(&self) -> StatusCode {
        self.code.status()
    }

    /// The body of the answer. `resource` is the path asked for, as the client wrote it.
    ///
    /// Answers to HEAD and 304 answers carry no body: the caller leaves it out there.
    pub fn to_xml(&self, resource: &str, request_id: &str, host_id: &str) -> String {
        let mut xml = XmlWriter::document();
        xml.open("Error");
        xml.text("Code", self.code.as_str());
        xml.text("Message", &self.message);
        for (name, value) in &self.fields {
            xml.text(name, value);
        }
        xml.text("Resource", resource);
        xml.text("RequestId", request_id);
        xml.text("HostId", host_id);
        xml.close("Error");
        xml.finish()
    }
}

impl From<ErrorCode> for S3Error {
    fn from(code: ErrorCode) -> Self {
        Self::new(code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn body_has_the_elements_of_aws_in_order_and_escaped() {
        let error = S3Error::new(ErrorCode::NoSuchKey).field("Key", "a<b&c");
        assert_eq!(
            error.to_xml("/bucket/a%3Cb", "ID1", "HOST1"),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>NoSuchKey</Code>\
             <Message>The specified key does not exist.</Message><Key>a&lt;b&amp;c</Key>\
             <Resource>/bucket/a%3Cb</Resource><RequestId>ID1</RequestId><HostId>HOST1</HostId></Error>"
        );
    }
}

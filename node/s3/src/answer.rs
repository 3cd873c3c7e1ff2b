use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use mucura_s3_wire::S3Error;
use mucura_store::ObjectStream;

use crate::account::Account;
use crate::answer_body::AnswerBody;
use crate::payload::Payload;
use crate::tasks::Tasks;

/// What a request is answered with; the front end adds what all answers have.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) content: Content,
}

/// The body of an answer.
pub(crate) enum Content {
    /// None, and no length of one either (unless a header gives it).
    Nothing,
    /// These bytes.
    Whole(Bytes),
    /// So many bytes from a stream.
    Stream(ObjectStream, u64),
}

impl Answer {
    /// 200 without a body.
    pub(crate) fn ok() -> Self {
        Self { status: StatusCode::OK, headers: HeaderMap::new(), content: Content::Whole(Bytes::new()) }
    }

    /// 204.
    pub(crate) fn no_content() -> Self {
        Self::bare(StatusCode::NO_CONTENT)
    }

    /// A status without any body.
    pub(crate) fn bare(status: StatusCode) -> Self {
        Self { status, headers: HeaderMap::new(), content: Content::Nothing }
    }

    /// 200 with a document.
    pub(crate) fn xml(document: String) -> Self {
        Self::document(document.into())
    }

    /// The same, of bytes.
    pub(crate) fn document(document: Bytes) -> Self {
        let mut answer = Self::ok();
        answer.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/xml"));
        answer.content = Content::Whole(document);
        answer
    }

    /// A refusal. Answers to HEAD, and 304, have no body.
    pub(crate) fn refusal(
        error: &S3Error,
        head: bool,
        resource: &str,
        request_id: &str,
        host_id: &str,
    ) -> Self {
        let status = error.status();
        if head || status == StatusCode::NOT_MODIFIED {
            return Self::bare(status);
        }
        Self { status, ..Self::xml(error.to_xml(resource, request_id, host_id)) }
    }

    /// Sends it. What the client still sends of its body is not taken for its
    /// next request.
    pub(crate) fn send(mut self, payload: Payload, mut account: Account, tasks: &Tasks) -> Response {
        account.answered(self.status.as_u16(), payload.received());
        if payload.wants_drain() {
            // The answer goes out meanwhile; a connection that is closed while
            // its client still sends would take the answer with it.
            tasks.spawn(payload.drain());
        } else if payload.ends_connection() {
            self.headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        let mut response = Response::new(axum::body::Body::new(AnswerBody::new(self.content, account)));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }

    /// Adds a header whose value is text; one that does not fit is left out.
    #[must_use]
    pub(crate) fn with(mut self, name: HeaderName, value: &str) -> Self {
        set(&mut self.headers, name, value);
        self
    }
}

/// Sets a header, unless the value cannot stand in one.
pub(crate) fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
        headers.insert(name, value);
    }
}

/// The value of an `ETag` header.
pub(crate) fn quoted(etag: impl std::fmt::Display) -> String {
    format!("\"{etag}\"")
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;

//! Errors as web sites show them: a page for people, and headers for programs.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use mucura_s3_wire::{ErrorCode, S3Error};

use crate::answer::{Answer, Content, set};

const ERROR_CODE: HeaderName = HeaderName::from_static("x-amz-error-code");
const ERROR_MESSAGE: HeaderName = HeaderName::from_static("x-amz-error-message");

/// Why a visit is not answered with a page of the site.
#[derive(Debug)]
pub(crate) struct WebsiteError {
    /// What went wrong with what was asked for.
    pub(crate) of_visit: S3Error,
    /// What went wrong with the site's own page for that, if it has one.
    pub(crate) of_page: Option<S3Error>,
}

impl From<S3Error> for WebsiteError {
    fn from(of_visit: S3Error) -> Self {
        Self { of_visit, of_page: None }
    }
}

impl WebsiteError {
    /// The answer; one to HEAD has no body.
    pub(crate) fn answer(&self, method: &Method, request_id: &str, host_id: &str) -> Answer {
        let mut answer = Answer::bare(self.of_visit.status());
        mark(&mut answer.headers, &self.of_visit);
        if self.of_visit.code == ErrorCode::MethodNotAllowed {
            answer.headers.insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        }
        let html = HeaderValue::from_static("text/html; charset=utf-8");
        answer.headers.insert(header::CONTENT_TYPE, html);
        if method != Method::HEAD {
            answer.content = Content::Whole(Bytes::from(self.page(request_id, host_id)));
        }
        answer
    }

    fn page(&self, request_id: &str, host_id: &str) -> String {
        let title = self.of_visit.status().to_string();
        let mut page =
            format!("<html>\n<head><title>{title}</title></head>\n<body>\n<h1>{title}</h1>\n<ul>\n");
        list(&mut page, &self.of_visit);
        item(&mut page, "RequestId", request_id);
        item(&mut page, "HostId", host_id);
        page.push_str("</ul>\n");
        if let Some(error) = &self.of_page {
            page.push_str("<h3>The error document of this site could not be shown either</h3>\n<ul>\n");
            list(&mut page, error);
            page.push_str("</ul>\n");
        }
        page.push_str("<hr/>\n</body>\n</html>\n");
        page
    }
}

/// Names the error in the head of an answer.
pub(crate) fn mark(headers: &mut HeaderMap, error: &S3Error) {
    set(headers, ERROR_CODE, error.code.as_str());
    set(headers, ERROR_MESSAGE, &error.message);
}

fn list(page: &mut String, error: &S3Error) {
    item(page, "Code", error.code.as_str());
    item(page, "Message", &error.message);
    for (name, value) in &error.fields {
        item(page, name, value);
    }
}

/// The value may be anything that a client sent.
fn item(page: &mut String, name: &str, value: &str) {
    page.push_str("<li>");
    page.push_str(name);
    page.push_str(": ");
    for char in value.chars() {
        match char {
            '<' => page.push_str("&lt;"),
            '>' => page.push_str("&gt;"),
            '&' => page.push_str("&amp;"),
            '"' => page.push_str("&quot;"),
            '\'' => page.push_str("&#39;"),
            other => page.push(other),
        }
    }
    page.push_str("</li>\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(error: WebsiteError) -> String {
        let Content::Whole(page) = error.answer(&Method::GET, "ID1", "HOST1").content else { panic!() };
        String::from_utf8(page.to_vec()).unwrap()
    }

    #[test]
    fn the_page_tells_the_error_and_runs_nothing() {
        let missing = S3Error::new(ErrorCode::NoSuchKey).field("Key", "<script>'\"&");
        let page = page(missing.into());
        for part in [
            "<h1>404 Not Found</h1>",
            "<li>Code: NoSuchKey</li>",
            "<li>Message: The specified key does not exist.</li>",
            "<li>Key: &lt;script&gt;&#39;&quot;&amp;</li>",
            "<li>RequestId: ID1</li>",
            "<li>HostId: HOST1</li>",
        ] {
            assert!(page.contains(part), "{part} is not in {page}");
        }
    }

    #[test]
    fn an_error_page_that_is_missing_itself_does_not_hide_the_first_error() {
        let both = WebsiteError {
            of_visit: ErrorCode::AccessDenied.into(),
            of_page: Some(ErrorCode::NoSuchKey.into()),
        };
        let page = page(both);
        assert!(page.contains("403 Forbidden") && page.contains("AccessDenied"), "{page}");
        assert!(page.contains("<li>Code: NoSuchKey</li>"), "{page}");
    }

    #[test]
    fn head_has_the_code_and_no_body() {
        let error = WebsiteError::from(S3Error::from(ErrorCode::MethodNotAllowed));
        let answer = error.answer(&Method::HEAD, "ID1", "HOST1");
        assert!(matches!(answer.content, Content::Nothing));
        assert_eq!(answer.status.as_u16(), 405);
        assert_eq!(answer.headers[ERROR_CODE], "MethodNotAllowed");
        assert_eq!(answer.headers[header::ALLOW], "GET, HEAD");
    }
}

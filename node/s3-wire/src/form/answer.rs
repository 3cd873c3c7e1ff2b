//! What a form asks to be answered when its upload succeeded.

use http::{HeaderValue, StatusCode, Uri};

use crate::form::Form;
use crate::uri::encode;
use crate::xml::XmlWriter;

/// The answer to a form whose object was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Success {
    /// `303 See Other` to this URL, completed by [`redirect_location`].
    Redirect(String),
    /// `200`, without a body.
    Ok,
    /// `201`, with [`post_response`].
    Created,
    /// `204`, which is what a form gets that asks for nothing else.
    NoContent,
}

impl Success {
    /// Reads `success_action_redirect` or `redirect`, then `success_action_status`. What cannot be
    /// understood counts as not given, as S3 does it.
    pub(super) fn of(form: &Form) -> Self {
        let redirect = form.filled("success_action_redirect").or(form.filled("redirect"));
        if let Some(url) = redirect.filter(|url| is_web_url(url)) {
            return Self::Redirect(url.to_owned());
        }
        match form.get("success_action_status") {
            Some("200") => Self::Ok,
            Some("201") => Self::Created,
            _ => Self::NoContent,
        }
    }

    /// The HTTP status of the answer.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Redirect(_) => StatusCode::SEE_OTHER,
            Self::Ok => StatusCode::OK,
            Self::Created => StatusCode::CREATED,
            Self::NoContent => StatusCode::NO_CONTENT,
        }
    }
}

/// Whether a browser can be sent there, and the URL fits into a header.
fn is_web_url(text: &str) -> bool {
    let scheme = |uri: &Uri| uri.scheme_str().is_some_and(|scheme| matches!(scheme, "http" | "https"));
    text.parse::<Uri>().is_ok_and(|uri| scheme(&uri) && uri.host().is_some_and(|host| !host.is_empty()))
        && HeaderValue::from_str(text).is_ok()
}

/// The URL of an object in the bucket at `bucket_url`, as the answer gives it: also slashes of the
/// key are escaped, as S3 does it.
pub fn object_url(bucket_url: &str, key: &str) -> String {
    format!("{}/{}", bucket_url.trim_end_matches('/'), encode(key.as_bytes(), false))
}

/// The `Location` of a redirect: its URL with bucket, key and entity tag (without quotes) added to
/// the query.
pub fn redirect_location(url: &str, bucket: &str, key: &str, etag: &str) -> String {
    let (url, fragment) = match url.find('#') {
        Some(at) => url.split_at(at),
        None => (url, ""),
    };
    let mark = match url.split_once('?') {
        None => "?",
        Some((_, query)) if query.is_empty() || query.ends_with('&') => "",
        Some(_) => "&",
    };
    let [bucket, key] = [bucket, key].map(|text| encode(text.as_bytes(), false));
    let etag = encode(format!("\"{etag}\"").as_bytes(), false);
    format!("{url}{mark}bucket={bucket}&key={key}&etag={etag}{fragment}")
}

/// The body of a `201`; `location` is the URL of the object, `etag` without quotes.
pub fn post_response(location: &str, bucket: &str, key: &str, etag: &str) -> String {
    let mut xml = XmlWriter::document();
    // Unlike other answers it has no namespace.
    xml.open("PostResponse");
    xml.text("Location", location);
    xml.text("Bucket", bucket);
    xml.text("Key", key);
    xml.etag(etag);
    xml.close("PostResponse");
    xml.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn success(fields: &[(&str, &str)]) -> Success {
        let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Success::of(&Form::new(fields.collect::<BTreeMap<_, _>>(), None).unwrap())
    }

    #[test]
    fn a_form_gets_the_answer_it_asks_for() {
        let redirect = |url: &str| Success::Redirect(url.to_owned());
        for (fields, expected) in [
            (&[][..], Success::NoContent),
            (&[("success_action_status", "200")], Success::Ok),
            (&[("success_action_status", "201")], Success::Created),
            (&[("success_action_status", "204")], Success::NoContent),
            (&[("success_action_status", "404")], Success::NoContent),
            (&[("redirect", "https://h/a")], redirect("https://h/a")),
            (
                &[("redirect", "https://h/a"), ("success_action_redirect", "http://h:1/b?c#d")],
                redirect("http://h:1/b?c#d"),
            ),
            (&[("redirect", "http://h/\r\nx: y"), ("success_action_status", "201")], Success::Created),
            (&[("redirect", "/here")], Success::NoContent),
            (&[("redirect", "javascript:alert(1)")], Success::NoContent),
            (&[("redirect", "ftp://h/")], Success::NoContent),
        ] {
            assert_eq!(success(fields), expected, "{fields:?}");
        }
    }

    #[test]
    fn the_url_of_an_object_is_below_that_of_its_bucket() {
        for (bucket_url, url) in
            [("http://h:1/b", "http://h:1/b/a%2Fk%20%26"), ("https://b.h/", "https://b.h/a%2Fk%20%26")]
        {
            assert_eq!(object_url(bucket_url, "a/k &"), url);
        }
    }

    #[test]
    fn the_redirect_tells_what_was_stored() {
        for (url, expected) in [
            ("http://h/b", "http://h/b?bucket=b&key=a%2Fk%20%26&etag=%22e%22"),
            ("http://h/?x=y#z", "http://h/?x=y&bucket=b&key=a%2Fk%20%26&etag=%22e%22#z"),
            ("http://h?", "http://h?bucket=b&key=a%2Fk%20%26&etag=%22e%22"),
        ] {
            assert_eq!(redirect_location(url, "b", "a/k &", "e"), expected);
        }
    }

    #[test]
    fn the_body_names_the_object() {
        assert_eq!(
            post_response("http://h/b/k", "b", "k<", "e"),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<PostResponse><Location>http://h/b/k</Location>\
             <Bucket>b</Bucket><Key>k&lt;</Key><ETag>&quot;e&quot;</ETag></PostResponse>"
        );
    }
}

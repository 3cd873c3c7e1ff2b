//! What is kept with an object beside its bytes.

use http::{HeaderMap, HeaderName, header};
use mucura_metadata::Attributes;
use mucura_s3_wire::request::ObjectAttributes;

use crate::answer::set;

/// What S3 answers for an object that was stored without a type.
const DEFAULT_TYPE: &str = "binary/octet-stream";

/// As they are kept.
pub(crate) fn kept(given: ObjectAttributes) -> Attributes {
    let headers = [
        (header::CONTENT_TYPE, given.content_type),
        (header::CACHE_CONTROL, given.cache_control),
        (header::CONTENT_DISPOSITION, given.content_disposition),
        (header::CONTENT_ENCODING, given.content_encoding),
        (header::CONTENT_LANGUAGE, given.content_language),
        (header::EXPIRES, given.expires),
    ];
    let headers =
        headers.into_iter().filter_map(|(name, value)| Some((name.as_str().to_owned(), value?))).collect();
    Attributes { headers, user: given.metadata, ..Attributes::default() }
}

/// The type of an object.
pub(crate) fn content_type(kept: &Attributes) -> &str {
    let of = kept.headers.iter().find(|(name, _)| name == header::CONTENT_TYPE.as_str());
    of.map_or(DEFAULT_TYPE, |(_, value)| value)
}

/// Into the head of an answer. Tags are not shown to all who may read.
pub(crate) fn show(kept: &Attributes, headers: &mut HeaderMap) {
    set(headers, header::CONTENT_TYPE, DEFAULT_TYPE);
    for (name, value) in &kept.headers {
        if let Ok(name) = HeaderName::from_bytes(name.as_bytes()) {
            set(headers, name, value);
        }
    }
    for (name, value) in &kept.user {
        if let Ok(name) = HeaderName::from_bytes(format!("x-amz-meta-{name}").as_bytes()) {
            set(headers, name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_given_is_given_back() {
        let given = ObjectAttributes {
            content_type: Some("text/x".to_owned()),
            expires: Some("whenever".to_owned()),
            metadata: vec![("a".to_owned(), "grün".to_owned()), ("empty".to_owned(), String::new())],
            ..ObjectAttributes::default()
        };
        let given = Attributes { tags: vec![("a".to_owned(), "b".to_owned())], ..kept(given) };
        let mut headers = HeaderMap::new();
        show(&given, &mut headers);
        assert_eq!(headers["content-type"], "text/x");
        assert_eq!(headers["expires"], "whenever");
        assert_eq!(headers["x-amz-meta-a"].as_bytes(), "grün".as_bytes());
        assert_eq!(headers["x-amz-meta-empty"], "");
        assert_eq!(headers.len(), 4);
    }

    #[test]
    fn an_object_without_a_type_has_that_of_s3() {
        let mut headers = HeaderMap::new();
        show(&kept(ObjectAttributes::default()), &mut headers);
        assert_eq!(headers["content-type"], "binary/octet-stream");
    }
}

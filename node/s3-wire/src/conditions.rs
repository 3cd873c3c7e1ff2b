//! Conditional requests: `If-Match` and its kin, for reads, copies and writes.

use crate::error::{ErrorCode, S3Error};
use crate::head::RequestHead;
use crate::time::parse_http_date;

/// The entity tags a condition names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EtagMatch {
    /// `*`: any object that exists.
    Any,
    /// These tags, without quotes.
    OneOf(Vec<String>),
}

impl EtagMatch {
    /// Reads a header: `*`, or tags with or without quotes, separated by commas.
    pub fn parse(text: &str) -> Self {
        if text.trim() == "*" {
            return Self::Any;
        }
        Self::OneOf(
            text.split(',').map(strip_etag).filter(|tag| !tag.is_empty()).map(str::to_owned).collect(),
        )
    }

    /// Whether an object with this tag (without quotes) is named.
    pub fn matches(&self, etag: &str) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(tags) => tags.iter().any(|tag| tag == etag),
        }
    }
}

/// A tag without the quotes and the weakness mark that clients may put around it.
pub fn strip_etag(text: &str) -> &str {
    let text = text.trim();
    let text = text.strip_prefix("W/").unwrap_or(text);
    text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text)
}

/// The conditions of a read, or those a copy puts on its source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadConditions {
    /// Only if the tag is one of these.
    pub if_match: Option<EtagMatch>,
    /// Only if the tag is none of these.
    pub if_none_match: Option<EtagMatch>,
    /// Only if it changed after this.
    pub if_modified_since_ms: Option<u64>,
    /// Only if it did not change after this.
    pub if_unmodified_since_ms: Option<u64>,
}

impl ReadConditions {
    pub(crate) fn from_head(head: &RequestHead<'_>, prefix: &str) -> Result<Self, S3Error> {
        let header = |name: &str| head.header(&format!("{prefix}{name}"));
        // A date that cannot be read is no condition (RFC 9110, section 13.1.3).
        Ok(Self {
            if_match: header("if-match")?.map(EtagMatch::parse),
            if_none_match: header("if-none-match")?.map(EtagMatch::parse),
            if_modified_since_ms: header("if-modified-since")?.and_then(parse_http_date),
            if_unmodified_since_ms: header("if-unmodified-since")?.and_then(parse_http_date),
        })
    }

    /// Holds them against an object: `NotModified` (304) or `PreconditionFailed` (412) if it must
    /// not be sent. `etag` is without quotes.
    pub fn check(&self, etag: &str, last_modified_ms: u64) -> Result<(), S3Error> {
        // HTTP dates have no milliseconds.
        let modified_ms = last_modified_ms / 1_000 * 1_000;
        match (&self.if_match, self.if_unmodified_since_ms) {
            (Some(tags), _) if !tags.matches(etag) => return Err(failed("If-Match")),
            // A tag that matches is the stronger statement: the date does not count then.
            (None, Some(since_ms)) if modified_ms > since_ms => return Err(failed("If-Unmodified-Since")),
            _ => {}
        }
        match (&self.if_none_match, self.if_modified_since_ms) {
            (Some(tags), _) if tags.matches(etag) => Err(ErrorCode::NotModified.into()),
            (None, Some(since_ms)) if modified_ms <= since_ms => Err(ErrorCode::NotModified.into()),
            _ => Ok(()),
        }
    }

    /// Holds them against the source of a copy, where every failure is `PreconditionFailed`.
    pub fn check_source(&self, etag: &str, last_modified_ms: u64) -> Result<(), S3Error> {
        self.check(etag, last_modified_ms).map_err(|error| match error.code {
            ErrorCode::NotModified if self.if_none_match.is_some() => {
                failed("x-amz-copy-source-If-None-Match")
            }
            ErrorCode::NotModified => failed("x-amz-copy-source-If-Modified-Since"),
            _ => error,
        })
    }
}

/// The conditions of a write or a delete, decided together with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WriteCondition {
    /// `If-Match`: only if there is an object with one of these tags.
    pub if_match: Option<EtagMatch>,
    /// `If-None-Match`: only if there is no object with one of these tags; any: no object at all.
    pub if_none_match: Option<EtagMatch>,
}

impl WriteCondition {
    /// Only if there is an object with one of these tags.
    pub fn matches(tags: EtagMatch) -> Self {
        Self { if_match: Some(tags), if_none_match: None }
    }

    /// Whether the answer tells something of the tag of the object there is, which is for those who
    /// may read it.
    pub fn asks_for_tag(&self) -> bool {
        let named = |tags: &Option<EtagMatch>| matches!(tags, Some(EtagMatch::OneOf(_)));
        named(&self.if_match) || named(&self.if_none_match)
    }

    /// Reads the headers. What S3 does not offer for writes is `NotImplemented`.
    pub(crate) fn from_head(head: &RequestHead<'_>) -> Result<Self, S3Error> {
        for name in ["if-modified-since", "if-unmodified-since"] {
            if head.headers.contains_key(name) {
                return Err(S3Error::header_not_implemented(name));
            }
        }
        let if_match = head.header("if-match")?.map(EtagMatch::parse);
        let if_none_match = head.header("if-none-match")?.map(EtagMatch::parse);
        if if_match.is_some() && if_none_match.is_some() {
            return Err(S3Error::header_not_implemented("If-None-Match"));
        }
        Ok(Self { if_match, if_none_match })
    }

    /// Holds it against the tag (without quotes) of the object there is, if there is one.
    ///
    /// `PreconditionFailed`, or `NoSuchKey` for `If-Match` without an object.
    pub fn check(&self, etag: Option<&str>) -> Result<(), S3Error> {
        match (&self.if_match, etag) {
            (Some(_), None) => return Err(ErrorCode::NoSuchKey.into()),
            (Some(tags), Some(etag)) if !tags.matches(etag) => return Err(failed("If-Match")),
            _ => {}
        }
        match (&self.if_none_match, etag) {
            (Some(tags), Some(etag)) if tags.matches(etag) => Err(failed("If-None-Match")),
            _ => Ok(()),
        }
    }
}

fn failed(condition: &str) -> S3Error {
    S3Error::new(ErrorCode::PreconditionFailed).field("Condition", condition)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;
    use proptest::prelude::*;

    const MODIFIED_MS: u64 = 784_111_777_500;
    const SAME: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";

    fn request(headers: &[(&str, &str)]) -> Request<()> {
        let mut request = Request::builder();
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap()
    }

    fn read(headers: &[(&str, &str)]) -> u16 {
        let conditions = ReadConditions::from_head(&RequestHead::from(&request(headers)), "").unwrap();
        conditions.check("abc", MODIFIED_MS).map_or_else(|error| error.status().as_u16(), |()| 200)
    }

    #[test]
    fn reads_follow_the_precedence_of_rfc_9110() {
        for (headers, status) in [
            (vec![], 200),
            (vec![("if-match", "\"abc\"")], 200),
            (vec![("if-match", "abc")], 200),
            (vec![("if-match", "*")], 200),
            (vec![("if-match", "\"x\", W/\"abc\"")], 200),
            (vec![("if-match", "\"x\"")], 412),
            (vec![("if-none-match", "\"abc\"")], 304),
            (vec![("if-none-match", "*")], 304),
            (vec![("if-none-match", "\"x\"")], 200),
            (vec![("if-modified-since", SAME)], 304),
            (vec![("if-modified-since", BEFORE)], 200),
            (vec![("if-modified-since", "yesterday")], 200),
            (vec![("if-unmodified-since", SAME)], 200),
            (vec![("if-unmodified-since", BEFORE)], 412),
            // A tag outweighs the date that belongs to it.
            (vec![("if-match", "abc"), ("if-unmodified-since", BEFORE)], 200),
            (vec![("if-none-match", "x"), ("if-modified-since", SAME)], 200),
            (vec![("if-match", "x"), ("if-none-match", "abc")], 412),
        ] {
            assert_eq!(read(&headers), status, "{headers:?}");
        }
    }

    #[test]
    fn copies_fail_where_reads_are_not_modified() {
        let request = request(&[("x-amz-copy-source-if-none-match", "abc")]);
        let conditions =
            ReadConditions::from_head(&RequestHead::from(&request), "x-amz-copy-source-").unwrap();
        assert_eq!(
            conditions.check_source("abc", MODIFIED_MS).unwrap_err().code,
            ErrorCode::PreconditionFailed
        );
        assert_eq!(conditions.check_source("x", MODIFIED_MS), Ok(()));
    }

    #[test]
    fn writes_are_decided_by_what_is_there() {
        let read =
            |headers: &[(&str, &str)]| WriteCondition::from_head(&RequestHead::from(&request(headers)));
        let absent = read(&[("if-none-match", "*")]).unwrap();
        let matches = read(&[("if-match", "\"abc\"")]).unwrap();
        let code = |result: Result<(), S3Error>| result.map_err(|error| error.code);
        assert!(matches.asks_for_tag() && read(&[("if-none-match", "abc")]).unwrap().asks_for_tag());
        assert!(!absent.asks_for_tag() && !read(&[("if-match", " * ")]).unwrap().asks_for_tag());
        assert_eq!(code(absent.check(None)), Ok(()));
        assert_eq!(code(absent.check(Some("abc"))), Err(ErrorCode::PreconditionFailed));
        assert_eq!(code(matches.check(Some("abc"))), Ok(()));
        assert_eq!(code(matches.check(Some("x"))), Err(ErrorCode::PreconditionFailed));
        assert_eq!(code(matches.check(None)), Err(ErrorCode::NoSuchKey));
        let other = read(&[("if-none-match", "\"abc\"")]).unwrap();
        assert_eq!(code(other.check(Some("abc"))), Err(ErrorCode::PreconditionFailed));
        assert_eq!(code(other.check(Some("x"))), Ok(()));
        assert_eq!(code(other.check(None)), Ok(()));
        for headers in
            [vec![("if-none-match", "*"), ("if-match", "abc")], vec![("if-unmodified-since", SAME)]]
        {
            assert_eq!(code(read(&headers).map(|_| ())), Err(ErrorCode::NotImplemented), "{headers:?}");
        }
    }

    proptest! {
        #[test]
        fn a_tag_matches_itself_however_it_is_written(tag in "[a-f0-9]{1,32}(-[0-9]{1,4})?", other in "[g-z]{1,8}") {
            for text in [tag.clone(), format!("\"{tag}\""), format!("W/\"{tag}\""), format!("\"{other}\", \"{tag}\"")] {
                prop_assert!(EtagMatch::parse(&text).matches(&tag));
                prop_assert!(!EtagMatch::parse(&text).matches("other"));
            }
        }

        #[test]
        fn arbitrary_conditions_never_panic(text in "[ -~]*", modified_ms: u64) {
            read(&[("if-match", &text), ("if-modified-since", &text)]);
            EtagMatch::parse(&text).matches(&text);
            ReadConditions { if_modified_since_ms: Some(modified_ms), ..Default::default() }.check(&text, modified_ms).ok();
        }
    }
}

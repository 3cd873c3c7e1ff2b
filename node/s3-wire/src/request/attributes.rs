//! What is stored with an object beside its bytes.

use crate::error::{ErrorCode, S3Error};
use crate::head::RequestHead;

/// The most bytes of names and values of user metadata.
const MAX_METADATA_LEN: usize = 2_048;
const METADATA_PREFIX: &str = "x-amz-meta-";

/// The standard headers and the user metadata of an object, as the client gave them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObjectAttributes {
    /// `Content-Type`; S3 answers `binary/octet-stream` for an object that has none.
    pub content_type: Option<String>,
    /// `Cache-Control`.
    pub cache_control: Option<String>,
    /// `Content-Disposition`.
    pub content_disposition: Option<String>,
    /// `Content-Encoding`, without `aws-chunked`, which is the encoding of the transfer.
    pub content_encoding: Option<String>,
    /// `Content-Language`.
    pub content_language: Option<String>,
    /// `Expires`, kept as it is.
    pub expires: Option<String>,
    /// Names in lower case, without `x-amz-meta-`, and values, sorted by name.
    pub metadata: Vec<(String, String)>,
}

impl ObjectAttributes {
    pub(crate) fn from_head(head: &RequestHead<'_>) -> Result<Self, S3Error> {
        let text = |name: &str| text(head, name);
        Ok(Self {
            content_type: text("content-type")?,
            cache_control: text("cache-control")?,
            content_disposition: text("content-disposition")?,
            content_encoding: text("content-encoding")?.and_then(|encodings| without_aws_chunked(&encodings)),
            content_language: text("content-language")?,
            expires: text("expires")?,
            metadata: metadata(head)?,
        })
    }
}

/// The values of a header, joined by commas; they must be UTF-8.
fn text(head: &RequestHead<'_>, name: &str) -> Result<Option<String>, S3Error> {
    let mut joined: Option<String> = None;
    for value in head.headers.get_all(name) {
        let value = std::str::from_utf8(value.as_bytes())
            .map_err(|_| S3Error::invalid_argument("The value is not valid UTF-8", name, ""))?
            .trim();
        joined = Some(match joined {
            None => value.to_owned(),
            Some(before) => before + "," + value,
        });
    }
    Ok(joined.filter(|value| !value.is_empty()))
}

fn without_aws_chunked(encodings: &str) -> Option<String> {
    let kept: Vec<&str> = encodings
        .split(',')
        .map(str::trim)
        .filter(|encoding| !encoding.is_empty() && !encoding.eq_ignore_ascii_case("aws-chunked"))
        .collect();
    if kept.len() == encodings.split(',').count() {
        return Some(encodings.to_owned());
    }
    if kept.is_empty() { None } else { Some(kept.join(", ")) }
}

fn metadata(head: &RequestHead<'_>) -> Result<Vec<(String, String)>, S3Error> {
    let mut metadata = Vec::new();
    let mut size = 0;
    for name in head.headers.keys() {
        let Some(short) = name.as_str().strip_prefix(METADATA_PREFIX) else { continue };
        // An empty value is kept: the name alone may be what counts.
        let mut values = Vec::new();
        for value in head.headers.get_all(name) {
            let value = std::str::from_utf8(value.as_bytes())
                .map_err(|_| S3Error::invalid_argument("The value is not valid UTF-8", name.as_str(), ""))?;
            values.push(value.trim());
        }
        let value = values.join(",");
        size += short.len() + value.len();
        if size > MAX_METADATA_LEN {
            return Err(S3Error::new(ErrorCode::MetadataTooLarge)
                .field("MaxSizeAllowed", MAX_METADATA_LEN.to_string()));
        }
        metadata.push((short.to_owned(), value));
    }
    metadata.sort_unstable();
    Ok(metadata)
}

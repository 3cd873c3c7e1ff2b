//! What a form asks for, once it was held against its policy.

use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};

use crate::checksum::{BodyChecksum, ContentMd5};
use crate::config::tagging::{TagSet, Tagged};
use crate::error::{ErrorCode, S3Error};
use crate::form::{Form, LengthRange, Success, Verified, missing};
use crate::head::RequestHead;
use crate::request::{ObjectAttributes, UploadSettings, check_key, refuse_what_we_would_ignore};

/// Fields that mean what the header of that name means to `PutObject`.
const HEADERS: &[&str] = &[
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-md5",
    "content-type",
    "expires",
    "x-amz-storage-class",
    "x-amz-website-redirect-location",
];
const HEADER_PREFIXES: &[&str] =
    &["x-amz-checksum-", "x-amz-grant-", "x-amz-meta-", "x-amz-object-lock-", "x-amz-server-side-encryption"];
/// Fields with another name than their header.
const RENAMED: &[(&str, &str)] =
    &[("acl", "x-amz-acl"), ("x-amz-checksum-algorithm", "x-amz-sdk-checksum-algorithm")];
/// Fields that only the signature needs.
const SIGNATURE: &[&str] =
    &["x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-security-token", "x-amz-signature"];

/// Stores the file of a form as an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostObject {
    /// The bucket.
    pub bucket: String,
    /// The key.
    pub key: String,
    /// What is stored beside the bytes.
    pub attributes: ObjectAttributes,
    /// The MD5 the file must have.
    pub md5: Option<ContentMd5>,
    /// The checksum the file must have, never one of a trailer.
    pub checksum: Option<BodyChecksum>,
    /// What else is said of the object.
    pub settings: UploadSettings,
    /// The fields that a `PutObject` would have as headers, by the names of these, the tags among
    /// them: what conditions of a bucket's policy are about.
    pub headers: HeaderMap,
    /// How long the file may be.
    pub length: LengthRange,
    /// What to answer.
    pub success: Success,
}

impl PostObject {
    /// Says what a form asks for that was sent to `bucket`. `signer` is the outcome of its claim;
    /// `None` if it has none, so that all must be allowed to write there.
    ///
    /// Fails with the errors of [`Policy::parse`](crate::form::Policy::parse) and
    /// [`Policy::check`](crate::form::Policy::check), and with those of the headers of a
    /// `PutObject` and the document of a `PutObjectTagging`; `InvalidArgument` without a key.
    pub fn accept(
        form: &Form,
        bucket: &str,
        signer: Option<&Verified>,
        now_ms: u64,
    ) -> Result<Self, S3Error> {
        let key = form.get("key").ok_or_else(|| missing("key"))?;
        if key.is_empty() {
            return Err(S3Error::invalid_argument("User key must have a length greater than 0.", "key", ""));
        }
        check_key(key)?;
        // An outcome that is not this form's, or none though the form has a policy, would let it
        // pass unchecked.
        if form.get("policy") != signer.map(|signer| signer.policy.as_str()) {
            return Err(ErrorCode::AccessDenied.into());
        }
        let length = match signer {
            Some(signer) => signer.policy()?.check(form, bucket, now_ms)?,
            None => LengthRange::UP_TO_LARGEST,
        };
        let mut headers = headers_of(form)?;
        if let Some(document) = form.filled("tagging") {
            let tags = TagSet::parse(document.as_bytes(), Tagged::Object)?.to_header();
            let value = HeaderValue::from_str(&tags).map_err(|_| ErrorCode::InternalError)?;
            headers.insert("x-amz-tagging", value);
        }
        let head = RequestHead { method: &Method::PUT, uri: &Uri::default(), headers: &headers };
        refuse_what_we_would_ignore(&head)?;
        Ok(Self {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            attributes: ObjectAttributes::from_head(&head)?,
            md5: ContentMd5::from_head(&head)?,
            checksum: BodyChecksum::from_head(&head)?,
            settings: UploadSettings::from_head(&head, now_ms)?,
            length,
            success: Success::of(form),
            headers,
        })
    }
}

/// The fields as the headers of a `PutObject`.
///
/// `NotImplemented` for a field of Amazon's that is not known, because to ignore it would be to do
/// something else than was asked for. Fields of others mean nothing.
fn headers_of(form: &Form) -> Result<HeaderMap, S3Error> {
    let mut headers = HeaderMap::new();
    for (field, value) in form.fields() {
        let renamed = RENAMED.iter().find(|(name, _)| *name == field).map(|(_, header)| *header);
        let same = HEADERS.contains(&field) || HEADER_PREFIXES.iter().any(|prefix| field.starts_with(prefix));
        let Some(header) = renamed.or(same.then_some(field)) else {
            if field.starts_with("x-amz-") && !SIGNATURE.contains(&field) {
                return Err(S3Error::header_not_implemented(field));
            }
            continue;
        };
        let fault = || S3Error::invalid_argument("The value does not fit into a header", field, value);
        let header = HeaderName::from_bytes(header.as_bytes()).map_err(|_| fault())?;
        headers.insert(header, HeaderValue::from_bytes(value.as_bytes()).map_err(|_| fault())?);
    }
    Ok(headers)
}

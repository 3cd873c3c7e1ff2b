//! Parameters of the copies: of an object, and into a part.

use crate::checksum::ChecksumAlgorithm;
use crate::conditions::{ReadConditions, WriteCondition};
use crate::error::{ErrorCode, S3Error};
use crate::head::RequestHead;
use crate::range::{ByteSpan, parse_copy_range};
use crate::request::multipart::checksum_algorithm;
use crate::request::upload::UploadSettings;
use crate::request::{ObjectAttributes, Target, check_bucket_name, check_key};
use crate::uri;

/// What is copied, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopySource {
    /// The bucket it lies in.
    pub bucket: String,
    /// Its key.
    pub key: String,
    /// Its version, if the client names one.
    pub version: Option<String>,
    /// The conditions it must meet; see [`ReadConditions::check_source`].
    pub conditions: ReadConditions,
    /// The account that must own the bucket, if the client insists on one.
    pub expected_bucket_owner: Option<String>,
}

impl CopySource {
    fn from_head(head: &RequestHead<'_>) -> Result<Self, S3Error> {
        let SourcePath { bucket, key, version } =
            SourcePath::parse(head.header("x-amz-copy-source")?.unwrap_or(""))?;
        Ok(Self {
            bucket,
            key,
            version,
            conditions: ReadConditions::from_head(head, "x-amz-copy-source-")?,
            expected_bucket_owner: head.header("x-amz-source-expected-bucket-owner")?.map(str::to_owned),
        })
    }
}

/// What `x-amz-copy-source` names, in whichever of its forms.
pub(crate) struct SourcePath {
    pub(crate) bucket: String,
    pub(crate) key: String,
    version: Option<String>,
}

impl SourcePath {
    pub(crate) fn parse(text: &str) -> Result<Self, S3Error> {
        let fault = || {
            S3Error::invalid_argument(
                "Copy Source must mention the source bucket and key: sourcebucket/sourcekey",
                "x-amz-copy-source",
                text,
            )
        };
        // The parameter stands outside the encoding: a `?` of the key is written `%3F`.
        let (path, query) = text.split_once('?').unwrap_or((text, ""));
        let version = uri::Query::parse(query).map_err(|_| fault())?;
        if version.pairs().any(|(name, _)| name != "versionId") {
            return Err(fault());
        }
        // As in a query: a plus is a space here, unlike in a path.
        let path = uri::decode_utf8(path, true).map_err(|_| fault())?;
        let (bucket, key) = path.strip_prefix('/').unwrap_or(&path).split_once('/').ok_or_else(fault)?;
        if bucket.starts_with("arn:") {
            return Err(S3Error::header_not_implemented("x-amz-copy-source"));
        }
        if key.is_empty() {
            return Err(fault());
        }
        check_bucket_name(bucket)?;
        check_key(key)?;
        Ok(Self {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            version: version.filled("versionId").map(str::to_owned),
        })
    }
}

/// Copies an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyObject {
    /// The bucket to copy into.
    pub bucket: String,
    /// The key of the copy.
    pub key: String,
    /// What is copied.
    pub source: CopySource,
    /// The condition on the target, to decide with the write.
    pub condition: WriteCondition,
    /// What is stored beside the bytes: given anew (`REPLACE`), or `None` to keep the source's.
    pub attributes: Option<ObjectAttributes>,
    /// What else is said of the copy. Its tags are those of the source unless they are given anew.
    pub settings: UploadSettings,
    /// The checksum the copy shall have, if another than the source's.
    pub checksum_algorithm: Option<ChecksumAlgorithm>,
}

impl CopyObject {
    pub(super) fn parse(target: Target<'_>) -> Result<Self, S3Error> {
        let head = target.head;
        let source = CopySource::from_head(head)?;
        let directive = head.header("x-amz-metadata-directive")?.unwrap_or("COPY");
        let attributes = match directive {
            "COPY" => None,
            "REPLACE" => Some(ObjectAttributes::from_head(head)?),
            _ => {
                return Err(S3Error::invalid_argument(
                    "Unknown metadata directive.",
                    "x-amz-metadata-directive",
                    directive,
                ));
            }
        };
        let mut settings = UploadSettings::parse(&target)?;
        let tagging = head.header("x-amz-tagging-directive")?.unwrap_or("COPY");
        settings.tags = match tagging {
            "COPY" => None,
            "REPLACE" => Some(settings.tags.unwrap_or_default()),
            _ => {
                return Err(S3Error::invalid_argument(
                    "Unknown tagging directive.",
                    "x-amz-tagging-directive",
                    tagging,
                ));
            }
        };
        let changes = attributes.is_some()
            || settings.tags.is_some()
            || settings.website_redirect.is_some()
            || settings.storage_class.is_some()
            || source.version.is_some()
            || head.headers.keys().any(|name| name.as_str().starts_with("x-amz-server-side-encryption"));
        if !changes && source.bucket == target.bucket && source.key == target.key {
            return Err(S3Error::with_message(
                ErrorCode::InvalidRequest,
                "This copy request is illegal because it is trying to copy an object to itself without \
                 changing the object's metadata, storage class, website redirect location or encryption \
                 attributes.",
            ));
        }
        Ok(Self {
            source,
            condition: WriteCondition::from_head(head)?,
            attributes,
            settings,
            checksum_algorithm: checksum_algorithm(head)?,
            bucket: target.bucket,
            key: target.key,
        })
    }
}

/// Copies an object, or a range of it, into a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadPartCopy {
    /// The bucket of the upload.
    pub bucket: String,
    /// Its key.
    pub key: String,
    /// Its id.
    pub upload_id: String,
    /// The number of the part, 1 to 10,000.
    pub part_number: u16,
    /// What is copied.
    pub source: CopySource,
    /// The range of the source; it must lie in it (`InvalidRange` otherwise).
    pub source_range: Option<ByteSpan>,
}

impl UploadPartCopy {
    pub(super) fn parse(target: Target<'_>) -> Result<Self, S3Error> {
        Ok(Self {
            upload_id: target.upload_id()?,
            part_number: target.part_number()?,
            source: CopySource::from_head(target.head)?,
            source_range: target.head.header("x-amz-copy-source-range")?.map(parse_copy_range).transpose()?,
            bucket: target.bucket,
            key: target.key,
        })
    }
}

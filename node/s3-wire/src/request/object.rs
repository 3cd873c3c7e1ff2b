//! Parameters of the operations on buckets and single objects.

use http::{HeaderName, HeaderValue, header};

use crate::acl::AclRequest;
use crate::checksum::BodyChecksum;
use crate::conditions::{ReadConditions, WriteCondition};
use crate::config::attributes::AttributesRequest;
use crate::config::ownership::ObjectOwnership;
use crate::error::{ErrorCode, S3Error};
use crate::range::{RangeSpec, parse_range};
use crate::request::upload::UploadSettings;
use crate::request::{ObjectAttributes, RequestBody, Target};
use crate::xml::{MAX_BUCKET_CONFIGURATION_LEN, MAX_DELETE_LEN};

/// Creates a bucket; the body may hold a configuration ([`crate::xml::parse_bucket_configuration`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateBucket {
    /// The name.
    pub bucket: String,
    /// Who may do what with it.
    pub acl: AclRequest,
    /// Who owns what others write into it.
    pub ownership: Option<ObjectOwnership>,
    /// Whether its versions can be locked.
    pub object_lock: bool,
    /// The body.
    pub body: RequestBody,
}

impl CreateBucket {
    pub(super) fn parse(target: Target<'_>) -> Result<Self, S3Error> {
        let checksum = BodyChecksum::from_head(target.head)?;
        let body = RequestBody::of_document(&target, checksum, MAX_BUCKET_CONFIGURATION_LEN)?;
        let head = target.head;
        let lock = head.header("x-amz-bucket-object-lock-enabled")?;
        let ownership = head.header("x-amz-object-ownership")?.map(|name| {
            ObjectOwnership::from_name(name).ok_or_else(|| {
                S3Error::invalid_argument(
                    "Invalid x-amz-object-ownership header",
                    "x-amz-object-ownership",
                    name,
                )
            })
        });
        Ok(Self {
            acl: AclRequest::from_headers(head.headers)?,
            ownership: ownership.transpose()?,
            object_lock: lock.is_some_and(|value| value.eq_ignore_ascii_case("true")),
            body,
            bucket: target.bucket,
        })
    }
}

/// Stores an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PutObject {
    /// The bucket.
    pub bucket: String,
    /// The key.
    pub key: String,
    /// What is stored beside the bytes.
    pub attributes: ObjectAttributes,
    /// What else is said of it.
    pub settings: UploadSettings,
    /// The condition to decide with the write.
    pub condition: WriteCondition,
    /// The bytes.
    pub body: RequestBody,
}

impl PutObject {
    pub(super) fn parse(target: Target<'_>) -> Result<Self, S3Error> {
        Ok(Self {
            attributes: ObjectAttributes::from_head(target.head)?,
            settings: UploadSettings::parse(&target)?,
            condition: WriteCondition::from_head(target.head)?,
            body: RequestBody::of_upload(&target)?,
            bucket: target.bucket,
            key: target.key,
        })
    }
}

/// Reads an object, or only its head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GetObject {
    /// The bucket.
    pub bucket: String,
    /// The key.
    pub key: String,
    /// The version, if the client names one.
    pub version: Option<String>,
    /// The ranges asked for; see [`crate::range::resolve`].
    pub range: Option<Vec<RangeSpec>>,
    /// The one part asked for; never together with `range`.
    pub part_number: Option<u16>,
    /// The conditions under which it is wanted.
    pub conditions: ReadConditions,
    /// Whether the answer shall carry the stored checksum.
    pub checksum_mode: bool,
    /// Headers to answer in place of the stored ones. Anonymous requests may not have any:
    /// `InvalidRequest`, which is the caller's to say.
    pub overrides: Vec<(HeaderName, HeaderValue)>,
}

impl GetObject {
    /// The whole current object, whatever it is.
    pub fn plain(bucket: String, key: String) -> Self {
        Self {
            bucket,
            key,
            version: None,
            range: None,
            part_number: None,
            conditions: ReadConditions::default(),
            checksum_mode: false,
            overrides: Vec::new(),
        }
    }

    pub(super) fn parse(target: Target<'_>) -> Result<Self, S3Error> {
        let head = target.head;
        let range = head.header("range")?.and_then(parse_range);
        let part_number = target.query.has("partNumber").then(|| target.part_number()).transpose()?;
        if range.is_some() && part_number.is_some() {
            return Err(S3Error::with_message(
                ErrorCode::InvalidRequest,
                "Cannot specify both Range header and partNumber query parameter",
            ));
        }
        // A range under If-Range is only meant for the object the client knows, which we do
        // not compare: the whole object is always a right answer.
        let range = range.filter(|_| !head.headers.contains_key(header::IF_RANGE));
        let mode = head.header("x-amz-checksum-mode")?;
        Ok(Self {
            range,
            part_number,
            conditions: ReadConditions::from_head(head, "")?,
            checksum_mode: mode.is_some_and(|mode| mode.eq_ignore_ascii_case("ENABLED")),
            overrides: overrides(&target)?,
            version: target.version()?,
            bucket: target.bucket,
            key: target.key,
        })
    }
}

fn overrides(target: &Target<'_>) -> Result<Vec<(HeaderName, HeaderValue)>, S3Error> {
    let mut found = Vec::new();
    for (parameter, name) in [
        ("response-cache-control", header::CACHE_CONTROL),
        ("response-content-disposition", header::CONTENT_DISPOSITION),
        ("response-content-encoding", header::CONTENT_ENCODING),
        ("response-content-language", header::CONTENT_LANGUAGE),
        ("response-content-type", header::CONTENT_TYPE),
        ("response-expires", header::EXPIRES),
    ] {
        let Some(value) = target.query.filled(parameter) else { continue };
        let value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| {
            S3Error::invalid_argument("The value does not fit into a header", parameter, value)
        })?;
        found.push((name, value));
    }
    Ok(found)
}

/// Deletes an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeleteObject {
    /// The bucket.
    pub bucket: String,
    /// The key.
    pub key: String,
    /// The version, if the client names one.
    pub version: Option<String>,
    /// Whether a retention of mode governance is to be bypassed.
    pub bypass_governance: bool,
    /// The condition to decide with the delete.
    pub condition: WriteCondition,
}

impl DeleteObject {
    pub(super) fn parse(target: Target<'_>) -> Result<Self, S3Error> {
        let condition = WriteCondition::from_head(target.head)?;
        if condition.if_none_match.is_some() {
            return Err(S3Error::header_not_implemented("If-None-Match"));
        }
        Ok(Self {
            condition,
            version: target.version()?,
            bypass_governance: target.bypass_governance()?,
            bucket: target.bucket,
            key: target.key,
        })
    }
}

/// Deletes the objects that the body lists ([`crate::xml::parse_delete`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeleteObjects {
    /// The bucket.
    pub bucket: String,
    /// Whether retentions of mode governance are to be bypassed.
    pub bypass_governance: bool,
    /// The body, which has an MD5 or a checksum.
    pub body: RequestBody,
}

impl DeleteObjects {
    pub(super) fn parse(target: Target<'_>) -> Result<Self, S3Error> {
        let checksum = BodyChecksum::from_head(target.head)?;
        let body = RequestBody::of_document(&target, checksum, MAX_DELETE_LEN)?;
        if body.md5.is_none() && body.checksum.is_none() {
            return Err(S3Error::with_message(
                ErrorCode::InvalidRequest,
                "Missing required header for this request: Content-MD5 OR x-amz-checksum-*",
            ));
        }
        Ok(Self { body, bypass_governance: target.bypass_governance()?, bucket: target.bucket })
    }
}

/// Reads what there is to know of an object besides its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GetObjectAttributes {
    /// The bucket.
    pub bucket: String,
    /// The key.
    pub key: String,
    /// The version, if the client names one.
    pub version: Option<String>,
    /// What is wanted.
    pub wanted: AttributesRequest,
    /// The conditions under which it is wanted.
    pub conditions: ReadConditions,
}

impl GetObjectAttributes {
    pub(super) fn parse(target: Target<'_>) -> Result<Self, S3Error> {
        Ok(Self {
            version: target.version()?,
            wanted: AttributesRequest::from_head(target.head)?,
            conditions: ReadConditions::from_head(target.head, "")?,
            bucket: target.bucket,
            key: target.key,
        })
    }
}

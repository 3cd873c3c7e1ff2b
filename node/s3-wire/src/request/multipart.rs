//! Parameters of the operations on multipart uploads, listings excepted.

use crate::checksum::{Checksum, ChecksumAlgorithm, ChecksumType};
use crate::conditions::WriteCondition;
use crate::error::{ErrorCode, S3Error};
use crate::head::RequestHead;
use crate::request::upload::UploadSettings;
use crate::request::{ObjectAttributes, RequestBody, Target};
use crate::xml::MAX_COMPLETE_LEN;

/// Begins an upload in parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateMultipartUpload {
    /// The bucket.
    pub bucket: String,
    /// The key.
    pub key: String,
    /// What is stored beside the bytes.
    pub attributes: ObjectAttributes,
    /// What else is said of the object.
    pub settings: UploadSettings,
    /// The checksum the parts will have and the object shall have.
    pub checksum: Option<(ChecksumAlgorithm, ChecksumType)>,
}

impl CreateMultipartUpload {
    pub(super) fn parse(target: Target<'_>) -> Result<Self, S3Error> {
        let algorithm = checksum_algorithm(target.head)?;
        let kind = checksum_type(target.head)?;
        let checksum = match (algorithm, kind) {
            (None, None) => None,
            (None, Some(_)) => {
                return Err(S3Error::with_message(
                    ErrorCode::InvalidRequest,
                    "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.",
                ));
            }
            (Some(algorithm), kind) => {
                let kind = kind.unwrap_or(ChecksumType::default_of(algorithm));
                if !kind.fits(algorithm) {
                    return Err(S3Error::with_message(
                        ErrorCode::InvalidRequest,
                        format!(
                            "The {} checksum type cannot be used with the {} checksum algorithm.",
                            kind.name(),
                            algorithm.name()
                        ),
                    ));
                }
                Some((algorithm, kind))
            }
        };
        let attributes = ObjectAttributes::from_head(target.head)?;
        let settings = UploadSettings::parse(&target)?;
        Ok(Self { attributes, settings, checksum, bucket: target.bucket, key: target.key })
    }
}

/// Stores a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadPart {
    /// The bucket of the upload.
    pub bucket: String,
    /// Its key.
    pub key: String,
    /// Its id.
    pub upload_id: String,
    /// The number of the part, 1 to 10,000.
    pub part_number: u16,
    /// The bytes.
    pub body: RequestBody,
}

impl UploadPart {
    pub(super) fn parse(target: Target<'_>) -> Result<Self, S3Error> {
        Ok(Self {
            upload_id: target.upload_id()?,
            part_number: target.part_number()?,
            body: RequestBody::of_upload(&target)?,
            bucket: target.bucket,
            key: target.key,
        })
    }
}

/// Makes an object of the parts that the body lists ([`crate::xml::parse_complete`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompleteMultipartUpload {
    /// The bucket of the upload.
    pub bucket: String,
    /// Its key.
    pub key: String,
    /// Its id.
    pub upload_id: String,
    /// The condition to decide with the write.
    pub condition: WriteCondition,
    /// The checksum the object must have (`BadDigest` otherwise).
    pub checksum: Option<Checksum>,
    /// The type of the checksum, which must be that of the upload.
    pub checksum_type: Option<ChecksumType>,
    /// The size the object must have (`InvalidRequest` otherwise).
    pub object_len: Option<u64>,
    /// The body.
    pub body: RequestBody,
}

impl CompleteMultipartUpload {
    pub(super) fn parse(target: Target<'_>) -> Result<Self, S3Error> {
        let head = target.head;
        let object_len = head
            .header("x-amz-mp-object-size")?
            .map(|text| {
                text.parse().map_err(|_| {
                    S3Error::invalid_argument("The size is not a number", "x-amz-mp-object-size", text)
                })
            })
            .transpose()?;
        Ok(Self {
            upload_id: target.upload_id()?,
            condition: WriteCondition::from_head(head)?,
            checksum: object_checksum(head)?,
            checksum_type: checksum_type(head)?,
            object_len,
            // The checksum in the head is that of the object here, not that of the body.
            body: RequestBody::of_document(&target, None, MAX_COMPLETE_LEN)?,
            bucket: target.bucket,
            key: target.key,
        })
    }
}

/// Ends an upload and drops its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AbortMultipartUpload {
    /// The bucket of the upload.
    pub bucket: String,
    /// Its key.
    pub key: String,
    /// Its id.
    pub upload_id: String,
}

impl AbortMultipartUpload {
    pub(super) fn parse(target: Target<'_>) -> Result<Self, S3Error> {
        Ok(Self { upload_id: target.upload_id()?, bucket: target.bucket, key: target.key })
    }
}

/// The value of `x-amz-checksum-algorithm`.
pub(super) fn checksum_algorithm(head: &RequestHead<'_>) -> Result<Option<ChecksumAlgorithm>, S3Error> {
    let Some(name) = head.header("x-amz-checksum-algorithm")? else { return Ok(None) };
    ChecksumAlgorithm::from_name(name).map(Some).ok_or_else(|| {
        S3Error::with_message(
            ErrorCode::InvalidRequest,
            "Checksum algorithm provided is unsupported. Please try again with any of the valid types: \
             [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]",
        )
    })
}

fn checksum_type(head: &RequestHead<'_>) -> Result<Option<ChecksumType>, S3Error> {
    let Some(name) = head.header("x-amz-checksum-type")? else { return Ok(None) };
    ChecksumType::from_name(name).map(Some).ok_or_else(|| {
        S3Error::with_message(ErrorCode::InvalidRequest, "Value for x-amz-checksum-type header is invalid.")
    })
}

/// The checksum of a whole object: its value, or that of a composite one with its `-N`.
fn object_checksum(head: &RequestHead<'_>) -> Result<Option<Checksum>, S3Error> {
    let mut found = None;
    for algorithm in ChecksumAlgorithm::ALL {
        let Some(text) = head.header(algorithm.header())? else { continue };
        let value = text.split_once('-').map_or(text, |(value, _)| value);
        let checksum = Checksum::from_base64(algorithm, value).ok_or_else(|| {
            S3Error::with_message(
                ErrorCode::BadDigest,
                format!("Value for {} header is invalid.", algorithm.header()),
            )
        })?;
        if found.replace(checksum).is_some() {
            return Err(S3Error::with_message(
                ErrorCode::InvalidRequest,
                "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.",
            ));
        }
    }
    Ok(found)
}

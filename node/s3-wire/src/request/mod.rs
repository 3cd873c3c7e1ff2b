//! What a request asks for: routed by method, host, path and query, then validated.
//!
//! Every operation S3 has is named. Those we do not serve come out as
//! [`Operation::Unsupported`], to be answered `NotImplemented`; and a header or parameter that
//! would change what a served operation means, and that we do not serve, is refused with it.

mod address;
mod attributes;
mod body;
mod copy;
mod hoisted;
mod list;
mod multipart;
mod name;
mod object;
mod refused;
mod route;
mod settings;
mod upload;
mod website;

pub(crate) use address::bucket_of_host;
pub use address::{check_bucket_name, check_key};
pub use attributes::ObjectAttributes;
pub use body::{BodyLen, MAX_OBJECT_PART_LEN, RequestBody};
pub(crate) use copy::SourcePath;
pub use copy::{CopyObject, CopySource, UploadPartCopy};
pub use hoisted::with_hoisted;
pub use list::{
    ListBuckets, ListMultipartUploads, ListObjectVersions, ListObjects, ListObjectsV2, ListParts,
};
pub use multipart::{AbortMultipartUpload, CompleteMultipartUpload, CreateMultipartUpload, UploadPart};
pub use name::OperationName;
pub use object::{CreateBucket, DeleteObject, DeleteObjects, GetObject, GetObjectAttributes, PutObject};
pub(crate) use refused::refuse_what_we_would_ignore;
#[cfg(test)]
pub(crate) use route::served_sub_resources;
pub use route::{Route, route};
pub use settings::{
    Access, BucketSetting, BucketSettingRequest, ObjectSetting, ObjectSettingRequest, PutBucketSetting,
    PutObjectSetting,
};
pub use upload::UploadSettings;
pub use website::WebsiteHost;

use crate::error::{ErrorCode, S3Error};
use crate::head::RequestHead;
use crate::request::settings::{SettingOperation, setting_of};
use crate::uri::Query;

/// A request, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What is asked for, by name.
    pub name: OperationName,
    /// The account that must own the bucket, if the client insists on one.
    pub expected_bucket_owner: Option<String>,
    /// What is asked for, with its parameters.
    pub operation: Operation,
}

/// The operations we serve, with their parameters, and the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the variants are the operations of the S3 API")]
pub enum Operation {
    ListBuckets(ListBuckets),
    CreateBucket(CreateBucket),
    HeadBucket {
        bucket: String,
    },
    DeleteBucket {
        bucket: String,
    },
    GetBucketSetting(BucketSettingRequest),
    PutBucketSetting(PutBucketSetting),
    DeleteBucketSetting(BucketSettingRequest),
    ListObjects(ListObjects),
    ListObjectsV2(ListObjectsV2),
    ListObjectVersions(ListObjectVersions),
    PutObject(PutObject),
    GetObject(GetObject),
    HeadObject(GetObject),
    GetObjectAttributes(GetObjectAttributes),
    GetObjectSetting(ObjectSettingRequest),
    PutObjectSetting(PutObjectSetting),
    DeleteObjectSetting(ObjectSettingRequest),
    DeleteObject(DeleteObject),
    DeleteObjects(DeleteObjects),
    CopyObject(CopyObject),
    CreateMultipartUpload(CreateMultipartUpload),
    UploadPart(UploadPart),
    UploadPartCopy(UploadPartCopy),
    CompleteMultipartUpload(CompleteMultipartUpload),
    AbortMultipartUpload(AbortMultipartUpload),
    ListParts(ListParts),
    ListMultipartUploads(ListMultipartUploads),
    /// An operation that S3 has and we do not serve: answer `NotImplemented`. Also `PostObject` and
    /// `CorsPreflight`, of which the address is all that the head says: see [`crate::form`] and
    /// [`crate::config::cors`].
    Unsupported,
}

/// Reads the head of a request.
///
/// `domains` are the names under which buckets appear as host names (`BUCKET.domain`); under any
/// other host the bucket is the first part of the path. `now_ms` is the time since 1970.
pub fn parse_request(head: &RequestHead<'_>, domains: &[String], now_ms: u64) -> Result<Request, S3Error> {
    let route = route(head, domains)?;
    let merged = with_hoisted(head)?;
    route.parse(&RequestHead { headers: merged.as_ref().unwrap_or(head.headers), ..*head }, now_ms)
}

impl Route {
    /// Reads the parameters of the operation the request was routed to. `head` has the headers that
    /// the query carries: see [`with_hoisted`].
    pub fn parse(self, head: &RequestHead<'_>, now_ms: u64) -> Result<Request, S3Error> {
        let name = self.name;
        if !name.is_served() {
            let operation = Operation::Unsupported;
            return Ok(Request { name, expected_bucket_owner: None, operation });
        }
        let query = Query::parse(head.query())?;
        refused::refuse_what_we_would_ignore(head)?;
        refused::refuse_version(name, &query)?;
        let expected_bucket_owner = head.header("x-amz-expected-bucket-owner")?.map(str::to_owned);
        let bucket = self.bucket.unwrap_or_default();
        let key = self.key.unwrap_or_default();
        let target = Target { head, query: &query, bucket, key, now_ms };
        let operation = match name {
            OperationName::ListBuckets => Operation::ListBuckets(ListBuckets::parse(&target)?),
            OperationName::CreateBucket => Operation::CreateBucket(CreateBucket::parse(target)?),
            OperationName::HeadBucket => Operation::HeadBucket { bucket: target.bucket },
            OperationName::DeleteBucket => Operation::DeleteBucket { bucket: target.bucket },
            OperationName::ListObjects => Operation::ListObjects(ListObjects::parse(target)?),
            OperationName::ListObjectsV2 => Operation::ListObjectsV2(ListObjectsV2::parse(target)?),
            OperationName::ListObjectVersions => {
                Operation::ListObjectVersions(ListObjectVersions::parse(target)?)
            }
            OperationName::GetObjectAttributes => {
                Operation::GetObjectAttributes(GetObjectAttributes::parse(target)?)
            }
            OperationName::PutObject => Operation::PutObject(PutObject::parse(target)?),
            OperationName::GetObject => Operation::GetObject(GetObject::parse(target)?),
            OperationName::HeadObject => Operation::HeadObject(GetObject::parse(target)?),
            OperationName::DeleteObject => Operation::DeleteObject(DeleteObject::parse(target)?),
            OperationName::DeleteObjects => Operation::DeleteObjects(DeleteObjects::parse(target)?),
            OperationName::CopyObject => Operation::CopyObject(CopyObject::parse(target)?),
            OperationName::CreateMultipartUpload => {
                Operation::CreateMultipartUpload(CreateMultipartUpload::parse(target)?)
            }
            OperationName::UploadPart => Operation::UploadPart(UploadPart::parse(target)?),
            OperationName::UploadPartCopy => Operation::UploadPartCopy(UploadPartCopy::parse(target)?),
            OperationName::CompleteMultipartUpload => {
                Operation::CompleteMultipartUpload(CompleteMultipartUpload::parse(target)?)
            }
            OperationName::AbortMultipartUpload => {
                Operation::AbortMultipartUpload(AbortMultipartUpload::parse(target)?)
            }
            OperationName::ListParts => Operation::ListParts(ListParts::parse(target)?),
            OperationName::ListMultipartUploads => {
                Operation::ListMultipartUploads(ListMultipartUploads::parse(target)?)
            }
            name => match setting_of(name) {
                Some(setting) => parse_setting(setting, target)?,
                None => Operation::Unsupported,
            },
        };
        Ok(Request { name, expected_bucket_owner, operation })
    }
}

fn parse_setting(operation: SettingOperation, target: Target<'_>) -> Result<Operation, S3Error> {
    Ok(match operation {
        SettingOperation::Bucket(setting, Access::Put) => {
            Operation::PutBucketSetting(PutBucketSetting::parse(target, setting)?)
        }
        SettingOperation::Bucket(setting, access) => {
            let of = BucketSettingRequest { bucket: target.bucket, setting };
            match access {
                Access::Delete => Operation::DeleteBucketSetting(of),
                _ => Operation::GetBucketSetting(of),
            }
        }
        SettingOperation::Object(setting, Access::Put) => {
            Operation::PutObjectSetting(PutObjectSetting::parse(target, setting)?)
        }
        SettingOperation::Object(setting, access) => {
            let of = ObjectSettingRequest::parse(target, setting)?;
            match access {
                Access::Delete => Operation::DeleteObjectSetting(of),
                _ => Operation::GetObjectSetting(of),
            }
        }
    })
}

/// What the parsers of parameters read from. Bucket and key are empty where there is none.
struct Target<'a> {
    head: &'a RequestHead<'a>,
    query: &'a Query,
    bucket: String,
    key: String,
    /// The time now, since 1970.
    now_ms: u64,
}

impl Target<'_> {
    /// The `versionId` of the query.
    fn version(&self) -> Result<Option<String>, S3Error> {
        match self.query.get("versionId") {
            Some("") => {
                Err(S3Error::invalid_argument("Version id cannot be the empty string", "versionId", ""))
            }
            version => Ok(version.map(str::to_owned)),
        }
    }

    /// Whether a retention of mode governance is to be bypassed.
    fn bypass_governance(&self) -> Result<bool, S3Error> {
        let value = self.head.header("x-amz-bypass-governance-retention")?;
        Ok(value.is_some_and(|value| value.eq_ignore_ascii_case("true")))
    }

    /// The `uploadId` of the query.
    fn upload_id(&self) -> Result<String, S3Error> {
        match self.query.filled("uploadId") {
            Some(id) if id.len() <= 1_024 => Ok(id.to_owned()),
            _ => Err(ErrorCode::NoSuchUpload.into()),
        }
    }

    /// The `partNumber` of the query.
    fn part_number(&self) -> Result<u16, S3Error> {
        let text = self.query.get("partNumber").unwrap_or("");
        parse_part_number(text).ok_or_else(|| {
            S3Error::invalid_argument(
                "Part number must be an integer between 1 and 10000, inclusive",
                "partNumber",
                text,
            )
        })
    }
}

/// A part number, 1 to 10,000.
pub(crate) fn parse_part_number(text: &str) -> Option<u16> {
    text.parse().ok().filter(|number| (1..=10_000).contains(number) && !text.starts_with('+'))
}

#[cfg(test)]
mod tests;

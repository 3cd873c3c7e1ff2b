//! Parameters of the operations on the settings of buckets and objects, of which each has a
//! sub-resource of its own.

use crate::acl::AclRequest;
use crate::checksum::BodyChecksum;
use crate::error::S3Error;
use crate::request::name::OperationName::{self, *};
use crate::request::{RequestBody, Target};

/// The longest document of a setting: a lifecycle of a thousand rules.
const MAX_DOCUMENT_LEN: usize = 256 << 10;

/// A setting of a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the variants are the sub-resources of the S3 API")]
pub enum BucketSetting {
    Acl,
    Cors,
    Encryption,
    Lifecycle,
    Location,
    Logging,
    Notification,
    ObjectLock,
    OwnershipControls,
    Policy,
    PolicyStatus,
    PublicAccessBlock,
    RequestPayment,
    Tagging,
    Versioning,
    Website,
}

/// A setting of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the variants are the sub-resources of the S3 API")]
pub enum ObjectSetting {
    Acl,
    LegalHold,
    Retention,
    Tagging,
}

/// What is done with a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// It is read.
    Get,
    /// It is set.
    Put,
    /// It is taken away.
    Delete,
}

/// Which setting an operation is about, and what it does with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SettingOperation {
    Bucket(BucketSetting, Access),
    Object(ObjectSetting, Access),
}

/// Reads or takes away a setting of a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketSettingRequest {
    /// The bucket.
    pub bucket: String,
    /// The setting.
    pub setting: BucketSetting,
}

/// Sets a setting of a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PutBucketSetting {
    /// The bucket.
    pub bucket: String,
    /// The setting.
    pub setting: BucketSetting,
    /// The access control list that the headers ask for, if that is the setting.
    pub acl: AclRequest,
    /// Whether the caller may lose the right to change the policy again.
    pub confirm_remove_self_access: bool,
    /// The document, which may be empty.
    pub body: RequestBody,
}

/// Reads or takes away a setting of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectSettingRequest {
    /// The bucket.
    pub bucket: String,
    /// The key.
    pub key: String,
    /// The version, if the client names one.
    pub version: Option<String>,
    /// The setting.
    pub setting: ObjectSetting,
}

/// Sets a setting of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PutObjectSetting {
    /// Of what.
    pub of: ObjectSettingRequest,
    /// The access control list that the headers ask for, if that is the setting.
    pub acl: AclRequest,
    /// Whether a retention of mode governance is to be bypassed.
    pub bypass_governance: bool,
    /// The document, which may be empty.
    pub body: RequestBody,
}

impl PutBucketSetting {
    pub(super) fn parse(target: Target<'_>, setting: BucketSetting) -> Result<Self, S3Error> {
        let head = target.head;
        let acl = match setting {
            BucketSetting::Acl => AclRequest::from_headers(head.headers)?,
            _ => AclRequest::None,
        };
        let confirm = head.header("x-amz-confirm-remove-self-bucket-access")?;
        Ok(Self {
            acl,
            confirm_remove_self_access: confirm.is_some_and(|value| value.eq_ignore_ascii_case("true")),
            body: document(&target)?,
            bucket: target.bucket,
            setting,
        })
    }
}

impl ObjectSettingRequest {
    pub(super) fn parse(target: Target<'_>, setting: ObjectSetting) -> Result<Self, S3Error> {
        let version = target.version()?;
        Ok(Self { bucket: target.bucket, key: target.key, version, setting })
    }
}

impl PutObjectSetting {
    pub(super) fn parse(target: Target<'_>, setting: ObjectSetting) -> Result<Self, S3Error> {
        let acl = match setting {
            ObjectSetting::Acl => AclRequest::from_headers(target.head.headers)?,
            _ => AclRequest::None,
        };
        Ok(Self {
            acl,
            bypass_governance: target.bypass_governance()?,
            body: document(&target)?,
            of: ObjectSettingRequest::parse(target, setting)?,
        })
    }
}

fn document(target: &Target<'_>) -> Result<RequestBody, S3Error> {
    RequestBody::of_document(target, BodyChecksum::from_head(target.head)?, MAX_DOCUMENT_LEN)
}

/// The setting that an operation is about, if it is about one.
pub(super) fn setting_of(name: OperationName) -> Option<SettingOperation> {
    use Access::{Delete, Get, Put};
    let bucket = |setting, access| Some(SettingOperation::Bucket(setting, access));
    let object = |setting, access| Some(SettingOperation::Object(setting, access));
    match name {
        GetBucketAcl => bucket(BucketSetting::Acl, Get),
        PutBucketAcl => bucket(BucketSetting::Acl, Put),
        GetBucketCors => bucket(BucketSetting::Cors, Get),
        PutBucketCors => bucket(BucketSetting::Cors, Put),
        DeleteBucketCors => bucket(BucketSetting::Cors, Delete),
        GetBucketEncryption => bucket(BucketSetting::Encryption, Get),
        PutBucketEncryption => bucket(BucketSetting::Encryption, Put),
        DeleteBucketEncryption => bucket(BucketSetting::Encryption, Delete),
        GetBucketLifecycleConfiguration => bucket(BucketSetting::Lifecycle, Get),
        PutBucketLifecycleConfiguration => bucket(BucketSetting::Lifecycle, Put),
        DeleteBucketLifecycle => bucket(BucketSetting::Lifecycle, Delete),
        GetBucketLocation => bucket(BucketSetting::Location, Get),
        GetBucketLogging => bucket(BucketSetting::Logging, Get),
        PutBucketLogging => bucket(BucketSetting::Logging, Put),
        GetBucketNotificationConfiguration => bucket(BucketSetting::Notification, Get),
        PutBucketNotificationConfiguration => bucket(BucketSetting::Notification, Put),
        GetObjectLockConfiguration => bucket(BucketSetting::ObjectLock, Get),
        PutObjectLockConfiguration => bucket(BucketSetting::ObjectLock, Put),
        GetBucketOwnershipControls => bucket(BucketSetting::OwnershipControls, Get),
        PutBucketOwnershipControls => bucket(BucketSetting::OwnershipControls, Put),
        DeleteBucketOwnershipControls => bucket(BucketSetting::OwnershipControls, Delete),
        GetBucketPolicy => bucket(BucketSetting::Policy, Get),
        PutBucketPolicy => bucket(BucketSetting::Policy, Put),
        DeleteBucketPolicy => bucket(BucketSetting::Policy, Delete),
        GetBucketPolicyStatus => bucket(BucketSetting::PolicyStatus, Get),
        GetPublicAccessBlock => bucket(BucketSetting::PublicAccessBlock, Get),
        PutPublicAccessBlock => bucket(BucketSetting::PublicAccessBlock, Put),
        DeletePublicAccessBlock => bucket(BucketSetting::PublicAccessBlock, Delete),
        GetBucketRequestPayment => bucket(BucketSetting::RequestPayment, Get),
        PutBucketRequestPayment => bucket(BucketSetting::RequestPayment, Put),
        GetBucketTagging => bucket(BucketSetting::Tagging, Get),
        PutBucketTagging => bucket(BucketSetting::Tagging, Put),
        DeleteBucketTagging => bucket(BucketSetting::Tagging, Delete),
        GetBucketVersioning => bucket(BucketSetting::Versioning, Get),
        PutBucketVersioning => bucket(BucketSetting::Versioning, Put),
        GetBucketWebsite => bucket(BucketSetting::Website, Get),
        PutBucketWebsite => bucket(BucketSetting::Website, Put),
        DeleteBucketWebsite => bucket(BucketSetting::Website, Delete),
        GetObjectAcl => object(ObjectSetting::Acl, Get),
        PutObjectAcl => object(ObjectSetting::Acl, Put),
        GetObjectLegalHold => object(ObjectSetting::LegalHold, Get),
        PutObjectLegalHold => object(ObjectSetting::LegalHold, Put),
        GetObjectRetention => object(ObjectSetting::Retention, Get),
        PutObjectRetention => object(ObjectSetting::Retention, Put),
        GetObjectTagging => object(ObjectSetting::Tagging, Get),
        PutObjectTagging => object(ObjectSetting::Tagging, Put),
        DeleteObjectTagging => object(ObjectSetting::Tagging, Delete),
        _ => None,
    }
}

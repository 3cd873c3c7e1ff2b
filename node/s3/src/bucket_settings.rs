//! The settings of buckets: read, set and taken away.

use bytes::Bytes;
use http::{HeaderValue, header};
use mucura_metadata::{self as kept, BucketChange, BucketDocument, Versioning};
use mucura_s3_wire::acl::{AclRequest, parse_acl};
use mucura_s3_wire::config::cors::CorsConfiguration;
use mucura_s3_wire::config::encryption::EncryptionConfiguration;
use mucura_s3_wire::config::lifecycle::LifecycleConfiguration;
use mucura_s3_wire::config::lock::ObjectLockConfiguration;
use mucura_s3_wire::config::logging::BucketLogging;
use mucura_s3_wire::config::notification::NotificationConfiguration;
use mucura_s3_wire::config::ownership::OwnershipControls;
use mucura_s3_wire::config::policy_status::PolicyStatus;
use mucura_s3_wire::config::public_access::PublicAccessBlock;
use mucura_s3_wire::config::request_payment::{Payer, RequestPayment};
use mucura_s3_wire::config::tagging::{TagSet, Tagged};
use mucura_s3_wire::config::versioning::{VersioningConfiguration, VersioningStatus};
use mucura_s3_wire::config::website::WebsiteConfiguration;
use mucura_s3_wire::policy::{Action, Policy};
use mucura_s3_wire::request::{BucketSetting, BucketSettingRequest, PutBucketSetting};
use mucura_s3_wire::xml;
use mucura_s3_wire::{ErrorCode, S3Error};

use crate::access::Bucket;
use crate::acl;
use crate::answer::Answer;
use crate::call::Call;
use crate::document::read_bytes;
use crate::errors::Failure;
use crate::payload::Payload;
use crate::{notification, settings, storage_class};

/// The error of S3 for a setting that a bucket does not have.
fn missing(setting: BucketSetting, bucket: &str) -> S3Error {
    let code = match setting {
        BucketSetting::Cors => ErrorCode::NoSuchCorsConfiguration,
        BucketSetting::Encryption => ErrorCode::ServerSideEncryptionConfigurationNotFound,
        BucketSetting::Lifecycle => ErrorCode::NoSuchLifecycleConfiguration,
        BucketSetting::ObjectLock => ErrorCode::ObjectLockConfigurationNotFound,
        BucketSetting::OwnershipControls => ErrorCode::OwnershipControlsNotFound,
        BucketSetting::PublicAccessBlock => ErrorCode::NoSuchPublicAccessBlockConfiguration,
        BucketSetting::Tagging => ErrorCode::NoSuchTagSet,
        BucketSetting::Website => ErrorCode::NoSuchWebsiteConfiguration,
        _ => ErrorCode::NoSuchBucketPolicy,
    };
    S3Error::new(code).field("BucketName", bucket)
}

/// The document that a setting is kept in, if it is kept in one.
fn document_of(setting: BucketSetting) -> Option<BucketDocument> {
    match setting {
        BucketSetting::Cors => Some(BucketDocument::Cors),
        BucketSetting::Encryption => Some(BucketDocument::Encryption),
        BucketSetting::Lifecycle => Some(BucketDocument::Lifecycle),
        BucketSetting::Logging => Some(BucketDocument::Logging),
        BucketSetting::Notification => Some(BucketDocument::Notification),
        BucketSetting::Policy => Some(BucketDocument::Policy),
        BucketSetting::Tagging => Some(BucketDocument::Tagging),
        BucketSetting::Website => Some(BucketDocument::Website),
        _ => None,
    }
}

fn read_action(setting: BucketSetting) -> Action {
    match setting {
        BucketSetting::Acl => Action::GetBucketAcl,
        BucketSetting::Cors => Action::GetBucketCORS,
        BucketSetting::Encryption => Action::GetEncryptionConfiguration,
        BucketSetting::Lifecycle => Action::GetLifecycleConfiguration,
        BucketSetting::Location => Action::GetBucketLocation,
        BucketSetting::Logging => Action::GetBucketLogging,
        BucketSetting::Notification => Action::GetBucketNotification,
        BucketSetting::ObjectLock => Action::GetBucketObjectLockConfiguration,
        BucketSetting::OwnershipControls => Action::GetBucketOwnershipControls,
        BucketSetting::Policy => Action::GetBucketPolicy,
        BucketSetting::PolicyStatus => Action::GetBucketPolicyStatus,
        BucketSetting::PublicAccessBlock => Action::GetBucketPublicAccessBlock,
        BucketSetting::RequestPayment => Action::GetBucketRequestPayment,
        BucketSetting::Tagging => Action::GetBucketTagging,
        BucketSetting::Versioning => Action::GetBucketVersioning,
        BucketSetting::Website => Action::GetBucketWebsite,
    }
}

fn write_action(setting: BucketSetting) -> Action {
    match setting {
        BucketSetting::Acl => Action::PutBucketAcl,
        BucketSetting::Cors => Action::PutBucketCORS,
        BucketSetting::Encryption => Action::PutEncryptionConfiguration,
        BucketSetting::Lifecycle => Action::PutLifecycleConfiguration,
        BucketSetting::Logging => Action::PutBucketLogging,
        BucketSetting::Notification => Action::PutBucketNotification,
        BucketSetting::ObjectLock => Action::PutBucketObjectLockConfiguration,
        BucketSetting::OwnershipControls => Action::PutBucketOwnershipControls,
        // Neither of them is ever set.
        BucketSetting::Policy | BucketSetting::Location | BucketSetting::PolicyStatus => {
            Action::PutBucketPolicy
        }
        BucketSetting::PublicAccessBlock => Action::PutBucketPublicAccessBlock,
        BucketSetting::RequestPayment => Action::PutBucketRequestPayment,
        BucketSetting::Tagging => Action::PutBucketTagging,
        BucketSetting::Versioning => Action::PutBucketVersioning,
        BucketSetting::Website => Action::PutBucketWebsite,
    }
}

/// Some settings are taken away by whoever may set them; others have an action
/// of their own for that.
fn delete_action(setting: BucketSetting) -> Action {
    match setting {
        BucketSetting::Policy => Action::DeleteBucketPolicy,
        BucketSetting::Website => Action::DeleteBucketWebsite,
        other => write_action(other),
    }
}

pub(crate) async fn get(call: &Call<'_>, request: BucketSettingRequest) -> Result<Answer, Failure> {
    let setting = request.setting;
    let bucket = call.bucket(&request.bucket).await?;
    call.allow_bucket(&bucket, read_action(setting))?;
    if let Some(document) = document_of(setting) {
        return get_document(call, &bucket, setting, document).await;
    }
    let record = &bucket.record;
    let none = || missing(setting, &bucket.name);
    let document = match setting {
        BucketSetting::Location => xml::location_constraint(&call.shared.config.region),
        BucketSetting::Acl => {
            let owner = call.shown(record.owner).await?;
            call.show_acl(&owner, &acl::shown(record.acl.as_ref(), record.owner)).await?
        }
        BucketSetting::Versioning => {
            VersioningConfiguration { status: status_of(record.versioning) }.to_xml()
        }
        BucketSetting::ObjectLock => {
            let lock = record.lock.ok_or_else(none)?;
            ObjectLockConfiguration { default: lock.default.map(settings::shown_default) }.to_xml()
        }
        BucketSetting::OwnershipControls => {
            let ownership = settings::shown_ownership(record.ownership.ok_or_else(none)?);
            OwnershipControls { ownership }.to_xml()
        }
        BucketSetting::PublicAccessBlock => {
            settings::shown_block(record.public_access.ok_or_else(none)?).to_xml()
        }
        BucketSetting::PolicyStatus => PolicyStatus { is_public: bucket.is_public() }.to_xml(),
        _ => RequestPayment { payer: Payer::BucketOwner }.to_xml(),
    };
    Ok(Answer::xml(document))
}

async fn get_document(
    call: &Call<'_>,
    bucket: &Bucket,
    setting: BucketSetting,
    document: BucketDocument,
) -> Result<Answer, Failure> {
    let text = call.fresh.document(&bucket.record, document).await?;
    let text = match (text, setting) {
        (Some(text), _) => text,
        (None, BucketSetting::Logging) => Bytes::from(BucketLogging::default().to_xml()),
        (None, BucketSetting::Notification) => Bytes::from(NotificationConfiguration::default().to_xml()),
        (None, _) => return Err(missing(setting, &bucket.name).into()),
    };
    let mut answer = Answer::document(text);
    if setting == BucketSetting::Policy {
        answer.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    Ok(answer)
}

fn status_of(versioning: Versioning) -> Option<VersioningStatus> {
    match versioning {
        Versioning::Never => None,
        Versioning::Enabled => Some(VersioningStatus::Enabled),
        Versioning::Suspended => Some(VersioningStatus::Suspended),
    }
}

pub(crate) async fn put(
    call: &Call<'_>,
    request: PutBucketSetting,
    payload: &mut Payload,
) -> Result<Answer, Failure> {
    let setting = request.setting;
    let bucket = call.bucket(&request.bucket).await?;
    call.allow_bucket(&bucket, write_action(setting))?;
    let body = read_bytes(call, request.body.clone(), payload).await?;
    let change = match setting {
        BucketSetting::Acl => BucketChange::Acl(new_acl(call, &bucket, &request.acl, &body).await?),
        BucketSetting::Policy => {
            let text = new_policy(&bucket, &body)?;
            BucketChange::Document { document: BucketDocument::Policy, text: Some(text) }
        }
        BucketSetting::RequestPayment => {
            // The owner pays: there is nothing else to be had, and nothing to keep.
            RequestPayment::parse(&body)?;
            return Ok(Answer::ok());
        }
        BucketSetting::Notification => notification::asked(call, &body).await?,
        setting => {
            let classes = call.shared.config.storage_classes.clone();
            call.shared.compute(move || changed(setting, &classes, &body)).await??
        }
    };
    call.store().change_bucket(bucket.record.id, change, call.deadline()).await?;
    let answer = match setting {
        BucketSetting::Policy => Answer::no_content(),
        _ => Answer::ok(),
    };
    Ok(answer)
}

/// The change that a document asks for.
fn changed(setting: BucketSetting, classes: &[String], body: &[u8]) -> Result<BucketChange, S3Error> {
    let document = |document, text: String| BucketChange::Document { document, text: Some(text.into()) };
    Ok(match setting {
        BucketSetting::Versioning => {
            let versioning = match VersioningConfiguration::parse(body)?.status {
                Some(VersioningStatus::Suspended) => Versioning::Suspended,
                _ => Versioning::Enabled,
            };
            BucketChange::Versioning(versioning)
        }
        BucketSetting::ObjectLock => {
            let lock = ObjectLockConfiguration::parse(body)?;
            BucketChange::Lock(lock.default.map(settings::kept_default))
        }
        BucketSetting::OwnershipControls => {
            let ownership = settings::kept_ownership(OwnershipControls::parse(body)?.ownership);
            BucketChange::Ownership(Some(ownership))
        }
        BucketSetting::PublicAccessBlock => {
            BucketChange::PublicAccess(Some(settings::kept_block(PublicAccessBlock::parse(body)?)))
        }
        BucketSetting::Cors => document(BucketDocument::Cors, CorsConfiguration::parse(body)?.to_xml()),
        BucketSetting::Encryption => {
            document(BucketDocument::Encryption, EncryptionConfiguration::parse(body)?.to_xml())
        }
        BucketSetting::Lifecycle => {
            let mut lifecycle = LifecycleConfiguration::parse(body)?;
            lifecycle.check_storage_classes(&storage_class::known(classes))?;
            let mut number = 0;
            lifecycle.fill_ids(|| {
                number += 1;
                format!("rule-{number}")
            });
            document(BucketDocument::Lifecycle, lifecycle.to_xml())
        }
        BucketSetting::Logging => match BucketLogging::parse(body)?.target {
            None => BucketChange::Document { document: BucketDocument::Logging, text: None },
            // To take it would be to promise logs that nobody writes.
            Some(_) => return Err(S3Error::header_not_implemented("LoggingEnabled")),
        },
        BucketSetting::Tagging => {
            document(BucketDocument::Tagging, TagSet::parse(body, Tagged::Bucket)?.to_xml())
        }
        BucketSetting::Website => {
            document(BucketDocument::Website, WebsiteConfiguration::parse(body)?.to_xml())
        }
        BucketSetting::Acl
        | BucketSetting::Notification
        | BucketSetting::Policy
        | BucketSetting::RequestPayment
        | BucketSetting::Location
        | BucketSetting::PolicyStatus => {
            return Err(ErrorCode::MethodNotAllowed.into());
        }
    })
}

/// The access control list that a request sets, by its headers or its body.
async fn new_acl(
    call: &Call<'_>,
    bucket: &Bucket,
    asked: &AclRequest,
    body: &[u8],
) -> Result<Option<kept::Acl>, Failure> {
    let owner = bucket.record.owner;
    let list = match asked {
        AclRequest::None if body.is_empty() => {
            return Err(S3Error::new(ErrorCode::MissingSecurityHeader)
                .field("MissingHeaderName", "x-amz-acl")
                .into());
        }
        AclRequest::None => {
            let document = parse_acl(body)?;
            if document.owner != owner.to_string() {
                return Err(ErrorCode::AccessDenied.into());
            }
            acl::granted(call, &document.grants).await?
        }
        asked => acl::asked(call, asked, owner, owner).await?.unwrap_or_default(),
    };
    bucket.check_new_acl(asked, &list)?;
    Ok(acl::to_keep(&list, owner))
}

/// The text of a new policy, as the client gave it.
fn new_policy(bucket: &Bucket, body: &Bytes) -> Result<Bytes, S3Error> {
    let text = std::str::from_utf8(body).map_err(|_| ErrorCode::MalformedPolicy)?;
    let policy = Policy::parse(text, &bucket.name)?;
    bucket.check_new_policy(&policy)?;
    Ok(body.clone())
}

pub(crate) async fn delete(call: &Call<'_>, request: BucketSettingRequest) -> Result<Answer, Failure> {
    let setting = request.setting;
    let bucket = call.bucket(&request.bucket).await?;
    call.allow_bucket(&bucket, delete_action(setting))?;
    let change = match (setting, document_of(setting)) {
        (_, Some(document)) => BucketChange::Document { document, text: None },
        (BucketSetting::OwnershipControls, _) => BucketChange::Ownership(None),
        (BucketSetting::PublicAccessBlock, _) => BucketChange::PublicAccess(None),
        _ => return Err(ErrorCode::MethodNotAllowed.into()),
    };
    call.store().change_bucket(bucket.record.id, change, call.deadline()).await?;
    Ok(Answer::no_content())
}

//! The settings of objects: read, set and taken away.

use mucura_metadata::{Act, ChangeVersion, Rejection, VersionChange};
use mucura_s3_wire::acl::{AclRequest, parse_acl};
use mucura_s3_wire::config::lock::{LegalHold, Retention};
use mucura_s3_wire::config::tagging::{TagSet, Tagged};
use mucura_s3_wire::policy::Action;
use mucura_s3_wire::request::{ObjectSetting, ObjectSettingRequest, PutObjectSetting};
use mucura_s3_wire::{ErrorCode, S3Error};
use mucura_store::{ObjectInfo, StoreError};

use crate::access::Bucket;
use crate::acl;
use crate::answer::{Answer, set};
use crate::call::{Call, Said};
use crate::document::read_bytes;
use crate::errors::Failure;
use crate::payload::Payload;
use crate::settings;
use crate::versions::{VERSION_ID, parse_version};

/// How often it is tried to change a version that others write over.
const TRIES: u32 = 4;

/// What it takes to read a setting, of the current version and of one by id.
fn read_action(setting: ObjectSetting, by_id: bool) -> Action {
    match (setting, by_id) {
        (ObjectSetting::Acl, false) => Action::GetObjectAcl,
        (ObjectSetting::Acl, true) => Action::GetObjectVersionAcl,
        (ObjectSetting::Tagging, false) => Action::GetObjectTagging,
        (ObjectSetting::Tagging, true) => Action::GetObjectVersionTagging,
        (ObjectSetting::Retention, _) => Action::GetObjectRetention,
        (ObjectSetting::LegalHold, _) => Action::GetObjectLegalHold,
    }
}

fn write_action(setting: ObjectSetting, by_id: bool) -> Action {
    match (setting, by_id) {
        (ObjectSetting::Acl, false) => Action::PutObjectAcl,
        (ObjectSetting::Acl, true) => Action::PutObjectVersionAcl,
        (ObjectSetting::Tagging, false) => Action::PutObjectTagging,
        (ObjectSetting::Tagging, true) => Action::PutObjectVersionTagging,
        (ObjectSetting::Retention, _) => Action::PutObjectRetention,
        (ObjectSetting::LegalHold, _) => Action::PutObjectLegalHold,
    }
}

fn delete_action(by_id: bool) -> Action {
    if by_id { Action::DeleteObjectVersionTagging } else { Action::DeleteObjectTagging }
}

pub(crate) async fn get(call: &Call<'_>, request: ObjectSettingRequest) -> Result<Answer, Failure> {
    let action = read_action(request.setting, request.version.is_some());
    let (bucket, object) = look_up(call, &request, action).await?;
    let said = &object.record.attributes;
    let document = match request.setting {
        ObjectSetting::Acl => {
            let owner = object.record.summary.owner;
            call.show_acl(&call.shown(owner).await?, &acl::shown(said.acl.as_ref(), owner)).await?
        }
        ObjectSetting::Tagging => settings::shown_tags(&said.tags)?.to_xml(),
        ObjectSetting::Retention => {
            bucket.check_lock()?;
            let retention = said.lock.retention.ok_or(ErrorCode::NoSuchObjectLockConfiguration)?;
            settings::shown_retention(retention).to_xml()
        }
        ObjectSetting::LegalHold => {
            bucket.check_lock()?;
            settings::shown_hold(said.lock.legal_hold).to_xml()
        }
    };
    Ok(with_version(Answer::xml(document), &bucket, &object))
}

pub(crate) async fn put(
    call: &Call<'_>,
    request: PutObjectSetting,
    payload: &mut Payload,
) -> Result<Answer, Failure> {
    let found = find_for_put(call, &request).await;
    // Whether a user may can depend on what the body says.
    let depends = call.signer.is_some()
        && matches!(&found, Err(Failure::S3(error)) if error.code == ErrorCode::AccessDenied);
    if let Err(failure) = found
        && !depends
    {
        return Err(failure);
    }
    let body = read_bytes(call, request.body.clone(), payload).await?;
    let said = said(call, request.of.setting, &body);
    let mut done = put_once(&call.again(said.clone()).await?, &request, &body).await;
    for _ in 1..TRIES {
        if !is_another(&done) {
            break;
        }
        done = put_once(&call.again(said.clone()).await?, &request, &body).await;
    }
    settled(done)
}

/// The version whose setting is to be put, if the caller may.
async fn find_for_put(call: &Call<'_>, request: &PutObjectSetting) -> Result<(Bucket, ObjectInfo), Failure> {
    let of = &request.of;
    let action = write_action(of.setting, of.version.is_some());
    let (bucket, object) = look_up(call, of, action).await?;
    if matches!(of.setting, ObjectSetting::Retention | ObjectSetting::LegalHold) {
        bucket.check_lock()?;
    }
    if request.bypass_governance && of.setting == ObjectSetting::Retention {
        call.allow_object(&bucket, Action::BypassGovernanceRetention, &of.key, Some(&object))?;
    }
    Ok((bucket, object))
}

/// What conditions may ask about; a body that cannot be read says nothing.
fn said(call: &Call<'_>, setting: ObjectSetting, body: &[u8]) -> Said {
    let said = match setting {
        ObjectSetting::Acl => None,
        ObjectSetting::Tagging => TagSet::parse(body, Tagged::Object).ok().map(Said::Tags),
        ObjectSetting::Retention => {
            let retention = Retention::parse(body, call.shared.runtime.clock.now_ms()).ok().flatten();
            retention.map(Said::Retention)
        }
        ObjectSetting::LegalHold => LegalHold::parse(body).ok().map(Said::Hold),
    };
    said.unwrap_or(Said::Nothing)
}

async fn put_once(call: &Call<'_>, request: &PutObjectSetting, body: &[u8]) -> Result<Answer, Failure> {
    let (bucket, object) = find_for_put(call, request).await?;
    put_to(call, request, &bucket, object, body).await
}

async fn put_to(
    call: &Call<'_>,
    request: &PutObjectSetting,
    bucket: &Bucket,
    object: ObjectInfo,
    body: &[u8],
) -> Result<Answer, Failure> {
    let of = &request.of;
    let bypass = request.bypass_governance;
    let change = match of.setting {
        ObjectSetting::Acl => {
            let (owner, bucket_owner) = (object.record.summary.owner, bucket.record.owner);
            let list = match &request.acl {
                AclRequest::None if body.is_empty() => {
                    let error = S3Error::new(ErrorCode::MissingSecurityHeader);
                    return Err(error.field("MissingHeaderName", "x-amz-acl").into());
                }
                AclRequest::None => {
                    let document = parse_acl(body)?;
                    if document.owner != owner.to_string() {
                        return Err(ErrorCode::AccessDenied.into());
                    }
                    acl::granted(call, &document.grants).await?
                }
                asked => acl::asked(call, asked, owner, bucket_owner).await?.unwrap_or_default(),
            };
            bucket.check_new_acl(&request.acl, &list)?;
            VersionChange::Acl(acl::to_keep(&list, owner))
        }
        ObjectSetting::Tagging => {
            let tags = TagSet::parse(body, Tagged::Object)?;
            VersionChange::Tags(settings::kept_tags(&tags))
        }
        ObjectSetting::Retention => {
            let retention = Retention::parse(body, call.shared.runtime.clock.now_ms())?;
            VersionChange::Retention { retention: retention.map(settings::kept_retention), bypass }
        }
        ObjectSetting::LegalHold => VersionChange::LegalHold(LegalHold::parse(body)? == LegalHold::On),
    };
    // Others are told of these.
    let act = match of.setting {
        ObjectSetting::Tagging => Some(Act::PutTags),
        ObjectSetting::Acl => Some(Act::PutAcl),
        ObjectSetting::Retention | ObjectSetting::LegalHold => None,
    };
    let answer = with_version(Answer::ok(), bucket, &object);
    apply(call, bucket, of, object, change, act).await?;
    Ok(answer)
}

pub(crate) async fn delete(call: &Call<'_>, request: ObjectSettingRequest) -> Result<Answer, Failure> {
    let mut done = delete_once(call, &request).await;
    for _ in 1..TRIES {
        if !is_another(&done) {
            break;
        }
        done = delete_once(&call.again(Said::Nothing).await?, &request).await;
    }
    settled(done)
}

async fn delete_once(call: &Call<'_>, request: &ObjectSettingRequest) -> Result<Answer, Failure> {
    let action = delete_action(request.version.is_some());
    let (bucket, object) = look_up(call, request, action).await?;
    let answer = with_version(Answer::no_content(), &bucket, &object);
    apply(call, &bucket, request, object, VersionChange::Tags(Vec::new()), Some(Act::DeleteTags)).await?;
    Ok(answer)
}

/// Whether nothing was done because another version has the id by now, of which
/// it is not known whether the caller may change it.
fn is_another(done: &Result<Answer, Failure>) -> bool {
    matches!(done, Err(Failure::Store(StoreError::Rejected(Rejection::PreconditionFailed))))
}

fn settled(done: Result<Answer, Failure>) -> Result<Answer, Failure> {
    if is_another(&done) { Err(ErrorCode::OperationAborted.into()) } else { done }
}

/// Changes the very version that was looked up and allowed.
async fn apply(
    call: &Call<'_>,
    bucket: &Bucket,
    of: &ObjectSettingRequest,
    object: ObjectInfo,
    change: VersionChange,
    act: Option<Act>,
) -> Result<(), Failure> {
    let change = ChangeVersion {
        bucket: bucket.record.id,
        key: of.key.clone().into(),
        version: Some(object.version_id()),
        at: Some(object.order),
        change,
    };
    let origin = act.and_then(|act| call.origin(bucket, act));
    call.store().change_version(change, origin, call.deadline()).await?;
    Ok(())
}

async fn look_up(
    call: &Call<'_>,
    request: &ObjectSettingRequest,
    action: Action,
) -> Result<(Bucket, ObjectInfo), Failure> {
    let version = parse_version(request.version.as_deref())?;
    let bucket = call.bucket(&request.bucket).await?;
    let object = call.find(&bucket, action, &request.key, version).await?;
    Ok((bucket, object))
}

fn with_version(mut answer: Answer, bucket: &Bucket, object: &ObjectInfo) -> Answer {
    if bucket.keeps_versions() {
        set(&mut answer.headers, VERSION_ID, &object.version_id().to_string());
    }
    answer
}

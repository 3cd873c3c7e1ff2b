use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use mucura_metadata::{Act, DeleteCondition, DeleteObject as Delete, VersionId};
use mucura_s3_wire::conditions::{EtagMatch, WriteCondition};
use mucura_s3_wire::policy::Action;
use mucura_s3_wire::request::{DeleteObject, DeleteObjects, check_key};
use mucura_s3_wire::xml::{DeleteKey, DeletedKey, delete_result, parse_delete};
use mucura_s3_wire::{ErrorCode, S3Error};
use mucura_store::Deleted;
use tokio::time::Instant;

use crate::access::Bucket;
use crate::answer::{Answer, set};
use crate::call::Call;
use crate::conditions;
use crate::document::read_document;
use crate::errors::Failure;
use crate::payload::Payload;
use crate::versions::{DELETE_MARKER, parse_version};

/// Deletions of one request that are under way at once.
const AT_ONCE: usize = 16;
/// How long all deletions of one request may take.
const DELETE_MANY_TIMEOUT: Duration = Duration::from_secs(30);

/// One object or version to delete.
struct Doomed {
    key: String,
    version: Option<VersionId>,
    bypass: bool,
    condition: DeleteCondition,
}

pub(crate) async fn delete(call: &Call<'_>, request: DeleteObject) -> Result<Answer, Failure> {
    let doomed = Doomed {
        key: request.key,
        version: parse_version(request.version.as_deref())?,
        bypass: request.bypass_governance,
        condition: conditions::of_delete(&request.condition)?,
    };
    let bucket = call.bucket(&request.bucket).await?;
    let deleted = delete_one(call, &bucket, doomed, call.deadline()).await?;
    let mut answer = Answer::no_content();
    if let Some(version) = deleted.version {
        bucket.show_version(version, &mut answer.headers);
    }
    if deleted.marker {
        set(&mut answer.headers, DELETE_MARKER, "true");
    }
    Ok(answer)
}

pub(crate) async fn delete_many(
    call: &Call<'_>,
    request: DeleteObjects,
    payload: &mut Payload,
) -> Result<Answer, Failure> {
    let bucket = call.bucket(&request.bucket).await?;
    let list = read_document(call, request.body, payload, parse_delete).await?;
    let deadline = Instant::now() + DELETE_MANY_TIMEOUT;
    let bypass = request.bypass_governance;
    let deletions = list.keys.into_iter().map(|key| delete_listed(call, &bucket, key, bypass, deadline));
    let deleted: Vec<DeletedKey> = stream::iter(deletions).buffered(AT_ONCE).collect().await;
    Ok(Answer::xml(delete_result(&deleted, list.quiet)))
}

async fn delete_listed(
    call: &Call<'_>,
    bucket: &Bucket,
    object: DeleteKey,
    bypass: bool,
    deadline: Instant,
) -> DeletedKey {
    let deleted = async {
        check_key(&object.key)?;
        let condition = match &object.etag {
            None => DeleteCondition::default(),
            Some(etag) => conditions::of_delete(&WriteCondition::matches(EtagMatch::parse(etag)))?,
        };
        // Where many are deleted, S3 takes what is no id for one of no version.
        let version =
            parse_version(object.version.as_deref()).map_err(|_| S3Error::new(ErrorCode::NoSuchVersion))?;
        let doomed = Doomed { key: object.key.clone(), version, bypass, condition };
        delete_one(call, bucket, doomed, deadline).await
    };
    let (marker, error) = match deleted.await {
        Ok(deleted) => (deleted.version.filter(|_| deleted.marker).map(|version| version.to_string()), None),
        Err(failure) => (None, Some(failure.into_s3())),
    };
    DeletedKey { key: object.key, version: object.version, marker, error }
}

async fn delete_one(
    call: &Call<'_>,
    bucket: &Bucket,
    doomed: Doomed,
    deadline: Instant,
) -> Result<Deleted, Failure> {
    let action = match doomed.version {
        Some(_) => Action::DeleteObjectVersion,
        None => Action::DeleteObject,
    };
    call.allow_version(bucket, action, &doomed.key, doomed.version, None)?;
    if doomed.bypass {
        let bypass = Action::BypassGovernanceRetention;
        call.allow_version(bucket, bypass, &doomed.key, doomed.version, None)?;
    }
    allow_condition(call, bucket, &doomed).await?;
    let delete = Delete {
        bucket: bucket.record.id,
        key: doomed.key.into(),
        version: doomed.version,
        by: call.user,
        bypass: doomed.bypass,
        condition: doomed.condition,
    };
    Ok(call.store().delete_object(delete, call.origin(bucket, Act::Delete), deadline).await?)
}

/// Whether a tag is the object's is for those who may read it.
async fn allow_condition(call: &Call<'_>, bucket: &Bucket, doomed: &Doomed) -> Result<(), Failure> {
    if doomed.condition.if_match.as_ref().is_none_or(Vec::is_empty) {
        return Ok(());
    }
    let Doomed { key, version, .. } = doomed;
    let action = if version.is_some() { Action::GetObjectVersion } else { Action::GetObject };
    let object = call.fresh.object(bucket.record.id, key, *version).await?;
    let object = object.filter(|object| !object.is_delete_marker());
    let asked = call.allow_version(bucket, action, key, *version, object.as_ref());
    if asked.is_err() && object.is_none() {
        return call.allow_missing(bucket, action, key);
    }
    asked
}

use http::{HeaderMap, HeaderName, header};
use mucura_metadata::{Act, Checksum};
use mucura_s3_wire::conditions::WriteCondition;
use mucura_s3_wire::policy::Action;
use mucura_s3_wire::request::PutObject;
use mucura_store::{BodySize, ObjectInfo, PutObjectRequest};

use crate::access::Bucket;
use crate::answer::{Answer, quoted, set};
use crate::call::Call;
use crate::errors::Failure;
use crate::lifecycle::{Current, Lifecycle};
use crate::new_object::NewObject;
use crate::payload::Payload;
use crate::{checksums, conditions, encryption, upload_body};

pub(crate) const CHECKSUM_TYPE: HeaderName = HeaderName::from_static("x-amz-checksum-type");

pub(crate) async fn put(
    call: &Call<'_>,
    request: PutObject,
    payload: &mut Payload,
) -> Result<Answer, Failure> {
    let bucket = call.bucket(&request.bucket).await?;
    let new = NewObject::prepare(
        call,
        &bucket,
        &request.key,
        &call.conditions.head,
        Some(&request.attributes),
        &request.settings,
    )
    .await?;
    check_early(call, &bucket, &request.key, &request.condition).await?;
    let lifecycle = Lifecycle::of(call, &bucket).await?;
    let size = upload_body::size_of(&request.body);
    let put = PutObjectRequest {
        bucket: bucket.record.id,
        key: request.key.clone(),
        owner: new.owner,
        size,
        attributes: new.attributes.clone(),
        condition: conditions::of_write(&request.condition),
        origin: call.origin(&bucket, Act::Put),
        seal: new.seal,
    };
    let mut answer = Answer::ok();
    encryption::show_new(put.seal.as_ref(), &mut answer.headers);
    let mut body = call.upload(request.body, payload)?;
    let stored = match call.store_object(put, &mut body).await {
        Ok(stored) => stored,
        Err(error) => return Err(body.explain(error)),
    };
    answer = answer.with(header::ETAG, &quoted(stored.etag));
    if let Some(checksum) = &stored.checksum {
        show_checksum(checksum, &mut answer.headers);
    }
    bucket.show_new_version(stored.version, &mut answer.headers);
    if let BodySize::Exact(size) = size {
        let (key, modified_ms) = (&request.key, stored.order.time.timestamp().0);
        let current = Current { key, size, modified_ms, attributes: &new.attributes };
        lifecycle.show_expiration(&current, &mut answer.headers);
    }
    Ok(answer)
}

/// A condition that does not hold now is answered before the body is read. If
/// it holds, it is decided again with the write.
pub(crate) async fn check_early(
    call: &Call<'_>,
    bucket: &Bucket,
    key: &str,
    condition: &WriteCondition,
) -> Result<(), Failure> {
    if *condition == WriteCondition::default() {
        return Ok(());
    }
    let object = current(call, bucket, key).await?;
    allow_asking(call, bucket, key, condition, object.as_ref())?;
    let etag = object.map(|object| object.record.summary.etag.to_string());
    Ok(condition.check(etag.as_deref())?)
}

/// Whether the caller may set this condition: one on a tag tells what the
/// object is, so that it takes the right to read.
pub(crate) async fn allow_condition(
    call: &Call<'_>,
    bucket: &Bucket,
    key: &str,
    condition: &WriteCondition,
) -> Result<(), Failure> {
    if !condition.asks_for_tag() {
        return Ok(());
    }
    let object = current(call, bucket, key).await?;
    allow_asking(call, bucket, key, condition, object.as_ref())
}

async fn current(call: &Call<'_>, bucket: &Bucket, key: &str) -> Result<Option<ObjectInfo>, Failure> {
    let object = call.fresh.object(bucket.record.id, key, None).await?;
    Ok(object.filter(|object| !object.is_delete_marker()))
}

fn allow_asking(
    call: &Call<'_>,
    bucket: &Bucket,
    key: &str,
    condition: &WriteCondition,
    object: Option<&ObjectInfo>,
) -> Result<(), Failure> {
    if !condition.asks_for_tag() {
        return Ok(());
    }
    let asked = call.allow_object(bucket, Action::GetObject, key, object);
    if asked.is_err() && object.is_none() {
        // Nor may everyone know that there is none.
        return call.allow_missing(bucket, Action::GetObject, key);
    }
    asked
}

/// Shows a checksum in the head of an answer.
pub(crate) fn show_checksum(checksum: &Checksum, headers: &mut HeaderMap) {
    if let Some(shown) = checksums::shown(checksum) {
        set(headers, HeaderName::from_static(shown.value.algorithm().header()), &shown.to_text());
        set(headers, CHECKSUM_TYPE, shown.kind.name());
    }
}

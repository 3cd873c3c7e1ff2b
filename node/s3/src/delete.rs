use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use mucura_metadata::DeleteCondition;
use mucura_s3_wire::conditions::{EtagMatch, WriteCondition};
use mucura_s3_wire::request::{DeleteObject, DeleteObjects, check_key};
use mucura_s3_wire::xml::{DeleteKey, DeletedKey, delete_result, parse_delete};
use mucura_types::BucketId;
use tokio::time::Instant;

use crate::answer::Answer;
use crate::call::Call;
use crate::conditions;
use crate::document::read_document;
use crate::errors::Failure;
use crate::payload::Payload;

/// Deletions of one request that are under way at once.
const AT_ONCE: usize = 16;
/// How long all deletions of one request may take.
const DELETE_MANY_TIMEOUT: Duration = Duration::from_secs(30);

pub(crate) async fn delete(call: &Call<'_>, request: DeleteObject) -> Result<Answer, Failure> {
    let condition = conditions::of_delete(&request.condition)?;
    let bucket = call.bucket(&request.bucket).await?;
    call.store().delete_object(bucket.id, &request.key, condition, call.deadline()).await?;
    Ok(Answer::no_content())
}

pub(crate) async fn delete_many(
    call: &Call<'_>,
    request: DeleteObjects,
    payload: &mut Payload,
) -> Result<Answer, Failure> {
    let bucket = call.bucket(&request.bucket).await?;
    let list = read_document(call, request.body, payload, parse_delete).await?;
    let deadline = Instant::now() + DELETE_MANY_TIMEOUT;
    let deletions = list.keys.into_iter().map(|key| delete_one(call, bucket.id, key, deadline));
    let deleted: Vec<DeletedKey> = stream::iter(deletions).buffered(AT_ONCE).collect().await;
    Ok(Answer::xml(delete_result(&deleted, list.quiet)))
}

async fn delete_one(call: &Call<'_>, bucket: BucketId, object: DeleteKey, deadline: Instant) -> DeletedKey {
    let deleted = async {
        check_key(&object.key)?;
        let condition = match &object.etag {
            None => DeleteCondition::default(),
            Some(etag) => conditions::of_delete(&WriteCondition::Matches(EtagMatch::parse(etag)))?,
        };
        call.store().delete_object(bucket, &object.key, condition, deadline).await?;
        Ok::<_, Failure>(())
    };
    let error = deleted.await.err().map(Failure::into_s3);
    DeletedKey { key: object.key, error }
}

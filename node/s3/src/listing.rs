use bytes::Bytes;
use mucura_metadata as metadata;
use mucura_metadata::ListQuery;
use mucura_s3_wire::policy::Action;
use mucura_s3_wire::request::{ListObjects, ListObjectsV2};
use mucura_s3_wire::xml::{self, ListPage, ListedObject};

use crate::answer::Answer;
use crate::call::{Call, Shown};
use crate::checksums;
use crate::errors::Failure;
use crate::storage_class;
use crate::tokens::{parse_token, token};

pub(crate) async fn list_objects(call: &Call<'_>, request: ListObjects) -> Result<Answer, Failure> {
    let bucket = call.bucket(&request.bucket).await?;
    call.allow_listing(&bucket, Action::ListBucket)?;
    let after = request.marker.as_bytes();
    let query = query(&request.prefix, request.delimiter.as_deref(), after, request.max_keys);
    let found = call.fresh.list_objects(bucket.record.id, query).await?;
    let next = found.truncated.then(|| text(&found.last));
    let owners = owners(call, &found).await?;
    Ok(Answer::xml(xml::list_objects(&request, &page(found, next, Some(&owners)))))
}

pub(crate) async fn list_objects_v2(call: &Call<'_>, request: ListObjectsV2) -> Result<Answer, Failure> {
    let bucket = call.bucket(&request.bucket).await?;
    call.allow_listing(&bucket, Action::ListBucket)?;
    let after = match request.continuation_token.as_deref().filter(|token| !token.is_empty()) {
        Some(token) => parse_token(token)?,
        None => request.start_after.as_deref().unwrap_or("").as_bytes().to_vec(),
    };
    let query = query(&request.prefix, request.delimiter.as_deref(), &after, request.max_keys);
    let found = call.fresh.list_objects(bucket.record.id, query).await?;
    let next = found.truncated.then(|| token(&found.last));
    let owners = match request.fetch_owner {
        true => Some(owners(call, &found).await?),
        false => None,
    };
    Ok(Answer::xml(xml::list_objects_v2(&request, &page(found, next, owners.as_ref()))))
}

fn query(prefix: &str, delimiter: Option<&str>, after: &[u8], max: u32) -> ListQuery {
    ListQuery {
        prefix: Bytes::from(prefix.to_owned()),
        delimiter: Bytes::from(delimiter.unwrap_or("").to_owned()),
        after: Bytes::copy_from_slice(after),
        max: usize::try_from(max).unwrap_or(usize::MAX),
    }
}

/// Those to whom the objects of a page belong.
async fn owners(call: &Call<'_>, found: &metadata::ListPage) -> Result<Shown, Failure> {
    call.shown_all(found.objects.iter().map(|object| object.summary.owner)).await
}

fn page(found: metadata::ListPage, next: Option<String>, owners: Option<&Shown>) -> ListPage {
    let objects = found.objects.into_iter().map(|object| ListedObject {
        key: text(&object.key),
        last_modified_ms: object.summary.modified.0,
        etag: object.summary.etag.to_string(),
        checksum: object.summary.checksum.as_ref().map(checksums::shown_kind),
        size: object.summary.size,
        owner: owners.map(|owners| owners.of(object.summary.owner)),
        storage_class: storage_class::listed(object.summary.storage_class),
    });
    ListPage {
        objects: objects.collect(),
        common_prefixes: found.common_prefixes.iter().map(text).collect(),
        next,
    }
}

/// Keys are UTF-8; a common prefix may end within a character only if the
/// delimiter does, which it cannot.
pub(crate) fn text(key: &Bytes) -> String {
    String::from_utf8_lossy(key).into_owned()
}

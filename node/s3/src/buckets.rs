use http::{HeaderName, header};
use mucura_metadata::{NewBucket, Rejection};
use mucura_s3_wire::access::check_bucket_acl_fits;
use mucura_s3_wire::policy::Action;
use mucura_s3_wire::request::{CreateBucket, ListBuckets};
use mucura_s3_wire::xml::{self, ListedBucket, parse_bucket_configuration};
use mucura_s3_wire::{ErrorCode, S3Error};
use mucura_store::StoreError;

use crate::answer::Answer;
use crate::call::Call;
use crate::document::read_document;
use crate::errors::Failure;
use crate::payload::Payload;
use crate::tokens::{parse_token, token};
use crate::{acl, settings};

/// The oldest region of S3.
const FIRST_REGION: &str = "us-east-1";
const BUCKET_REGION: HeaderName = HeaderName::from_static("x-amz-bucket-region");

pub(crate) async fn list(call: &Call<'_>, request: ListBuckets) -> Result<Answer, Failure> {
    if call.is_anonymous() {
        return Err(ErrorCode::AccessDenied.into());
    }
    let region = &call.shared.config.region;
    let after = request.continuation_token.as_deref().map(parse_token).transpose()?.unwrap_or_default();
    let here = request.bucket_region.as_ref().is_none_or(|asked| asked == region);
    let prefix = request.prefix.as_deref().unwrap_or("");
    let mut buckets: Vec<ListedBucket> = call
        .fresh
        .buckets(call.user)
        .await?
        .into_iter()
        .filter(|(name, _)| here && name.starts_with(prefix) && name.as_bytes() > &after[..])
        .map(|(name, record)| ListedBucket { name, created_ms: record.created.0 })
        .collect();
    let max = request.max_buckets.and_then(|max| usize::try_from(max).ok()).unwrap_or(usize::MAX);
    let more = buckets.len() > max;
    buckets.truncate(max);
    let next = buckets.last().filter(|_| more).map(|last| token(last.name.as_bytes()));
    let owner = call.shown(call.user).await?;
    Ok(Answer::xml(xml::list_buckets(&request, &owner, region, &buckets, next.as_deref())))
}

pub(crate) async fn create(
    call: &Call<'_>,
    request: CreateBucket,
    payload: &mut Payload,
) -> Result<Answer, Failure> {
    if call.is_anonymous() {
        return Err(ErrorCode::AccessDenied.into());
    }
    let location = read_document(call, request.body, payload, parse_bucket_configuration).await?;
    if let Some(location) = location {
        check_location(&location, &call.shared.config.region)?;
    }
    let ownership = request.ownership.map(settings::kept_ownership);
    let list = acl::asked(call, &request.acl, call.user, call.user).await?;
    if let (Some(list), Some(ownership)) = (&list, request.ownership) {
        check_bucket_acl_fits(ownership, list, &call.user.to_string())?;
    }
    let kept = list.as_ref().and_then(|list| acl::to_keep(list, call.user));
    let new = NewBucket { acl: kept, ownership, lock: request.object_lock };
    match call.store().create_bucket(&request.bucket, call.user, new, call.deadline()).await {
        // In this region, and no other, S3 makes one's own bucket again without a word.
        Err(StoreError::Rejected(Rejection::BucketExists { by_you: true }))
            if call.shared.config.region == FIRST_REGION => {}
        other => drop(other?),
    }
    Ok(Answer::ok().with(header::LOCATION, &format!("/{}", request.bucket)))
}

fn check_location(location: &str, region: &str) -> Result<(), S3Error> {
    if location == region {
        return Ok(());
    }
    Err(S3Error::with_message(
        ErrorCode::IllegalLocationConstraintException,
        format!(
            "The {location} location constraint is incompatible for the region specific endpoint this request was \
             sent to."
        ),
    ))
}

pub(crate) async fn head(call: &Call<'_>, name: &str) -> Result<Answer, Failure> {
    let bucket = call.bucket(name).await?;
    call.allow_bucket(&bucket, Action::ListBucket)?;
    Ok(Answer::ok().with(BUCKET_REGION, &call.shared.config.region))
}

pub(crate) async fn delete(call: &Call<'_>, name: &str) -> Result<Answer, Failure> {
    let bucket = call.bucket(name).await?;
    call.allow_bucket(&bucket, Action::DeleteBucket)?;
    call.store().delete_bucket(name, bucket.record.id, call.deadline()).await?;
    Ok(Answer::no_content())
}

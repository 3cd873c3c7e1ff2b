//! Pages of other origins (CORS).

use http::HeaderMap;
use mucura_metadata::BucketDocument;
use mucura_s3_wire::config::cors::{CorsConfiguration, CorsRequest};
use mucura_s3_wire::{RequestHead, S3Error};
use mucura_store::{Fresh, StoreError};

use crate::answer::Answer;
use crate::errors::Failure;

/// Answers a preflight. Nobody signs one, and it tells no more than what the
/// bucket's rules allow.
pub(crate) async fn preflight(
    fresh: &Fresh,
    head: &RequestHead<'_>,
    bucket: Option<&str>,
    on_object: bool,
) -> Result<Answer, Failure> {
    let asked = CorsRequest::preflight(head)?;
    let rules = match bucket {
        Some(bucket) => rules_of(fresh, bucket).await?,
        None => None,
    };
    let resource_type = if on_object { "OBJECT" } else { "BUCKET" };
    let allowed = CorsConfiguration::answer_preflight(rules.as_ref(), &asked, resource_type)?;
    let mut answer = Answer::ok();
    allowed.insert_into(&mut answer.headers);
    Ok(answer)
}

/// The headers for the answer to a request of a page of another origin.
pub(crate) async fn headers_for(
    fresh: &Fresh,
    head: &RequestHead<'_>,
    bucket: &str,
) -> Result<HeaderMap, StoreError> {
    let mut headers = HeaderMap::new();
    if let Some(asked) = CorsRequest::actual(head)
        && let Some(rules) = rules_of(fresh, bucket).await?
        && let Some(allowed) = rules.answer(&asked)
    {
        allowed.insert_into(&mut headers);
    }
    Ok(headers)
}

async fn rules_of(fresh: &Fresh, bucket: &str) -> Result<Option<CorsConfiguration>, StoreError> {
    let Some(record) = fresh.bucket(bucket).await? else { return Ok(None) };
    let text = fresh.document(&record, BucketDocument::Cors).await?;
    Ok(text.and_then(|text| {
        let rules = CorsConfiguration::parse(&text);
        rules.inspect_err(|error: &S3Error| tracing::error!(%error, "read the stored CORS rules")).ok()
    }))
}

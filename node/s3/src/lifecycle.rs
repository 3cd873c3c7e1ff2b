//! What answers tell of the lifecycle rules of a bucket: when an object expires,
//! and when an upload is aborted.

use std::sync::Arc;

use http::{HeaderMap, HeaderName};
use mucura_metadata::{Attributes, BucketDocument};
use mucura_s3_wire::config::lifecycle::{LifecycleConfiguration, UploadFacts, VersionFacts, VersionStanding};

use crate::access::Bucket;
use crate::answer::set;
use crate::call::Call;
use crate::errors::Failure;
use crate::settings;
use crate::storage_class::STANDARD;

const EXPIRATION: HeaderName = HeaderName::from_static("x-amz-expiration");
const ABORT_DATE: HeaderName = HeaderName::from_static("x-amz-abort-date");
const ABORT_RULE: HeaderName = HeaderName::from_static("x-amz-abort-rule-id");

/// What answers tell of what the rules have in mind.
pub(crate) struct Lifecycle(Option<Arc<LifecycleConfiguration>>);

/// The current version of a key.
pub(crate) struct Current<'a> {
    pub(crate) key: &'a str,
    pub(crate) size: u64,
    pub(crate) modified_ms: u64,
    pub(crate) attributes: &'a Attributes,
}

impl Lifecycle {
    /// The rules of a bucket.
    pub(crate) async fn of(call: &Call<'_>, bucket: &Bucket) -> Result<Self, Failure> {
        let Some(text) = call.fresh.document(&bucket.record, BucketDocument::Lifecycle).await? else {
            return Ok(Self(None));
        };
        let parse = |text: &[u8]| LifecycleConfiguration::parse(text).ok();
        let rules = call.shared.lifecycles.get(bucket.record.id, &text, parse);
        if rules.is_none() {
            // Nothing is deleted by rules that cannot be read, so there is nothing to tell.
            tracing::error!(bucket = bucket.name, "the stored lifecycle rules of a bucket cannot be read");
        }
        Ok(Self(rules))
    }

    /// When an object expires.
    pub(crate) fn show_expiration(&self, object: &Current<'_>, headers: &mut HeaderMap) {
        let Some(rules) = &self.0 else { return };
        let tags = settings::shown_tags(&object.attributes.tags).unwrap_or_default();
        let facts = VersionFacts {
            key: object.key,
            size: object.size,
            tags: &tags,
            storage_class: STANDARD,
            modified_ms: object.modified_ms,
            standing: VersionStanding::Current,
        };
        if let Some(expiration) = rules.expiration_header(&facts) {
            set(headers, EXPIRATION, &expiration);
        }
    }

    /// When an upload is aborted.
    pub(crate) fn show_abort(&self, key: &str, initiated_ms: u64, headers: &mut HeaderMap) {
        let Some(rules) = &self.0 else { return };
        if let Some((date, rule)) = rules.abort_headers(&UploadFacts { key, initiated_ms }) {
            set(headers, ABORT_DATE, &date);
            set(headers, ABORT_RULE, &rule);
        }
    }
}

//! What becomes of the headers of an upload: whose the new object is, and what
//! is kept of it besides its bytes.

use mucura_metadata::{Attributes, Ownership};
use mucura_s3_wire::RequestHead;
use mucura_s3_wire::acl::AclRequest;
use mucura_s3_wire::config::lock::LockHeaders;
use mucura_s3_wire::policy::Action;
use mucura_s3_wire::request::{ObjectAttributes, UploadSettings};
use mucura_store::SealWith;
use mucura_types::UserId;

use crate::access::Bucket;
use crate::call::Call;
use crate::errors::Failure;
use crate::{acl, attributes, encryption, settings, storage_class};

/// The header that a website's redirect is kept as.
pub(crate) const REDIRECT: &str = "x-amz-website-redirect-location";

/// A new object, before its bytes.
pub(crate) struct NewObject {
    pub(crate) owner: UserId,
    pub(crate) attributes: Attributes,
    /// Whose key it is sealed by.
    pub(crate) seal: Option<SealWith>,
}

impl NewObject {
    /// Checks that the caller may store such an object under this key; to give
    /// it a list, tags or a lock at once needs the right to each besides
    /// (`PutObject` of the S3 API reference).
    /// `attributes` are none for a copy that keeps those of its source; `head`
    /// is what says how it is to be encrypted.
    pub(crate) async fn prepare(
        call: &Call<'_>,
        bucket: &Bucket,
        key: &str,
        head: &RequestHead<'_>,
        attributes: Option<&ObjectAttributes>,
        said: &UploadSettings,
    ) -> Result<Self, Failure> {
        call.allow_object(bucket, Action::PutObject, key, None)?;
        check_lock(call, bucket, key, &said.lock)?;
        let owner = owner_of_new(call, bucket, &said.acl);
        let mut kept = attributes.cloned().map(attributes::kept).unwrap_or_default();
        if let Some(redirect) = &said.website_redirect {
            kept.headers.push((REDIRECT.to_owned(), redirect.clone()));
        }
        // What only gives the object to the owner of the bucket is part of writing there.
        if said.acl != AclRequest::None && !acl::gives_to_bucket_owner(&said.acl) {
            call.allow_new(bucket, Action::PutObjectAcl, key, owner)?;
        }
        if let Some(list) = acl::asked(call, &said.acl, owner, bucket.record.owner).await? {
            bucket.check_new_acl(&said.acl, &list)?;
            kept.acl = acl::to_keep(&list, owner).filter(|_| !bucket.enforces_ownership());
        }
        kept.tags = said.tags.as_ref().map(settings::kept_tags).unwrap_or_default();
        if !kept.tags.is_empty() {
            call.allow_new(bucket, Action::PutObjectTagging, key, owner)?;
        }
        kept.lock = settings::kept_lock(&said.lock);
        kept.storage_class = storage_class::asked(&call.shared.config, said.storage_class.as_deref())?;
        let seal = encryption::of_new(call, bucket, head).await?;
        Ok(Self { owner, attributes: kept, seal })
    }
}

fn check_lock(call: &Call<'_>, bucket: &Bucket, key: &str, lock: &LockHeaders) -> Result<(), Failure> {
    if *lock != LockHeaders::default() {
        bucket.check_lock()?;
    }
    if lock.retention.is_some() {
        call.allow_object(bucket, Action::PutObjectRetention, key, None)?;
    }
    if lock.legal_hold.is_some() {
        call.allow_object(bucket, Action::PutObjectLegalHold, key, None)?;
    }
    Ok(())
}

/// Whose an object is that the caller writes (S3, object ownership).
fn owner_of_new(call: &Call<'_>, bucket: &Bucket, acl: &AclRequest) -> UserId {
    let given = match bucket.record.ownership {
        Some(Ownership::BucketOwnerEnforced) => true,
        Some(Ownership::BucketOwnerPreferred) => acl::gives_to_bucket_owner(acl),
        Some(Ownership::ObjectWriter) | None => false,
    };
    // What nobody signed for belongs to the owner of the bucket.
    if given || call.is_anonymous() { bucket.record.owner } else { call.user }
}

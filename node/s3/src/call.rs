use mucura_metadata::BucketRecord;
use mucura_s3_wire::auth::Verified;
use mucura_s3_wire::request::RequestBody;
use mucura_s3_wire::xml::Owner;
use mucura_s3_wire::{ErrorCode, S3Error};
use mucura_store::{
    Body, Fresh, PartInfo, PutObjectRequest, PutPartRequest, ROOT_USER, Store, StoreError, Stored,
};
use mucura_types::UserId;
use tokio::time::Instant;

use crate::access::check_access;
use crate::errors::Failure;
use crate::front::Shared;
use crate::payload::Payload;
use crate::upload_body::UploadBody;

/// A request whose sender is known, while it is served.
pub(crate) struct Call<'a> {
    pub(crate) shared: &'a Shared,
    pub(crate) fresh: Fresh,
    pub(crate) user: UserId,
    pub(crate) verified: Verified,
    /// The account that must own the bucket, if the client insists on one.
    pub(crate) expected_owner: Option<String>,
    /// The URL that was asked for, without its query.
    pub(crate) url: String,
}

impl Call<'_> {
    pub(crate) fn store(&self) -> &Store {
        &self.shared.store
    }

    /// When dealings with the metadata that begin now must be over.
    pub(crate) fn deadline(&self) -> Instant {
        Instant::now() + self.shared.config.metadata_timeout
    }

    /// Stores an object. Boxed: what storing keeps in hand is large.
    pub(crate) async fn store_object(
        &self,
        put: PutObjectRequest,
        body: &mut dyn Body,
    ) -> Result<Stored, StoreError> {
        Box::pin(self.store().put_object(put, body, self.deadline())).await
    }

    /// Stores a part.
    pub(crate) async fn store_part(
        &self,
        part: PutPartRequest,
        body: &mut dyn Body,
    ) -> Result<PartInfo, StoreError> {
        Box::pin(self.store().put_part(part, body, self.deadline())).await
    }

    /// The bucket, if the caller may deal with it.
    pub(crate) async fn bucket(&self, name: &str) -> Result<BucketRecord, Failure> {
        self.bucket_of(name, self.expected_owner.as_deref()).await
    }

    /// The same, of this owner.
    pub(crate) async fn bucket_of(&self, name: &str, owner: Option<&str>) -> Result<BucketRecord, Failure> {
        Ok(check_access(name, self.fresh.bucket(name).await?, self.user, owner)?)
    }

    /// A user as answers show them.
    pub(crate) async fn shown(&self, user: UserId) -> Result<Owner, Failure> {
        let display_name = match user {
            ROOT_USER => "root".to_owned(),
            user => self.fresh.user(user).await?.map(|record| record.name).unwrap_or_default(),
        };
        Ok(Owner { id: user.to_string(), display_name })
    }

    /// The body of an upload.
    pub(crate) fn upload<'p>(
        &self,
        said: RequestBody,
        payload: &'p mut Payload,
    ) -> Result<UploadBody<'p>, S3Error> {
        // The signature covers what the claim says: nothing else may be believed.
        if said.payload != self.verified.payload {
            return Err(ErrorCode::AccessDenied.into());
        }
        UploadBody::new(payload, said, self.verified.chunk_signer.clone(), self.shared.config.idle_timeout)
    }
}

use bytes::Bytes;
use mucura_metadata as metadata;
use mucura_metadata::{
    Attributes, Checksum, ChecksumAlgorithm, Command, CompleteUpload, CreateUpload, ETag, Encryption,
    ObjectChange, Origin, PartPage, PartRecord, PutPart, Reply, UploadPage, UploadQuery, UploadRecord,
    WriteCondition, Written,
};
use mucura_types::{BucketId, UserId, WriteId};
use tokio::time::{Duration, Instant};

use crate::body::{Body, BodySize};
use crate::encrypted::SealWith;
use crate::encryption::CustomerKey;
use crate::error::StoreError;
use crate::fresh::Fresh;
use crate::objects::Stored;
use crate::store::Store;
use crate::write::Label;

/// The smallest part before the last that S3 allows (multipart upload limits),
/// bytes.
pub const PART_BYTES_MIN: u64 = 5 << 20;
/// Completing reads every part's row.
const COMPLETE_TIMEOUT: Duration = Duration::from_secs(30);

/// What begins an upload.
#[derive(Debug)]
pub struct NewUpload {
    /// Where.
    pub bucket: BucketId,
    /// Its key.
    pub key: String,
    /// Who begins it.
    pub initiator: UserId,
    /// Whose the object will be.
    pub owner: UserId,
    /// What the object will carry.
    pub attributes: Attributes,
    /// The checksum asked for, and whether it is to be over the full object.
    pub checksum: Option<(ChecksumAlgorithm, bool)>,
    /// Whose key the object is sealed by; none: it is not.
    pub seal: Option<SealWith>,
}

/// What an upload of a part asks for.
#[derive(Debug)]
pub struct PutPartRequest {
    /// Where.
    pub bucket: BucketId,
    /// Its key.
    pub key: String,
    /// Who writes it.
    pub owner: UserId,
    /// The upload.
    pub upload: WriteId,
    /// From 1 to 10,000.
    pub number: u16,
    /// Bytes of the body.
    pub size: BodySize,
    /// How the upload is encrypted.
    pub encryption: Option<Encryption>,
    /// The key that the request brings, if it is a customer's.
    pub customer_key: Option<CustomerKey>,
}

/// A part just stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartInfo {
    /// MD5: its entity tag.
    pub etag: ETag,
    /// The checksum kept with it.
    pub checksum: Option<Checksum>,
}

/// What completes an upload.
#[derive(Clone, Debug)]
pub struct CompleteRequest {
    /// Where.
    pub bucket: BucketId,
    /// Its key.
    pub key: String,
    /// The upload.
    pub upload: WriteId,
    /// Number and MD5 of the parts, in order.
    pub parts: Vec<(u16, [u8; 16])>,
    /// The object's tag, computed from the list.
    pub etag: ETag,
    /// The object's checksum, computed from the parts'.
    pub checksum: Option<Checksum>,
    /// Under which condition.
    pub condition: WriteCondition,
    /// Where it comes from, if the bucket tells others of it.
    pub origin: Option<Origin>,
}

impl Store {
    /// Begins a multipart upload; gives its id.
    ///
    /// # Errors
    /// Rejected: no such bucket.
    pub async fn create_upload(&self, new: NewUpload, deadline: Instant) -> Result<WriteId, StoreError> {
        let inner = self.inner();
        let NewUpload { bucket, key, initiator, owner, mut attributes, checksum, seal } = new;
        if let Some(with) = seal {
            attributes.encryption = Some(inner.new_data_key(&with, bucket, &key)?.1);
        }
        let upload = inner.gateway.session(deadline).await?.next_write();
        let key = Bytes::from(key);
        let create = CreateUpload { bucket, key, upload, initiator, owner, attributes, checksum };
        inner.gateway.once(Command::CreateUpload(create), deadline).await?;
        Ok(upload)
    }

    /// Stores a part. When this returns, it is durable.
    ///
    /// # Errors
    /// [`StoreError`]; rejected if there is no such upload.
    pub async fn put_part(
        &self,
        request: PutPartRequest,
        body: &mut dyn Body,
        deadline: Instant,
    ) -> Result<PartInfo, StoreError> {
        let inner = self.inner();
        let label = Label { bucket: request.bucket, owner: request.owner, key: request.key.clone() };
        let unwrap = |encryption| {
            inner.data_key(encryption, request.bucket, &request.key, request.customer_key.as_ref())
        };
        let data_key = request.encryption.as_ref().map(unwrap).transpose()?;
        let (stored, seal, digests) =
            inner.store_body(body, request.size, data_key.as_ref(), label, deadline).await?;
        let checksum = body.check(&digests)?;
        let (md5, size) = (digests.entity_tag()?, stored.size);
        let command = |body: Written| {
            Command::PutPart(PutPart {
                bucket: request.bucket,
                key: Bytes::from(request.key.clone()),
                upload: request.upload,
                number: request.number,
                size,
                md5,
                checksum: checksum.clone(),
                body,
                seal,
            })
        };
        inner.commit(stored, command).await?;
        Ok(PartInfo { etag: ETag { md5, parts: None }, checksum })
    }

    /// Makes an object of the parts of an upload. Asked again, it answers the
    /// same for a day.
    ///
    /// # Errors
    /// Rejected: the upload or a part is not there, the order or a size is
    /// wrong, or a condition does not hold.
    pub async fn complete_upload(&self, request: CompleteRequest) -> Result<Stored, StoreError> {
        let complete = CompleteUpload {
            bucket: request.bucket,
            key: Bytes::from(request.key),
            upload: request.upload,
            parts: request.parts,
            etag: request.etag,
            checksum: request.checksum,
            condition: request.condition,
            part_bytes_min: self.inner().config.part_bytes_min,
        };
        let deadline = Instant::now() + COMPLETE_TIMEOUT;
        let command = ObjectChange::Complete(complete).into_command(request.origin);
        match self.inner().gateway.once(command, deadline).await? {
            Reply::Completed { order, null, etag, checksum } => Ok(Stored::new(order, null, etag, checksum)),
            other => Err(StoreError::internal(format!("a completion was answered {other:?}"))),
        }
    }

    /// Drops an upload; its bytes are removed soon after.
    ///
    /// # Errors
    /// Rejected: no such upload.
    pub async fn abort_upload(
        &self,
        bucket: BucketId,
        key: &str,
        upload: WriteId,
        deadline: Instant,
    ) -> Result<(), StoreError> {
        let command = Command::AbortUpload { bucket, key: Bytes::from(key.to_owned()), upload };
        self.inner().gateway.once(command, deadline).await?;
        self.inner().garbage_found.notify_one();
        Ok(())
    }
}

impl Fresh {
    /// An upload under way.
    ///
    /// # Errors
    /// `Unavailable`, `Internal`.
    pub async fn upload(
        &self,
        bucket: BucketId,
        key: &str,
        id: WriteId,
    ) -> Result<Option<UploadRecord>, StoreError> {
        let key = key.to_owned();
        self.read(move |view| metadata::upload(view, bucket, key.as_bytes(), id)).await
    }

    /// A page of the parts of an upload, or of the object that it became.
    ///
    /// # Errors
    /// `Unavailable`, `Internal`.
    pub async fn parts(&self, upload: WriteId, after: u16, max: usize) -> Result<PartPage, StoreError> {
        self.read(move |view| metadata::list_parts(view, upload, after, max)).await
    }

    /// The parts of these numbers; none where there is no such part.
    ///
    /// # Errors
    /// `Unavailable`, `Internal`.
    pub async fn parts_named(
        &self,
        upload: WriteId,
        numbers: Vec<u16>,
    ) -> Result<Vec<Option<PartRecord>>, StoreError> {
        self.read(move |view| {
            numbers.into_iter().map(|number| metadata::part(view, upload, number)).collect()
        })
        .await
    }

    /// A page of the uploads under way in a bucket.
    ///
    /// # Errors
    /// `Unavailable`, `Internal`.
    pub async fn list_uploads(&self, bucket: BucketId, query: UploadQuery) -> Result<UploadPage, StoreError> {
        self.read(move |view| metadata::list_uploads(view, bucket, &query)).await
    }
}

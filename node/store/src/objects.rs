use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt;
use mucura_metadata::{
    Attributes, ChangeVersion, Checksum, ChecksumAlgorithm, ChecksumKind, Command, DeleteObject, ETag,
    ObjectChange, Origin, PutObject, Rejection, Reply, VersionId, VersionRecord, WriteCondition, Written,
};
use mucura_types::{BucketId, Order, UserId};
use tokio::time::{Duration, Instant};

use crate::body::{Body, BodyFailed, BodyPlan, BodySize};
use crate::digest::Digests;
use crate::encrypted::SealWith;
use crate::error::StoreError;
use crate::store::{Inner, Store};
use crate::write::{Label, StoredBody};

pub use crate::read::ObjectStream;

/// How long the commit of a body that is stored may take.
const COMMIT_TIMEOUT: Duration = Duration::from_secs(15);
/// How often a commit is tried anew because drives changed under it.
const EPOCHS_MAX: usize = 4;

/// A version of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectInfo {
    /// Its place among all versions.
    pub order: Order,
    /// What is known of it.
    pub record: VersionRecord,
}

impl ObjectInfo {
    /// What clients know it by.
    pub fn version_id(&self) -> VersionId {
        if self.record.summary.null { VersionId::Null } else { VersionId::At(self.order) }
    }

    /// Whether it says that the object is deleted.
    pub fn is_delete_marker(&self) -> bool {
        self.record.summary.delete_marker
    }
}

/// What a PUT asks for.
#[derive(Debug)]
pub struct PutObjectRequest {
    /// Where.
    pub bucket: BucketId,
    /// Its key.
    pub key: String,
    /// Who writes it.
    pub owner: UserId,
    /// Bytes of the body.
    pub size: BodySize,
    /// What else the client said.
    pub attributes: Attributes,
    /// Under which condition.
    pub condition: WriteCondition,
    /// Where it comes from, if the bucket tells others of it.
    pub origin: Option<Origin>,
    /// Whose key it is sealed by; none: it is not.
    pub seal: Option<SealWith>,
}

/// A version just stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its place among all versions.
    pub order: Order,
    /// What clients know it by.
    pub version: VersionId,
    /// Its entity tag.
    pub etag: ETag,
    /// The checksum kept with it.
    pub checksum: Option<Checksum>,
}

/// What came of a deletion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deleted {
    /// Whether there was something to delete.
    pub existed: bool,
    /// The version that was deleted, or the delete marker that was made; none
    /// in a bucket that never kept versions.
    pub version: Option<VersionId>,
    /// Whether that is a delete marker.
    pub marker: bool,
}

impl Stored {
    pub(crate) fn new(order: Order, null: bool, etag: ETag, checksum: Option<Checksum>) -> Self {
        let version = if null { VersionId::Null } else { VersionId::At(order) };
        Self { order, version, etag, checksum }
    }
}

impl Store {
    /// Stores an object. When this returns, it is durable and visible.
    ///
    /// # Errors
    /// [`StoreError`]; nothing is visible, save after `TimedOut`, where it may be.
    pub async fn put_object(
        &self,
        request: PutObjectRequest,
        body: &mut dyn Body,
        deadline: Instant,
    ) -> Result<Stored, StoreError> {
        let inner = self.inner();
        let label = Label { bucket: request.bucket, owner: request.owner, key: request.key.clone() };
        let mut attributes = request.attributes;
        let data_key = match &request.seal {
            None => None,
            Some(with) => {
                let (data_key, encryption) = inner.new_data_key(with, request.bucket, &request.key)?;
                attributes.encryption = Some(encryption);
                Some(data_key)
            }
        };
        let (stored, seal, digests) =
            inner.store_body(body, request.size, data_key.as_ref(), label, deadline).await?;
        let checksum = body.check(&digests)?;
        let etag = ETag { md5: digests.entity_tag()?, parts: None };
        let size = stored.size;
        let command = |body: Written| {
            ObjectChange::Put(PutObject {
                bucket: request.bucket,
                key: Bytes::from(request.key.clone()),
                owner: request.owner,
                size,
                etag,
                checksum: checksum.clone(),
                attributes: attributes.clone(),
                body,
                seal,
                condition: request.condition.clone(),
            })
            .into_command(request.origin.clone())
        };
        match inner.commit(stored, command).await? {
            Reply::Stored { order, null } => Ok(Stored::new(order, null, etag, checksum)),
            other => Err(StoreError::internal(format!("a put was answered {other:?}"))),
        }
    }

    /// Deletes an object, or one version of it. `origin` is given if the bucket
    /// tells others of it.
    ///
    /// # Errors
    /// Rejected: the condition does not hold, or the version is locked.
    pub async fn delete_object(
        &self,
        delete: DeleteObject,
        origin: Option<Origin>,
        deadline: Instant,
    ) -> Result<Deleted, StoreError> {
        match self.inner().gateway.once(ObjectChange::Delete(delete).into_command(origin), deadline).await? {
            Reply::Deleted { existed, version, marker } => Ok(Deleted { existed, version, marker }),
            other => Err(StoreError::internal(format!("a deletion was answered {other:?}"))),
        }
    }

    /// Changes what is said of a version besides its bytes; gives its id.
    /// `origin` is given if the bucket tells others of it.
    ///
    /// # Errors
    /// Rejected: it is not there, or what keeps it must not be loosened.
    pub async fn change_version(
        &self,
        change: ChangeVersion,
        origin: Option<Origin>,
        deadline: Instant,
    ) -> Result<VersionId, StoreError> {
        match self.inner().gateway.once(ObjectChange::Change(change).into_command(origin), deadline).await? {
            Reply::Changed { version } => Ok(version),
            other => Err(StoreError::internal(format!("a change was answered {other:?}"))),
        }
    }
}

impl Inner {
    /// Commits a stored body. Its shards go again if it is refused.
    pub(crate) async fn commit(
        self: &Arc<Self>,
        stored: StoredBody,
        command: impl Fn(Written) -> Command,
    ) -> Result<Reply, StoreError> {
        let StoredBody { mut written, mut shards, session: _session, .. } = stored;
        // Whoever waits for this may go away at any await: from here on only a
        // clear refusal may take the shards away.
        shards.hold();
        let deadline = Instant::now() + COMMIT_TIMEOUT;
        let mut epochs = 0;
        let result = loop {
            let result = self.gateway.once(command(written.clone()), deadline).await;
            let Err(StoreError::Rejected(Rejection::StaleEpoch { .. })) = &result else {
                break result;
            };
            epochs += 1;
            // Drives were added or replaced meanwhile. If none of those that
            // were written to is another now, the write stands.
            let topology = match self.topology().await {
                Ok(topology) => topology,
                Err(error) => break Err(error),
            };
            let sound = shards.targets().all(|target| topology.target(target.drive) == Some(target));
            match &mut written {
                Written::Chunks { epoch, .. } if sound && epochs < EPOCHS_MAX => {
                    tracing::debug!("drives changed under a write; it stands");
                    *epoch = topology.epoch;
                }
                _ => break Err(StoreError::unavailable("drives changed while the object was written")),
            }
        };
        match &result {
            // Answered so although an earlier attempt may have gone through.
            Err(StoreError::Rejected(
                Rejection::SessionEnded | Rejection::WriteSessionEnded | Rejection::SequenceForgotten,
            )) => {}
            Err(StoreError::Rejected(_) | StoreError::Unavailable { .. } | StoreError::Busy) => {
                shards.give_up()
            }
            Ok(_) | Err(_) => {}
        }
        result
    }
}

/// The bytes of a version, as the body of a new one.
pub struct CopySource {
    stream: ObjectStream,
    algorithm: Option<ChecksumAlgorithm>,
    /// Why it ended early.
    error: Option<StoreError>,
}

impl CopySource {
    /// A body that is read from the store itself, with the checksum that the
    /// copy shall have.
    pub fn new(stream: ObjectStream, algorithm: Option<ChecksumAlgorithm>) -> Self {
        Self { stream, algorithm, error: None }
    }

    /// Why it failed, if it did.
    pub fn take_error(&mut self) -> Option<StoreError> {
        self.error.take()
    }
}

impl Body for CopySource {
    fn next(&mut self) -> Pin<Box<dyn Future<Output = Result<Option<Bytes>, BodyFailed>> + Send + '_>> {
        Box::pin(async {
            match self.stream.next().await {
                None => Ok(None),
                Some(Ok(bytes)) => Ok(Some(bytes)),
                Some(Err(error)) => {
                    self.error = Some(error);
                    Err(BodyFailed)
                }
            }
        })
    }

    fn plan(&self) -> BodyPlan {
        BodyPlan { checksum: self.algorithm, ..BodyPlan::default() }
    }

    fn check(&mut self, digests: &Digests) -> Result<Option<Checksum>, BodyFailed> {
        Ok(digests.checksum.clone().map(|(algorithm, value)| Checksum {
            algorithm,
            kind: ChecksumKind::FullObject,
            value,
        }))
    }
}

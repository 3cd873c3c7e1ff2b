use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use mucura_consensus::{Consensus, ConsensusError};
use mucura_metadata::{
    Command, DeleteCondition, DeleteObject, Envelope, ListQuery, NewBucket, SiteSeed, WriteCondition,
};
use mucura_store::{
    Body, BodySize, CompleteRequest, CopySource, Fresh, NewUpload, ObjectInfo, ObjectReader,
    PutObjectRequest, PutPartRequest, ROOT_USER, Store, StoreError,
};
use mucura_types::BucketId;
use tokio::time::Instant;

use crate::desk::{Ask, Failure, Got, Reply, SiteState, told};
use crate::inventory;
use crate::node::{Machine, SITE, node_id};

pub(crate) const BUCKET: &str = "bucket";

/// Answers one request as the S3 front end would.
pub(crate) struct Handler {
    pub(crate) machine: Machine,
    pub(crate) store: Store,
    pub(crate) consensus: Consensus,
    pub(crate) deadline: Instant,
}

impl Handler {
    pub(crate) async fn answer(self, ask: Ask) -> Result<Reply, Failure> {
        match ask {
            Ask::Found => self.found().await,
            Ask::Bucket => {
                self.store
                    .create_bucket(BUCKET, ROOT_USER, NewBucket::default(), self.deadline)
                    .await
                    .map_err(told)?;
                Ok(Reply::Done)
            }
            Ask::Put { key, body, condition } => {
                let size = body.bytes.len() as u64;
                self.put(key, size, condition, &mut body.body()).await
            }
            Ask::Get { key, range } => {
                let fresh = self.fresh().await?;
                let bucket = self.bucket(&fresh).await?;
                let Some(info) = fresh.object(bucket, &key, None).await.map_err(told)? else {
                    return Ok(Reply::Got(None));
                };
                let size = info.record.summary.size;
                let range = range.start.min(size)..range.end.min(size);
                let reader = fresh.reader(bucket, &key, &info, None).map_err(told)?;
                let mut stream = reader.open(range).await.map_err(told)?;
                let mut bytes = Vec::new();
                let read = async {
                    while let Some(piece) = stream.next().await {
                        bytes.extend_from_slice(&piece?);
                    }
                    Ok(())
                };
                match tokio::time::timeout_at(self.deadline, read).await {
                    Ok(read) => read.map_err(told)?,
                    Err(_) => return Err(Failure::Refused("the body did not come in time".into())),
                }
                Ok(Reply::Got(Some(Got { tag: info.record.summary.etag, size, bytes: bytes.into() })))
            }
            Ask::Delete { key } => {
                let delete = DeleteObject {
                    bucket: self.bucket(&self.fresh().await?).await?,
                    key: key.into(),
                    version: None,
                    by: ROOT_USER,
                    bypass: false,
                    condition: DeleteCondition::default(),
                };
                let deleted = self.store.delete_object(delete, None, self.deadline).await;
                Ok(Reply::Deleted { existed: deleted.map_err(told)?.existed })
            }
            Ask::Copy { from, tag, to } => {
                let fresh = self.fresh().await?;
                let bucket = self.bucket(&fresh).await?;
                let info = fresh.object(bucket, &from, None).await.map_err(told)?;
                match info {
                    Some(info) if info.record.summary.etag == tag => {
                        let reader = fresh.reader(bucket, &from, &info, None).map_err(told)?;
                        self.copy(&reader, &info, to).await
                    }
                    _ => Err(Failure::Refused("the source is another by now".into())),
                }
            }
            Ask::List { after, max } => {
                let fresh = self.fresh().await?;
                let query = ListQuery { after: Bytes::from(after), max, ..ListQuery::default() };
                let bucket = self.bucket(&fresh).await?;
                let page = fresh.list_objects(bucket, query).await.map_err(told)?;
                let objects = page.objects.into_iter().map(|object| {
                    let key = String::from_utf8_lossy(&object.key).into_owned();
                    (key, object.summary.etag, object.summary.size)
                });
                Ok(Reply::Listed { objects: objects.collect(), truncated: page.truncated })
            }
            Ask::Begin { key } => {
                let bucket = self.bucket(&self.fresh().await?).await?;
                let new = NewUpload {
                    bucket,
                    key,
                    initiator: ROOT_USER,
                    owner: ROOT_USER,
                    attributes: Default::default(),
                    checksum: None,
                    seal: None,
                };
                let begun = self.store.create_upload(new, self.deadline).await;
                Ok(Reply::Upload(begun.map_err(told)?))
            }
            Ask::Part { key, upload, number, body } => {
                let request = PutPartRequest {
                    bucket: self.bucket(&self.fresh().await?).await?,
                    key,
                    owner: ROOT_USER,
                    upload,
                    number,
                    size: BodySize::Exact(body.bytes.len() as u64),
                    encryption: None,
                    customer_key: None,
                };
                let stored = self.store.put_part(request, &mut body.body(), self.deadline).await;
                Ok(Reply::Part(stored.map_err(told)?.etag.md5))
            }
            Ask::Complete { key, upload, parts, tag } => {
                let request = CompleteRequest {
                    bucket: self.bucket(&self.fresh().await?).await?,
                    key,
                    upload,
                    parts,
                    etag: tag,
                    checksum: None,
                    condition: WriteCondition::default(),
                    origin: None,
                };
                let stored = self.store.complete_upload(request).await.map_err(told)?;
                match stored.etag == tag {
                    true => Ok(Reply::Done),
                    false => Err(Failure::Wrong(format!("the tag became {}", stored.etag))),
                }
            }
            Ask::Abort { key, upload } => {
                let bucket = self.bucket(&self.fresh().await?).await?;
                self.store.abort_upload(bucket, &key, upload, self.deadline).await.map_err(told)?;
                Ok(Reply::Done)
            }
            Ask::Status => self.status().await,
            Ask::Rows => {
                self.consensus.linearize(self.limit()).await.map_err(refused)?;
                self.consensus.verify().await.map_err(|e| Failure::Wrong(format!("rows are bad: {e}")))?;
                let (index, digest) = self.consensus.digest().map_err(refused)?;
                Ok(Reply::Rows { index: index.map(|index| index.0), digest: hex::encode(&digest[..8]) })
            }
            Ask::Inventory => {
                let bucket = self.bucket(&self.fresh().await?).await?;
                let taken = self.consensus.read(move |view, _| inventory::take(view, bucket)).await;
                let taken = taken.map_err(refused)?.map_err(|e| Failure::Wrong(e.to_string()))?;
                Ok(Reply::Inventory(taken))
            }
            Ask::Scrub => {
                self.store.scrub_now(self.deadline).await.map_err(told)?;
                Ok(Reply::Done)
            }
            Ask::AddDrive { dir } => {
                self.fresh().await?;
                self.machine
                    .runtime
                    .disk
                    .create_dir_all(&dir)
                    .map_err(|e| Failure::Refused(e.to_string()))?;
                self.store.add_drive(&dir).await.map_err(told)?;
                Ok(Reply::Done)
            }
            Ask::Replace { drive, dir } => {
                self.fresh().await?;
                self.store.replace_drive(drive, Some(dir)).await.map_err(told)?;
                Ok(Reply::Done)
            }
        }
    }

    async fn put(
        &self,
        key: String,
        size: u64,
        condition: WriteCondition,
        body: &mut dyn Body,
    ) -> Result<Reply, Failure> {
        let request = PutObjectRequest {
            bucket: self.bucket(&self.fresh().await?).await?,
            key,
            owner: ROOT_USER,
            size: BodySize::Exact(size),
            attributes: Default::default(),
            condition,
            seal: None,
            origin: None,
        };
        self.store.put_object(request, body, self.deadline).await.map_err(told)?;
        Ok(Reply::Done)
    }

    async fn copy(&self, reader: &ObjectReader, info: &ObjectInfo, to: String) -> Result<Reply, Failure> {
        let stream = reader.open(0..u64::MAX).await.map_err(told)?;
        let mut source = CopySource::new(stream, None);
        self.put(to, info.record.summary.size, WriteCondition::default(), &mut source).await
    }

    async fn status(&self) -> Result<Reply, Failure> {
        let status = self.store.status().await.map_err(told)?;
        let serving =
            status.drives.iter().filter_map(|drive| Some((drive.id, drive.health.as_ref()?.shards)));
        Ok(Reply::Status(SiteState {
            placed_drives: usize::try_from(status.placed_drives).unwrap(),
            at_risk: status.stripes_at_risk,
            leader: status.leader.map(|node| node.0),
            drives: serving.collect(),
        }))
    }

    async fn found(&self) -> Result<Reply, Failure> {
        let nodes = self.machine.shape.nodes;
        let members = (0..nodes).map(|n| (node_id(n), self.machine.mesh_addr(n).to_string())).collect();
        self.consensus.initialize(members).await.map_err(refused)?;
        let seed = SiteSeed {
            site: SITE,
            name: "simulated".into(),
            ca_certificate: String::new(),
            sealed_secrets: Bytes::new(),
            nodes: (0..nodes).map(|n| self.machine.record(n)).collect(),
        };
        let init = vec![Envelope::repeatable(Command::InitSite(seed))];
        let outcome = self.consensus.propose(init, self.limit()).await.map_err(refused)?.outcomes.remove(0);
        outcome.map(|_| Reply::Done).map_err(|rejection| Failure::Wrong(rejection.to_string()))
    }

    async fn fresh(&self) -> Result<Fresh, Failure> {
        self.store.fresh(self.deadline).await.map_err(nothing_done)
    }

    /// Looked up for every request, as the front end does.
    async fn bucket(&self, fresh: &Fresh) -> Result<BucketId, Failure> {
        let bucket = fresh.bucket(BUCKET).await.map_err(nothing_done)?;
        Ok(bucket.ok_or_else(|| Failure::Wrong("the bucket is gone".into()))?.id)
    }

    fn limit(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }
}

fn refused(error: ConsensusError) -> Failure {
    Failure::Refused(error.to_string())
}

/// An error of a step that changes nothing.
fn nothing_done(error: StoreError) -> Failure {
    match told(error) {
        Failure::Unknown(why) => Failure::Refused(why),
        other => other,
    }
}

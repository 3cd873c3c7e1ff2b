use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use mucura_metadata::Checksum;
use mucura_runtime::{Blocking, BlockingError};
use tokio::task::JoinHandle;

use crate::body::{Body, BodyFailed, BodyPlan, BodySize, Md5Plan};
use crate::digest::{Digests, Hashing};
use crate::encryption::layout::{
    BATCH_SEGMENTS, BLOCKING_BYTES_MIN, SEALED_SEGMENT_BYTES, SEGMENT_BYTES, TAG_BYTES,
};
use crate::encryption::segments::{BodyKey, SegmentFault};
use crate::error::StoreError;
use crate::source::Source;

/// A body that gives another's bytes sealed. It hashes them before, for only
/// it sees the plaintext: [`Body::check`] has the other checked with those
/// digests, and [`SealingBody::digests`] has the entity tag.
///
/// Batch by batch on the threads for such work, one batch behind the client.
/// It keeps three batches in memory at most.
pub struct SealingBody<'a> {
    source: Source<'a>,
    size: BodySize,
    key: Arc<BodyKey>,
    blocking: Blocking,
    /// The next segment to be read; none after the last.
    next: Option<u64>,
    plain_len: u64,
    stage: Stage,
    /// Why it ended early, if it was not the other's fault.
    error: Option<StoreError>,
}

enum Stage {
    /// Nothing is being sealed.
    Idle(Box<Hashing>),
    /// A batch is sealed.
    Sealed(Box<Hashing>, Bytes),
    /// A batch is being sealed.
    Working(JoinHandle<Result<Sealed, BlockingError>>),
    /// All was given.
    Ended(Digests),
    Failed,
}

/// Plaintext, with room for the tags.
struct Batch {
    /// The number of its first segment.
    first: u64,
    /// That of the last of the body, if it is in it.
    last: Option<u64>,
    memory: Vec<u8>,
}

type Sealed = Result<(Box<Hashing>, Bytes), SegmentFault>;

/// Why a batch did not come.
enum Fault {
    /// The other knows.
    Body,
    Internal(StoreError),
}

impl From<BodyFailed> for Fault {
    fn from(BodyFailed: BodyFailed) -> Self {
        Self::Body
    }
}

impl<'a> SealingBody<'a> {
    /// Seals `body`, of this size, by a key that no other body was sealed with.
    pub fn new(body: &'a mut dyn Body, size: BodySize, key: Arc<BodyKey>, blocking: Blocking) -> Self {
        let stage = Stage::Idle(Box::new(Hashing::new(body.plan())));
        let source = Source::new(body, size.most());
        Self { source, size, key, blocking, next: Some(0), plain_len: 0, stage, error: None }
    }

    /// Bytes of the plaintext that were taken so far.
    pub fn plain_len(&self) -> u64 {
        self.plain_len
    }

    /// The digests of the plaintext, once all was given.
    pub fn digests(&self) -> Option<&Digests> {
        match &self.stage {
            Stage::Ended(digests) => Some(digests),
            _ => None,
        }
    }

    /// Why it failed, if it was not the other body's fault.
    pub fn take_error(&mut self) -> Option<StoreError> {
        self.error.take()
    }

    async fn advance(&mut self) -> Result<Option<Bytes>, Fault> {
        loop {
            if let Stage::Ended(_) = self.stage {
                return Ok(None);
            }
            // Read while the batch before is sealed.
            let batch = self.read().await?;
            let (hashing, sealed) = self.settle().await?;
            self.stage = match (batch, &sealed) {
                (Some(batch), _) => self.seal(hashing, batch).map_err(internal)?,
                (None, Some(_)) => Stage::Idle(hashing),
                (None, None) => Stage::Ended(hashing.finish()),
            };
            if sealed.is_some() {
                return Ok(sealed);
            }
        }
    }

    /// The next batch of plaintext; none after the last.
    async fn read(&mut self) -> Result<Option<Batch>, Fault> {
        let Some(first) = self.next else { return Ok(None) };
        let mut memory = Vec::new();
        let mut number = first;
        let last = loop {
            let start = memory.len();
            memory.resize(start + SEALED_SEGMENT_BYTES, 0);
            let read = self.source.read(&mut memory[start..start + SEGMENT_BYTES]).await?;
            memory.truncate(start + read + TAG_BYTES);
            self.plain_len += read as u64;
            // The last one is sealed as such.
            if !self.source.has_more().await? {
                break Some(number);
            }
            number += 1;
            if number - first == BATCH_SEGMENTS {
                break None;
            }
        };
        if let (Some(_), BodySize::Exact(size)) = (last, self.size)
            && self.plain_len != size
        {
            return Err(Fault::Body);
        }
        self.next = last.is_none().then_some(number);
        Ok(Some(Batch { first, last, memory }))
    }

    /// Begins to hash and to seal a batch.
    fn seal(&self, mut hashing: Box<Hashing>, batch: Batch) -> Result<Stage, SegmentFault> {
        let Batch { first, last, mut memory } = batch;
        let (key, bytes) = (self.key.clone(), memory.len());
        let work = move || {
            for segment in memory.chunks(SEALED_SEGMENT_BYTES) {
                hashing.update(&segment[..segment.len().saturating_sub(TAG_BYTES)]);
            }
            key.seal(first, last, &mut memory).map(|()| (hashing, Bytes::from(memory)))
        };
        if bytes < BLOCKING_BYTES_MIN {
            return work().map(|(hashing, sealed)| Stage::Sealed(hashing, sealed));
        }
        let blocking = self.blocking.clone();
        Ok(Stage::Working(tokio::spawn(async move { blocking.run(work).await })))
    }

    /// Waits for the batch that is being sealed, if one is.
    async fn settle(&mut self) -> Result<(Box<Hashing>, Option<Bytes>), Fault> {
        match std::mem::replace(&mut self.stage, Stage::Failed) {
            Stage::Idle(hashing) => Ok((hashing, None)),
            Stage::Sealed(hashing, sealed) => Ok((hashing, Some(sealed))),
            Stage::Working(job) => {
                let sealed = job.await.map_err(internal)?.map_err(internal)?;
                sealed.map(|(hashing, sealed)| (hashing, Some(sealed))).map_err(internal)
            }
            Stage::Ended(_) | Stage::Failed => Err(internal("sealing goes on after its end")),
        }
    }
}

fn internal(detail: impl std::fmt::Display) -> Fault {
    Fault::Internal(StoreError::internal(detail))
}

impl Body for SealingBody<'_> {
    fn next(&mut self) -> Pin<Box<dyn Future<Output = Result<Option<Bytes>, BodyFailed>> + Send + '_>> {
        Box::pin(async {
            self.advance().await.map_err(|fault| {
                self.stage = Stage::Failed;
                if let Fault::Internal(error) = fault {
                    self.error = Some(error);
                }
                BodyFailed
            })
        })
    }

    /// Nothing: what is stored is not what the client knows.
    fn plan(&self) -> BodyPlan {
        BodyPlan { md5: Md5Plan::Unwanted, sha256: false, checksum: None }
    }

    /// Has the other body checked, with the digests of the plaintext.
    fn check(&mut self, _sealed: &Digests) -> Result<Option<Checksum>, BodyFailed> {
        match &self.stage {
            Stage::Ended(digests) => self.source.body.check(digests),
            _ => {
                self.error = Some(StoreError::internal("a body is checked before it was sealed"));
                Err(BodyFailed)
            }
        }
    }
}

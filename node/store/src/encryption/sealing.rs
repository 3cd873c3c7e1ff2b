use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use mucura_metadata::Checksum;
use mucura_runtime::{Blocking, BlockingError};
use tokio::task::JoinHandle;

use crate::body::{Body, BodyFailed, BodyPlan, Md5Plan};
use crate::digest::{Digests, Hashing};
use crate::encryption::layout::{
    BATCH_SEGMENTS, BLOCKING_BYTES_MIN, SEALED_SEGMENT_BYTES, SealedLayout, TAG_BYTES,
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
    layout: SealedLayout,
    key: Arc<BodyKey>,
    blocking: Blocking,
    /// The next segment to be read.
    next: u64,
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
    /// Seals `body`, of as many bytes as `layout` says, by a key that no other
    /// body was sealed with.
    pub fn new(body: &'a mut dyn Body, layout: SealedLayout, key: Arc<BodyKey>, blocking: Blocking) -> Self {
        let stage = Stage::Idle(Box::new(Hashing::new(body.plan())));
        let source = Source::new(body, layout.plain_len());
        Self { source, layout, key, blocking, next: 0, stage, error: None }
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
                (Some((first, memory)), _) => self.seal(hashing, first, memory).map_err(internal)?,
                (None, Some(_)) => Stage::Idle(hashing),
                (None, None) => Stage::Ended(hashing.finish()),
            };
            if sealed.is_some() {
                return Ok(sealed);
            }
        }
    }

    /// The next batch of plaintext, with room for the tags, and the number of
    /// its first segment; none at the end.
    async fn read(&mut self) -> Result<Option<(u64, Vec<u8>)>, Fault> {
        let first = self.next;
        let end = (first + BATCH_SEGMENTS).min(self.layout.segments());
        if first == end {
            return Ok(None);
        }
        let range = self.layout.sealed_range(first..end);
        let mut memory = vec![0; usize::try_from(range.end - range.start).map_err(internal)?];
        for segment in memory.chunks_mut(SEALED_SEGMENT_BYTES) {
            let plain = segment.len().saturating_sub(TAG_BYTES);
            self.source.fill(&mut segment[..plain]).await?;
        }
        if end == self.layout.segments() {
            self.source.end().await?;
        }
        self.next = end;
        Ok(Some((first, memory)))
    }

    /// Begins to hash and to seal a batch.
    fn seal(
        &self,
        mut hashing: Box<Hashing>,
        first: u64,
        mut memory: Vec<u8>,
    ) -> Result<Stage, SegmentFault> {
        let (key, layout, bytes) = (self.key.clone(), self.layout, memory.len());
        let work = move || {
            for segment in memory.chunks(SEALED_SEGMENT_BYTES) {
                hashing.update(&segment[..segment.len().saturating_sub(TAG_BYTES)]);
            }
            key.seal(layout, first, &mut memory).map(|()| (hashing, Bytes::from(memory)))
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

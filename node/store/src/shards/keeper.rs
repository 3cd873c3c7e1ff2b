use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{Buf, Bytes};
use mucura_chunks::{BufferPool, ChunkError, Drive, DriveState};
use mucura_mesh::{BulkRecv, BulkSend, CallError};
use mucura_types::DriveId;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use super::protocol::{
    DriveHealth, DriveRef, DriveServiceState, ReadHeader, RemoveRequest, ShardFault, ShardRef, WriteHeader,
    encode,
};

/// Bytes of a shard that go to a peer, or are read for it, at a time.
const STEP: u64 = 1 << 20;
/// How long a drive may take to say how it is.
const STATS_TIMEOUT: Duration = Duration::from_secs(1);
/// How long a shard may take to come in: as long as a client may take to send
/// a chunk.
const SHARD_TIMEOUT: Duration = Duration::from_secs(3600);
/// How long a shard that comes in waits for memory.
const MEMORY_TIMEOUT: Duration = Duration::from_secs(4);

/// This node's own drives, served to itself and to its peers.
pub(crate) struct Keeper {
    drives: Mutex<BTreeMap<DriveId, Kept>>,
    /// Memory for what comes in from peers. It is apart from the memory of this
    /// node's own uploads: those wait for peers, and peers must never wait for
    /// them in turn.
    pool: BufferPool,
    /// Rung when something is found that a repair could mend.
    pub(crate) found_damage: Notify,
}

#[derive(Clone)]
struct Kept {
    drive: Drive,
    audit: DriveAudit,
}

/// What is known of how a drive compares with the metadata.
#[derive(Clone, Debug, Default)]
pub(crate) struct DriveAudit {
    /// Whether it was compared as a whole since it was opened.
    pub(crate) complete: bool,
    /// Whether it is to be compared again.
    pub(crate) due: bool,
    /// Shards that should be on it and are not, or are suspected not to be.
    pub(crate) missing: BTreeSet<ShardRef>,
}

impl Keeper {
    pub(crate) fn new(pool: BufferPool) -> Self {
        Self { drives: Mutex::default(), pool, found_damage: Notify::new() }
    }

    /// Memory for what is read for peers and comes in from them.
    pub(crate) fn pool(&self) -> &BufferPool {
        &self.pool
    }

    /// Takes a drive into service, in place of one of the same number.
    pub(crate) fn install(&self, drive: Drive) {
        let id = drive.identity().drive;
        self.kept().insert(id, Kept { drive, audit: DriveAudit::default() });
        self.found_damage.notify_one();
    }

    /// Takes a drive out of service.
    pub(crate) fn remove_drive(&self, id: DriveId) -> Option<Drive> {
        self.kept().remove(&id).map(|kept| kept.drive)
    }

    /// All drives, by number.
    pub(crate) fn drives(&self) -> Vec<Drive> {
        self.kept().values().map(|kept| kept.drive.clone()).collect()
    }

    /// A drive, if it is the directory that is meant.
    pub(crate) fn drive(&self, wanted: DriveRef) -> Result<Drive, ShardFault> {
        let kept = self.kept();
        let kept = kept.get(&wanted.drive).filter(|kept| kept.drive.identity().store == wanted.store);
        kept.map(|kept| kept.drive.clone()).ok_or(ShardFault::WrongDrive)
    }

    /// Looks at, or changes, what is known of a drive.
    pub(crate) fn with_audit<T>(&self, id: DriveId, change: impl FnOnce(&mut DriveAudit) -> T) -> Option<T> {
        self.kept().get_mut(&id).map(|kept| change(&mut kept.audit))
    }

    /// A range of a shard, in memory of `pool`. One that is missing or damaged
    /// is noted for repair.
    pub(crate) async fn read(
        &self,
        drive: DriveRef,
        shard: ShardRef,
        range: Range<u64>,
        pool: &BufferPool,
        deadline: Instant,
    ) -> Result<Bytes, ShardFault> {
        let result = self.drive(drive)?.with_pool(pool.clone()).read(shard.into(), range, deadline).await;
        result.map_err(|error| {
            if matches!(error, ChunkError::NotFound { .. } | ChunkError::Corrupt { .. }) {
                tracing::warn!(drive = %drive.drive, %error, "a shard cannot be read; it will be rebuilt");
                self.with_audit(drive.drive, |audit| audit.missing.insert(shard));
                self.found_damage.notify_one();
            }
            ShardFault::from(&error)
        })
    }

    pub(crate) async fn remove(&self, request: &RemoveRequest) -> Result<(), ShardFault> {
        let drive = self.drive(request.drive)?;
        let mut result = Ok(());
        for shard in &request.shards {
            match drive.remove((*shard).into()).await {
                Ok(()) | Err(ChunkError::NotFound { .. }) => {
                    self.with_audit(request.drive.drive, |audit| audit.missing.remove(shard));
                }
                // One that is busy must not keep the others.
                Err(error) => result = Err(ShardFault::from(&error)),
            }
        }
        result
    }

    /// Takes in a shard that a peer sends.
    pub(crate) async fn serve_write(&self, head: WriteHeader, mut send: BulkSend, mut recv: BulkRecv) {
        let result = self.take_in(&head, &mut recv).await;
        if let Err(fault) = &result {
            tracing::debug!(shard = ?head.shard, %fault, "take in a shard");
        }
        // A peer that has gone away needs no answer.
        if send.send_message(&encode(&result)).await.is_ok() {
            send.finish().ok();
        }
    }

    async fn take_in(&self, head: &WriteHeader, recv: &mut BulkRecv) -> Result<(), ShardFault> {
        let drive = self.drive(head.drive)?;
        let header = head.shard_header()?;
        let mut left = header.layout.shard_len();
        let mut write = drive.begin_write(header).await.map_err(|e| ShardFault::from(&e))?;
        let until = Instant::now() + SHARD_TIMEOUT;
        let mut piece = Bytes::new();
        while left > 0 {
            // The bytes first, the memory then: a client that pauses must not
            // hold what others could use.
            if piece.is_empty() {
                piece = next_piece(recv, until).await?.ok_or(ShardFault::Malformed)?;
                continue;
            }
            let len = usize::try_from(left.min(STEP)).map_err(|_| ShardFault::Malformed)?;
            let deadline = Instant::now() + MEMORY_TIMEOUT;
            let mut buffer = self.pool.acquire(len, deadline).await.map_err(|_| ShardFault::Busy)?;
            let now = piece.len().min(len);
            piece.copy_to_slice(&mut buffer[..now]);
            recv.recv_into(&mut buffer[now..]).await?;
            write.write(buffer.freeze()).await.map_err(|e| ShardFault::from(&e))?;
            left -= len as u64;
        }
        // The end of the stream must be seen: a peer that gave up resets it.
        if !piece.is_empty() || next_piece(recv, until).await?.is_some() {
            return Err(ShardFault::Malformed);
        }
        write.finish().await.map_err(|e| ShardFault::from(&e))
    }

    /// Gives a range of a shard to a peer.
    pub(crate) async fn serve_read(&self, head: ReadHeader, deadline: Instant, mut send: BulkSend) {
        let end = head.offset.saturating_add(head.len);
        let mut at = head.offset;
        loop {
            let until = end.min(at.saturating_add(STEP));
            let result = self.read(head.drive, head.shard, at..until, &self.pool, deadline).await;
            let first = at == head.offset;
            let sent = match result {
                Ok(bytes) if first => {
                    let answer = encode(&Ok::<(), ShardFault>(()));
                    match send.send_message(&answer).await {
                        Ok(()) => send.send(bytes).await,
                        Err(error) => Err(error),
                    }
                }
                Ok(bytes) => send.send(bytes).await,
                Err(fault) if first => {
                    let answer = encode(&Err::<(), ShardFault>(fault));
                    if send.send_message(&answer).await.is_ok() {
                        send.finish().ok();
                    }
                    return;
                }
                // Part of it is under way: dropping the stream says so.
                Err(_) => return,
            };
            at = until;
            if sent.is_err() {
                return;
            }
            if at >= end {
                send.finish().ok();
                return;
            }
        }
    }

    /// What the head of a shard says.
    pub(crate) async fn header(&self, drive: DriveRef, shard: ShardRef) -> Result<WriteHeader, ShardFault> {
        let header = self.drive(drive)?.header(shard.into()).await.map_err(|e| ShardFault::from(&e))?;
        Ok(WriteHeader::new(drive, &header))
    }

    /// How the drives are.
    pub(crate) async fn health(&self) -> Vec<DriveHealth> {
        let kept: Vec<Kept> = self.kept().values().cloned().collect();
        let mut all = Vec::with_capacity(kept.len());
        for Kept { drive, audit } in kept {
            // A disk that hangs must not keep the others from being seen.
            let Ok(stats) = timeout(STATS_TIMEOUT, drive.stats()).await else { continue };
            all.push(DriveHealth {
                drive: drive.identity().drive,
                store: drive.identity().store,
                state: match stats.state {
                    DriveState::Online => DriveServiceState::Online,
                    DriveState::Full => DriveServiceState::Full,
                    DriveState::Failed { .. } => DriveServiceState::Failed,
                },
                shards: stats.shards,
                bytes_total: stats.space_total_bytes,
                bytes_free: stats.space_free_bytes,
                missing: audit.missing.len() as u64,
                audited: audit.complete,
            });
        }
        all
    }

    fn kept(&self) -> MutexGuard<'_, BTreeMap<DriveId, Kept>> {
        self.drives.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The next bytes of a shard, however long the client of the other gateway
/// takes to send them; a peer that is gone is noticed by its connection.
async fn next_piece(recv: &mut BulkRecv, until: Instant) -> Result<Option<Bytes>, ShardFault> {
    loop {
        match recv.recv().await {
            Err(CallError::Timeout) if Instant::now() < until => {}
            Ok(piece) => return Ok(piece),
            Err(error) => return Err(error.into()),
        }
    }
}

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use mucura_runtime::Runtime;
use mucura_types::{GroupId, MIB};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::core::Core;
use super::error::WalError;
use super::record::{Change, RECORD_OVERHEAD};
use super::{recovery, writer};

/// The most bytes of a vote, a purged id or a committed id.
const SMALL_BYTES_MAX: usize = 1024;
/// What the small state of one group takes of a checkpoint, at most.
const CHECKPOINT_BYTES_MAX: u64 = 3 * SMALL_BYTES_MAX as u64 + 64;
/// The least bytes of a segment.
const SEGMENT_BYTES_MIN: u64 = 64 << 10;
/// What a group write gathers at most, if entries are not larger.
const FRAME_BYTES: u64 = 4 << 20;

/// The sizes of a log.
#[derive(Clone, Debug)]
pub(crate) struct WalOptions {
    /// Bytes of a segment, 64 KiB at least and below 4 GiB. An entry may be
    /// as large as a quarter.
    pub(crate) segment_bytes: u64,
    /// How many purged segments are kept for their blocks to be used again.
    pub(crate) spares_max: usize,
    /// Bytes of entries that wait to be written; who submits more waits.
    pub(crate) queue_bytes: u32,
    /// Bytes of recent entries that are kept in memory once written.
    pub(crate) cache_bytes: usize,
}

impl Default for WalOptions {
    fn default() -> Self {
        Self { segment_bytes: 64 * MIB as u64, spares_max: 2, queue_bytes: 32 << 20, cache_bytes: 64 * MIB }
    }
}

impl WalOptions {
    fn bounded(&self) -> Self {
        let mut bounded = self.clone();
        let blocks = bounded.segment_bytes.clamp(SEGMENT_BYTES_MIN, 1 << 31) / super::frame::BLOCK as u64;
        bounded.segment_bytes = blocks * super::frame::BLOCK as u64;
        bounded.queue_bytes = bounded.queue_bytes.max(1 << 16);
        bounded
    }
}

/// What was found when a log was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Recovered {
    /// Files of the log.
    pub(crate) segments: usize,
    /// Group writes in them.
    pub(crate) frames: u64,
    /// Entries in them, also such as were truncated or purged later.
    pub(crate) entries: u64,
    /// A group write that a power cut had torn, and where it was cut off.
    pub(crate) cut: Option<(PathBuf, u64)>,
}

/// What the log holds of one group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct GroupState {
    /// The last purged index and its id as it was given.
    pub(crate) purged: Option<(u64, Bytes)>,
    /// The index of the first entry that is there.
    pub(crate) first: Option<u64>,
    /// The index of the last entry that is there.
    pub(crate) last: Option<u64>,
    /// Bytes that the log takes on the disk, all groups together, without spares.
    pub(crate) bytes_on_disk: u64,
}

/// A handle of the log; clones are the same log. When the last one goes, the
/// writer is stopped as by a kill: call [`Wal::shutdown`] first.
#[derive(Clone)]
pub(crate) struct Wal {
    pub(super) core: Arc<Core>,
    pub(super) runtime: Runtime,
    pub(super) dir: Arc<Path>,
    segment_bytes: u64,
    writer: Arc<WriterTask>,
}

struct WriterTask(Mutex<Option<JoinHandle<()>>>);

impl Drop for WriterTask {
    fn drop(&mut self) {
        if let Some(task) = self.0.get_mut().unwrap_or_else(PoisonError::into_inner).take() {
            task.abort();
        }
    }
}

impl Wal {
    /// Opens the log in `dir`, which has no other owner; an empty directory is
    /// a new log. The writes run on `runtime.blocking`: give the log one of
    /// its own, so that a vote never waits for other work.
    ///
    /// # Errors
    /// [`WalError::Corrupt`]: the log cannot be trusted, the message says what
    /// to do. [`WalError::UnknownFormat`]. [`WalError::Io`], also if another
    /// process has it open.
    pub(crate) async fn open(
        runtime: Runtime,
        dir: &Path,
        options: WalOptions,
    ) -> Result<(Self, Recovered), WalError> {
        let options = options.bounded();
        let dir: Arc<Path> = dir.into();
        let job = {
            let (runtime, dir, options) = (runtime.clone(), dir.clone(), options.clone());
            let blocking = runtime.blocking.clone();
            async move { blocking.run(move || recovery::open(runtime, &dir, &options)).await }
        };
        let opened = job.await.map_err(|error| WalError::io("open", &dir)(error.into()))?;
        let (writer, state, recovered) = opened?;
        let frame_bytes = usize::try_from(FRAME_BYTES.min(options.segment_bytes / 4)).unwrap_or(usize::MAX);
        let core = Arc::new(Core::new(state, options.queue_bytes, frame_bytes, options.cache_bytes));
        let task = tokio::spawn(writer::run(core.clone(), writer));
        let writer = Arc::new(WriterTask(Mutex::new(Some(task))));
        Ok((Self { core, runtime, dir, segment_bytes: options.segment_bytes, writer }, recovered))
    }

    /// Submits entries; waits for room in the queue. When it returns, they can
    /// be read; `done` is called when they are on the disk, in the order of
    /// submission, or with what went wrong. If this fails, `done` is not
    /// called with success, and nothing was submitted.
    ///
    /// # Errors
    /// [`WalError::OutOfOrder`], [`WalError::TooLarge`],
    /// [`WalError::Poisoned`], [`WalError::Closed`].
    pub(crate) async fn append(
        &self,
        group: GroupId,
        entries: Vec<(u64, Bytes)>,
        done: Box<dyn FnOnce(Result<(), WalError>) + Send>,
    ) -> Result<(), WalError> {
        let limit = usize::try_from(self.segment_bytes / 4).unwrap_or(usize::MAX) - RECORD_OVERHEAD;
        if let Some((_, large)) = entries.iter().find(|(_, bytes)| bytes.len() > limit) {
            return Err(WalError::TooLarge { bytes: large.len(), limit });
        }
        self.check_group(group)?;
        let change = |(index, bytes)| Change::Append { index, bytes, at: 0 };
        self.core.submit(group, entries.into_iter().map(change).collect(), done).await
    }

    /// Saves the vote; it is on the disk when this returns.
    ///
    /// # Errors
    /// As [`Wal::append`].
    pub(crate) async fn save_vote(&self, group: GroupId, vote: Bytes) -> Result<(), WalError> {
        self.small(&vote)?;
        self.submit_and_wait(group, Change::Vote(vote)).await
    }

    /// The vote that was saved last, possibly not on the disk yet.
    pub(crate) fn vote(&self, group: GroupId) -> Option<Bytes> {
        self.core.state().groups.get(&group)?.point().vote.clone()
    }

    /// Takes all entries after `after` away, or all there are; durable before
    /// any entry that is appended later, and when this returns.
    ///
    /// # Errors
    /// As [`Wal::append`].
    pub(crate) async fn truncate_after(&self, group: GroupId, after: Option<u64>) -> Result<(), WalError> {
        let next = after.map_or(0, |after| after.saturating_add(1));
        self.submit_and_wait(group, Change::Truncate { next }).await
    }

    /// Takes all entries up to and with `upto` away, and remembers `id` as the
    /// id of that one. An `upto` beyond the last entry empties the log, which
    /// then goes on behind it. Frees whole segments.
    ///
    /// # Errors
    /// As [`Wal::append`].
    pub(crate) async fn purge(&self, group: GroupId, upto: u64, id: Bytes) -> Result<(), WalError> {
        self.small(&id)?;
        if upto == u64::MAX {
            return Err(WalError::OutOfOrder { group: group.0, index: upto, expected: 0 });
        }
        self.submit_and_wait(group, Change::Purge { upto, id }).await
    }

    /// Notes the committed id. It is written with what is submitted next, or
    /// at the shutdown: after a crash an older one may be found.
    ///
    /// # Errors
    /// [`WalError::TooLarge`], [`WalError::Poisoned`], [`WalError::Closed`].
    pub(crate) fn save_committed(&self, group: GroupId, id: Bytes) -> Result<(), WalError> {
        self.small(&id)?;
        self.check_group(group)?;
        self.core.submit_lazily(group, &Change::Committed(id))
    }

    /// The committed id that was noted last.
    pub(crate) fn committed(&self, group: GroupId) -> Option<Bytes> {
        self.core.state().groups.get(&group)?.point().committed.clone()
    }

    /// What the log holds of a group, what is not on the disk yet included.
    pub(crate) fn state(&self, group: GroupId) -> GroupState {
        let state = self.core.state();
        let bytes_on_disk = state.bytes_on_disk;
        let Some(point) = state.groups.get(&group).map(super::group::Group::point) else {
            return GroupState { bytes_on_disk, ..GroupState::default() };
        };
        let last = point.last();
        GroupState { purged: point.purged.clone(), first: last.map(|_| point.first), last, bytes_on_disk }
    }

    /// The last entry.
    ///
    /// # Errors
    /// As [`Wal::read`].
    pub(crate) async fn last(&self, group: GroupId) -> Result<Option<(u64, Bytes)>, WalError> {
        match self.state(group).last {
            None => Ok(None),
            Some(last) => Ok(self.read(group, last..last + 1, usize::MAX).await?.pop()),
        }
    }

    /// Waits until the log has failed, and says why. The process must then
    /// stop: what it believed to be on the disk may not be.
    pub(crate) fn poisoned(&self) -> impl Future<Output = WalError> + Send + 'static {
        let mut failure = self.core.failure();
        async move {
            match failure.wait_for(Option::is_some).await.map(|error| error.clone()) {
                Ok(Some(error)) => error,
                _ => std::future::pending().await,
            }
        }
    }

    /// Writes what waits and the committed ids, and stops the writer. It takes
    /// as long as the disk does: the caller sets the deadline.
    ///
    /// # Errors
    /// [`WalError::Poisoned`] if a write failed, then or before.
    pub(crate) async fn shutdown(&self) -> Result<(), WalError> {
        self.core.close();
        let task = self.writer.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task
            && task.await.is_err()
        {
            return Err(WalError::Closed);
        }
        match self.core.failure().borrow().clone() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    async fn submit_and_wait(&self, group: GroupId, change: Change) -> Result<(), WalError> {
        self.check_group(group)?;
        let (done, wait) = oneshot::channel();
        let done = Box::new(move |result| {
            // Nobody waits any more: nobody is owed an answer.
            done.send(result).ok();
        });
        self.core.submit(group, vec![change], done).await?;
        wait.await.unwrap_or(Err(WalError::Closed))
    }

    fn small(&self, bytes: &Bytes) -> Result<(), WalError> {
        if bytes.len() > SMALL_BYTES_MAX {
            return Err(WalError::TooLarge { bytes: bytes.len(), limit: SMALL_BYTES_MAX });
        }
        Ok(())
    }

    /// Sees that the checkpoint of all groups fits a segment.
    fn check_group(&self, group: GroupId) -> Result<(), WalError> {
        let state = self.core.state();
        let limit = usize::try_from(self.segment_bytes / 4 / CHECKPOINT_BYTES_MAX).unwrap_or(usize::MAX);
        if !state.groups.contains_key(&group) && state.groups.len() >= limit {
            return Err(WalError::TooLarge { bytes: state.groups.len() + 1, limit });
        }
        Ok(())
    }
}

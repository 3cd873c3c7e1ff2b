use std::fmt::Debug;
use std::io;
use std::ops::{Bound, RangeBounds};

use futures_util::{Stream, StreamExt, stream};
use mucura_types::{GroupId, PlantedBug, is_planted};
use openraft::storage::{IOFlushed, LogState, RaftLogReader, RaftLogStorage};

use crate::encoding;
use crate::raft_types::{Entry, LogId, Types, Vote};
use crate::wal::{Wal, WalError};

/// Bytes of entries in one message to a follower, if one is not larger.
const MESSAGE_BYTES: usize = 2 << 20;
/// Bytes of entries read at once to be applied.
const SLICE_BYTES: usize = 4 << 20;

/// The write-ahead log of one group as openraft sees it.
#[derive(Clone)]
pub(crate) struct LogStore {
    pub(crate) wal: Wal,
    pub(crate) group: GroupId,
}

impl LogStore {
    /// What there is of a range, which may reach beyond both ends of the log.
    fn clip(&self, range: &impl RangeBounds<u64>) -> (u64, u64) {
        let state = self.wal.state(self.group);
        let (Some(first), Some(last)) = (state.first, state.last) else { return (0, 0) };
        let start = match range.start_bound() {
            Bound::Included(start) => *start,
            Bound::Excluded(start) => start.saturating_add(1),
            Bound::Unbounded => 0,
        };
        let end = match range.end_bound() {
            Bound::Included(end) => end.saturating_add(1),
            Bound::Excluded(end) => *end,
            Bound::Unbounded => u64::MAX,
        };
        (start.max(first), end.min(last.saturating_add(1)))
    }

    async fn read(&self, start: u64, end: u64, bytes: usize) -> io::Result<Vec<Entry>> {
        if start >= end {
            return Ok(Vec::new());
        }
        let entries = self.wal.read(self.group, start..end, bytes).await.map_err(io_error)?;
        entries.iter().map(|(_, bytes)| Ok(encoding::decode_entry(bytes)?)).collect()
    }
}

impl RaftLogReader<Types> for LogStore {
    async fn try_get_log_entries<R: RangeBounds<u64> + Clone + Debug + Send>(
        &mut self,
        range: R,
    ) -> io::Result<Vec<Entry>> {
        let (start, end) = self.clip(&range);
        self.read(start, end, usize::MAX).await
    }

    /// In slices, so that a long way to catch up does not have to fit memory.
    async fn entries_stream<R>(&mut self, range: R) -> impl Stream<Item = io::Result<Entry>> + Send
    where
        R: RangeBounds<u64> + Clone + Debug + Send,
    {
        let log = self.clone();
        let slices = stream::unfold(Some(self.clip(&range)), move |rest| {
            let log = log.clone();
            async move {
                let (start, end) = rest.filter(|(start, end)| start < end)?;
                let entries = log.read(start, end, SLICE_BYTES).await;
                let rest = match &entries {
                    Ok(entries) => entries.last().map(|last| (last.log_id.index() + 1, end)),
                    Err(_) => None,
                };
                Some((entries, rest))
            }
        });
        Box::pin(slices.fuse().flat_map(|slice| match slice {
            Ok(entries) => stream::iter(entries.into_iter().map(Ok).collect::<Vec<_>>()),
            Err(error) => stream::iter(vec![Err(error)]),
        }))
    }

    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> io::Result<Vec<Entry>> {
        self.read(start, end, MESSAGE_BYTES).await
    }

    async fn read_vote(&mut self) -> io::Result<Option<Vote>> {
        let vote = self.wal.vote(self.group);
        Ok(vote.map(|bytes| encoding::decode_vote(&bytes)).transpose()?)
    }
}

impl RaftLogStorage<Types> for LogStore {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> io::Result<LogState<Types>> {
        let purged = self.wal.state(self.group).purged;
        let last_purged_log_id = purged.map(|(_, id)| encoding::decode_log_id(&id)).transpose()?;
        let last = self.wal.last(self.group).await.map_err(io_error)?;
        let last_log_id = match last {
            Some((_, entry)) => Some(encoding::decode_entry_log_id(&entry)?),
            None => last_purged_log_id,
        };
        Ok(LogState { last_purged_log_id, last_log_id })
    }

    async fn get_log_reader(&mut self) -> Self {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> io::Result<()> {
        let (wal, group, vote) = (self.wal.clone(), self.group, encoding::encode_vote(vote));
        if is_planted(PlantedBug::VoteNotSynced) {
            tokio::spawn(async move { wal.save_vote(group, vote).await.ok() });
            return Ok(());
        }
        wal.save_vote(group, vote).await.map_err(io_error)
    }

    async fn save_committed(&mut self, committed: Option<LogId>) -> io::Result<()> {
        match committed {
            Some(id) => self.wal.save_committed(self.group, encoding::encode_log_id(&id)).map_err(io_error),
            None => Ok(()),
        }
    }

    async fn read_committed(&mut self) -> io::Result<Option<LogId>> {
        let committed = self.wal.committed(self.group);
        Ok(committed.map(|bytes| encoding::decode_log_id(&bytes)).transpose()?)
    }

    async fn append<I>(&mut self, entries: I, callback: IOFlushed<Types>) -> io::Result<()>
    where
        I: IntoIterator<Item = Entry> + Send,
        I::IntoIter: Send,
    {
        let entries = entries.into_iter().map(|entry| (entry.log_id.index(), encoding::encode_entry(&entry)));
        let done =
            Box::new(move |result: Result<(), WalError>| callback.io_completed(result.map_err(io_error)));
        self.wal.append(self.group, entries.collect(), done).await.map_err(io_error)
    }

    async fn truncate_after(&mut self, last: Option<LogId>) -> io::Result<()> {
        let after = last.map(|id| id.index());
        self.wal.truncate_after(self.group, after).await.map_err(io_error)
    }

    async fn purge(&mut self, mut upto: LogId) -> io::Result<()> {
        if is_planted(PlantedBug::LogPurgedAhead) {
            let (start, end) = self.clip(&(upto.index() + 1..upto.index() + 9));
            upto = self.read(start, end, usize::MAX).await?.last().map_or(upto, |entry| entry.log_id);
        }
        let id = encoding::encode_log_id(&upto);
        self.wal.purge(self.group, upto.index(), id).await.map_err(io_error)
    }
}

fn io_error(error: WalError) -> io::Error {
    io::Error::other(error)
}

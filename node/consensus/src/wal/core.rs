use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mucura_runtime::File;
use mucura_types::GroupId;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};

use super::error::WalError;
use super::group::{Group, Location};
use super::record::{Change, RECORD_OVERHEAD, Record};
use super::writer::Written;

/// What an entry in the cache costs besides its bytes.
const SLOT_BYTES: usize = 64;

/// What the handles and the writer share.
pub(super) struct Core {
    state: Mutex<State>,
    /// Bytes that may still be submitted; closed when nothing more is taken.
    room: Arc<Semaphore>,
    room_bytes: u32,
    work: Notify,
    failure: watch::Sender<Option<WalError>>,
    frame_bytes: usize,
    cache_bytes: usize,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) groups: BTreeMap<GroupId, Group>,
    pub(super) files: BTreeMap<u64, (PathBuf, Arc<dyn File>)>,
    pub(super) bytes_on_disk: u64,
    queue: VecDeque<Item>,
    /// Groups whose committed id waits for a group write to go along with.
    lazy: BTreeSet<GroupId>,
    /// Entries on the disk whose bytes are in memory too, oldest first.
    cached: VecDeque<(GroupId, u64, usize)>,
    cached_bytes: usize,
    next_ticket: u64,
    closing: bool,
    failed: Option<WalError>,
}

/// Some records that were submitted together, or a part of them.
struct Item {
    records: Vec<Ticketed>,
    bytes: usize,
    end: Option<(Completion, OwnedSemaphorePermit)>,
}

/// A record and the submission that it came with.
pub(super) struct Ticketed {
    pub(super) ticket: u64,
    pub(super) record: Record,
}

/// What goes into one frame, and who waits for it.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) records: Vec<Ticketed>,
    pub(super) ends: Vec<(Completion, OwnedSemaphorePermit)>,
}

/// Called when a submission is done.
pub(super) type Done = Box<dyn FnOnce(Result<(), WalError>) + Send>;

/// A callback that is called exactly once, even if the writer goes away.
pub(super) struct Completion(Option<Done>);

impl Completion {
    pub(super) fn fire(mut self, result: Result<(), WalError>) {
        if let Some(done) = self.0.take() {
            done(result);
        }
    }
}

impl Drop for Completion {
    fn drop(&mut self) {
        if let Some(done) = self.0.take() {
            done(Err(WalError::Closed));
        }
    }
}

impl Core {
    pub(super) fn new(state: State, queue_bytes: u32, frame_bytes: usize, cache_bytes: usize) -> Self {
        Self {
            state: Mutex::new(state),
            room: Arc::new(Semaphore::new(queue_bytes as usize)),
            room_bytes: queue_bytes,
            work: Notify::new(),
            failure: watch::Sender::new(None),
            frame_bytes,
            cache_bytes,
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn failure(&self) -> watch::Receiver<Option<WalError>> {
        self.failure.subscribe()
    }

    /// Waits for room, then submits `changes` of `group` as one: readable at
    /// once, `done` when they are on the disk.
    pub(super) async fn submit(
        &self,
        group: GroupId,
        changes: Vec<Change>,
        done: Done,
    ) -> Result<(), WalError> {
        let bytes: usize = changes.iter().map(size).sum();
        let wanted = u32::try_from(bytes).unwrap_or(u32::MAX).min(self.room_bytes);
        let Ok(permit) = self.room.clone().acquire_many_owned(wanted).await else {
            return Err(self.state().failed.clone().unwrap_or(WalError::Closed));
        };
        let mut state = self.state();
        state.check_open()?;
        state.apply(group, &changes)?;
        state.enqueue(group, changes, self.frame_bytes, (Completion(Some(done)), permit));
        drop(state);
        self.work.notify_one();
        Ok(())
    }

    /// Notes a committed id, to be written with what comes next.
    pub(super) fn submit_lazily(&self, group: GroupId, change: &Change) -> Result<(), WalError> {
        let mut state = self.state();
        state.check_open()?;
        state.apply(group, std::slice::from_ref(change))?;
        state.lazy.insert(group);
        Ok(())
    }

    /// What goes into the next frame; `None` when the log is closing and all
    /// is written.
    pub(super) async fn next_batch(&self) -> Option<Batch> {
        loop {
            let woken = self.work.notified();
            {
                let mut state = self.state();
                let closing = state.closing;
                if !state.queue.is_empty() || (closing && !state.lazy.is_empty()) {
                    return Some(state.gather(self.frame_bytes));
                }
                if closing {
                    return None;
                }
            }
            woken.await;
        }
    }

    /// Notes where the records of a batch are, now that they are on the disk.
    pub(super) fn written(&self, written: Written) {
        let mut state = self.state();
        for segment in written.dropped {
            state.files.remove(&segment);
        }
        if let Some((number, path, file)) = written.opened {
            state.files.insert(number, (path, file));
        }
        state.bytes_on_disk = written.bytes_on_disk;
        for (group, index, ticket, location) in written.entries {
            state.settle(group, index, ticket, location);
        }
        state.evict(self.cache_bytes);
    }

    /// Takes nothing more; what was taken is still written.
    pub(super) fn close(&self) {
        self.state().closing = true;
        self.room.close();
        self.work.notify_one();
    }

    /// Ends the log with a failure: all who wait hear of it, in order.
    pub(super) fn fail(&self, error: WalError, batch: Batch) {
        let waiting = {
            let mut state = self.state();
            state.failed.get_or_insert_with(|| error.clone());
            state.closing = true;
            std::mem::take(&mut state.queue)
        };
        self.room.close();
        let rest = waiting.into_iter().filter_map(|item| item.end);
        for (done, permit) in batch.ends.into_iter().chain(rest) {
            done.fire(Err(error.clone()));
            drop(permit);
        }
        self.failure.send_if_modified(|failure| {
            let first = failure.is_none();
            failure.get_or_insert(error);
            first
        });
    }
}

impl State {
    fn check_open(&self) -> Result<(), WalError> {
        match &self.failed {
            Some(error) => Err(error.clone()),
            None if self.closing => Err(WalError::Closed),
            None => Ok(()),
        }
    }

    /// Makes changes visible, all or none.
    pub(super) fn apply(&mut self, group: GroupId, changes: &[Change]) -> Result<(), WalError> {
        let target = self.groups.entry(group).or_default();
        let mut expected = target.point().next;
        for change in changes {
            if let Change::Append { index, .. } = change {
                if *index == u64::MAX || expected.is_some_and(|next| next != *index) {
                    let expected = expected.unwrap_or(0);
                    return Err(WalError::OutOfOrder { group: group.0, index: *index, expected });
                }
                expected = Some(index + 1);
            }
        }
        self.next_ticket += 1;
        for change in changes {
            if target.apply(change, self.next_ticket).is_err() {
                // Checked above for all that can be refused.
                return Err(WalError::Closed);
            }
        }
        Ok(())
    }

    fn enqueue(
        &mut self,
        group: GroupId,
        changes: Vec<Change>,
        frame_bytes: usize,
        end: (Completion, OwnedSemaphorePermit),
    ) {
        let ticket = self.next_ticket;
        let mut item = Item { records: Vec::new(), bytes: 0, end: None };
        for change in changes {
            let bytes = size(&change);
            if item.bytes > 0 && item.bytes + bytes > frame_bytes {
                let full = std::mem::replace(&mut item, Item { records: Vec::new(), bytes: 0, end: None });
                self.queue.push_back(full);
            }
            item.bytes += bytes;
            item.records.push(Ticketed { ticket, record: Record { group, change } });
        }
        item.end = Some(end);
        self.queue.push_back(item);
    }

    fn gather(&mut self, frame_bytes: usize) -> Batch {
        let mut batch = Batch::default();
        let mut bytes = 0;
        while let Some(item) = self.queue.front() {
            if bytes > 0 && bytes + item.bytes > frame_bytes {
                break;
            }
            bytes += item.bytes;
            if let Some(item) = self.queue.pop_front() {
                batch.records.extend(item.records);
                batch.ends.extend(item.end);
            }
        }
        if self.queue.is_empty() {
            // Not before all that it may speak of.
            for group in std::mem::take(&mut self.lazy) {
                if let Some(id) = self.groups.get(&group).and_then(|g| g.point().committed.clone()) {
                    batch.records.push(Ticketed {
                        ticket: 0,
                        record: Record { group, change: Change::Committed(id) },
                    });
                }
            }
        }
        batch
    }

    /// Notes where an entry is on the disk, unless it is gone or another
    /// stands in its place by now.
    pub(super) fn settle(&mut self, group: GroupId, index: u64, ticket: u64, location: Location) {
        let slot = self.groups.get_mut(&group).and_then(|g| g.slot_mut(index));
        if let Some(slot) = slot.filter(|slot| slot.ticket == ticket) {
            slot.location = Some(location);
            self.cached_bytes += slot.len + SLOT_BYTES;
            self.cached.push_back((group, index, slot.len));
        }
    }

    /// Lets go of the oldest bytes that can be read from the disk instead.
    pub(super) fn evict(&mut self, limit: usize) {
        while self.cached_bytes > limit {
            let Some((group, index, len)) = self.cached.pop_front() else {
                return;
            };
            self.cached_bytes -= len + SLOT_BYTES;
            let slot = self.groups.get_mut(&group).and_then(|g| g.slot_mut(index));
            if let Some(slot) = slot.filter(|slot| slot.location.is_some()) {
                slot.bytes = None;
            }
        }
    }
}

/// What a change takes of a frame, at most.
fn size(change: &Change) -> usize {
    let contents = match change {
        Change::Vote(bytes) | Change::Committed(bytes) => bytes.len(),
        Change::Append { bytes, .. } | Change::Purge { id: bytes, .. } => bytes.len(),
        Change::Truncate { .. } | Change::Checkpoint(_) => 0,
    };
    contents + RECORD_OVERHEAD
}

use std::ops::ControlFlow;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use bytes::Bytes;
use mucura_metadata::{Batch, View, ViewError, WriteSet, execute};
use openraft::EntryPayload;
use tokio::sync::watch;

use crate::dump::Dump;
use crate::encoding::{self, WireLogId, WireMembership};
use crate::raft_types::{Entry, LogId, Proposal, Replies, SnapshotMeta, StoredMembership};
use crate::state_store::{StateStore, StoreError};

/// Rows below this byte belong to this crate.
pub(crate) const FIRST_ROW: &[u8] = &[1];
const APPLIED_ROW: &[u8] = &[0, 1];
const MEMBERSHIP_ROW: &[u8] = &[0, 2];

/// Why the state machine cannot go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StateError {
    /// The store is to be thrown away and rebuilt.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A committed entry cannot be carried out by this version: stop the node.
    #[error("entry {index} cannot be applied: {detail}")]
    Entry { index: u64, detail: String },
}

/// The point in the log that the rows stand at.
#[derive(Clone, Default)]
pub(crate) struct Applied {
    pub(crate) last: Option<LogId>,
    pub(crate) membership: StoredMembership,
}

impl Applied {
    pub(crate) fn index(&self) -> Option<u64> {
        self.last.as_ref().map(LogId::index)
    }

    pub(crate) fn meta(&self) -> SnapshotMeta {
        SnapshotMeta { last_log_id: self.last.clone(), last_membership: self.membership.clone() }
    }
}

/// The state machine of one group over its store: one applier, many readers,
/// each of whom sees the rows of one applied index. Calls block.
pub(crate) struct State {
    store: Box<dyn StateStore>,
    /// Held for writing while rows change, so that readers see no half.
    gate: RwLock<Applied>,
    pub(crate) dump: Dump,
    applied: watch::Sender<Option<u64>>,
    bad: watch::Sender<Option<String>>,
}

impl State {
    /// Takes over a store with the rows that are in it.
    pub(crate) fn open(store: Box<dyn StateStore>) -> Result<Self, StoreError> {
        let unreadable = |e: encoding::Malformed| StoreError::Bad(e.to_string());
        let last = match store.get(APPLIED_ROW)? {
            Some(row) => Some(encoding::decode_log_id(&row).map_err(unreadable)?),
            None => None,
        };
        let membership = match store.get(MEMBERSHIP_ROW)? {
            Some(row) => decode_membership(&row).map_err(unreadable)?,
            None => StoredMembership::default(),
        };
        let applied = Applied { last, membership };
        Ok(Self {
            store,
            dump: Dump::default(),
            applied: watch::Sender::new(applied.index()),
            bad: watch::Sender::new(None),
            gate: RwLock::new(applied),
        })
    }

    /// Where the rows stand now.
    pub(crate) fn applied(&self) -> Applied {
        self.gate_read().clone()
    }

    /// Follows the applied index.
    pub(crate) fn watch_applied(&self) -> watch::Receiver<Option<u64>> {
        self.applied.subscribe()
    }

    /// Follows the health of the store: a text once it is bad.
    pub(crate) fn watch_bad(&self) -> watch::Receiver<Option<String>> {
        self.bad.subscribe()
    }

    /// Reads rows, all of the applied index that `read` is told.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&dyn View, Option<u64>) -> T) -> Result<T, StoreError> {
        self.check()?;
        let gate = self.gate_read();
        let result = read(&StateView(self), gate.index());
        // What was read from a store that turned out bad is worth nothing.
        self.check()?;
        Ok(result)
    }

    /// Carries out committed entries in order, and returns what each came to.
    pub(crate) fn apply(&self, entries: &[Entry]) -> Result<Vec<Replies>, StateError> {
        entries.iter().map(|entry| self.apply_one(entry)).collect()
    }

    fn apply_one(&self, entry: &Entry) -> Result<Replies, StateError> {
        self.check()?;
        let cannot = |detail: String| StateError::Entry { index: entry.log_id.index(), detail };
        let (mut writes, replies, membership) = match &entry.payload {
            EntryPayload::Blank => (WriteSet::new(), Vec::new(), None),
            EntryPayload::Normal(Proposal(bytes)) => {
                let batch = Batch::decode(bytes).map_err(|e| cannot(e.to_string()))?;
                // The only writer is here, so rows do not change meanwhile.
                let executed = execute(&batch, &StateView(self));
                self.check()?;
                let executed = executed.map_err(|e| cannot(e.to_string()))?;
                (executed.writes, executed.replies, None)
            }
            EntryPayload::Membership(membership) => {
                let membership = StoredMembership::new(Some(entry.log_id.clone()), membership.clone());
                (WriteSet::new(), Vec::new(), Some(membership))
            }
        };
        if let Some(key) = writes.keys().find(|key| &key[..] < FIRST_ROW) {
            return Err(cannot(format!("it writes the reserved row {key:?}")));
        }
        writes.insert(Bytes::from_static(APPLIED_ROW), Some(encoding::encode_log_id(&entry.log_id)));
        if let Some(membership) = &membership {
            writes.insert(Bytes::from_static(MEMBERSHIP_ROW), Some(encode_membership(membership)));
        }
        let mut gate = self.gate_write();
        self.noting(self.store.apply(&writes)).map_err(|e| match e {
            StoreError::Bad(_) => StateError::Store(e),
            StoreError::ValueTooLarge { .. } => cannot(e.to_string()),
        })?;
        self.dump.note_writes(writes.keys());
        gate.last = Some(entry.log_id.clone());
        if let Some(membership) = membership {
            gate.membership = membership;
        }
        drop(gate);
        self.applied.send_replace(Some(entry.log_id.index()));
        Ok(Replies(replies))
    }

    /// Replaces all rows by those of a snapshot. On an error the old ones stand.
    pub(crate) fn install<E: From<StoreError>>(
        &self,
        meta: &SnapshotMeta,
        rows: &mut dyn Iterator<Item = Result<(Bytes, Option<Bytes>), E>>,
    ) -> Result<(), E> {
        let mut load = self.noting(self.store.load())?;
        for row in rows {
            let (key, value) = row?;
            self.noting(load.write(key, value))?;
        }
        if let Some(last) = &meta.last_log_id {
            self.noting(load.write(Bytes::from_static(APPLIED_ROW), Some(encoding::encode_log_id(last))))?;
        }
        let membership = encode_membership(&meta.last_membership);
        self.noting(load.write(Bytes::from_static(MEMBERSHIP_ROW), Some(membership)))?;
        let mut gate = self.gate_write();
        self.dump.abandon();
        self.noting(load.finish())?;
        *gate = Applied { last: meta.last_log_id.clone(), membership: meta.last_membership.clone() };
        let index = gate.index();
        drop(gate);
        self.applied.send_replace(index);
        Ok(())
    }

    /// The same on all replicas whose rows stand at the same index: a hash over
    /// all replicated rows. Appliers wait while it runs.
    pub(crate) fn digest(&self) -> Result<(Option<u64>, [u8; 32]), StoreError> {
        let gate = self.gate_read();
        let mut hasher = blake3::Hasher::new();
        self.scan(FIRST_ROW, None, &mut |key, value| {
            for part in [key, value] {
                hasher.update(&(part.len() as u64).to_be_bytes());
                hasher.update(part);
            }
            ControlFlow::Continue(())
        })?;
        Ok((gate.index(), *hasher.finalize().as_bytes()))
    }

    /// Bytes of the store.
    pub(crate) fn size(&self) -> Result<u64, StoreError> {
        self.noting(self.store.size())
    }

    /// Brings everything to disk before an orderly end.
    pub(crate) fn close(&self) -> Result<(), StoreError> {
        self.check()?;
        self.noting(self.store.close())
    }

    pub(crate) fn gate_read(&self) -> RwLockReadGuard<'_, Applied> {
        self.gate.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn gate_write(&self) -> RwLockWriteGuard<'_, Applied> {
        self.gate.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        self.noting(self.store.get(key))
    }

    pub(crate) fn scan(
        &self,
        from: &[u8],
        to: Option<&[u8]>,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.noting(self.store.scan(from, to, visit))
    }

    fn check(&self) -> Result<(), StoreError> {
        match &*self.bad.borrow() {
            Some(detail) => Err(StoreError::Bad(detail.clone())),
            None => Ok(()),
        }
    }

    fn noting<T>(&self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        if let Err(StoreError::Bad(detail)) = &result {
            self.bad.send_if_modified(|bad| {
                let first = bad.is_none();
                bad.get_or_insert_with(|| detail.clone());
                first
            });
        }
        result
    }
}

struct StateView<'a>(&'a State);

impl View for StateView<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, ViewError> {
        self.0.get(key).map_err(|e| ViewError { detail: e.to_string() })
    }

    fn scan(
        &self,
        from: &[u8],
        to: &[u8],
        visit: &mut dyn FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<(), ViewError> {
        self.0.scan(from, Some(to), visit).map_err(|e| ViewError { detail: e.to_string() })
    }
}

fn encode_membership(membership: &StoredMembership) -> Bytes {
    let at = membership.log_id().as_ref().map(WireLogId::from);
    encoding::encode(&(at, WireMembership::from(membership.membership())))
}

fn decode_membership(row: &[u8]) -> Result<StoredMembership, encoding::Malformed> {
    let (at, membership): (Option<WireLogId>, WireMembership) = encoding::decode("membership row", row)?;
    Ok(StoredMembership::new(at.map(LogId::from), membership.try_into()?))
}

use std::ops::ControlFlow;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use bytes::Bytes;
use mucura_metadata::{Batch, ExecuteError, View, ViewError, WriteSet, execute};
use openraft::EntryPayload;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::dump::Dump;
use crate::encoding::{self, WireLogId, WireMembership};
use crate::raft_types::{Entry, LogId, Proposal, Replies, SnapshotMeta, StoredMembership};
use crate::row_digest::RowDigest;
use crate::state_store::{StateStore, StoreError, Visit};

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
    /// Of all replicated rows.
    pub(crate) digest: RowDigest,
}

impl Applied {
    pub(crate) fn index(&self) -> Option<u64> {
        self.last.as_ref().map(LogId::index)
    }

    fn row(&self) -> Bytes {
        encoding::encode(&AppliedRow {
            last: self.last.as_ref().map(WireLogId::from),
            digest: self.digest,
            membership_at: self.membership.log_id().as_ref().map(WireLogId::from),
        })
    }

    pub(crate) fn meta(&self) -> SnapshotMeta {
        SnapshotMeta { last_log_id: self.last, last_membership: self.membership.clone() }
    }
}

/// The row that every write of entries carries.
#[derive(Default, Serialize, Deserialize)]
struct AppliedRow {
    last: Option<WireLogId>,
    digest: RowDigest,
    membership_at: Option<WireLogId>,
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
    /// Takes over a store with the rows that are in it, all of which are read.
    ///
    /// # Errors
    /// `Bad`: it is unreadable, or rows are lost, stale or changed.
    pub(crate) fn open(store: Box<dyn StateStore>) -> Result<Self, StoreError> {
        let unreadable = |e: encoding::Malformed| StoreError::Bad(e.to_string());
        let applied = match store.get(APPLIED_ROW)? {
            Some(row) => encoding::decode("applied row", &row).map_err(unreadable)?,
            None => AppliedRow::default(),
        };
        let membership = match store.get(MEMBERSHIP_ROW)? {
            Some(row) => decode_membership(&row).map_err(unreadable)?,
            None => StoredMembership::default(),
        };
        if membership.log_id().as_ref().map(WireLogId::from) != applied.membership_at {
            return Err(StoreError::Bad("the membership row is of another time".into()));
        }
        check_rows(&*store, applied.digest)?;
        let applied = Applied { last: applied.last.map(LogId::from), membership, digest: applied.digest };
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
                // The rows it met do not parse. If they still do not once they
                // are rebuilt, the supervisor gives up.
                let damaged =
                    |e: ExecuteError| StoreError::Bad(format!("entry {}: {e}", entry.log_id.index()));
                let executed = self.noting(executed.map_err(damaged))?;
                (executed.writes, executed.replies, None)
            }
            EntryPayload::Membership(membership) => {
                let membership = StoredMembership::new(Some(entry.log_id), membership.clone());
                (WriteSet::new(), Vec::new(), Some(membership))
            }
        };
        if let Some(key) = writes.keys().find(|key| &key[..] < FIRST_ROW) {
            return Err(cannot(format!("it writes the reserved row {key:?}")));
        }
        let mut applied = self.applied();
        for (key, value) in &writes {
            if let Some(old) = self.get(key)? {
                applied.digest.remove(key, &old);
            }
            if let Some(new) = value {
                applied.digest.add(key, new);
            }
        }
        applied.last = Some(entry.log_id);
        if let Some(membership) = membership {
            writes.insert(Bytes::from_static(MEMBERSHIP_ROW), Some(encode_membership(&membership)));
            applied.membership = membership;
        }
        writes.insert(Bytes::from_static(APPLIED_ROW), Some(applied.row()));
        let mut gate = self.gate_write();
        self.noting(self.store.apply(&writes)).map_err(|e| match e {
            StoreError::Bad(_) => StateError::Store(e),
            StoreError::ValueTooLarge { .. } => cannot(e.to_string()),
        })?;
        self.dump.note_writes(writes.keys());
        *gate = applied;
        drop(gate);
        self.applied.send_replace(Some(entry.log_id.index()));
        Ok(Replies(replies))
    }

    /// Replaces all rows by those of a snapshot, which add up to `digest`. On
    /// an error before the last step the old ones stand.
    pub(crate) fn install<E: From<StoreError>>(
        &self,
        meta: &SnapshotMeta,
        digest: RowDigest,
        rows: &mut dyn Iterator<Item = Result<(Bytes, Option<Bytes>), E>>,
    ) -> Result<(), E> {
        let mut load = self.noting(self.store.load())?;
        for row in rows {
            let (key, value) = row?;
            self.noting(load.write(key, value))?;
        }
        let applied = Applied { last: meta.last_log_id, membership: meta.last_membership.clone(), digest };
        self.noting(load.write(Bytes::from_static(APPLIED_ROW), Some(applied.row())))?;
        let membership = encode_membership(&meta.last_membership);
        self.noting(load.write(Bytes::from_static(MEMBERSHIP_ROW), Some(membership)))?;
        let mut gate = self.gate_write();
        self.dump.abandon();
        self.noting(load.finish())?;
        *gate = applied;
        let index = gate.index();
        self.noting(check_rows(&*self.store, digest))?;
        drop(gate);
        self.applied.send_replace(index);
        Ok(())
    }

    /// The same on all replicas whose rows stand at the same index.
    pub(crate) fn digest(&self) -> (Option<u64>, [u8; 32]) {
        let gate = self.gate_read();
        (gate.index(), gate.digest.to_bytes())
    }

    /// Reads all rows and holds them against their digest. Appliers wait.
    pub(crate) fn verify(&self) -> Result<(), StoreError> {
        self.check()?;
        let gate = self.gate_read();
        self.noting(check_rows(&*self.store, gate.digest))
    }

    /// Bytes of the store.
    pub(crate) fn size(&self) -> Result<u64, StoreError> {
        self.noting(self.store.size())
    }

    /// Brings everything to disk before an orderly end.
    pub(crate) fn close(&self) -> Result<(), StoreError> {
        self.check()?;
        // Whoever reads, and may read within what he is shown, ends first.
        let _gate = self.gate_write();
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

    pub(crate) fn scan(&self, from: &[u8], to: Option<&[u8]>, visit: Visit<'_>) -> Result<(), StoreError> {
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

fn check_rows(store: &dyn StateStore, expected: RowDigest) -> Result<(), StoreError> {
    let mut digest = RowDigest::default();
    store.scan(FIRST_ROW, None, &mut |key, value| {
        digest.add(key, value);
        ControlFlow::Continue(())
    })?;
    if digest == expected {
        Ok(())
    } else {
        Err(StoreError::Bad("its rows do not add up to their digest".into()))
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

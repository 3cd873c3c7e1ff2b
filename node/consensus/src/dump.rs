use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use mucura_types::{PlantedBug, is_planted};

use crate::snapshot_file::{Redo, SnapshotError, SnapshotWriter};
use crate::state::{Applied, FIRST_ROW, State};
use crate::state_store::StoreError;

/// Bytes of rows written between two chances for appliers.
const STEP_BYTES: usize = 1 << 20;
/// Changed rows written again between two chances for appliers.
const STEP_CHANGES: usize = 4096;
/// With so many changed rows to remember, appliers wait until the dump is
/// done, so that memory stays bounded.
const CHANGES_MAX: usize = 200_000;

/// Why a dump did not come to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DumpError {
    /// A snapshot took the place of the rows, or another dump began.
    #[error("the rows were replaced during the dump")]
    Superseded,
    /// The rows cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file cannot be written.
    #[error(transparent)]
    File(#[from] SnapshotError),
}

/// A dump of all rows while appliers go on: a cursor goes through the rows in
/// key order, and what is written behind it is noted and written again at the
/// end. At most one at a time.
#[derive(Default)]
pub(crate) struct Dump(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    number: u64,
    progress: Option<Progress>,
}

struct Progress {
    /// Rows before this key are dumped; none: all are.
    next: Option<Bytes>,
    changed: BTreeSet<Bytes>,
}

impl Dump {
    /// Begins a dump, in the place of one that was under way.
    pub(crate) fn begin(&self) -> u64 {
        let mut inner = self.lock();
        inner.number += 1;
        let next = Some(Bytes::from_static(FIRST_ROW));
        inner.progress = Some(Progress { next, changed: BTreeSet::new() });
        inner.number
    }

    /// Ends whatever dump is under way: its rows are gone.
    pub(crate) fn abandon(&self) {
        self.lock().progress = None;
    }

    /// Rows were written. Called while no dump can read.
    pub(crate) fn note_writes<'a>(&self, keys: impl Iterator<Item = &'a Bytes>) {
        if is_planted(PlantedBug::SnapshotMissesWrites) {
            return;
        }
        if let Some(progress) = &mut self.lock().progress {
            let next = progress.next.as_deref();
            let behind = keys.filter(|key| &key[..] >= FIRST_ROW && next.is_none_or(|next| &key[..] < next));
            progress.changed.extend(behind.cloned());
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<T>(&self, number: u64, act: impl FnOnce(&mut Progress) -> T) -> Result<T, DumpError> {
        let Inner { number: current, progress } = &mut *self.lock();
        match progress {
            Some(progress) if number == *current => Ok(act(progress)),
            _ => Err(DumpError::Superseded),
        }
    }
}

impl State {
    /// Goes on with the dump that [`Dump::begin`] numbered. At the end it gives
    /// the point in the log at which the rows are what the file holds.
    pub(crate) fn dump_step(
        &self,
        number: u64,
        file: &mut SnapshotWriter,
    ) -> Result<Option<Applied>, DumpError> {
        // Appliers wait for as long as this is held.
        let gate = self.gate_read();
        let (mut next, changes) = self.dump.with(number, |p| (p.next.clone(), p.changed.len()))?;
        let to_the_end = changes > CHANGES_MAX;
        if let Some(from) = &next {
            next = self.dump_rows(from, if to_the_end { usize::MAX } else { STEP_BYTES }, file)?;
            self.dump.with(number, |progress| progress.next.clone_from(&next))?;
            if !to_the_end {
                return Ok(None);
            }
        }
        let limit = if to_the_end { usize::MAX } else { STEP_CHANGES };
        for _ in 0..limit {
            let Some(key) = self.dump.with(number, |progress| progress.changed.pop_first())? else {
                self.dump.abandon();
                return Ok(Some(gate.clone()));
            };
            file.redo(&match self.get(&key)? {
                Some(value) => Redo::Put { key, value },
                None => Redo::Delete { key },
            })?;
        }
        Ok(None)
    }

    /// Writes rows from `from` on, and gives where the next begin.
    fn dump_rows(
        &self,
        from: &Bytes,
        limit: usize,
        file: &mut SnapshotWriter,
    ) -> Result<Option<Bytes>, DumpError> {
        let mut bytes = 0;
        let mut stopped = Ok(None);
        self.scan(from, None, &mut |key, value| {
            bytes += key.len() + value.len();
            match file.row(key, value) {
                Err(error) => stopped = Err(error),
                // The least key above this one.
                Ok(()) if bytes >= limit => stopped = Ok(Some([key, &[0]].concat().into())),
                Ok(()) => return ControlFlow::Continue(()),
            }
            ControlFlow::Break(())
        })?;
        Ok(stopped?)
    }
}

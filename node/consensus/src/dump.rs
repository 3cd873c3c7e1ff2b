use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use crate::state::{Applied, FIRST_ROW, State};
use crate::state_store::StoreError;

/// Bytes of rows read between two chances for appliers.
const PAGE_BYTES: usize = 1 << 20;
/// Changed rows read again between two chances for appliers.
const REDO_PAGE_ROWS: usize = 8192;
/// Above this many changed rows they are written before the cursor goes on, so
/// that memory stays bounded.
const CHANGED_ROWS_MAX: usize = 65_536;

/// Why a dump did not come to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DumpError {
    /// A snapshot took the place of the rows, or another dump began.
    #[error("the rows were replaced during the dump")]
    Superseded,
    /// The rows cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Rows of a dump, in the order in which they are to be written: later ones win.
pub(crate) enum DumpPage {
    /// Rows in ascending order, above all such rows before.
    Rows(Vec<(Bytes, Bytes)>),
    /// Rows that changed after they were dumped, as they are now.
    Redo(Vec<(Bytes, Option<Bytes>)>),
    /// The last changes. Everything together is the state at this point.
    Last(Vec<(Bytes, Option<Bytes>)>, Box<Applied>),
}

/// A dump of all rows while appliers go on: a cursor goes through the rows in
/// key order, and what is written behind it is noted and read again at the
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
    /// The next page of the dump that [`Dump::begin`] numbered.
    pub(crate) fn dump_page(&self, number: u64) -> Result<DumpPage, DumpError> {
        // Appliers wait for as long as this is held.
        let gate = self.gate_read();
        let (next, many) =
            self.dump.with(number, |p| (p.next.clone(), p.changed.len() > CHANGED_ROWS_MAX))?;
        let Some(next) = next.filter(|_| !many) else { return self.redo_page(number, &gate) };
        let mut rows = Vec::new();
        let mut bytes = 0;
        let mut full = false;
        self.scan(&next, None, &mut |key, value| {
            rows.push((Bytes::copy_from_slice(key), Bytes::copy_from_slice(value)));
            bytes += key.len() + value.len();
            full = bytes >= PAGE_BYTES;
            if full { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        let next = rows.last().filter(|_| full).map(|(key, _)| [&key[..], &[0]].concat().into());
        self.dump.with(number, |progress| progress.next = next)?;
        Ok(DumpPage::Rows(rows))
    }

    fn redo_page(&self, number: u64, gate: &Applied) -> Result<DumpPage, DumpError> {
        let (keys, last) = self.dump.with(number, |progress| {
            let mut keys = Vec::new();
            while keys.len() < REDO_PAGE_ROWS
                && let Some(key) = progress.changed.pop_first()
            {
                keys.push(key);
            }
            (keys, progress.next.is_none() && progress.changed.is_empty())
        })?;
        let redo = keys.into_iter().map(|key| self.get(&key).map(|value| (key, value)));
        let redo = redo.collect::<Result<Vec<_>, _>>()?;
        if last {
            self.dump.abandon();
            Ok(DumpPage::Last(redo, Box::new(gate.clone())))
        } else {
            Ok(DumpPage::Redo(redo))
        }
    }
}

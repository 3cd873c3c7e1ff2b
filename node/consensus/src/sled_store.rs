use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use mucura_metadata::WriteSet;
use mucura_runtime::rest;
use mucura_types::GroupId;

use crate::state_store::{Load, StateStore, StoreError, Visit, check_value};

/// How often and after what pause a store is opened that is still locked: the
/// threads of sled hold one a moment longer than its close.
const LOCKED_TRIES: u32 = 100;
const LOCKED_PAUSE: Duration = Duration::from_millis(20);
/// Rows of a load that go to sled in one batch.
const LOAD_BATCH_ROWS: usize = 1000;

/// Rows in sled 0.34: one tree for the group, and a pointer row that says which.
///
/// sled loses and damages data at a power cut, and may panic on what it reads;
/// so any error or panic is [`StoreError::Bad`], and whoever owns the store
/// throws it away and rebuilds it.
pub(crate) struct SledStore {
    group: GroupId,
    /// None once it is closed.
    open: RwLock<Option<Open>>,
}

struct Open {
    current: sled::Tree,
    // Last, so that the trees are gone when it closes.
    db: sled::Db,
}

impl SledStore {
    /// Opens or makes the store in `dir`. One per directory and process.
    pub(crate) fn open(dir: &Path, group: GroupId, cache_bytes: u64) -> Result<Self, StoreError> {
        guard(|| {
            let config = sled::Config::new()
                .path(dir)
                .mode(sled::Mode::HighThroughput)
                .cache_capacity(cache_bytes)
                .flush_every_ms(None)
                .use_compression(false)
                .print_profile_on_drop(false);
            let db = once_free(|| config.open(), || rest(LOCKED_PAUSE))?;
            let name = match db.get(pointer(group))? {
                Some(name) => name,
                None => {
                    let name = sled::IVec::from(tree_name(group, 0).as_bytes());
                    db.insert(pointer(group), name.clone())?;
                    name
                }
            };
            let current = db.open_tree(name)?;
            Ok(Self { group, open: RwLock::new(Some(Open { current, db })) })
        })
    }

    fn with<T>(&self, call: impl FnOnce(&Open) -> sled::Result<T>) -> Result<T, StoreError> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        let open = open.as_ref().ok_or_else(|| StoreError::Bad("it is closed".into()))?;
        guard(|| call(open))
    }
}

/// Opens what may still be locked, with pauses between.
fn once_free<T>(mut open: impl FnMut() -> sled::Result<T>, mut pause: impl FnMut()) -> sled::Result<T> {
    for _ in 0..LOCKED_TRIES {
        match open() {
            Err(error) if is_locked(&error) => pause(),
            other => return other,
        }
    }
    open()
}

/// sled tells it in words alone.
fn is_locked(error: &sled::Error) -> bool {
    matches!(error, sled::Error::Io(error) if error.to_string().contains("could not acquire lock"))
}

impl StateStore for SledStore {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        let value = self.with(|open| open.current.get(key))?;
        Ok(value.map(|value| Bytes::copy_from_slice(&value)))
    }

    fn scan(&self, from: &[u8], to: Option<&[u8]>, visit: Visit<'_>) -> Result<(), StoreError> {
        if to.is_some_and(|to| from >= to) {
            return Ok(());
        }
        let mut rows = self.with(|open| {
            Ok(match to {
                Some(to) => open.current.range(from..to),
                None => open.current.range(from..),
            })
        })?;
        // The visitor runs outside the guard: its panic is not the store's.
        while let Some((key, value)) = guard(|| rows.next().transpose())? {
            if visit(&key, &value).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn apply(&self, writes: &WriteSet) -> Result<(), StoreError> {
        writes.values().flatten().try_for_each(|value| check_value(value))?;
        let mut batch = sled::Batch::default();
        for (key, value) in writes {
            match value {
                Some(value) => batch.insert(&key[..], &value[..]),
                None => batch.remove(&key[..]),
            }
        }
        self.with(|open| open.current.apply_batch(batch))
    }

    fn load(&self) -> Result<Box<dyn Load + '_>, StoreError> {
        self.with(|open| {
            // What earlier loads left behind goes first.
            let current = open.current.name();
            let prefix = tree_prefix(self.group);
            for name in open.db.tree_names() {
                if name.starts_with(prefix.as_bytes()) && name != current {
                    open.db.drop_tree(name)?;
                }
            }
            let number = std::str::from_utf8(&current)
                .ok()
                .and_then(|name| name.strip_prefix(&prefix))
                .and_then(|number| number.parse::<u64>().ok())
                .unwrap_or(0);
            let tree = open.db.open_tree(tree_name(self.group, number.wrapping_add(1)))?;
            Ok(Box::new(SledLoad { store: self, tree, batch: sled::Batch::default(), rows: 0 })
                as Box<dyn Load>)
        })
    }

    fn size(&self) -> Result<u64, StoreError> {
        self.with(|open| open.db.size_on_disk())
    }

    fn close(&self) -> Result<(), StoreError> {
        let open = self.open.write().unwrap_or_else(PoisonError::into_inner).take();
        let open = open.ok_or_else(|| StoreError::Bad("it is closed".into()))?;
        // Dropping it flushes too, and may panic as any call.
        guard(move || open.db.flush().map(drop))
    }
}

struct SledLoad<'a> {
    store: &'a SledStore,
    tree: sled::Tree,
    batch: sled::Batch,
    rows: usize,
}

impl SledLoad<'_> {
    fn send(&mut self) -> Result<(), StoreError> {
        self.rows = 0;
        let batch = std::mem::take(&mut self.batch);
        guard(|| self.tree.apply_batch(batch))
    }
}

impl Load for SledLoad<'_> {
    fn write(&mut self, key: Bytes, value: Option<Bytes>) -> Result<(), StoreError> {
        match value {
            Some(value) => {
                check_value(&value)?;
                self.batch.insert(&key[..], &value[..]);
            }
            None => self.batch.remove(&key[..]),
        }
        self.rows += 1;
        if self.rows >= LOAD_BATCH_ROWS { self.send() } else { Ok(()) }
    }

    fn finish(mut self: Box<Self>) -> Result<(), StoreError> {
        self.send()?;
        let mut open = self.store.open.write().unwrap_or_else(PoisonError::into_inner);
        let open = open.as_mut().ok_or_else(|| StoreError::Bad("it is closed".into()))?;
        guard(|| {
            open.db.insert(pointer(self.store.group), self.tree.name())?;
            let old = std::mem::replace(&mut open.current, self.tree.clone()).name();
            open.db.drop_tree(old).map(drop)
        })
    }
}

fn pointer(group: GroupId) -> [u8; 5] {
    let mut key = *b"g\0\0\0\0";
    key[1..].copy_from_slice(&group.0.to_be_bytes());
    key
}

fn tree_prefix(group: GroupId) -> String {
    format!("group-{group}-")
}

fn tree_name(group: GroupId, number: u64) -> String {
    format!("{}{number}", tree_prefix(group))
}

/// Runs a call into sled; its panics are errors like any other.
fn guard<T>(call: impl FnOnce() -> sled::Result<T>) -> Result<T, StoreError> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(StoreError::Bad(error.to_string())),
        Err(panic) => {
            let text = panic
                .downcast_ref::<&str>()
                .map(|s| (*s).to_owned())
                .or_else(|| panic.downcast_ref::<String>().cloned())
                .unwrap_or_else(|| "no message".to_owned());
            Err(StoreError::Bad(format!("panicked: {text}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state_store::conformance;
    use proptest::prelude::*;

    const CACHE: u64 = 1 << 20;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]
        #[test]
        fn sled_behaves_like_an_ordered_map(batches in proptest::collection::vec(proptest::collection::vec(any::<(u8, Option<u8>)>(), 0..20), 0..8)) {
            let dir = tempfile::tempdir().unwrap();
            let store = SledStore::open(&dir.path().join("sled"), GroupId(0), CACHE).unwrap();
            conformance::behaves_like_an_ordered_map(&store, &batches);
        }
    }

    #[test]
    fn rows_survive_closing_and_opening_also_after_a_load() {
        let dir = tempfile::tempdir().unwrap();
        let row =
            |value: &'static str| WriteSet::from([(Bytes::from_static(b"k"), Some(Bytes::from(value)))]);
        let store = SledStore::open(dir.path(), GroupId(7), CACHE).unwrap();
        store.apply(&row("old")).unwrap();
        let mut load = store.load().unwrap();
        load.write(Bytes::from_static(b"k"), Some(Bytes::from_static(b"new"))).unwrap();
        load.finish().unwrap();
        store.close().unwrap();
        drop(store);
        let store = SledStore::open(dir.path(), GroupId(7), CACHE).unwrap();
        assert_eq!(store.get(b"k").unwrap().as_deref(), Some(&b"new"[..]));
        let names = store.with(|open| Ok(open.db.tree_names())).unwrap();
        assert_eq!(names.len(), 2, "one for the group, one of sled's own");
    }

    #[test]
    fn a_store_that_is_being_closed_is_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let open = || sled::Config::new().path(dir.path()).open();
        let mut held = Some(open().unwrap());
        let mut pauses = 0;
        let opened = once_free(open, || {
            pauses += 1;
            if pauses == 3 {
                held = None;
            }
            if held.is_none() {
                // sled's threads let go in their own time.
                rest(LOCKED_PAUSE);
            }
        });
        assert!(opened.is_ok() && pauses >= 3, "{pauses}");
        // One that stays locked is given up, and so is one that fails otherwise.
        let mut tries = 0;
        assert!(is_locked(&once_free(open, || tries += 1).unwrap_err()));
        assert_eq!(tries, LOCKED_TRIES);
        let broken = || Err::<(), _>(sled::Error::ReportableBug("broken".into()));
        assert!(once_free(broken, || panic!("it is no lock")).is_err());
    }

    #[test]
    fn a_panic_within_sled_is_a_bad_store() {
        let error = guard::<()>(|| panic!("segment lost")).unwrap_err();
        assert_eq!(error, StoreError::Bad("panicked: segment lost".into()));
    }
}

use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use bytes::Bytes;
use mucura_metadata::WriteSet;

use crate::state_store::{Load, StateStore, StoreError, Visit, check_value};

/// Bytes, and rows, that wait in memory for their way down. Readers wait while
/// they go, so they are few.
const BYTES_MAX: usize = 256 << 10;
const ROWS_MAX: usize = 512;

/// A store that takes many writes down at once, because each batch costs the
/// store below more than the rows in it: sled seals its buffer and syncs it
/// twice for every one. A process that dies loses what waits here, whole
/// writes and the last ones first, and replays it from the log.
pub(crate) struct BufferedStore<S> {
    below: S,
    waiting: RwLock<Waiting>,
}

#[derive(Default)]
struct Waiting {
    rows: BTreeMap<Bytes, Option<Bytes>>,
    /// Of all rows.
    bytes: usize,
}

impl Waiting {
    fn put(&mut self, key: Bytes, value: Option<Bytes>) {
        let bytes = |value: &Option<Bytes>| value.as_ref().map_or(0, Bytes::len);
        self.bytes += key.len() + bytes(&value);
        let key_bytes = key.len();
        if let Some(old) = self.rows.insert(key, value) {
            self.bytes -= key_bytes + bytes(&old);
        }
    }
}

impl<S: StateStore> BufferedStore<S> {
    pub(crate) fn new(below: S) -> Self {
        Self { below, waiting: RwLock::default() }
    }

    fn read(&self) -> RwLockReadGuard<'_, Waiting> {
        self.waiting.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Waiting> {
        self.waiting.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_down(&self, waiting: &mut Waiting) -> Result<(), StoreError> {
        self.below.apply(&waiting.rows)?;
        *waiting = Waiting::default();
        Ok(())
    }
}

impl<S: StateStore> StateStore for BufferedStore<S> {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        match self.read().rows.get(key) {
            Some(value) => Ok(value.clone()),
            None => self.below.get(key),
        }
    }

    fn scan(&self, from: &[u8], to: Option<&[u8]>, visit: Visit<'_>) -> Result<(), StoreError> {
        if to.is_some_and(|to| from >= to) {
            return Ok(());
        }
        let waiting = self.read();
        let end = to.map_or(Bound::Unbounded, Bound::Excluded);
        let mut above = waiting.rows.range::<[u8], _>((Bound::Included(from), end)).peekable();
        let mut flow = ControlFlow::Continue(());
        self.below.scan(from, to, &mut |key, value| {
            while let Some((first, row)) = above.next_if(|(first, _)| &first[..] < key) {
                flow = row.as_ref().map_or(ControlFlow::Continue(()), |value| visit(first, value));
                if flow.is_break() {
                    return flow;
                }
            }
            flow = match above.next_if(|(first, _)| &first[..] == key) {
                Some((_, Some(newer))) => visit(key, newer),
                Some((_, None)) => ControlFlow::Continue(()),
                None => visit(key, value),
            };
            flow
        })?;
        for (key, row) in above {
            if flow.is_break() {
                break;
            }
            if let Some(value) = row {
                flow = visit(key, value);
            }
        }
        Ok(())
    }

    fn apply(&self, writes: &WriteSet) -> Result<(), StoreError> {
        writes.values().flatten().try_for_each(|value| check_value(value))?;
        let mut waiting = self.write();
        for (key, value) in writes {
            waiting.put(key.clone(), value.clone());
        }
        if waiting.bytes < BYTES_MAX && waiting.rows.len() < ROWS_MAX {
            return Ok(());
        }
        self.take_down(&mut waiting)
    }

    fn load(&self) -> Result<Box<dyn Load + '_>, StoreError> {
        Ok(Box::new(BufferedLoad { waiting: &self.waiting, below: self.below.load()? }))
    }

    fn size(&self) -> Result<u64, StoreError> {
        Ok(self.below.size()? + self.read().bytes as u64)
    }

    fn close(&self) -> Result<(), StoreError> {
        self.take_down(&mut self.write())?;
        self.below.close()
    }
}

/// Rows that are loaded go straight down.
struct BufferedLoad<'a> {
    waiting: &'a RwLock<Waiting>,
    below: Box<dyn Load + 'a>,
}

impl Load for BufferedLoad<'_> {
    fn write(&mut self, key: Bytes, value: Option<Bytes>) -> Result<(), StoreError> {
        self.below.write(key, value)
    }

    fn finish(self: Box<Self>) -> Result<(), StoreError> {
        let mut waiting = self.waiting.write().unwrap_or_else(PoisonError::into_inner);
        self.below.finish()?;
        *waiting = Waiting::default();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory_store::MemoryStore;
    use crate::state_store::conformance;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn buffered_behaves_like_an_ordered_map(
            below in proptest::collection::vec(any::<(u8, Option<u8>)>(), 0..20),
            batches in proptest::collection::vec(proptest::collection::vec(any::<(u8, Option<u8>)>(), 0..20), 0..8),
        ) {
            // Some rows lie below already, where those above hide them.
            let store = MemoryStore::default();
            conformance::apply(&store, &below);
            conformance::behaves_like_an_ordered_map(&BufferedStore::new(store), &batches);
        }
    }

    fn row(key: u32, bytes: usize) -> WriteSet {
        WriteSet::from([(Bytes::copy_from_slice(&key.to_be_bytes()), Some(Bytes::from(vec![1; bytes])))])
    }

    #[test]
    fn rows_go_down_whole_when_many_wait_and_when_it_closes() {
        for (bytes, wait) in [(1, ROWS_MAX), (VALUE, BYTES_MAX / VALUE)] {
            let store = BufferedStore::new(MemoryStore::default());
            for key in 1..u32::try_from(wait).unwrap() {
                store.apply(&row(key, bytes)).unwrap();
            }
            assert_eq!(store.below.size().unwrap(), 0, "they wait");
            store.apply(&row(u32::MAX, bytes)).unwrap();
            assert_eq!(store.below.size().unwrap(), (wait * (4 + bytes)) as u64);
            store.apply(&row(7, 3)).unwrap();
            store.close().unwrap();
            assert_eq!(store.below.get(&7u32.to_be_bytes()).unwrap().map(|v| v.len()), Some(3));
        }
    }

    const VALUE: usize = 4092;

    #[test]
    fn what_is_loaded_hides_what_waited() {
        let store = BufferedStore::new(MemoryStore::default());
        store.apply(&row(1, 1)).unwrap();
        let mut load = store.load().unwrap();
        load.write(Bytes::from_static(b"k"), Some(Bytes::from_static(b"v"))).unwrap();
        load.finish().unwrap();
        store.close().unwrap();
        assert_eq!(store.get(&1u32.to_be_bytes()).unwrap(), None);
    }
}

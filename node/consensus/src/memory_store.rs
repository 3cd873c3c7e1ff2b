use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use bytes::Bytes;
use mucura_metadata::WriteSet;

use crate::state_store::{Load, StateStore, StoreError, Visit, check_value};

type Rows = BTreeMap<Bytes, Bytes>;

/// Rows in memory: a process that starts finds it empty, as after the worst crash.
#[derive(Default)]
pub(crate) struct MemoryStore {
    rows: RwLock<Rows>,
}

impl MemoryStore {
    fn read(&self) -> RwLockReadGuard<'_, Rows> {
        self.rows.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Rows> {
        self.rows.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StateStore for MemoryStore {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        Ok(self.read().get(key).cloned())
    }

    fn scan(&self, from: &[u8], to: Option<&[u8]>, visit: Visit<'_>) -> Result<(), StoreError> {
        if to.is_some_and(|to| from >= to) {
            return Ok(());
        }
        let end = to.map_or(Bound::Unbounded, Bound::Excluded);
        for (key, value) in self.read().range::<[u8], _>((Bound::Included(from), end)) {
            if visit(key, value).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn apply(&self, writes: &WriteSet) -> Result<(), StoreError> {
        writes.values().flatten().try_for_each(|value| check_value(value))?;
        let mut rows = self.write();
        for (key, value) in writes {
            write_row(&mut rows, key.clone(), value.clone());
        }
        Ok(())
    }

    fn load(&self) -> Result<Box<dyn Load + '_>, StoreError> {
        Ok(Box::new(MemoryLoad { store: self, rows: Rows::new() }))
    }

    fn size(&self) -> Result<u64, StoreError> {
        Ok(self.read().iter().map(|(key, value)| (key.len() + value.len()) as u64).sum())
    }

    fn close(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

struct MemoryLoad<'a> {
    store: &'a MemoryStore,
    rows: Rows,
}

impl Load for MemoryLoad<'_> {
    fn write(&mut self, key: Bytes, value: Option<Bytes>) -> Result<(), StoreError> {
        value.as_deref().map_or(Ok(()), check_value)?;
        write_row(&mut self.rows, key, value);
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<(), StoreError> {
        *self.store.write() = self.rows;
        Ok(())
    }
}

fn write_row(rows: &mut Rows, key: Bytes, value: Option<Bytes>) {
    match value {
        Some(value) => rows.insert(key, value),
        None => rows.remove(&key),
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state_store::conformance;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn memory_behaves_like_an_ordered_map(batches in proptest::collection::vec(proptest::collection::vec(any::<(u8, Option<u8>)>(), 0..20), 0..8)) {
            conformance::behaves_like_an_ordered_map(&MemoryStore::default(), &batches);
        }
    }
}

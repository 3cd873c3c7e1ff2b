use std::ops::ControlFlow;

use bytes::Bytes;
use mucura_metadata::WriteSet;

/// The most bytes of a value: sled keeps larger ones in files that it does not
/// sync.
pub(crate) const VALUE_BYTES_MAX: usize = 32 * 1024;

/// A state store cannot be used any more, or was asked for what no store holds.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum StoreError {
    /// It gave an error or panicked; what it holds is worth nothing.
    #[error("state store is bad: {0}")]
    Bad(String),
    /// A value above [`VALUE_BYTES_MAX`]: the commands are wrong, not the store.
    #[error("a value of {bytes} bytes is above {VALUE_BYTES_MAX}")]
    ValueTooLarge {
        /// Its size.
        bytes: usize,
    },
}

/// Is shown rows in order, and says whether to go on.
pub(crate) type Visit<'a> = &'a mut dyn FnMut(&[u8], &[u8]) -> ControlFlow<()>;

/// Ordered rows of one Raft group: the working state, which snapshots and log
/// can always rebuild. One writer; any number of readers. Calls block.
///
/// Nothing here survives a power cut by promise; [`StateStore::close`] makes an
/// orderly end survive one if the store can at all.
pub(crate) trait StateStore: Send + Sync + 'static {
    /// The value of a row.
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError>;
    /// Visits rows from `from` (inclusive) to `to` (exclusive; none: the end).
    fn scan(&self, from: &[u8], to: Option<&[u8]>, visit: Visit<'_>) -> Result<(), StoreError>;
    /// Writes all of `writes` or, if the process dies, none.
    fn apply(&self, writes: &WriteSet) -> Result<(), StoreError>;
    /// Begins to replace all rows; the old ones stand until [`Load::finish`].
    fn load(&self) -> Result<Box<dyn Load + '_>, StoreError>;
    /// Bytes on disk or in memory, as far as the store knows.
    fn size(&self) -> Result<u64, StoreError>;
    /// Brings everything to disk and ends: nothing can be read any more.
    fn close(&self) -> Result<(), StoreError>;
}

/// Rows on their way into a store, in any order, later ones winning.
pub(crate) trait Load {
    /// Puts a row, or takes it away.
    fn write(&mut self, key: Bytes, value: Option<Bytes>) -> Result<(), StoreError>;
    /// Puts the loaded rows in the place of the old, at once.
    fn finish(self: Box<Self>) -> Result<(), StoreError>;
}

pub(crate) fn check_value(value: &[u8]) -> Result<(), StoreError> {
    if value.len() > VALUE_BYTES_MAX { Err(StoreError::ValueTooLarge { bytes: value.len() }) } else { Ok(()) }
}

/// What every store must do, run by the tests of each.
#[cfg(test)]
pub(crate) mod conformance {
    use std::collections::BTreeMap;

    use super::*;

    fn rows(store: &dyn StateStore, from: &[u8], to: Option<&[u8]>) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut rows = Vec::new();
        store
            .scan(from, to, &mut |key, value| {
                rows.push((key.to_vec(), value.to_vec()));
                ControlFlow::Continue(())
            })
            .unwrap();
        rows
    }

    fn write_set(batch: &[(u8, Option<u8>)]) -> WriteSet {
        batch
            .iter()
            .map(|(k, v)| (Bytes::from(vec![*k, 1]), v.map(|v| Bytes::from(vec![v; usize::from(v)]))))
            .collect()
    }

    /// Applies a batch of puts and deletes.
    pub(crate) fn apply(store: &dyn StateStore, batch: &[(u8, Option<u8>)]) {
        store.apply(&write_set(batch)).unwrap();
    }

    /// Batches of puts and deletes, with loads in between, against a map.
    pub(crate) fn behaves_like_an_ordered_map(store: &dyn StateStore, batches: &[Vec<(u8, Option<u8>)>]) {
        let mut model: BTreeMap<Vec<u8>, Vec<u8>> = rows(store, &[], None).into_iter().collect();
        for (number, batch) in batches.iter().enumerate() {
            let writes = write_set(batch);
            if number % 4 == 3 {
                model.clear();
                let mut load = store.load().unwrap();
                for (key, value) in &writes {
                    load.write(key.clone(), value.clone()).unwrap();
                }
                load.finish().unwrap();
            } else {
                store.apply(&writes).unwrap();
            }
            for (key, value) in writes {
                match value {
                    Some(value) => drop(model.insert(key.to_vec(), value.to_vec())),
                    None => drop(model.remove(&key[..])),
                }
            }
            let expected: Vec<_> = model.clone().into_iter().collect();
            assert_eq!(rows(store, &[], None), expected);
            let part: Vec<_> =
                expected.iter().filter(|(k, _)| k[..] >= [40][..] && k[..] < [90, 1][..]).cloned().collect();
            assert_eq!(rows(store, &[40], Some(&[90, 1])), part);
            for key in 0..=255u8 {
                assert_eq!(
                    store.get(&[key, 1]).unwrap().as_deref(),
                    model.get(&vec![key, 1]).map(|v| &v[..])
                );
            }
        }
        let mut abandoned = store.load().unwrap();
        abandoned.write(Bytes::from_static(b"never"), Some(Bytes::new())).unwrap();
        drop(abandoned);
        assert_eq!(store.get(b"never").unwrap(), None);
        let large = Bytes::from(vec![0; VALUE_BYTES_MAX + 1]);
        let writes = WriteSet::from([(Bytes::from_static(b"k"), Some(large))]);
        assert!(matches!(store.apply(&writes), Err(StoreError::ValueTooLarge { .. })));
    }
}

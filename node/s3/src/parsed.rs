//! Documents of buckets, parsed once and not at every request.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use mucura_types::BucketId;

/// Buckets whose documents are kept at hand.
const BUCKETS_MAX: usize = 1024;

/// What the documents of one kind were parsed to, by bucket. A document is
/// known by its text, which was read for the request: so it is never an old one.
pub(crate) struct Parsed<T>(Mutex<HashMap<BucketId, (Bytes, Arc<T>)>>);

impl<T> Default for Parsed<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Parsed<T> {
    /// What `parse` makes of the document of a bucket; none if it makes nothing
    /// of it.
    pub(crate) fn get(
        &self,
        bucket: BucketId,
        text: &Bytes,
        parse: impl FnOnce(&[u8]) -> Option<T>,
    ) -> Option<Arc<T>> {
        let known = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, parsed)) = known().get(&bucket)
            && of == text
        {
            return Some(parsed.clone());
        }
        let parsed = Arc::new(parse(text)?);
        let mut known = known();
        if known.len() >= BUCKETS_MAX && !known.contains_key(&bucket) {
            // Any will do: those that are asked for come back.
            if let Some(other) = known.keys().next().copied() {
                known.remove(&other);
            }
        }
        known.insert(bucket, (text.clone(), parsed.clone()));
        Some(parsed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn a_document_is_parsed_once_and_again_when_it_is_another() {
        let parsed = Parsed::<usize>::default();
        let count = Cell::new(0);
        let get = |bucket: u64, text: &'static str| {
            parsed
                .get(BucketId(bucket), &Bytes::from_static(text.as_bytes()), |text| {
                    count.set(count.get() + 1);
                    (!text.is_empty()).then_some(text.len())
                })
                .map(|len| *len)
        };
        assert_eq!((get(1, "ab"), get(1, "ab"), count.get()), (Some(2), Some(2), 1));
        assert_eq!((get(1, "abc"), get(2, "abc"), count.get()), (Some(3), Some(3), 3));
        assert_eq!((get(3, ""), get(3, ""), count.get()), (None, None, 5));
    }

    #[test]
    fn no_more_than_so_many_are_kept() {
        let parsed = Parsed::<u64>::default();
        for bucket in 0..3 * BUCKETS_MAX as u64 {
            assert_eq!(
                parsed.get(BucketId(bucket), &Bytes::new(), |_| Some(bucket)).as_deref(),
                Some(&bucket)
            );
        }
        assert_eq!(parsed.0.lock().unwrap().len(), BUCKETS_MAX);
    }
}

use serde::{Deserialize, Serialize};

/// A hash over a set of rows, in whatever order they come: the sum of the
/// hashes of the rows. Each write moves it on by itself, so that it is always
/// known, and any row that is lost, stale or changed makes it another. It
/// guards against rot and bugs, not against forgers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RowDigest([u64; 4]);

impl RowDigest {
    /// A row is there now.
    pub(crate) fn add(&mut self, key: &[u8], value: &[u8]) {
        self.step(key, value, u64::wrapping_add);
    }

    /// A row is gone now.
    pub(crate) fn remove(&mut self, key: &[u8], value: &[u8]) {
        self.step(key, value, u64::wrapping_sub);
    }

    /// As bytes, for comparing.
    pub(crate) fn to_bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for (lane, number) in bytes.chunks_exact_mut(8).zip(self.0) {
            lane.copy_from_slice(&number.to_be_bytes());
        }
        bytes
    }

    fn step(&mut self, key: &[u8], value: &[u8], step: fn(u64, u64) -> u64) {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&(key.len() as u64).to_be_bytes());
        hasher.update(key);
        hasher.update(value);
        let hash = hasher.finalize();
        for (lane, bytes) in self.0.iter_mut().zip(hash.as_bytes().chunks_exact(8)) {
            let number = bytes.iter().fold(0, |number, byte| (number << 8) | u64::from(*byte));
            *lane = step(*lane, number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn order_and_detours_do_not_matter_but_rows_do(
            rows in proptest::collection::btree_map(any::<Vec<u8>>(), any::<Vec<u8>>(), 1..20),
            other in any::<(Vec<u8>, Vec<u8>)>(),
        ) {
            let (mut there, mut back) = (RowDigest::default(), RowDigest::default());
            rows.iter().for_each(|(k, v)| there.add(k, v));
            back.add(&other.0, &other.1);
            rows.iter().rev().for_each(|(k, v)| back.add(k, v));
            prop_assert_ne!(there, back);
            back.remove(&other.0, &other.1);
            prop_assert_eq!(there, back);
            let (key, value) = rows.iter().next().unwrap();
            back.remove(key, value);
            prop_assert_ne!(there, back);
            back.add(key, &[&value[..], b"x"].concat());
            prop_assert_ne!(there, back);
        }
    }

    #[test]
    fn a_digest_keeps_its_bytes_for_ever() {
        let mut digest = RowDigest::default();
        digest.add(b"key", b"value");
        let expected = blake3::hash(b"\0\0\0\0\0\0\0\x03keyvalue");
        assert_eq!(digest.to_bytes(), *expected.as_bytes());
    }
}

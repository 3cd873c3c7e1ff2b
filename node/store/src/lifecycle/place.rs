use bytes::Bytes;
use mucura_metadata::{decode, encode};
use mucura_types::{BucketId, Order, WriteId};
use serde::{Deserialize, Serialize};

/// How the passes stand, as it is kept in the metadata.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Progress {
    /// None is under way.
    Done {
        /// When the last one began, milliseconds since 1970.
        begun_ms: u64,
        /// When it ended.
        ended_ms: u64,
    },
    /// One is.
    At {
        /// When it began.
        begun_ms: u64,
        /// How far it came.
        place: Place,
    },
}

/// How far a pass came.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    /// The name of a bucket; at first empty.
    pub(super) bucket: String,
    /// Where in it.
    pub(super) within: Within,
}

/// How far a pass came in a bucket.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Within {
    /// It is done, and so are those before it.
    #[default]
    Behind,
    /// Among its versions.
    Versions {
        /// The bucket's number: another may have got the name.
        id: BucketId,
        /// The last version that was looked at.
        after: Option<WalkedKey>,
    },
    /// Among its uploads.
    Uploads {
        /// The bucket's number.
        id: BucketId,
        /// The last upload that was looked at.
        after: Option<(Bytes, WriteId)>,
    },
}

/// The key that a walk over versions is at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct WalkedKey {
    /// The key.
    pub(super) key: Bytes,
    /// The last version walked over, which is the next newer one.
    pub(super) last: Order,
    /// The last version walked over which stays.
    pub(super) stays: Order,
    /// Noncurrent versions walked over which stay: those that go in the same
    /// pass do not count as newer ones.
    pub(super) kept: u32,
}

impl Place {
    pub(super) fn behind(bucket: &str) -> Self {
        Self { bucket: bucket.to_owned(), within: Within::Behind }
    }
}

impl Progress {
    pub(super) fn encode(&self) -> Vec<u8> {
        encode(self)
    }

    /// None of what another version of this program may have noted: a pass can
    /// always begin anew.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        decode("lifecycle progress", bytes).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mucura_types::{HybridTime, SiteId};
    use proptest::prelude::*;

    /// The most bytes that a progress may have in the metadata.
    const PLACE_BYTES_MAX: usize = 2048;

    proptest! {
        #[test]
        fn how_far_it_came_is_read_back_and_fits(key in prop::collection::vec(any::<u8>(), 0..1025), time: u64) {
            let order = Order { time: HybridTime(time), site: SiteId(9), sequence: (1 << 48) - 1 };
            let after = Some(WalkedKey { key: Bytes::from(key), last: order, stays: order, kept: u32::MAX });
            let within = Within::Versions { id: BucketId(u64::MAX), after };
            let place = Place { bucket: "b".repeat(63), within };
            let progress = Progress::At { begun_ms: u64::MAX, place };
            let bytes = progress.encode();
            prop_assert!(bytes.len() <= PLACE_BYTES_MAX);
            prop_assert_eq!(Progress::decode(&bytes), Some(progress));
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            Progress::decode(&bytes);
        }
    }
}

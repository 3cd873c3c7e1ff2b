use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ids::{ParseIdError, SiteId};

/// Wall time, milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// Whole milliseconds from `earlier` to here; 0 if it is later.
    pub fn since_ms(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// A hybrid clock reading: milliseconds since the Unix epoch in the upper 48
/// bits, a counter in the lower 16. Strictly increasing within a Raft group,
/// whatever the wall clocks do (Kulkarni et al., Logical Physical Clocks, 2014).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HybridTime(pub u64);

impl HybridTime {
    /// The next reading after `self` when the wall clock says `wall`.
    #[must_use]
    pub fn next(self, wall: Timestamp) -> Self {
        Self((wall.0.min(u64::MAX >> 16) << 16).max(self.0.saturating_add(1)))
    }

    /// The wall time in it.
    pub fn timestamp(self) -> Timestamp {
        Timestamp(self.0 >> 16)
    }
}

/// The place of a version among all versions: given at commit, unique, newer
/// is larger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Order {
    /// When it was committed.
    pub time: HybridTime,
    /// Where it was committed.
    pub site: SiteId,
    /// Counts the orders given by its Raft group. 48 bits are kept.
    pub sequence: u64,
}

impl Order {
    /// Bytes that sort newest first.
    pub fn to_inverted_bytes(self) -> [u8; 16] {
        (!self.packed()).to_be_bytes()
    }

    /// The inverse of [`Order::to_inverted_bytes`].
    pub fn from_inverted_bytes(bytes: [u8; 16]) -> Self {
        Self::unpacked(!u128::from_be_bytes(bytes))
    }

    fn packed(self) -> u128 {
        (u128::from(self.time.0) << 64)
            | (u128::from(self.site.0) << 48)
            | u128::from(self.sequence & 0xffff_ffff_ffff)
    }

    #[allow(clippy::cast_possible_truncation)] // Takes the fields apart.
    fn unpacked(packed: u128) -> Self {
        Self {
            time: HybridTime((packed >> 64) as u64),
            site: SiteId((packed >> 48) as u16),
            sequence: (packed as u64) & 0xffff_ffff_ffff,
        }
    }
}

/// As clients see it: the version id, 32 hexadecimal digits.
impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.packed())
    }
}

impl FromStr for Order {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        let error = || ParseIdError { what: "a version id", text: text.to_owned() };
        if text.len() != 32 || text.bytes().any(|b| !matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(error());
        }
        u128::from_str_radix(text, 16).map(Self::unpacked).map_err(|_| error())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_hybrid_clock_rises_whatever_the_wall_clock_does(walls in proptest::collection::vec(0u64..1 << 47, 1..50)) {
            let mut last = HybridTime::default();
            for wall in walls {
                let next = last.next(Timestamp(wall));
                prop_assert!(next > last);
                prop_assert!(next.timestamp() >= Timestamp(wall));
                last = next;
            }
        }

        #[test]
        fn orders_survive_bytes_and_text_and_sort_newest_first(a in any::<(u64, u16)>(), b in any::<(u64, u16)>(), s in 0u64..1 << 48) {
            let order = |(t, site): (u64, u16)| Order { time: HybridTime(t), site: SiteId(site), sequence: s };
            let (a, b) = (order(a), order(b));
            prop_assert_eq!(Order::from_inverted_bytes(a.to_inverted_bytes()), a);
            prop_assert_eq!(a.to_string().parse::<Order>().unwrap(), a);
            prop_assert_eq!(a.to_inverted_bytes().cmp(&b.to_inverted_bytes()), b.cmp(&a));
        }
    }
}

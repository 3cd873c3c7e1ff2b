use std::fmt;
use std::str::FromStr;

use mucura_types::Order;
use serde::{Deserialize, Serialize};

/// What clients know a version by: `null`, or its place in the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum VersionId {
    /// The version that was written while the bucket kept no versions.
    Null,
    /// The version of this place.
    At(Order),
}

impl fmt::Display for VersionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::At(order) => {
                order.to_inverted_bytes().iter().try_for_each(|byte| write!(f, "{:02x}", !byte))
            }
        }
    }
}

/// A text is not the id of a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the id of a version")]
pub struct NotAVersionId;

impl FromStr for VersionId {
    type Err = NotAVersionId;

    fn from_str(text: &str) -> Result<Self, NotAVersionId> {
        if text == "null" {
            return Ok(Self::Null);
        }
        let proper = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if text.len() != 32 || !text.bytes().all(proper) {
            return Err(NotAVersionId);
        }
        let packed = u128::from_str_radix(text, 16).map_err(|_| NotAVersionId)?;
        Ok(Self::At(Order::from_inverted_bytes((!packed).to_be_bytes())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mucura_types::{HybridTime, SiteId};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn ids_survive_text(time: u64, site: u16, sequence in 0u64..1 << 48) {
            let id = VersionId::At(Order { time: HybridTime(time), site: SiteId(site), sequence });
            prop_assert_eq!(id.to_string().parse(), Ok(id));
        }

        #[test]
        fn what_is_read_is_written_the_same(text in "[0-9a-fA-F]{30,33}|\\PC*|null") {
            if let Ok(id) = text.parse::<VersionId>() {
                prop_assert_eq!(id.to_string(), text);
            }
        }
    }
}

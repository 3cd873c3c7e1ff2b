use mucura_types::{NodeId, SiteId, StoreId};
use serde::{Deserialize, Serialize};

use crate::error::Refused;

/// The protocol versions this program speaks.
pub(crate) const VERSIONS: (u16, u16) = (1, 1);
/// The most bytes of a hello or welcome.
pub(crate) const HELLO_BYTES_MAX: usize = 1024;
/// What a hello and a welcome begin with: magic and format.
const HELLO_START: [u8; 5] = *b"MCRH\x01";
const WELCOME_START: [u8; 5] = *b"MCRW\x01";

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Kind {
    /// Calls.
    Control,
    /// Bulk streams.
    Bulk,
}

/// The first word of the dialler. Later versions may append fields: what
/// follows the known ones is ignored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hello {
    /// The oldest and the newest version that the dialler speaks.
    pub(crate) versions: (u16, u16),
    pub(crate) site: SiteId,
    pub(crate) node: NodeId,
    pub(crate) store: StoreId,
    pub(crate) kind: Kind,
    /// Tells the bulk connections of one dialler apart; 0 for control.
    pub(crate) lane: u8,
    pub(crate) build: String,
}

/// The acceptor's answer. That it will not have the dialler, it says by the
/// code that it closes the connection with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Welcome {
    /// The version that holds from here on.
    pub(crate) version: u16,
    pub(crate) site: SiteId,
    pub(crate) node: NodeId,
    pub(crate) store: StoreId,
    pub(crate) build: String,
}

impl Hello {
    pub(crate) fn encode(&self) -> Vec<u8> {
        encode(HELLO_START, self)
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        decode(HELLO_START, bytes)
    }
}

impl Welcome {
    pub(crate) fn encode(&self) -> Vec<u8> {
        encode(WELCOME_START, self)
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        decode(WELCOME_START, bytes)
    }
}

/// The newest version that both ranges hold.
pub(crate) fn negotiate(ours: (u16, u16), theirs: (u16, u16)) -> Result<u16, Refused> {
    let newest = ours.1.min(theirs.1);
    if newest < ours.0 || newest < theirs.0 { Err(Refused::Version) } else { Ok(newest) }
}

fn encode(start: [u8; 5], fields: &impl Serialize) -> Vec<u8> {
    // Writing to a vector does not fail; an empty body would be refused by the peer.
    let body = postcard::to_stdvec(fields).unwrap_or_default();
    [&start[..], &body].concat()
}

fn decode<'a, T: Deserialize<'a>>(start: [u8; 5], bytes: &'a [u8]) -> Option<T> {
    postcard::take_from_bytes(bytes.strip_prefix(&start)?).ok().map(|(fields, _later)| fields)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hello() -> Hello {
        Hello {
            versions: (1, 2),
            site: SiteId(300),
            node: NodeId(5),
            store: StoreId([0xab; 16]),
            kind: Kind::Bulk,
            lane: 1,
            build: "0.1.0".to_owned(),
        }
    }

    #[test]
    fn hello_and_welcome_keep_their_bytes() {
        let bytes = hello().encode();
        let golden = "4d435248010102ac0205abababababababababababababababab010105302e312e30";
        assert_eq!(hex::encode(&bytes), golden);
        assert_eq!(Hello::decode(&bytes), Some(hello()));
        let welcome = Welcome {
            version: 1,
            site: SiteId(300),
            node: NodeId(6),
            store: StoreId([0xcd; 16]),
            build: "0.1.0".to_owned(),
        };
        let bytes = welcome.encode();
        assert_eq!(hex::encode(&bytes), "4d4352570101ac0206cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd05302e312e30");
        assert_eq!(Welcome::decode(&bytes), Some(welcome));
    }

    #[test]
    fn fields_of_a_later_version_are_ignored() {
        let mut bytes = hello().encode();
        bytes.extend_from_slice(b"later");
        assert_eq!(Hello::decode(&bytes), Some(hello()));
        assert_eq!(Hello::decode(&bytes[..20]), None);
    }

    #[test]
    fn the_newest_common_version_holds() {
        assert_eq!(negotiate((1, 3), (2, 5)), Ok(3));
        assert_eq!(negotiate((2, 2), (1, 2)), Ok(2));
        assert_eq!(negotiate((3, 4), (1, 2)), Err(Refused::Version));
        assert_eq!(negotiate((1, 2), (3, 4)), Err(Refused::Version));
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_decoders_panic(bytes: Vec<u8>) {
            drop((Hello::decode(&bytes), Welcome::decode(&bytes)));
            drop(Hello::decode(&[&HELLO_START[..], &bytes].concat()));
        }
    }
}

//! Log ids, votes, memberships and entries as bytes, for the log, the rows and
//! the wire alike (`docs/formats/consensus.md`). Numbers are big-endian.

use std::collections::{BTreeMap, BTreeSet};

use bytes::{BufMut, Bytes, BytesMut};
use openraft::EntryPayload;
use serde::{Deserialize, Serialize};

use crate::raft_types::{Entry, LeaderId, LogId, Membership, Proposal, SnapshotMeta, StoredMembership, Vote};

/// The format of everything in this file.
pub(crate) const FORMAT: u8 = 1;

const BLANK: u8 = 0;
const BATCH: u8 = 1;
const MEMBERSHIP: u8 = 2;
const ENTRY_HEADER_BYTES: usize = 2 + LOG_ID_BYTES;
const LOG_ID_BYTES: usize = 24;

/// Bytes of the log, a row or a message are not what they should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} does not parse: {detail}")]
pub(crate) struct Malformed {
    pub(crate) what: &'static str,
    pub(crate) detail: String,
}

impl Malformed {
    fn new(what: &'static str, detail: impl ToString) -> Self {
        Self { what, detail: detail.to_string() }
    }
}

impl From<Malformed> for std::io::Error {
    fn from(error: Malformed) -> Self {
        Self::new(std::io::ErrorKind::InvalidData, error)
    }
}

/// A log id in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WireLogId {
    term: u64,
    node: u64,
    index: u64,
}

impl From<&LogId> for WireLogId {
    fn from(id: &LogId) -> Self {
        let leader = id.committed_leader_id();
        Self { term: leader.term, node: leader.node_id, index: id.index() }
    }
}

impl From<WireLogId> for LogId {
    fn from(id: WireLogId) -> Self {
        Self::new(LeaderId { term: id.term, node_id: id.node }, id.index)
    }
}

/// A vote in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WireVote {
    term: u64,
    node: u64,
    committed: bool,
}

impl From<&Vote> for WireVote {
    fn from(vote: &Vote) -> Self {
        Self { term: vote.leader_id.term, node: vote.leader_id.node_id, committed: vote.committed }
    }
}

impl From<WireVote> for Vote {
    fn from(vote: WireVote) -> Self {
        if vote.committed {
            Self::new_committed(vote.term, vote.node)
        } else {
            Self::new(vote.term, vote.node)
        }
    }
}

/// Who votes, who listens, and where they are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WireMembership {
    /// One set of voters, or two while it changes.
    configs: Vec<BTreeSet<u64>>,
    /// Voters and learners with their addresses.
    nodes: BTreeMap<u64, String>,
}

impl From<&Membership> for WireMembership {
    fn from(membership: &Membership) -> Self {
        Self {
            configs: membership.get_joint_config().clone(),
            nodes: membership.nodes().map(|(id, node)| (*id, node.addr.clone())).collect(),
        }
    }
}

impl TryFrom<WireMembership> for Membership {
    type Error = Malformed;

    fn try_from(wire: WireMembership) -> Result<Self, Malformed> {
        if wire.configs.is_empty() && wire.nodes.is_empty() {
            return Ok(Self::default());
        }
        let nodes: BTreeMap<u64, openraft::BasicNode> =
            wire.nodes.into_iter().map(|(id, addr)| (id, openraft::BasicNode { addr })).collect();
        Self::new(wire.configs, nodes).map_err(|e| Malformed::new("membership", e))
    }
}

/// What a snapshot holds: the state after `last`, under `membership`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WireSnapshotMeta {
    pub(crate) last: Option<WireLogId>,
    pub(crate) membership_at: Option<WireLogId>,
    pub(crate) membership: WireMembership,
}

impl From<&SnapshotMeta> for WireSnapshotMeta {
    fn from(meta: &SnapshotMeta) -> Self {
        Self {
            last: meta.last_log_id.as_ref().map(WireLogId::from),
            membership_at: meta.last_membership.log_id().as_ref().map(WireLogId::from),
            membership: meta.last_membership.membership().into(),
        }
    }
}

impl TryFrom<WireSnapshotMeta> for SnapshotMeta {
    type Error = Malformed;

    fn try_from(wire: WireSnapshotMeta) -> Result<Self, Malformed> {
        Ok(Self {
            last_log_id: wire.last.map(LogId::from),
            last_membership: StoredMembership::new(
                wire.membership_at.map(LogId::from),
                wire.membership.try_into()?,
            ),
        })
    }
}

/// Any of the serde types above, behind the format byte.
pub(crate) fn encode<T: Serialize>(value: &T) -> Bytes {
    // Fails only for types that postcard cannot carry; the tests encode each.
    postcard::to_extend(value, vec![FORMAT]).unwrap_or_default().into()
}

/// The inverse of [`encode`].
pub(crate) fn decode<'a, T: Deserialize<'a>>(what: &'static str, bytes: &'a [u8]) -> Result<T, Malformed> {
    match bytes.split_first() {
        Some((&FORMAT, rest)) => match postcard::take_from_bytes(rest) {
            Ok((value, [])) => Ok(value),
            Ok((_, rest)) => Err(Malformed::new(what, format!("{} bytes left over", rest.len()))),
            Err(e) => Err(Malformed::new(what, e)),
        },
        Some((format, _)) => {
            Err(Malformed::new(what, format!("format {format} is not known to this version")))
        }
        None => Err(Malformed::new(what, "empty")),
    }
}

/// A log id behind the format byte.
pub(crate) fn encode_log_id(id: &LogId) -> Bytes {
    let mut bytes = BytesMut::with_capacity(1 + LOG_ID_BYTES);
    bytes.put_u8(FORMAT);
    put_log_id(&mut bytes, id);
    bytes.freeze()
}

/// The inverse of [`encode_log_id`].
pub(crate) fn decode_log_id(bytes: &[u8]) -> Result<LogId, Malformed> {
    match bytes.split_first() {
        Some((&FORMAT, rest)) if rest.len() == LOG_ID_BYTES => get_log_id(rest),
        _ => Err(Malformed::new("log id", format!("{} bytes", bytes.len()))),
    }
}

/// A vote behind the format byte.
pub(crate) fn encode_vote(vote: &Vote) -> Bytes {
    encode(&WireVote::from(vote))
}

/// The inverse of [`encode_vote`].
pub(crate) fn decode_vote(bytes: &[u8]) -> Result<Vote, Malformed> {
    decode::<WireVote>("vote", bytes).map(Vote::from)
}

/// An entry: format, kind, log id, then the batch or the membership.
pub(crate) fn encode_entry(entry: &Entry) -> Bytes {
    let (kind, body) = match &entry.payload {
        EntryPayload::Blank => (BLANK, Bytes::new()),
        EntryPayload::Normal(Proposal(batch)) => (BATCH, batch.clone()),
        EntryPayload::Membership(membership) => (MEMBERSHIP, encode(&WireMembership::from(membership))),
    };
    let mut bytes = BytesMut::with_capacity(ENTRY_HEADER_BYTES + body.len());
    bytes.put_u8(FORMAT);
    bytes.put_u8(kind);
    put_log_id(&mut bytes, &entry.log_id);
    bytes.extend_from_slice(&body);
    bytes.freeze()
}

/// The inverse of [`encode_entry`]. A batch shares the memory of `bytes`.
pub(crate) fn decode_entry(bytes: &Bytes) -> Result<Entry, Malformed> {
    let log_id = decode_entry_log_id(bytes)?;
    let body = bytes.slice(ENTRY_HEADER_BYTES..);
    let payload = match bytes[1] {
        BLANK if body.is_empty() => EntryPayload::Blank,
        BATCH => EntryPayload::Normal(Proposal(body)),
        MEMBERSHIP => EntryPayload::Membership(decode::<WireMembership>("membership", &body)?.try_into()?),
        kind => return Err(Malformed::new("entry", format!("kind {kind}"))),
    };
    Ok(Entry { log_id, payload })
}

/// The log id of an encoded entry.
pub(crate) fn decode_entry_log_id(bytes: &[u8]) -> Result<LogId, Malformed> {
    match bytes.get(..ENTRY_HEADER_BYTES) {
        Some([FORMAT, _, log_id @ ..]) => get_log_id(log_id),
        Some([format, ..]) => {
            Err(Malformed::new("entry", format!("format {format} is not known to this version")))
        }
        _ => Err(Malformed::new("entry", format!("{} bytes", bytes.len()))),
    }
}

fn put_log_id(bytes: &mut BytesMut, id: &LogId) {
    let leader = id.committed_leader_id();
    bytes.put_u64(leader.term);
    bytes.put_u64(leader.node_id);
    bytes.put_u64(id.index());
}

fn get_log_id(bytes: &[u8]) -> Result<LogId, Malformed> {
    let number = |at: usize| {
        bytes
            .get(at..at + 8)
            .and_then(|b| b.try_into().ok())
            .map(u64::from_be_bytes)
            .ok_or_else(|| Malformed::new("log id", "short"))
    };
    Ok(LogId::new(LeaderId { term: number(0)?, node_id: number(8)? }, number(16)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn log_id() -> impl Strategy<Value = LogId> {
        any::<(u64, u64, u64)>()
            .prop_map(|(term, node_id, index)| LogId::new(LeaderId { term, node_id }, index))
    }

    fn membership() -> impl Strategy<Value = Membership> {
        (proptest::collection::btree_map(any::<u64>(), "[a-z0-9.:]{0,20}", 1..6), any::<bool>()).prop_map(
            |(nodes, joint)| {
                let voters: BTreeSet<u64> = nodes.keys().copied().take(3).collect();
                let first: BTreeSet<u64> = voters.iter().copied().take(1).collect();
                let configs = if joint { vec![first, voters] } else { vec![voters] };
                let nodes: BTreeMap<_, _> =
                    nodes.into_iter().map(|(id, addr)| (id, openraft::BasicNode { addr })).collect();
                Membership::new(configs, nodes).unwrap()
            },
        )
    }

    fn entry() -> impl Strategy<Value = Entry> {
        let payload = prop_oneof![
            Just(EntryPayload::Blank),
            proptest::collection::vec(any::<u8>(), 0..200)
                .prop_map(|b| EntryPayload::Normal(Proposal(b.into()))),
            membership().prop_map(EntryPayload::Membership),
        ];
        (log_id(), payload).prop_map(|(log_id, payload)| Entry { log_id, payload })
    }

    proptest! {
        #[test]
        fn entries_survive_bytes(entry in entry()) {
            let bytes = encode_entry(&entry);
            prop_assert_eq!(decode_entry_log_id(&bytes).unwrap(), entry.log_id);
            prop_assert_eq!(decode_entry(&bytes).unwrap(), entry);
        }

        #[test]
        fn log_ids_votes_and_snapshot_metas_survive_bytes(id in log_id(), m in membership(), committed in any::<bool>()) {
            prop_assert_eq!(decode_log_id(&encode_log_id(&id)).unwrap(), id);
            let vote: Vote = WireVote { term: id.index(), node: 7, committed }.into();
            prop_assert_eq!(decode_vote(&encode_vote(&vote)).unwrap(), vote);
            let meta = SnapshotMeta { last_log_id: Some(id), last_membership: StoredMembership::new(Some(id), m) };
            let wire: WireSnapshotMeta = decode("meta", &encode(&WireSnapshotMeta::from(&meta))).unwrap();
            prop_assert_eq!(SnapshotMeta::try_from(wire).unwrap(), meta);
        }

        #[test]
        fn no_bytes_make_a_decoder_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let bytes = Bytes::from(bytes);
            drop((decode_entry(&bytes), decode_log_id(&bytes), decode_vote(&bytes)));
            drop(decode::<WireSnapshotMeta>("meta", &bytes));
        }
    }

    #[test]
    fn an_entry_keeps_its_bytes_for_ever() {
        let entry = Entry {
            log_id: LogId::new(LeaderId { term: 3, node_id: 2 }, 258),
            payload: EntryPayload::Normal(Proposal(Bytes::from_static(b"batch"))),
        };
        let golden = b"\x01\x01\0\0\0\0\0\0\0\x03\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\x01\x02batch";
        assert_eq!(&encode_entry(&entry)[..], golden);
        assert_eq!(decode_entry(&Bytes::from_static(golden)).unwrap(), entry);
    }
}

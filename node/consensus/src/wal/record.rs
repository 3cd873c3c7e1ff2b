use bytes::{Buf, BufMut, Bytes, BytesMut};
use mucura_types::GroupId;

const VOTE: u8 = 1;
const APPEND: u8 = 2;
const TRUNCATE: u8 = 3;
const PURGE: u8 = 4;
const COMMITTED: u8 = 5;
const CHECKPOINT: u8 = 6;

/// Bytes that a record takes besides its contents, at most.
pub(super) const RECORD_OVERHEAD: usize = 32;

/// One change of one group, as frames hold it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) group: GroupId,
    pub(super) change: Change,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// The vote is now this.
    Vote(Bytes),
    /// The entry that follows the last one. `at` is where its bytes stand in
    /// the frame's payload, known once it is encoded or decoded.
    Append { index: u64, bytes: Bytes, at: usize },
    /// Entries from `next` on are gone; the log goes on there.
    Truncate { next: u64 },
    /// Entries up to and with `upto` are gone.
    Purge { upto: u64, id: Bytes },
    /// The last known committed id.
    Committed(Bytes),
    /// All that is known of the group but its entries; begins each segment.
    Checkpoint(Checkpoint),
}

/// What a group consists of besides its entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Checkpoint {
    pub(super) vote: Option<Bytes>,
    pub(super) committed: Option<Bytes>,
    pub(super) purged: Option<(u64, Bytes)>,
    /// The index of the first entry, equal to `next` if there is none.
    pub(super) first: u64,
    /// The index that the next entry gets; none while any would do.
    pub(super) next: Option<u64>,
}

impl Record {
    /// Appends the record to a frame and gives where the contents begin.
    pub(super) fn encode(&self, out: &mut BytesMut) -> usize {
        let kind = match &self.change {
            Change::Vote(_) => VOTE,
            Change::Append { .. } => APPEND,
            Change::Truncate { .. } => TRUNCATE,
            Change::Purge { .. } => PURGE,
            Change::Committed(_) => COMMITTED,
            Change::Checkpoint(_) => CHECKPOINT,
        };
        out.put_u8(kind);
        out.put_u32_le(self.group.0);
        match &self.change {
            Change::Vote(bytes) | Change::Committed(bytes) => put_bytes(out, bytes),
            Change::Append { index, bytes, .. } | Change::Purge { upto: index, id: bytes } => {
                out.put_u64_le(*index);
                put_bytes(out, bytes)
            }
            Change::Truncate { next } => {
                out.put_u64_le(*next);
                out.len()
            }
            Change::Checkpoint(point) => {
                let purged = point.purged.as_ref();
                let flags = u8::from(point.vote.is_some())
                    | u8::from(point.committed.is_some()) << 1
                    | u8::from(purged.is_some()) << 2
                    | u8::from(point.next.is_some()) << 3;
                out.put_u8(flags);
                out.put_u64_le(point.first);
                out.put_u64_le(point.next.unwrap_or(0));
                out.put_u64_le(purged.map_or(0, |(upto, _)| *upto));
                for bytes in [point.vote.as_ref(), point.committed.as_ref(), purged.map(|(_, id)| id)] {
                    put_bytes(out, bytes.unwrap_or(&Bytes::new()));
                }
                out.len()
            }
        }
    }

    /// All records of a payload; nothing if it is not a list of records.
    pub(super) fn decode_all(payload: &Bytes) -> Option<Vec<Self>> {
        let mut rest = payload.clone();
        let mut records = Vec::new();
        while rest.has_remaining() {
            records.push(Self::decode(&mut rest, payload.len())?);
        }
        Some(records)
    }

    fn decode(rest: &mut Bytes, total: usize) -> Option<Self> {
        let kind = rest.try_get_u8().ok()?;
        let group = GroupId(rest.try_get_u32_le().ok()?);
        let change = match kind {
            VOTE => Change::Vote(take_bytes(rest)?),
            APPEND => {
                let index = rest.try_get_u64_le().ok()?;
                let bytes = take_bytes(rest)?;
                Change::Append { index, at: total - rest.len() - bytes.len(), bytes }
            }
            TRUNCATE => Change::Truncate { next: rest.try_get_u64_le().ok()? },
            PURGE => Change::Purge { upto: rest.try_get_u64_le().ok()?, id: take_bytes(rest)? },
            COMMITTED => Change::Committed(take_bytes(rest)?),
            CHECKPOINT => {
                let flags = rest.try_get_u8().ok()?;
                let has = |bit: u8| flags & (1 << bit) != 0;
                let first = rest.try_get_u64_le().ok()?;
                let next = rest.try_get_u64_le().ok()?;
                let upto = rest.try_get_u64_le().ok()?;
                let vote = take_bytes(rest)?;
                let committed = take_bytes(rest)?;
                let id = take_bytes(rest)?;
                Change::Checkpoint(Checkpoint {
                    vote: has(0).then_some(vote),
                    committed: has(1).then_some(committed),
                    purged: has(2).then_some((upto, id)),
                    first,
                    next: has(3).then_some(next),
                })
            }
            _ => return None,
        };
        Some(Self { group, change })
    }
}

fn put_bytes(out: &mut BytesMut, bytes: &Bytes) -> usize {
    // Records are far below 4 GiB: their size is checked when they come in.
    out.put_u32_le(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
    let at = out.len();
    out.put_slice(bytes);
    at
}

fn take_bytes(rest: &mut Bytes) -> Option<Bytes> {
    let len = rest.try_get_u32_le().ok()? as usize;
    (len <= rest.len()).then(|| rest.split_to(len))
}

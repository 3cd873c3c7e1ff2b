use bytes::{Buf, BufMut, Bytes};
use mucura_types::{GroupId, MIB};

/// The version of the byte form.
const FORMAT: u32 = 1;
const MAGIC: [u8; 8] = *b"MUCUSNAP";
const END_MAGIC: [u8; 8] = *b"MUCUSEND";

/// Bytes of the header before the meta bytes.
pub(super) const HEADER_FIXED: usize = 20;
/// Bytes of a checksum.
pub(super) const CHECK: usize = 32;
/// Bytes of a frame before its payload.
pub(super) const FRAME_HEAD: usize = 16 + 2 * CHECK;
/// Bytes at the very end, which say where the trailer begins.
pub(super) const FOOTER: usize = 16;
/// The most bytes of one row or one meta field.
pub(super) const PIECE_BYTES_MAX: usize = 16 * MIB;
/// A frame is written once it holds this much.
pub(super) const FRAME_BYTES: usize = 512 << 10;
/// No frame is larger: one that is not full yet, and one row.
pub(super) const FRAME_BYTES_MAX: usize = FRAME_BYTES + PIECE_BYTES_MAX + 16;

/// A blake3 hash over a frame and the check before it: that of the trailer
/// stands for the whole file.
pub(super) type Check = [u8; CHECK];

/// What a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Rows,
    Redo,
    Trailer,
}

impl Kind {
    fn code(self) -> u8 {
        match self {
            Self::Rows => 1,
            Self::Redo => 2,
            Self::Trailer => 3,
        }
    }

    fn parse(code: u8) -> Option<Self> {
        [Self::Rows, Self::Redo, Self::Trailer].into_iter().find(|kind| kind.code() == code)
    }
}

/// What stands in front of the frames.
pub(super) struct Header {
    pub(super) group: GroupId,
    pub(super) meta: Bytes,
}

impl Header {
    /// The bytes, and their check, which the first frame names.
    pub(super) fn encode(&self) -> (Vec<u8>, Check) {
        let mut out = Vec::with_capacity(HEADER_FIXED + self.meta.len() + CHECK);
        out.put_slice(&MAGIC);
        out.put_u32_le(FORMAT);
        out.put_u32_le(self.group.0);
        out.put_u32_le(length(self.meta.len()));
        out.put_slice(&self.meta);
        let check = check_of(&[&out]);
        out.put_slice(&check);
        (out, check)
    }

    /// How long the meta bytes are; the format if it is another; nothing if it
    /// is no header.
    pub(super) fn meta_len(fixed: &[u8; HEADER_FIXED]) -> Result<usize, Option<u32>> {
        let mut rest = &fixed[..];
        if rest.copy_to_bytes(8)[..] != MAGIC {
            return Err(None);
        }
        let version = rest.get_u32_le();
        if version != FORMAT {
            return Err(Some(version));
        }
        rest.advance(4);
        let len = rest.get_u32_le() as usize;
        if len > PIECE_BYTES_MAX { Err(None) } else { Ok(len) }
    }

    /// The header that `bytes` are, with its check.
    pub(super) fn decode(bytes: &Bytes) -> Option<(Self, Check)> {
        let checked = bytes.len().checked_sub(CHECK).filter(|len| *len >= HEADER_FIXED)?;
        let check = check_of(&[&bytes[..checked]]);
        if check[..] != bytes[checked..] {
            return None;
        }
        let group = GroupId((&bytes[12..16]).get_u32_le());
        Some((Self { group, meta: bytes.slice(HEADER_FIXED..checked) }, check))
    }
}

/// The head of a frame, not verified yet.
pub(super) struct FrameHead {
    pub(super) kind: Kind,
    pub(super) payload: usize,
    pub(super) sequence: u64,
    pub(super) previous: Check,
    check: Check,
}

impl FrameHead {
    pub(super) fn decode(head: &[u8; FRAME_HEAD]) -> Option<Self> {
        let mut rest = &head[..];
        let kind = Kind::parse(rest.get_u8())?;
        let reserved = rest.copy_to_bytes(3);
        let payload = rest.get_u32_le() as usize;
        let sequence = rest.get_u64_le();
        let (mut previous, mut check) = ([0; CHECK], [0; CHECK]);
        rest.copy_to_slice(&mut previous);
        rest.copy_to_slice(&mut check);
        (reserved[..] == [0; 3] && payload <= FRAME_BYTES_MAX).then_some(Self {
            kind,
            payload,
            sequence,
            previous,
            check,
        })
    }

    /// The check, if `head` and `payload` are what was written.
    pub(super) fn verify(&self, head: &[u8; FRAME_HEAD], payload: &[u8]) -> Option<Check> {
        (check_of(&[&head[..FRAME_HEAD - CHECK], payload]) == self.check).then_some(self.check)
    }
}

/// The head that belongs before `payload`, and its check.
pub(super) fn frame_head(kind: Kind, sequence: u64, previous: &Check, payload: &[u8]) -> (Vec<u8>, Check) {
    let mut head = Vec::with_capacity(FRAME_HEAD);
    head.put_u8(kind.code());
    head.put_slice(&[0; 3]);
    head.put_u32_le(length(payload.len()));
    head.put_u64_le(sequence);
    head.put_slice(previous);
    let check = check_of(&[&head, payload]);
    head.put_slice(&check);
    (head, check)
}

/// What the last frame holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trailer {
    pub(super) rows: u64,
    pub(super) redo: u64,
    pub(super) meta: Bytes,
}

impl Trailer {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(20 + self.meta.len());
        out.put_u64_le(self.rows);
        out.put_u64_le(self.redo);
        put_bytes(&mut out, &self.meta);
        out
    }

    pub(super) fn decode(mut payload: Bytes) -> Option<Self> {
        let rows = payload.try_get_u64_le().ok()?;
        let redo = payload.try_get_u64_le().ok()?;
        let meta = take_bytes(&mut payload)?;
        payload.is_empty().then_some(Self { rows, redo, meta })
    }
}

/// The bytes at the very end.
pub(super) fn footer(trailer_at: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(FOOTER);
    out.put_u64_le(trailer_at);
    out.put_slice(&END_MAGIC);
    out
}

/// Where the trailer begins.
pub(super) fn trailer_at(footer: &[u8; FOOTER]) -> Option<u64> {
    let mut rest = &footer[..];
    let at = rest.get_u64_le();
    (rest == END_MAGIC).then_some(at)
}

pub(super) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    out.put_u32_le(length(bytes.len()));
    out.put_slice(bytes);
}

pub(super) fn take_bytes(rest: &mut Bytes) -> Option<Bytes> {
    let len = rest.try_get_u32_le().ok()? as usize;
    (len <= rest.len()).then(|| rest.split_to(len))
}

/// Lengths are checked against [`PIECE_BYTES_MAX`] before they come here.
fn length(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

fn check_of(parts: &[&[u8]]) -> Check {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().into()
}

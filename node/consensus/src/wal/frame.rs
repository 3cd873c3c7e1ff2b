use bytes::{BufMut, Bytes, BytesMut};

/// Frames and headers begin at multiples of this, so that a write never
/// touches a block that holds what an earlier sync covered.
pub(super) const BLOCK: usize = 4096;
/// The version of the log's byte form.
pub(super) const FORMAT: u32 = 1;
/// Bytes of a frame before its payload.
pub(super) const FRAME_HEADER: usize = 64;

const FRAME_MAGIC: [u8; 4] = *b"MWF1";
const SEGMENT_MAGIC: [u8; 8] = *b"MUCURWAL";
const FRAME_CHECKED: usize = 48;
const SEGMENT_CHECKED: usize = 80;

/// A checksum: the first half of a blake3 hash. Each frame holds the one of
/// the frame before it.
pub(super) type Check = [u8; 16];

/// What a segment says of itself, in its first block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SegmentHeader {
    /// Counts segments from 1; also in the file's name.
    pub(super) number: u64,
    /// Random, new for each use of the file: frames of an earlier use never fit.
    pub(super) epoch: u64,
    /// The same in all segments of one log.
    pub(super) log: [u8; 16],
    /// The sequence number of the first frame.
    pub(super) sequence: u64,
    /// The check of the last frame of the segment before.
    pub(super) previous: Check,
    /// How far frames may reach, in bytes.
    pub(super) capacity: u64,
}

/// Why a block is not a segment header.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum BadHeader {
    Damaged,
    UnknownFormat(u32),
}

impl SegmentHeader {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(BLOCK);
        out.put_slice(&SEGMENT_MAGIC);
        out.put_u32_le(FORMAT);
        out.put_u32_le(0);
        out.put_u64_le(self.number);
        out.put_u64_le(self.epoch);
        out.put_slice(&self.log);
        out.put_u64_le(self.sequence);
        out.put_slice(&self.previous);
        out.put_u64_le(self.capacity);
        let check = check_of(&[&out]);
        out.put_slice(&check);
        out.resize(BLOCK, 0);
        out
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, BadHeader> {
        let checked = bytes.get(..SEGMENT_CHECKED).ok_or(BadHeader::Damaged)?;
        let check = bytes.get(SEGMENT_CHECKED..SEGMENT_CHECKED + 16).ok_or(BadHeader::Damaged)?;
        if checked[..8] != SEGMENT_MAGIC || check_of(&[checked]) != check {
            return Err(BadHeader::Damaged);
        }
        let version = u32_at(checked, 8);
        if version != FORMAT {
            return Err(BadHeader::UnknownFormat(version));
        }
        Ok(Self {
            number: u64_at(checked, 16),
            epoch: u64_at(checked, 24),
            log: array_at(checked, 32),
            sequence: u64_at(checked, 48),
            previous: array_at(checked, 56),
            capacity: u64_at(checked, 72),
        })
    }
}

/// Begins a frame: the payload is appended, then [`seal`] makes it valid.
pub(super) fn begin_frame() -> BytesMut {
    let mut out = BytesMut::with_capacity(BLOCK);
    out.resize(FRAME_HEADER, 0);
    out
}

/// Fills in the header, pads to whole blocks, and gives the check.
///
/// The payload must be shorter than 4 GiB, which the limits on records see to.
pub(super) fn seal(frame: &mut BytesMut, epoch: u64, sequence: u64, previous: &Check) -> Check {
    let len = u32::try_from(frame.len() - FRAME_HEADER).unwrap_or(u32::MAX);
    let mut head = Vec::with_capacity(FRAME_HEADER);
    head.put_slice(&FRAME_MAGIC);
    head.put_u32_le(len);
    head.put_u64_le(epoch);
    head.put_u64_le(sequence);
    head.put_u64_le(0);
    head.put_slice(previous);
    let check = check_of(&[&head, &frame[FRAME_HEADER..]]);
    head.put_slice(&check);
    frame[..FRAME_HEADER].copy_from_slice(&head);
    let padded = padded(frame.len());
    frame.resize(padded, 0);
    check
}

/// The head of a frame, not verified yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FrameHead {
    pub(super) payload: usize,
    pub(super) epoch: u64,
    pub(super) sequence: u64,
    pub(super) previous: Check,
    pub(super) check: Check,
}

impl FrameHead {
    /// What stands at the start of `bytes`, if it can be a frame at all.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let head = bytes.get(..FRAME_HEADER)?;
        if head[..4] != FRAME_MAGIC {
            return None;
        }
        Some(Self {
            payload: u32_at(head, 4) as usize,
            epoch: u64_at(head, 8),
            sequence: u64_at(head, 16),
            previous: array_at(head, 32),
            check: array_at(head, FRAME_CHECKED),
        })
    }

    /// Bytes of the frame without padding.
    pub(super) fn len(&self) -> usize {
        FRAME_HEADER + self.payload
    }

    /// Whether `frame` (head and payload) is what was sealed.
    pub(super) fn verifies(&self, frame: &[u8]) -> bool {
        frame.len() == self.len()
            && check_of(&[&frame[..FRAME_CHECKED], &frame[FRAME_HEADER..]]) == self.check
    }
}

/// The payload of `frame` if it is the frame it claims to be.
pub(super) fn verified_payload(frame: &Bytes, epoch: u64, sequence: u64) -> Option<Bytes> {
    let head = FrameHead::decode(frame)?;
    (head.epoch == epoch && head.sequence == sequence && head.verifies(frame))
        .then(|| frame.slice(FRAME_HEADER..))
}

/// `len` rounded up to whole blocks.
pub(super) fn padded(len: usize) -> usize {
    len.next_multiple_of(BLOCK)
}

fn check_of(parts: &[&[u8]]) -> Check {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(part);
    }
    array_at(hasher.finalize().as_bytes(), 0)
}

fn array_at<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[at..at + N]);
    out
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(array_at(bytes, at))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(array_at(bytes, at))
}

use std::fmt;
use std::str::FromStr;

use mucura_types::{BucketId, ChunkId, ParseIdError, Profile, UserId};

use crate::error::ChunkError;
use crate::layout::ChunkLayout;

/// The most bytes of the key in a header.
pub const KEY_BYTES_MAX: usize = 4096;
/// The most bytes of a header.
pub(crate) const HEADER_BYTES_MAX: usize = 8192;
/// Bytes of a blake3 hash.
pub(crate) const HASH_BYTES: usize = 32;

const MAGIC: [u8; 8] = *b"MUCSHARD";
const VERSION: u16 = 1;
/// The fields before the key.
const FIXED_BYTES: usize = 68;
/// Headers are a multiple of this long, so that cells begin aligned.
const ALIGN: usize = 64;
/// The same where cells are long, so that they may be written past the page
/// cache.
const ALIGN_LONG: usize = 4096;

/// One shard: a chunk and the position in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardName {
    /// The chunk.
    pub chunk: ChunkId,
    /// 0 to k - 1 hold data, k to k + m - 1 parity.
    pub position: u8,
}

impl ShardName {
    /// Big-endian, so that bytes sort as names do.
    pub(crate) fn to_bytes(self) -> [u8; 21] {
        let mut bytes = [self.position; 21];
        bytes[..20].copy_from_slice(&self.chunk.to_bytes());
        bytes
    }

    /// The inverse of [`ShardName::to_bytes`].
    pub(crate) fn from_bytes(bytes: [u8; 21]) -> Self {
        let mut chunk = [0; 20];
        chunk.copy_from_slice(&bytes[..20]);
        Self { chunk: ChunkId::from_bytes(chunk), position: bytes[20] }
    }
}

/// Also the name of its file.
impl fmt::Display for ShardName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.chunk, self.position)
    }
}

impl FromStr for ShardName {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        text.rsplit_once('.')
            .and_then(|(chunk, position)| {
                Some(Self { chunk: chunk.parse().ok()?, position: position.parse().ok()? })
            })
            // One name for one shard: no leading zeros, no signs.
            .filter(|name| name.to_string() == text)
            .ok_or_else(|| ParseIdError { what: "a shard name", text: text.to_owned() })
    }
}

/// What stands at the head of a shard: enough to know what it is without any
/// metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardHeader {
    /// Which shard.
    pub shard: ShardName,
    /// How its chunk is laid out and coded.
    pub layout: ChunkLayout,
    /// The bucket that the object was written to.
    pub bucket: BucketId,
    /// Who owns the bytes.
    pub owner: UserId,
    /// The object's key when it was written.
    pub key: String,
}

impl ShardHeader {
    /// The bytes of the header; the last 32 are the blake3 hash of the rest.
    ///
    /// # Errors
    /// `Invalid`: the key is too long, or the profile has no such position.
    pub(crate) fn encode(&self) -> Result<Vec<u8>, ChunkError> {
        if usize::from(self.shard.position) >= self.layout.profile().shards() {
            return Err(ChunkError::invalid("the profile has no such position"));
        }
        let too_long = || ChunkError::invalid("the key is too long for a shard header");
        if self.key.len() > KEY_BYTES_MAX {
            return Err(too_long());
        }
        let align = if self.layout.stripes() > 1 { ALIGN_LONG } else { ALIGN };
        let len = (FIXED_BYTES + self.key.len() + HASH_BYTES).next_multiple_of(align);
        let mut bytes = Vec::with_capacity(len);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&VERSION.to_be_bytes());
        bytes.extend_from_slice(&u32::try_from(len).map_err(|_| too_long())?.to_be_bytes());
        bytes.extend_from_slice(&self.shard.to_bytes());
        bytes.extend_from_slice(&[self.layout.profile().data, self.layout.profile().parity, 0]);
        bytes.extend_from_slice(
            &u32::try_from(self.layout.cell_bytes()).map_err(|_| too_long())?.to_be_bytes(),
        );
        bytes.extend_from_slice(&self.layout.len().to_be_bytes());
        bytes.extend_from_slice(&self.bucket.0.to_be_bytes());
        bytes.extend_from_slice(&self.owner.0.to_be_bytes());
        bytes.extend_from_slice(&u16::try_from(self.key.len()).map_err(|_| too_long())?.to_be_bytes());
        bytes.extend_from_slice(self.key.as_bytes());
        bytes.resize(len - HASH_BYTES, 0);
        let hash = blake3::hash(&bytes);
        bytes.extend_from_slice(hash.as_bytes());
        Ok(bytes)
    }

    /// Reads a header from the first bytes of a file: itself and its length.
    /// The error says what does not fit.
    pub(crate) fn decode(bytes: &[u8]) -> Result<(Self, usize), &'static str> {
        let mut fields = Fields(bytes);
        if fields.take()? != MAGIC {
            return Err("it does not begin as a shard does");
        }
        if u16::from_be_bytes(fields.take()?) != VERSION {
            return Err("its format version is not known");
        }
        let len = u32::from_be_bytes(fields.take()?) as usize;
        let body_len = len.checked_sub(HASH_BYTES).ok_or("the header has an impossible length")?;
        let hash = bytes.get(body_len..len).ok_or("the header has an impossible length")?;
        if blake3::hash(&bytes[..body_len]).as_bytes() != hash {
            return Err("the header does not match its checksum");
        }
        // From here on it is what somebody wrote, but not for sure what we
        // would have written.
        let mut fields = Fields(bytes.get(14..body_len).ok_or("the header has an impossible length")?);
        let shard = ShardName::from_bytes(fields.take()?);
        let [data, parity, _reserved] = fields.take()?;
        let cell_bytes = u32::from_be_bytes(fields.take()?) as usize;
        let chunk_len = u64::from_be_bytes(fields.take()?);
        let layout = ChunkLayout::with_cell(chunk_len, Profile::new(data, parity), cell_bytes)
            .map_err(|_| "the header has an impossible layout")?;
        if usize::from(shard.position) >= layout.profile().shards() {
            return Err("the header has an impossible position");
        }
        let bucket = BucketId(u64::from_be_bytes(fields.take()?));
        let owner = UserId(u64::from_be_bytes(fields.take()?));
        let key_len = usize::from(u16::from_be_bytes(fields.take()?));
        let key = fields.0.get(..key_len).ok_or("the key in the header has an impossible length")?;
        let key = std::str::from_utf8(key).map_err(|_| "the key in the header is not text")?.to_owned();
        Ok((Self { shard, layout, bucket, owner, key }, len))
    }
}

/// Takes fields of fixed length from the front.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], &'static str> {
        let (field, rest) = self.0.split_first_chunk::<N>().ok_or("it ends too early")?;
        self.0 = rest;
        Ok(*field)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use mucura_types::{SessionId, WriteId};
    use proptest::prelude::*;

    pub(crate) fn name(counter: u64, position: u8) -> ShardName {
        let write = WriteId { session: SessionId(0x1a), counter };
        ShardName { chunk: ChunkId { write, number: 0 }, position }
    }

    pub(crate) fn header(shard: ShardName, chunk_len: u64) -> ShardHeader {
        ShardHeader {
            shard,
            layout: ChunkLayout::new(chunk_len, Profile::new(2, 1)).unwrap(),
            bucket: BucketId(7),
            owner: UserId(0xfeed),
            key: "a/key".to_owned(),
        }
    }

    proptest! {
        #[test]
        fn headers_survive_bytes(
            ids in any::<(u64, u64, u32)>(), bucket: u64, owner: u64, len in 1u64..=64 << 20,
            k in 1u8..12, m in 0u8..5, position: u8, key in "\\PC{0,40}"
        ) {
            let write = WriteId { session: SessionId(ids.0), counter: ids.1 };
            let header = ShardHeader {
                shard: ShardName { chunk: ChunkId { write, number: ids.2 }, position: position % (k + m) },
                layout: ChunkLayout::new(len, Profile::new(k, m)).unwrap(),
                bucket: BucketId(bucket),
                owner: UserId(owner),
                key,
            };
            let bytes = header.encode().unwrap();
            prop_assert!(bytes.len().is_multiple_of(64));
            prop_assert_eq!(ShardHeader::decode(&bytes).unwrap(), (header.clone(), bytes.len()));
            prop_assert_eq!(header.shard.to_string().parse::<ShardName>().unwrap(), header.shard);
            prop_assert_eq!(ShardName::from_bytes(header.shard.to_bytes()), header.shard);
        }

        #[test]
        fn no_text_but_its_own_is_a_shard_name(text in "[0-9a-f+.-]{0,12}") {
            if let Ok(name) = text.parse::<ShardName>() {
                prop_assert_eq!(name.to_string(), text);
            }
        }

        /// Arbitrary bytes under a right checksum: past the first line of defence.
        #[test]
        fn no_header_makes_the_reader_panic(body in proptest::collection::vec(any::<u8>(), 0..200), whole: bool) {
            let mut bytes = body;
            if whole && bytes.len() > 14 {
                let len = u32::try_from(bytes.len() + HASH_BYTES).unwrap();
                bytes[..8].copy_from_slice(&MAGIC);
                bytes[8..10].copy_from_slice(&VERSION.to_be_bytes());
                bytes[10..14].copy_from_slice(&len.to_be_bytes());
                let hash = blake3::hash(&bytes);
                bytes.extend_from_slice(hash.as_bytes());
            }
            drop(ShardHeader::decode(&bytes));
        }
    }

    #[test]
    fn the_longest_header_fits_its_limit() {
        let mut longest = header(name(1, 0), 64 << 20);
        longest.key = "k".repeat(KEY_BYTES_MAX);
        assert!(longest.encode().unwrap().len() <= HEADER_BYTES_MAX);
        longest.key.push('k');
        assert!(longest.encode().is_err());
        assert!(header(name(1, 3), 100).encode().is_err());
    }
}

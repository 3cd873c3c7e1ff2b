use mucura_types::HASH_GROUP_BYTES;

use crate::shard::HASH_BYTES;

/// Bytes of a trailer.
pub(crate) const TRAILER_BYTES: usize = LENGTHS_BYTES + HASH_BYTES;

const LENGTHS_BYTES: usize = 32;
const MAGIC: [u8; 8] = *b"MUCTRAIL";

/// The lengths of the parts of a shard file: header, cells, a hash for each
/// group of the cells, trailer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileLayout {
    pub(crate) header_len: usize,
    pub(crate) shard_len: u64,
}

impl FileLayout {
    /// Groups that have a hash each.
    pub(crate) fn groups(self) -> usize {
        usize::try_from(self.shard_len.div_ceil(HASH_GROUP_BYTES as u64)).unwrap_or(usize::MAX)
    }

    /// Where the cells begin.
    pub(crate) fn cells_at(self) -> u64 {
        self.header_len as u64
    }

    /// Where the hash table begins; the trailer follows it.
    pub(crate) fn table_at(self) -> u64 {
        self.cells_at() + self.shard_len
    }

    /// Bytes of hash table and trailer.
    pub(crate) fn tail_len(self) -> usize {
        self.groups() * HASH_BYTES + TRAILER_BYTES
    }

    /// Bytes of the whole file.
    pub(crate) fn file_len(self) -> u64 {
        self.table_at() + self.tail_len() as u64
    }

    /// Hash table and trailer as they stand in the file. The root covers all
    /// of it, and by the header's hash the header.
    pub(crate) fn encode_tail(self, header_hash: &[u8; HASH_BYTES], table: &[[u8; HASH_BYTES]]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.tail_len());
        table.iter().for_each(|hash| bytes.extend_from_slice(hash));
        bytes.extend_from_slice(&self.lengths());
        bytes.extend_from_slice(&root(header_hash, &self.lengths(), table));
        bytes
    }

    /// The hash table, if these bytes are the right tail for this layout. The
    /// error says what does not fit.
    pub(crate) fn decode_tail(
        self,
        header_hash: &[u8; HASH_BYTES],
        bytes: &[u8],
    ) -> Result<Vec<[u8; HASH_BYTES]>, &'static str> {
        let (hashes, trailer) =
            bytes.split_at_checked(self.groups() * HASH_BYTES).ok_or("it has no trailer")?;
        let (lengths, stored_root) = trailer.split_at_checked(LENGTHS_BYTES).ok_or("it has no trailer")?;
        if lengths != self.lengths() {
            return Err("it has no valid trailer");
        }
        let (table, _) = hashes.as_chunks::<HASH_BYTES>();
        if stored_root != root(header_hash, &self.lengths(), table) {
            return Err("the trailer does not match what it covers");
        }
        Ok(table.to_vec())
    }

    #[allow(clippy::cast_possible_truncation)] // A header has at most 8 KiB, a shard 1,024 groups.
    fn lengths(self) -> [u8; LENGTHS_BYTES] {
        let mut bytes = [0; LENGTHS_BYTES];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..16].copy_from_slice(&self.file_len().to_be_bytes());
        bytes[16..24].copy_from_slice(&self.shard_len.to_be_bytes());
        bytes[24..28].copy_from_slice(&(self.header_len as u32).to_be_bytes());
        bytes[28..].copy_from_slice(&(self.groups() as u32).to_be_bytes());
        bytes
    }
}

fn root(
    header_hash: &[u8; HASH_BYTES],
    lengths: &[u8; LENGTHS_BYTES],
    table: &[[u8; HASH_BYTES]],
) -> [u8; HASH_BYTES] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(header_hash).update(lengths).update(table.as_flattened());
    *hasher.finalize().as_bytes()
}

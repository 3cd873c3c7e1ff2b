use std::io;
use std::sync::Arc;

use mucura_runtime::File;
use mucura_types::{HASH_GROUP_BYTES, PlantedBug, is_planted};

use crate::error::ChunkError;
use crate::shard::{HASH_BYTES, ShardHeader};
use crate::trailer::FileLayout;

/// Longer shards are synced before they get their trailer, so that after a
/// power cut a trailer stands for all of the cells. Shorter ones save that sync,
/// and their cells are read before a trailer found after an unclean stop is
/// believed.
pub(crate) const TRUSTED_BY_READING_BYTES: u64 = 256 << 10;

/// Writes one shard file from front to back. What it has written is not a
/// shard before [`ShardFile::seal`] has returned.
///
/// The group hashes are computed here, in the one pass that also writes, so
/// that they cover what arrived at the drive.
pub(crate) struct ShardFile {
    file: Arc<dyn File>,
    layout: FileLayout,
    header_hash: [u8; HASH_BYTES],
    written: u64,
    group: blake3::Hasher,
    table: Vec<[u8; HASH_BYTES]>,
}

/// Why a write did not happen.
pub(crate) enum WriteFault {
    /// More or fewer bytes than the header says.
    Caller(ChunkError),
    /// The disk.
    Disk(io::Error),
}

impl ShardFile {
    /// Puts an encoded header at the head of a new, empty file.
    pub(crate) fn begin(file: Arc<dyn File>, header: &ShardHeader, encoded: &[u8]) -> io::Result<Self> {
        file.write_at(encoded, 0)?;
        let mut header_hash = [0; HASH_BYTES];
        header_hash.copy_from_slice(&encoded[encoded.len() - HASH_BYTES..]);
        let layout = FileLayout { header_len: encoded.len(), shard_len: header.layout.shard_len() };
        let table = Vec::with_capacity(layout.groups());
        Ok(Self { file, layout, header_hash, written: 0, group: blake3::Hasher::new(), table })
    }

    /// Adds the next bytes of the shard.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), WriteFault> {
        if bytes.len() as u64 > self.layout.shard_len - self.written {
            return Err(WriteFault::Caller(ChunkError::invalid("more bytes than the shard has")));
        }
        self.hash(bytes);
        self.file.write_at(bytes, self.layout.cells_at() + self.written).map_err(WriteFault::Disk)?;
        self.written += bytes.len() as u64;
        Ok(())
    }

    /// Adds hash table and trailer and makes the contents survive a power cut.
    /// The name is not this one's to care for.
    pub(crate) fn seal(mut self) -> Result<(), WriteFault> {
        if self.written != self.layout.shard_len {
            return Err(WriteFault::Caller(ChunkError::invalid("fewer bytes than the shard has")));
        }
        self.end_group();
        if self.layout.shard_len > TRUSTED_BY_READING_BYTES {
            self.file.sync().map_err(WriteFault::Disk)?;
        }
        let tail = self.layout.encode_tail(&self.header_hash, &self.table);
        self.file.write_at(&tail, self.layout.table_at()).map_err(WriteFault::Disk)?;
        if is_planted(PlantedBug::ShardAckBeforeSync) {
            return Ok(());
        }
        self.file.sync().map_err(WriteFault::Disk)
    }

    fn hash(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let missing = HASH_GROUP_BYTES as u64 - self.group.count();
            let take = usize::try_from(missing).unwrap_or(usize::MAX).min(bytes.len());
            let (now, rest) = bytes.split_at(take);
            self.group.update(now);
            if self.group.count() == HASH_GROUP_BYTES as u64 {
                self.end_group();
            }
            bytes = rest;
        }
    }

    fn end_group(&mut self) {
        if self.group.count() > 0 {
            self.table.push(*self.group.finalize().as_bytes());
            self.group.reset();
        }
    }
}

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use crate::buffers::Buffer;
use crate::error::ChunkError;
use crate::inventory::Entry;
use crate::open_shards::OpenShard;
use crate::reports::{Report, ReportKind};
use crate::shard::ShardName;
use crate::shard_reader::{ReadFault, ShardReader};
use crate::volume::Volume;

/// Some of the shards of a drive, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardPage {
    /// Each of them a whole shard on stable storage.
    pub shards: Vec<ShardName>,
    /// Where the next page begins: after this one. `None` at the end.
    pub next: Option<ShardName>,
}

/// Finding and reading shards.
impl Volume {
    /// Reads `range` of a shard into `memory`, every byte checked.
    pub(crate) fn read(
        &self,
        shard: ShardName,
        range: Range<u64>,
        mut memory: Buffer,
    ) -> Result<Bytes, ChunkError> {
        self.ready()?;
        let open = self.open_shard(shard)?;
        if range.end > open.reader.shard_len() {
            return Err(ChunkError::invalid("the range is past the end of the shard"));
        }
        let at = self.read_checked(&open, &range, &mut memory)?;
        Ok(memory.freeze().slice(at))
    }

    /// Reads and checks `range` of an open shard; says where in `memory` it is.
    pub(crate) fn read_checked(
        &self,
        open: &OpenShard,
        range: &Range<u64>,
        memory: &mut [u8],
    ) -> Result<Range<usize>, ChunkError> {
        open.reader.read(range, memory).map_err(|fault| match fault {
            ReadFault::Corrupt(what) => self.quarantine(open.shard, open.stamp, what),
            ReadFault::Missing => ChunkError::NotFound { shard: open.shard },
            ReadFault::Disk(error) => self.disk_error("read shard", error),
        })
    }

    /// The shard, open. What was not sure to be a whole shard is after this.
    pub(crate) fn open_shard(&self, shard: ShardName) -> Result<OpenShard, ChunkError> {
        let entry = self.inventory().get(shard).ok_or(ChunkError::NotFound { shard })?;
        if let Some(open) = self.open_shards().get(shard, entry.stamp) {
            return Ok(open);
        }
        let open = self.open_afresh(shard, entry)?;
        self.open_shards().put(open.clone());
        Ok(open)
    }

    /// As [`Volume::open_shard`], but looks at the file again in any case.
    pub(crate) fn reopen_shard(&self, shard: ShardName) -> Result<OpenShard, ChunkError> {
        let entry = self.inventory().get(shard).ok_or(ChunkError::NotFound { shard })?;
        self.open_afresh(shard, entry)
    }

    fn open_afresh(&self, shard: ShardName, entry: Entry) -> Result<OpenShard, ChunkError> {
        let reader = self.open_proven(shard, entry.proven);
        let reader = reader.map_err(|fault| self.not_readable(shard, entry, fault))?;
        if !entry.proven {
            self.inventory().prove(shard, entry.stamp);
        }
        Ok(OpenShard { shard, stamp: entry.stamp, reader: Arc::new(reader) })
    }

    /// Opens a file. Unless it was known (`proven`) to be a whole shard on
    /// stable storage, it is after this.
    pub(crate) fn open_proven(&self, shard: ShardName, proven: bool) -> Result<ShardReader, ReadFault> {
        let reader = ShardReader::open(&*self.disk, &self.path(shard), shard)?;
        if !proven {
            reader.check_unsynced()?;
            if self.unsynced_start {
                reader.sync()?;
                self.sync_found_dir(self.leaf(shard))?;
            }
        }
        Ok(reader)
    }

    /// Whether the drive holds the shard, whole.
    pub(crate) fn contains(&self, shard: ShardName) -> Result<bool, ChunkError> {
        self.ready()?;
        let entry = self.inventory().get(shard);
        match entry {
            None => Ok(false),
            Some(Entry { proven: true, .. }) => Ok(true),
            Some(_) => match self.open_shard(shard) {
                Ok(_) => Ok(true),
                Err(ChunkError::NotFound { .. }) => Ok(false),
                Err(error) => Err(error),
            },
        }
    }

    /// The shards after `after`, among the next `limit` names.
    pub(crate) fn page(&self, after: Option<ShardName>, limit: usize) -> Result<ShardPage, ChunkError> {
        self.ready()?;
        let names = self.inventory().page(after, limit);
        let next = names.last().map(|(shard, _)| *shard).filter(|_| names.len() == limit);
        let mut shards = Vec::with_capacity(names.len());
        for (shard, entry) in names {
            if entry.proven || self.contains(shard)? {
                shards.push(shard);
            }
        }
        Ok(ShardPage { shards, next })
    }

    /// Removes a shard. After a power cut it may be there again.
    pub(crate) fn remove(&self, shard: ShardName) -> Result<(), ChunkError> {
        self.ready()?;
        self.sweep();
        let _claim = self.claim(shard)?;
        let known = self.inventory().remove(shard).is_some();
        self.open_shards().forget(shard);
        if !known {
            return Err(ChunkError::NotFound { shard });
        }
        match self.unlink(shard) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                self.check_present()?;
                Err(ChunkError::NotFound { shard })
            }
            Err(error) => Err(self.disk_error("remove shard", error)),
        }
    }

    /// A name that was on the drive cannot be opened as a shard: takes it off
    /// the list, and says what the caller should know.
    fn not_readable(&self, shard: ShardName, entry: Entry, fault: ReadFault) -> ChunkError {
        let kind = match fault {
            ReadFault::Disk(error) => return self.disk_error("open shard", error),
            ReadFault::Corrupt(what) if entry.proven => return self.quarantine(shard, entry.stamp, what),
            ReadFault::Corrupt(_) => ReportKind::Torn,
            ReadFault::Missing => ReportKind::Missing,
        };
        if let Err(error) = self.check_present() {
            return error;
        }
        // If somebody else is busy with the name, they are removing it.
        if let Ok(_claim) = self.claim(shard) {
            let same = self.inventory().get(shard) == Some(entry);
            if same {
                self.inventory().remove(shard);
                self.discard(shard);
                tracing::warn!(drive = %self.identity.drive, %shard, ?kind, "shard is not whole");
                self.reports().push(Report { shard, kind });
            }
        }
        ChunkError::NotFound { shard }
    }
}

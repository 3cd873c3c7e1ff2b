use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use mucura_runtime::{Blocking, Runtime};
use mucura_types::{CHUNK_BYTES_MAX, DriveId, HASH_GROUP_BYTES, MIB, SiteId, StoreId};
use tokio::time::Instant;

use crate::buffers::BufferPool;
use crate::error::ChunkError;
use crate::identity::DriveIdentity;
use crate::reads::ShardPage;
use crate::reports::Reports;
use crate::shard::{ShardHeader, ShardName};
use crate::shard_write::{ShardWrite, ShardWriter, run};
use crate::volume::{DriveState, Volume};

/// The most bytes that one read gives.
pub const READ_BYTES_MAX: usize = 4 * MIB;

/// Bytes that a scrub reads at a time.
const VERIFY_BYTES: usize = MIB;

/// An open drive. Clones share it; the directory is free for others when the
/// last clone and the last write are gone.
#[derive(Clone)]
pub struct Drive {
    volume: Arc<Volume>,
    blocking: Blocking,
    pool: BufferPool,
}

/// How a drive is used.
#[derive(Clone, Debug)]
pub struct DriveOptions {
    /// Where reads take their memory from.
    pub pool: BufferPool,
    /// Free bytes below which the drive takes no shards. By default 1 % of the
    /// file system, and at least 1 GiB or 5 % of it, whichever is less.
    pub reserve_bytes: Option<u64>,
}

/// What a drive holds and how it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DriveStats {
    /// Whether it can be used.
    pub state: DriveState,
    /// Names of shards on it.
    pub shards: u64,
    /// Bytes of its file system.
    pub space_total_bytes: u64,
    /// Bytes that are free there. What is used, also by others, is the rest.
    pub space_free_bytes: u64,
    /// Bad shards that are kept for study.
    pub quarantined: u64,
}

impl Drive {
    /// Makes an empty directory (made if need be) a drive, with `levels` levels
    /// (0 to 2, 1 is the rule) of 256 directories under it.
    ///
    /// # Errors
    /// `WrongDrive`: it is a drive already, or holds shards; `Invalid`: too
    /// many levels; `Io`.
    pub async fn format(
        runtime: &Runtime,
        dir: &Path,
        site: SiteId,
        drive: DriveId,
        levels: u8,
    ) -> Result<DriveIdentity, ChunkError> {
        let (machine, dir) = (runtime.clone(), dir.to_owned());
        run(&runtime.blocking, move || DriveIdentity::format(&machine, &dir, site, drive, levels)).await
    }

    /// Writes down the number that the site gave to a drive that was formatted
    /// with number 0. It must not be open.
    ///
    /// # Errors
    /// `NotFormatted`; `WrongDrive`: it is another, or has another number; `Io`.
    pub async fn number(
        runtime: &Runtime,
        dir: &Path,
        store: StoreId,
        drive: DriveId,
    ) -> Result<DriveIdentity, ChunkError> {
        let (disk, dir) = (runtime.disk.clone(), dir.to_owned());
        run(&runtime.blocking, move || DriveIdentity::number(&*disk, &dir, store, drive)).await
    }

    /// What a directory says that it is.
    ///
    /// # Errors
    /// `NotFormatted`; `WrongDrive`: its id file is damaged; `Io`.
    pub async fn identify(runtime: &Runtime, dir: &Path) -> Result<DriveIdentity, ChunkError> {
        let (disk, dir) = (runtime.disk.clone(), dir.to_owned());
        run(&runtime.blocking, move || DriveIdentity::read(&*disk, &dir)).await
    }

    /// Opens the drive in `dir`, which must be the one called `expected`.
    ///
    /// # Errors
    /// `NotFormatted`, `WrongDrive`, `InUse`, `Io`.
    pub async fn open(
        runtime: &Runtime,
        dir: &Path,
        expected: StoreId,
        options: DriveOptions,
    ) -> Result<Self, ChunkError> {
        let (disk, dir) = (runtime.disk.clone(), dir.to_owned());
        let DriveOptions { pool, reserve_bytes } = options;
        let volume =
            run(&runtime.blocking, move || Volume::open(disk, &dir, expected, reserve_bytes)).await?;
        Ok(Self { volume: Arc::new(volume), blocking: runtime.blocking.clone(), pool })
    }

    /// The same drive, whose reads take their memory from another pool.
    #[must_use]
    pub fn with_pool(&self, pool: BufferPool) -> Self {
        Self { pool, ..self.clone() }
    }

    /// Takes the drive out of service in order: if no write is open, the next
    /// start need not look at its files.
    ///
    /// # Errors
    /// `Failed`: it was out of service already, or went so now.
    pub async fn close(&self) -> Result<(), ChunkError> {
        self.run(|volume| volume.close()).await
    }

    /// What it is.
    pub fn identity(&self) -> &DriveIdentity {
        &self.volume.identity
    }

    /// Whether it can be used, as far as is known now.
    pub fn state(&self) -> DriveState {
        self.volume.state()
    }

    /// What happened to shards since this was last called: what to repair.
    pub fn take_reports(&self) -> Reports {
        self.volume.reports().take()
    }

    /// Begins to write a shard.
    ///
    /// # Errors
    /// `Exists`: it is here, whole and durable; `NoSpace`; `Failed`; `Busy`:
    /// somebody else is writing or removing it; `Invalid`: no such position,
    /// too long a key, or another shard has the name.
    pub async fn begin_write(&self, header: ShardHeader) -> Result<ShardWrite, ChunkError> {
        let writer = self.run(move |volume| ShardWriter::begin(volume, &header)).await?;
        Ok(ShardWrite::new(writer, self.blocking.clone()))
    }

    /// Writes a whole shard, cells in order, in one go: for small ones. When
    /// this returns it survives a power cut.
    ///
    /// # Errors
    /// As [`Drive::begin_write`] and [`ShardWrite::finish`].
    pub async fn write_whole(&self, header: ShardHeader, cells: Vec<Bytes>) -> Result<(), ChunkError> {
        self.run(move |volume| ShardWriter::whole(volume, &header, &cells)).await
    }

    /// Bytes of a shard, each checked against the hash written with it. The
    /// memory is the pool's until the last slice of the result is gone.
    ///
    /// # Errors
    /// `NotFound`; `Corrupt`: now in quarantine and reported; `Failed`; `Busy`:
    /// no memory before `deadline`; `Invalid`: past the end of the shard, or
    /// more than [`READ_BYTES_MAX`].
    pub async fn read(
        &self,
        shard: ShardName,
        range: Range<u64>,
        deadline: Instant,
    ) -> Result<Bytes, ChunkError> {
        const GROUP: u64 = HASH_GROUP_BYTES as u64;
        if range.start > range.end || range.end > CHUNK_BYTES_MAX as u64 {
            return Err(ChunkError::invalid("no shard has this range"));
        }
        if range.end - range.start > READ_BYTES_MAX as u64 {
            return Err(ChunkError::invalid("a read of more than 4 MiB"));
        }
        // Room for whole groups, which are what is checked.
        let touched = range.end.next_multiple_of(GROUP) - range.start / GROUP * GROUP;
        let len = usize::try_from(touched).map_err(|_| ChunkError::invalid("no shard has this range"))?;
        let buffer = self.pool.acquire(len, deadline).await;
        let buffer = buffer.map_err(|_| ChunkError::Busy { what: "no buffer came free in time" })?;
        self.run(move |volume| volume.read(shard, range, buffer)).await
    }

    /// What stands at the head of a shard.
    ///
    /// # Errors
    /// `NotFound`, `Corrupt`, `Failed`, `Busy`.
    pub async fn header(&self, shard: ShardName) -> Result<ShardHeader, ChunkError> {
        self.run(move |volume| {
            volume.ready()?;
            Ok(volume.open_shard(shard)?.reader.header().clone())
        })
        .await
    }

    /// Whether the drive holds the shard, whole and on stable storage. Its
    /// cells are not looked at.
    ///
    /// # Errors
    /// `Failed`, `Corrupt`, `Busy`.
    pub async fn contains(&self, shard: ShardName) -> Result<bool, ChunkError> {
        self.run(move |volume| volume.contains(shard)).await
    }

    /// Those of `shards` that are not on the drive, whole.
    ///
    /// # Errors
    /// `Failed`, `Busy`.
    pub async fn lacking(&self, shards: Vec<ShardName>) -> Result<Vec<ShardName>, ChunkError> {
        self.run(move |volume| {
            let mut lacking = Vec::new();
            for shard in shards {
                match volume.contains(shard) {
                    Ok(true) => {}
                    Ok(false) | Err(ChunkError::Corrupt { .. }) => lacking.push(shard),
                    Err(error) => return Err(error),
                }
            }
            Ok(lacking)
        })
        .await
    }

    /// The shards after `after`, in order: those among the next `limit` names.
    ///
    /// # Errors
    /// `Failed`, `Busy`; `Invalid`: `limit` is 0.
    pub async fn list(&self, after: Option<ShardName>, limit: usize) -> Result<ShardPage, ChunkError> {
        if limit == 0 {
            return Err(ChunkError::invalid("a page of no names"));
        }
        self.run(move |volume| volume.page(after, limit)).await
    }

    /// Removes a shard. After a power cut it may be there again: what collects
    /// garbage finds it once more.
    ///
    /// # Errors
    /// `NotFound`; `Failed`; `Busy`: somebody is writing it.
    pub async fn remove(&self, shard: ShardName) -> Result<(), ChunkError> {
        self.run(move |volume| volume.remove(shard)).await
    }

    /// Reads all of a shard and checks it, piece by piece, so that other work
    /// gets its turn.
    ///
    /// # Errors
    /// `NotFound`; `Corrupt`: now in quarantine and reported; `Failed`; `Busy`.
    pub async fn verify(&self, shard: ShardName) -> Result<(), ChunkError> {
        let open = self
            .run(move |volume| {
                volume.ready()?;
                volume.reopen_shard(shard)
            })
            .await?;
        let mut memory = vec![0; VERIFY_BYTES];
        for start in (0..open.reader.shard_len()).step_by(VERIFY_BYTES) {
            let range = start..open.reader.shard_len().min(start + VERIFY_BYTES as u64);
            let open = open.clone();
            memory = self
                .run(move |volume| {
                    volume.ready()?;
                    volume.read_checked(&open, &range, &mut memory).map(|_| memory)
                })
                .await?;
        }
        Ok(())
    }

    /// Looks whether the drive is still there, how full it is, and removes what
    /// unfinished writes left. To be called now and then.
    pub async fn stats(&self) -> DriveStats {
        let space = self
            .run(|volume| {
                let space = volume.check()?;
                volume.sweep();
                Ok(space)
            })
            .await;
        let space = space.ok();
        DriveStats {
            state: self.volume.state(),
            shards: self.volume.inventory().len() as u64,
            space_total_bytes: space.map_or(0, |space| space.total),
            space_free_bytes: space.map_or(0, |space| space.free),
            quarantined: self.volume.quarantined() as u64,
        }
    }

    async fn run<T, W>(&self, work: W) -> Result<T, ChunkError>
    where
        T: Send + 'static,
        W: FnOnce(&Arc<Volume>) -> Result<T, ChunkError> + Send + 'static,
    {
        let volume = self.volume.clone();
        run(&self.blocking, move || work(&volume)).await
    }
}

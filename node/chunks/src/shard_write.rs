use std::io;
use std::sync::Arc;

use bytes::Bytes;
use mucura_runtime::{Blocking, OpenMode};

use crate::error::ChunkError;
use crate::shard::{ShardHeader, ShardName};
use crate::shard_file::{ShardFile, WriteFault};
use crate::shard_reader::ReadFault;
use crate::trailer::FileLayout;
use crate::volume::Volume;

/// A shard on its way to a drive. Dropped before [`ShardWrite::finish`] has
/// returned, it leaves nothing: its file is removed with the next call to the
/// drive, and is no shard until then.
pub struct ShardWrite {
    writer: Option<ShardWriter>,
    blocking: Blocking,
}

impl ShardWrite {
    pub(crate) fn new(writer: ShardWriter, blocking: Blocking) -> Self {
        Self { writer: Some(writer), blocking }
    }

    /// Adds the next bytes of the shard: cells in order, however cut.
    ///
    /// # Errors
    /// `NoSpace`, `Failed`; `Invalid`: more bytes than the header says. After
    /// any of them the write is over.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), ChunkError> {
        let writer = self.writer.take().ok_or(ChunkError::invalid("this write is over"))?;
        self.writer = Some(run(&self.blocking, move || writer.write(&bytes)).await?);
        Ok(())
    }

    /// Ends the shard. When this returns it survives a power cut, name and all.
    ///
    /// # Errors
    /// `NoSpace`, `Failed`; `Invalid`: fewer bytes than the header says. After
    /// any of them there is no shard.
    pub async fn finish(mut self) -> Result<(), ChunkError> {
        let writer = self.writer.take().ok_or(ChunkError::invalid("this write is over"))?;
        run(&self.blocking, move || writer.finish()).await
    }

    /// Gives up and removes the file before it returns.
    pub async fn abort(mut self) {
        if let Some(writer) = self.writer.take() {
            let volume = writer.volume.clone();
            drop(writer);
            // If it does not run, the next call to the drive does the same.
            drop(self.blocking.run(move || volume.sweep()).await);
        }
    }
}

/// Runs work of a drive where it may block.
pub(crate) async fn run<T, W>(blocking: &Blocking, work: W) -> Result<T, ChunkError>
where
    T: Send + 'static,
    W: FnOnce() -> Result<T, ChunkError> + Send + 'static,
{
    blocking.run(work).await.unwrap_or_else(|error| {
        tracing::error!(%error, "work on a drive did not finish");
        Err(ChunkError::Busy { what: "work on the drive did not finish" })
    })
}

/// The blocking half: owns the claim on the name. If it goes away unfinished,
/// it leaves the name to the volume to be swept.
pub(crate) struct ShardWriter {
    volume: Arc<Volume>,
    shard: ShardName,
    file: ShardFile,
    unfinished: Unfinished,
}

/// Hands a claimed name over to be swept, unless told that all is well.
struct Unfinished {
    volume: Arc<Volume>,
    shard: ShardName,
    armed: bool,
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if self.armed {
            self.volume.abandon(self.shard);
        }
    }
}

impl ShardWriter {
    /// Makes the file under its final name. What is there under it and is no
    /// whole shard is replaced.
    pub(crate) fn begin(volume: &Arc<Volume>, header: &ShardHeader) -> Result<Self, ChunkError> {
        volume.ready()?;
        volume.sweep();
        let shard = header.shard;
        let encoded = header.encode()?;
        let layout = FileLayout { header_len: encoded.len(), shard_len: header.layout.shard_len() };
        volume.check_room(layout.file_len())?;
        let claim = volume.claim(shard)?;
        // Once more: either this sees that the drive was closed, or closing saw the
        // claim and set no clean mark.
        volume.ready()?;
        let create = || volume.disk.open(&volume.path(shard), OpenMode::CreateNew);
        let made = match create() {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                make_way(volume, header)?;
                create()
            }
            other => other,
        };
        let file = made.map_err(|error| match volume.check_present() {
            Ok(()) => volume.disk_error("create shard", error),
            Err(gone) => gone,
        })?;
        claim.keep();
        let unfinished = Unfinished { volume: volume.clone(), shard, armed: true };
        match ShardFile::begin(file, header, &encoded) {
            Ok(file) => Ok(Self { volume: volume.clone(), shard, file, unfinished }),
            Err(error) => {
                drop(unfinished);
                Err(give_up(volume, "write shard", WriteFault::Disk(error)))
            }
        }
    }

    fn write(mut self, bytes: &[u8]) -> Result<Self, ChunkError> {
        match self.volume.ready().map(|()| self.file.write(bytes)) {
            Ok(Ok(())) => Ok(self),
            Ok(Err(fault)) => {
                let volume = self.volume.clone();
                drop(self);
                Err(give_up(&volume, "write shard", fault))
            }
            Err(error) => Err(error),
        }
    }

    fn finish(self) -> Result<(), ChunkError> {
        let Self { volume, shard, file, mut unfinished } = self;
        volume.ready()?;
        let sync_name =
            || volume.dir_syncs.sync(&*volume.disk, &volume.leaf(shard)).map_err(WriteFault::Disk);
        if let Err(fault) = file.seal().and_then(|()| sync_name()) {
            drop(unfinished);
            return Err(give_up(&volume, "sync shard", fault));
        }
        unfinished.armed = false;
        let mut inventory = volume.inventory();
        inventory.insert(shard, true);
        inventory.release(shard);
        Ok(())
    }

    /// Begins, writes and finishes in one go.
    pub(crate) fn whole(
        volume: &Arc<Volume>,
        header: &ShardHeader,
        cells: &[Bytes],
    ) -> Result<(), ChunkError> {
        cells.iter().try_fold(Self::begin(volume, header)?, |writer, cell| writer.write(cell))?.finish()
    }
}

/// After the writer is gone: removes what it left, and says what went wrong.
fn give_up(volume: &Volume, op: &str, fault: WriteFault) -> ChunkError {
    let error = match fault {
        WriteFault::Caller(error) => error,
        WriteFault::Disk(error) => volume.disk_error(op, error),
    };
    volume.sweep();
    error
}

/// Something has the (claimed) name already: removes it, unless it is the shard.
fn make_way(volume: &Volume, header: &ShardHeader) -> Result<(), ChunkError> {
    let shard = header.shard;
    let proven = volume.inventory().get(shard).is_some_and(|entry| entry.proven);
    match volume.open_proven(shard, proven) {
        Ok(reader) if reader.header() == header => {
            if !proven {
                volume.inventory().insert(shard, true);
            }
            Err(ChunkError::Exists { shard })
        }
        Ok(_) => Err(ChunkError::invalid("another shard has this name")),
        Err(ReadFault::Disk(error)) => Err(volume.disk_error("open shard", error)),
        Err(ReadFault::Missing | ReadFault::Corrupt(_)) => {
            volume.inventory().remove(shard);
            volume.open_shards().forget(shard);
            match volume.unlink(shard) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    Err(volume.disk_error("remove what is no shard", error))
                }
                _ => Ok(()),
            }
        }
    }
}

use std::path::{Path, PathBuf};
use std::sync::Arc;

use mucura_runtime::{Disk, File, OpenMode};

use super::error::SnapshotError;
use super::folder::part_path;
use super::reader::SnapshotReader;
use super::writer::{SnapshotSummary, publish};

/// Takes in the bytes of a snapshot file from elsewhere. Dropped before
/// [`SnapshotReceiver::finish`], it leaves a `.part` file.
pub(crate) struct SnapshotReceiver {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    part: PathBuf,
    file: Arc<dyn File>,
    received: u64,
}

impl SnapshotReceiver {
    /// Begins to receive the snapshot `path`.
    ///
    /// # Errors
    /// [`SnapshotError::Io`].
    pub(crate) fn create(disk: Arc<dyn Disk>, path: &Path) -> Result<Self, SnapshotError> {
        let part = part_path(path);
        let file = disk.open(&part, OpenMode::Truncate).map_err(SnapshotError::io("make", &part))?;
        Ok(Self { disk, path: path.to_owned(), part, file, received: 0 })
    }

    /// Bytes so far: the offset that comes next.
    pub(crate) fn received(&self) -> u64 {
        self.received
    }

    /// Takes the bytes at `offset`, which follow those before.
    ///
    /// # Errors
    /// [`SnapshotError::OutOfOrder`] if they do not, and nothing was taken;
    /// [`SnapshotError::Io`].
    pub(crate) fn write(&mut self, offset: u64, bytes: &[u8]) -> Result<(), SnapshotError> {
        if offset != self.received {
            return Err(SnapshotError::OutOfOrder { path: self.part.clone(), what: "bytes come in order" });
        }
        self.file.write_at(bytes, offset).map_err(SnapshotError::io("write", &self.part))?;
        self.received += bytes.len() as u64;
        Ok(())
    }

    /// Verifies all that came and gives the file its name: once this returns,
    /// the snapshot survives a power cut.
    ///
    /// # Errors
    /// [`SnapshotError::Damaged`]: what came is not a whole snapshot;
    /// [`SnapshotError::UnknownFormat`], [`SnapshotError::Io`].
    pub(crate) fn finish(self) -> Result<SnapshotSummary, SnapshotError> {
        let summary = SnapshotReader::open(&*self.disk, &self.part)?.verify()?;
        publish(&*self.disk, &*self.file, &self.part, &self.path)?;
        Ok(summary)
    }
}

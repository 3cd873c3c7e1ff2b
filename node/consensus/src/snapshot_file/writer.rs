use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::{BufMut, Bytes};
use mucura_runtime::{Disk, File, OpenMode};
use mucura_types::GroupId;

use super::error::SnapshotError;
use super::folder::part_path;
use super::layout::{
    Check, FRAME_BYTES, Header, Kind, PIECE_BYTES_MAX, Trailer, footer, frame_head, put_bytes,
};

/// A write that came while the rows were dumped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Redo {
    /// The key has this value now.
    Put {
        /// The key.
        key: Bytes,
        /// Its value.
        value: Bytes,
    },
    /// The key is gone now.
    Delete {
        /// The key.
        key: Bytes,
    },
}

/// What a whole snapshot consists of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SnapshotSummary {
    /// Rows in it.
    pub(crate) rows: u64,
    /// Writes after them.
    pub(crate) redo: u64,
    /// Bytes of the file.
    pub(crate) bytes: u64,
    /// A blake3 hash that stands for all of it.
    pub(crate) hash: [u8; 32],
}

/// Writes a snapshot: rows in key order, then redo. Dropped before
/// [`SnapshotWriter::finish`], it leaves a `.part` file.
pub(crate) struct SnapshotWriter {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    part: PathBuf,
    file: Arc<dyn File>,
    end: u64,
    sequence: u64,
    previous: Check,
    kind: Kind,
    payload: Vec<u8>,
    last_key: Option<Vec<u8>>,
    rows: u64,
    redo: u64,
}

impl SnapshotWriter {
    /// Begins the snapshot `path` of `group`; `meta` can be read before the rows.
    ///
    /// # Errors
    /// [`SnapshotError::TooLarge`], [`SnapshotError::Io`].
    pub(crate) fn create(
        disk: Arc<dyn Disk>,
        path: &Path,
        group: GroupId,
        meta: Bytes,
    ) -> Result<Self, SnapshotError> {
        check_size(meta.len())?;
        let part = part_path(path);
        let file = disk.open(&part, OpenMode::Truncate).map_err(SnapshotError::io("make", &part))?;
        let (header, check) = Header { group, meta }.encode();
        file.write_at(&header, 0).map_err(SnapshotError::io("write", &part))?;
        Ok(Self {
            disk,
            path: path.to_owned(),
            part,
            file,
            end: header.len() as u64,
            sequence: 0,
            previous: check,
            kind: Kind::Rows,
            payload: Vec::new(),
            last_key: None,
            rows: 0,
            redo: 0,
        })
    }

    /// Adds a row; its key is greater than all before.
    ///
    /// # Errors
    /// [`SnapshotError::OutOfOrder`] if it is not, or redo came before;
    /// [`SnapshotError::TooLarge`], [`SnapshotError::Io`].
    pub(crate) fn row(&mut self, key: &[u8], value: &[u8]) -> Result<(), SnapshotError> {
        check_size(key.len().saturating_add(value.len()))?;
        if self.kind != Kind::Rows {
            return Err(self.out_of_order("rows come before redo"));
        }
        if self.last_key.as_deref().is_some_and(|last| last >= key) {
            return Err(self.out_of_order("rows come in the order of their keys"));
        }
        let last = self.last_key.get_or_insert_default();
        last.clear();
        last.extend_from_slice(key);
        put_bytes(&mut self.payload, key);
        put_bytes(&mut self.payload, value);
        self.rows += 1;
        self.write_if_full()
    }

    /// Adds a write that is to be carried out after all rows and all earlier
    /// redo.
    ///
    /// # Errors
    /// [`SnapshotError::TooLarge`], [`SnapshotError::Io`].
    pub(crate) fn redo(&mut self, redo: &Redo) -> Result<(), SnapshotError> {
        if self.kind == Kind::Rows {
            self.write_frame()?;
            self.kind = Kind::Redo;
        }
        match redo {
            Redo::Put { key, value } => {
                check_size(key.len().saturating_add(value.len()))?;
                self.payload.put_u8(1);
                put_bytes(&mut self.payload, key);
                put_bytes(&mut self.payload, value);
            }
            Redo::Delete { key } => {
                check_size(key.len())?;
                self.payload.put_u8(2);
                put_bytes(&mut self.payload, key);
            }
        }
        self.redo += 1;
        self.write_if_full()
    }

    /// Ends the file and gives it its name: once this returns, the snapshot
    /// survives a power cut. `meta` stands in the trailer.
    ///
    /// # Errors
    /// [`SnapshotError::TooLarge`], [`SnapshotError::Io`].
    pub(crate) fn finish(mut self, meta: Bytes) -> Result<SnapshotSummary, SnapshotError> {
        check_size(meta.len())?;
        self.write_frame()?;
        let trailer_at = self.end;
        self.kind = Kind::Trailer;
        self.payload = Trailer { rows: self.rows, redo: self.redo, meta }.encode();
        self.write_frame()?;
        let footer = footer(trailer_at);
        self.file.write_at(&footer, self.end).map_err(SnapshotError::io("write", &self.part))?;
        publish(&*self.disk, &*self.file, &self.part, &self.path)?;
        let bytes = self.end + footer.len() as u64;
        Ok(SnapshotSummary { rows: self.rows, redo: self.redo, bytes, hash: self.previous })
    }

    fn write_if_full(&mut self) -> Result<(), SnapshotError> {
        if self.payload.len() >= FRAME_BYTES { self.write_frame() } else { Ok(()) }
    }

    fn write_frame(&mut self) -> Result<(), SnapshotError> {
        if self.payload.is_empty() {
            return Ok(());
        }
        let (head, check) = frame_head(self.kind, self.sequence, &self.previous, &self.payload);
        let payload_at = self.end + head.len() as u64;
        self.file.write_at(&head, self.end).map_err(SnapshotError::io("write", &self.part))?;
        self.file.write_at(&self.payload, payload_at).map_err(SnapshotError::io("write", &self.part))?;
        self.end = payload_at + self.payload.len() as u64;
        self.sequence += 1;
        self.previous = check;
        self.payload.clear();
        Ok(())
    }

    fn out_of_order(&self, what: &'static str) -> SnapshotError {
        SnapshotError::OutOfOrder { path: self.part.clone(), what }
    }
}

/// Gives a whole file its name, for good.
pub(super) fn publish(
    disk: &dyn Disk,
    file: &dyn File,
    part: &Path,
    path: &Path,
) -> Result<(), SnapshotError> {
    file.sync().map_err(SnapshotError::io("sync", part))?;
    disk.rename(part, path).map_err(SnapshotError::io("rename", part))?;
    let dir = path.parent().unwrap_or_else(|| Path::new("."));
    disk.sync_dir(dir).map_err(SnapshotError::io("sync", dir))
}

fn check_size(bytes: usize) -> Result<(), SnapshotError> {
    if bytes > PIECE_BYTES_MAX {
        return Err(SnapshotError::TooLarge { bytes, limit: PIECE_BYTES_MAX });
    }
    Ok(())
}

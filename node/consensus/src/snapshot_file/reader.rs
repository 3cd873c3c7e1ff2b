use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::{Buf, Bytes};
use mucura_runtime::{Disk, File, OpenMode, read_exact_at};
use mucura_types::GroupId;

use super::error::SnapshotError;
use super::layout::{
    CHECK, Check, FOOTER, FRAME_HEAD, FrameHead, HEADER_FIXED, Header, Kind, Trailer, take_bytes, trailer_at,
};
use super::writer::{Redo, SnapshotSummary};

/// One thing to carry out, in the order they come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SnapshotItem {
    /// A row of the dump. Keys come in order.
    Row {
        /// The key.
        key: Bytes,
        /// Its value.
        value: Bytes,
    },
    /// A write after all rows.
    Redo(Redo),
}

/// A snapshot file whose header and trailer are good.
pub(crate) struct SnapshotReader {
    path: PathBuf,
    file: Arc<dyn File>,
    len: u64,
    header: Header,
    header_check: Check,
    frames_at: u64,
    trailer: Trailer,
    trailer_at: u64,
    hash: Check,
}

/// A frame that was read and matches its checksum.
struct Frame {
    head: FrameHead,
    check: Check,
    payload: Bytes,
}

impl SnapshotReader {
    /// Opens a snapshot and verifies header and trailer.
    ///
    /// # Errors
    /// [`SnapshotError::Damaged`], [`SnapshotError::UnknownFormat`],
    /// [`SnapshotError::Io`].
    pub(crate) fn open(disk: &dyn Disk, path: &Path) -> Result<Self, SnapshotError> {
        let io = |op| SnapshotError::io(op, path);
        let file = disk.open(path, OpenMode::Read).map_err(io("open"))?;
        let len = file.len().map_err(io("measure"))?;
        let short = || SnapshotError::damaged(path, len, "the file ends too early");

        let mut fixed = [0; HEADER_FIXED];
        if len < (HEADER_FIXED + CHECK + FRAME_HEAD + FOOTER) as u64 {
            return Err(short());
        }
        read_exact_at(&*file, &mut fixed, 0).map_err(io("read"))?;
        let meta_len = Header::meta_len(&fixed).map_err(|version| match version {
            Some(version) => SnapshotError::UnknownFormat { path: path.to_owned(), version },
            None => SnapshotError::damaged(path, 0, "this is no snapshot"),
        })?;
        let header_len = HEADER_FIXED + meta_len + CHECK;
        if (header_len as u64) > len {
            return Err(short());
        }
        let mut header = vec![0; header_len];
        read_exact_at(&*file, &mut header, 0).map_err(io("read"))?;
        let (header, header_check) = Header::decode(&header.into())
            .ok_or_else(|| SnapshotError::damaged(path, 0, "the header does not match its checksum"))?;

        let footer_at = len - FOOTER as u64;
        let mut footer = [0; FOOTER];
        read_exact_at(&*file, &mut footer, footer_at).map_err(io("read"))?;
        let bad = || SnapshotError::damaged(path, footer_at, "the end of the file is not a snapshot's");
        let trailer_at = trailer_at(&footer).filter(|at| *at >= header_len as u64).ok_or_else(bad)?;
        let frame = read_frame(path, &*file, trailer_at, footer_at)?;
        let whole = trailer_at + (FRAME_HEAD + frame.payload.len()) as u64 == footer_at;
        if !whole || frame.head.kind != Kind::Trailer {
            return Err(bad());
        }
        let trailer = Trailer::decode(frame.payload)
            .ok_or_else(|| SnapshotError::damaged(path, trailer_at, "the trailer holds something else"))?;
        Ok(Self {
            path: path.to_owned(),
            file,
            len,
            header,
            header_check,
            frames_at: header_len as u64,
            trailer,
            trailer_at,
            hash: frame.check,
        })
    }

    /// The group it belongs to.
    pub(crate) fn group(&self) -> GroupId {
        self.header.group
    }

    /// The meta bytes given when it was begun.
    #[cfg(test)]
    pub(crate) fn header_meta(&self) -> &Bytes {
        &self.header.meta
    }

    /// The meta bytes given when it was finished.
    pub(crate) fn meta(&self) -> &Bytes {
        &self.trailer.meta
    }

    /// What it says it consists of; [`SnapshotReader::verify`] proves it.
    pub(crate) fn summary(&self) -> SnapshotSummary {
        SnapshotSummary { rows: self.trailer.rows, redo: self.trailer.redo, bytes: self.len, hash: self.hash }
    }

    /// Rows and redo in order, each frame verified before anything of it is
    /// given. Ends after the first error. What was given before an error is as
    /// it was written, but not all of it: to be carried out only where a part
    /// can be thrown away again.
    pub(crate) fn items(&self) -> SnapshotItems<'_> {
        SnapshotItems {
            reader: self,
            at: self.frames_at,
            sequence: 0,
            previous: self.header_check,
            kind: Kind::Rows,
            payload: Bytes::new(),
            payload_at: 0,
            last_key: None,
            rows: 0,
            redo: 0,
            ended: false,
        }
    }

    /// Reads and verifies the whole file.
    ///
    /// # Errors
    /// [`SnapshotError::Damaged`], [`SnapshotError::Io`].
    pub(crate) fn verify(&self) -> Result<SnapshotSummary, SnapshotError> {
        for item in self.items() {
            item?;
        }
        Ok(self.summary())
    }

    fn damaged(&self, offset: u64, what: &'static str) -> SnapshotError {
        SnapshotError::damaged(&self.path, offset, what)
    }
}

/// Walks through a snapshot: see [`SnapshotReader::items`].
pub(crate) struct SnapshotItems<'a> {
    reader: &'a SnapshotReader,
    at: u64,
    sequence: u64,
    previous: Check,
    kind: Kind,
    payload: Bytes,
    payload_at: u64,
    last_key: Option<Bytes>,
    rows: u64,
    redo: u64,
    ended: bool,
}

impl Iterator for SnapshotItems<'_> {
    type Item = Result<SnapshotItem, SnapshotError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let item = self.step();
        self.ended = !matches!(item, Ok(Some(_)));
        item.transpose()
    }
}

impl SnapshotItems<'_> {
    fn step(&mut self) -> Result<Option<SnapshotItem>, SnapshotError> {
        while self.payload.is_empty() {
            if self.kind == Kind::Trailer {
                return Ok(None);
            }
            self.next_frame()?;
        }
        let bad = self.reader.damaged(self.payload_at, "a frame holds no rows");
        match self.kind {
            Kind::Rows => {
                let (key, value) = take_pair(&mut self.payload).ok_or(bad)?;
                if self.last_key.as_ref().is_some_and(|last| *last >= key) {
                    return Err(self.reader.damaged(self.payload_at, "rows out of order"));
                }
                self.last_key = Some(key.clone());
                self.rows += 1;
                Ok(Some(SnapshotItem::Row { key, value }))
            }
            Kind::Redo => {
                let redo = match self.payload.try_get_u8() {
                    Ok(1) => take_pair(&mut self.payload).map(|(key, value)| Redo::Put { key, value }),
                    Ok(2) => take_bytes(&mut self.payload).map(|key| Redo::Delete { key }),
                    _ => None,
                };
                self.redo += 1;
                Ok(Some(SnapshotItem::Redo(redo.ok_or(bad)?)))
            }
            Kind::Trailer => Ok(None),
        }
    }

    fn next_frame(&mut self) -> Result<(), SnapshotError> {
        let reader = self.reader;
        let frame = read_frame(&reader.path, &*reader.file, self.at, reader.len - FOOTER as u64)?;
        if frame.head.sequence != self.sequence || frame.head.previous != self.previous {
            return Err(reader.damaged(self.at, "a frame does not follow the one before"));
        }
        if frame.head.kind == Kind::Rows && self.kind == Kind::Redo {
            return Err(reader.damaged(self.at, "rows after redo"));
        }
        self.kind = frame.head.kind;
        self.previous = frame.check;
        self.sequence += 1;
        self.payload_at = self.at;
        if self.kind == Kind::Trailer {
            let counts = (reader.trailer.rows, reader.trailer.redo);
            if self.at != reader.trailer_at || counts != (self.rows, self.redo) {
                return Err(reader.damaged(self.at, "the trailer counts other rows"));
            }
            return Ok(());
        }
        self.at += (FRAME_HEAD + frame.payload.len()) as u64;
        self.payload = frame.payload;
        Ok(())
    }
}

fn read_frame(path: &Path, file: &dyn File, at: u64, end: u64) -> Result<Frame, SnapshotError> {
    let bad = |what| SnapshotError::damaged(path, at, what);
    let room = end.checked_sub(at).filter(|room| *room >= FRAME_HEAD as u64);
    let room = room.ok_or_else(|| bad("the file ends too early"))?;
    let mut head = [0; FRAME_HEAD];
    read_exact_at(file, &mut head, at).map_err(SnapshotError::io("read", path))?;
    let decoded = FrameHead::decode(&head).filter(|head| (FRAME_HEAD + head.payload) as u64 <= room);
    let decoded = decoded.ok_or_else(|| bad("there is no frame"))?;
    let mut payload = vec![0; decoded.payload];
    read_exact_at(file, &mut payload, at + FRAME_HEAD as u64).map_err(SnapshotError::io("read", path))?;
    let check = decoded.verify(&head, &payload).ok_or_else(|| bad("a frame does not match its checksum"))?;
    Ok(Frame { head: decoded, check, payload: payload.into() })
}

fn take_pair(payload: &mut Bytes) -> Option<(Bytes, Bytes)> {
    Some((take_bytes(payload)?, take_bytes(payload)?))
}

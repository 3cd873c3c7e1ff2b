use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;

use bytes::BytesMut;
use mucura_runtime::{File, OpenMode, Runtime};
use mucura_types::{GroupId, PlantedBug, is_planted};

use super::core::{Batch, Core, Ticketed};
use super::error::WalError;
use super::frame::{BLOCK, Check, FRAME_HEADER, SegmentHeader, begin_frame, padded, seal};
use super::group::Location;
use super::record::{Change, Checkpoint, Record};
use super::segment::{AHEAD_BYTES, Named, Segment};

/// Owns the files and writes them; blocking.
pub(super) struct Writer {
    pub(super) runtime: Runtime,
    pub(super) dir: PathBuf,
    pub(super) segment_bytes: u64,
    pub(super) spares_max: usize,
    /// The same in all segments of one log.
    pub(super) log: [u8; 16],
    /// Oldest first; the last is written to.
    pub(super) segments: VecDeque<Segment>,
    pub(super) spares: Vec<PathBuf>,
    /// The small state as of the last frame, which the next segment begins with.
    pub(super) points: BTreeMap<GroupId, Checkpoint>,
    /// The sequence number of the next frame, and the check of the last.
    pub(super) sequence: u64,
    pub(super) previous: Check,
    /// Keeps other processes out of the directory.
    pub(super) _lock: Box<dyn Send + Sync>,
}

/// What a group write has done.
#[derive(Default)]
pub(super) struct Written {
    pub(super) entries: Vec<(GroupId, u64, u64, Location)>,
    pub(super) opened: Option<(u64, PathBuf, Arc<dyn File>)>,
    pub(super) dropped: Vec<u64>,
    pub(super) bytes_on_disk: u64,
}

/// Writes batches until the log closes or fails.
pub(super) async fn run(core: Arc<Core>, mut writer: Writer) {
    let mut guard = EndGuard { core: core.clone(), orderly: false };
    while let Some(mut batch) = core.next_batch().await {
        let records = std::mem::take(&mut batch.records);
        let blocking = writer.runtime.blocking.clone();
        let job = blocking.run(move || {
            let written = writer.write(&records);
            (writer, written)
        });
        let failure = match job.await {
            Ok((back, Ok(written))) => {
                writer = back;
                core.written(written);
                for (done, permit) in batch.ends {
                    done.fire(Ok(()));
                    drop(permit);
                }
                continue;
            }
            Ok((_, Err(error))) => error.to_string(),
            Err(error) => error.to_string(),
        };
        core.fail(WalError::Poisoned { reason: failure.into() }, batch);
        break;
    }
    guard.orderly = true;
}

/// Tells all who wait when the writer goes away in the middle.
struct EndGuard {
    core: Arc<Core>,
    orderly: bool,
}

impl Drop for EndGuard {
    fn drop(&mut self) {
        if !self.orderly {
            self.core.fail(WalError::Closed, Batch::default());
        }
    }
}

impl Writer {
    /// Writes and syncs one frame, then removes segments that nothing needs.
    pub(super) fn write(&mut self, records: &[Ticketed]) -> Result<Written, WalError> {
        let mut written = Written::default();
        let mut frame = begin_frame();
        let mut starts = Vec::with_capacity(records.len());
        for ticketed in records {
            starts.push(ticketed.record.encode(&mut frame));
        }
        let frame_len = frame.len();
        if self.active()?.end + padded(frame_len) as u64 > self.active()?.capacity {
            written.opened = Some(self.roll()?);
        }
        let (sequence, previous) = (self.sequence, self.previous);
        let segment = self.active()?;
        let check = seal(&mut frame, segment.epoch, sequence, &previous);
        let at = segment.end;
        segment.write_frame(&frame)?;
        self.sequence += 1;
        self.previous = check;

        let mut purged = false;
        for (ticketed, start) in records.iter().zip(starts) {
            let Record { group, change } = &ticketed.record;
            if let Change::Append { index, .. } = change {
                let segment = self.active()?;
                segment
                    .highest
                    .insert(*group, segment.highest.get(group).map_or(*index, |old| *index.max(old)));
                let location = Location {
                    segment: segment.number,
                    epoch: segment.epoch,
                    sequence,
                    frame: at,
                    frame_len,
                    at: start - FRAME_HEADER,
                };
                written.entries.push((*group, *index, ticketed.ticket, location));
            }
            purged |= matches!(change, Change::Purge { .. });
            if let Err(what) = self.points.entry(*group).or_default().follow(change) {
                return Err(WalError::corrupt(&self.active()?.path, at, what));
            }
        }
        if purged {
            written.dropped = self.drop_unneeded()?;
        }
        written.bytes_on_disk = self.bytes_on_disk();
        Ok(written)
    }

    pub(super) fn bytes_on_disk(&self) -> u64 {
        self.segments.iter().map(|segment| segment.end).sum()
    }

    fn active(&mut self) -> Result<&mut Segment, WalError> {
        // There is one from the opening on.
        self.segments.back_mut().ok_or(WalError::Closed)
    }

    /// Begins the next segment: whole, synced and named before it is used.
    pub(super) fn roll(&mut self) -> Result<(u64, PathBuf, Arc<dyn File>), WalError> {
        let number = self.segments.back().map_or(1, |segment| segment.number + 1);
        let path = Named::Segment(number).path(&self.dir);
        let epoch = self.runtime.entropy.number().map_err(WalError::io("draw an epoch for", &path))?;
        let header = SegmentHeader {
            number,
            epoch,
            log: self.log,
            sequence: self.sequence,
            previous: self.previous,
            capacity: self.segment_bytes,
        };
        let mut frame = begin_frame();
        for (group, point) in &self.points {
            Record { group: *group, change: Change::Checkpoint(point.clone()) }.encode(&mut frame);
        }
        let check = seal(&mut frame, epoch, self.sequence, &self.previous);
        let mut start = BytesMut::from(&header.encode()[..]);
        start.extend_from_slice(&frame);

        let disk = self.runtime.disk.clone();
        tracing::debug!(number, recycled = !self.spares.is_empty(), "log goes on in a new segment");
        let (from, mode) = match self.spares.pop() {
            Some(spare) => (spare, OpenMode::ReadWrite),
            None => (Named::Unfinished(number).path(&self.dir), OpenMode::Truncate),
        };
        let file = disk.open(&from, mode).map_err(WalError::io("open", &from))?;
        file.write_at(&start, 0).map_err(WalError::io("write", &from))?;
        file.sync().map_err(WalError::io("sync", &from))?;
        let allocated = file.len().map_err(WalError::io("measure", &from))?;
        disk.rename(&from, &path).map_err(WalError::io("rename", &from))?;
        disk.sync_dir(&self.dir).map_err(WalError::io("sync", &self.dir))?;

        self.sequence += 1;
        self.previous = check;
        self.segments.push_back(Segment {
            number,
            epoch,
            path: path.clone(),
            file: file.clone(),
            capacity: self.segment_bytes,
            end: start.len() as u64,
            allocated,
            highest: BTreeMap::new(),
        });
        Ok((number, path, file))
    }

    /// Removes the oldest segments as long as all their entries are purged:
    /// the small state in them stands again at the start of later ones.
    pub(super) fn drop_unneeded(&mut self) -> Result<Vec<u64>, WalError> {
        let mut dropped = Vec::new();
        while self.segments.len() > 1 {
            let unneeded = self.segments.front().is_some_and(|oldest| {
                oldest.highest.iter().all(|(group, highest)| {
                    let purged = self.points.get(group).and_then(|point| point.purged.as_ref());
                    purged.is_some_and(|(upto, _)| upto >= highest)
                })
            });
            let Some(oldest) = unneeded.then(|| self.segments.pop_front()).flatten() else {
                break;
            };
            if self.spares.len() < self.spares_max && oldest.capacity == self.segment_bytes {
                let spare = Named::Spare(oldest.number).path(&self.dir);
                self.runtime
                    .disk
                    .rename(&oldest.path, &spare)
                    .map_err(WalError::io("rename", &oldest.path))?;
                self.spares.push(spare);
            } else {
                self.runtime.disk.remove_file(&oldest.path).map_err(WalError::io("remove", &oldest.path))?;
            }
            // One by one, so that a power cut never leaves a gap behind.
            self.runtime.disk.sync_dir(&self.dir).map_err(WalError::io("sync", &self.dir))?;
            dropped.push(oldest.number);
        }
        Ok(dropped)
    }
}

impl Segment {
    fn write_frame(&mut self, frame: &[u8]) -> Result<(), WalError> {
        if is_planted(PlantedBug::LogAckBeforeSync) {
            self.file.sync().map_err(WalError::io("sync", &self.path))?;
        }
        self.file.write_at(frame, self.end).map_err(WalError::io("write", &self.path))?;
        let end = self.end + frame.len() as u64;
        if end > self.allocated {
            let ahead = (end + AHEAD_BYTES).min(self.capacity).max(end);
            let zeros = vec![0; usize::try_from(ahead - end).unwrap_or(0)];
            self.file.write_at(&zeros, end).map_err(WalError::io("extend", &self.path))?;
            self.allocated = ahead;
        }
        if !is_planted(PlantedBug::LogAckBeforeSync) {
            self.file.sync().map_err(WalError::io("sync", &self.path))?;
        }
        self.end = end;
        Ok(())
    }
}

/// The largest frame: a quarter for one entry or as many as fit there, and as
/// much again for the committed ids that go along.
pub(super) fn frame_bytes_max(segment_bytes: u64) -> u64 {
    segment_bytes / 2 + 2 * BLOCK as u64
}

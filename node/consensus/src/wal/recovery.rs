use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use mucura_runtime::{Disk, File, OpenMode, Runtime, read_exact_at};
use mucura_types::GroupId;

use super::core::State;
use super::error::WalError;
use super::frame::{BLOCK, BadHeader, Check, FRAME_HEADER, FrameHead, SegmentHeader, padded};
use super::group::{Group, Location};
use super::handle::{Recovered, WalOptions};
use super::record::{Change, Checkpoint, Record};
use super::segment::{Named, Segment};
use super::writer::{Writer, frame_bytes_max};

/// The name of the file whose lock keeps other processes out.
const LOCK: &str = "wal.lock";

/// Opens the log in `dir`, or begins one there; blocking.
pub(super) fn open(
    runtime: Runtime,
    dir: &Path,
    options: &WalOptions,
) -> Result<(Writer, State, Recovered), WalError> {
    let disk = runtime.disk.clone();
    disk.create_dir_all(dir).map_err(WalError::io("make", dir))?;
    if let Some(above) = dir.parent() {
        disk.sync_dir(above).map_err(WalError::io("sync", above))?;
    }
    let lock_path = dir.join(LOCK);
    let lock = disk.lock(&lock_path).map_err(WalError::io("lock", &lock_path))?;
    let (numbers, spares) = survey(&*disk, dir, options.spares_max)?;

    let mut writer = Writer {
        runtime,
        dir: dir.to_owned(),
        segment_bytes: options.segment_bytes,
        spares_max: options.spares_max,
        log: [0; 16],
        segments: VecDeque::new(),
        spares,
        points: BTreeMap::new(),
        sequence: 1,
        previous: [0; 16],
        _lock: lock,
    };
    let mut state = State::default();
    let mut recovered = Recovered::default();
    if numbers.is_empty() {
        writer.runtime.entropy.fill(&mut writer.log).map_err(WalError::io("draw an id for", dir))?;
        writer.roll()?;
    } else {
        Replay { writer: &mut writer, state: &mut state, recovered: &mut recovered, options }
            .run(&numbers)?;
        writer.drop_unneeded()?;
    }
    recovered.segments = writer.segments.len();
    state.files = writer.segments.iter().map(|s| (s.number, (s.path.clone(), s.file.clone()))).collect();
    state.bytes_on_disk = writer.bytes_on_disk();
    Ok((writer, state, recovered))
}

/// The segments there are, in order and without a gap, and the spare files.
fn survey(disk: &dyn Disk, dir: &Path, spares_max: usize) -> Result<(Vec<u64>, Vec<PathBuf>), WalError> {
    let (mut numbers, mut spares) = (Vec::new(), Vec::new());
    for entry in disk.list(dir).map_err(WalError::io("list", dir))? {
        match Named::parse(&entry.name) {
            Some(Named::Segment(number)) => numbers.push(number),
            Some(Named::Spare(_)) if spares.len() < spares_max => spares.push(dir.join(entry.name)),
            Some(Named::Spare(_) | Named::Unfinished(_)) => {
                let path = dir.join(entry.name);
                disk.remove_file(&path).map_err(WalError::io("remove", &path))?;
            }
            None => {}
        }
    }
    for pair in numbers.windows(2) {
        if pair[1] != pair[0] + 1 {
            let missing = Named::Segment(pair[0] + 1).path(dir);
            return Err(WalError::corrupt(&missing, 0, "this segment is missing"));
        }
    }
    Ok((numbers, spares))
}

struct Replay<'a> {
    writer: &'a mut Writer,
    state: &'a mut State,
    recovered: &'a mut Recovered,
    options: &'a WalOptions,
}

/// A frame that was read and verified.
struct Read {
    bytes: Bytes,
    check: Check,
}

impl Replay<'_> {
    fn run(mut self, numbers: &[u64]) -> Result<(), WalError> {
        let mut last_frame = (0, Bytes::new());
        for number in numbers {
            last_frame = self.segment(*number)?;
        }
        self.cut_tail(&last_frame)?;
        if let (false, Some(first)) =
            (self.state.groups.values().all(Group::is_whole), self.writer.segments.front())
        {
            return Err(WalError::corrupt(&first.path, 0, "the segments before this one are missing"));
        }
        Ok(())
    }

    /// Reads one segment and gives its last frame and where that stands.
    fn segment(&mut self, number: u64) -> Result<(u64, Bytes), WalError> {
        let path = Named::Segment(number).path(&self.writer.dir);
        let file =
            self.writer.runtime.disk.open(&path, OpenMode::ReadWrite).map_err(WalError::io("open", &path))?;
        let allocated = file.len().map_err(WalError::io("measure", &path))?;
        let header = self.header(&path, &*file, allocated, number)?;
        let mut segment = Segment {
            number,
            epoch: header.epoch,
            path,
            file,
            capacity: header.capacity,
            end: BLOCK as u64,
            allocated,
            highest: BTreeMap::new(),
        };
        let begins_log = self.writer.segments.is_empty();
        let mut last = (0, Bytes::new());
        while let Some(read) =
            read_frame(&segment, segment.end, self.writer.sequence, Some(&self.writer.previous))?
        {
            let at = segment.end;
            let records = Record::decode_all(&read.bytes.slice(FRAME_HEADER..))
                .ok_or_else(|| WalError::corrupt(&segment.path, at, "a frame holds no records"))?;
            if at == BLOCK as u64 {
                self.checkpoint(&segment, &records, begins_log)?;
            } else {
                self.frame(&mut segment, read.bytes.len(), records)?;
            }
            self.writer.sequence += 1;
            self.writer.previous = read.check;
            self.recovered.frames += 1;
            segment.end += padded(read.bytes.len()) as u64;
            last = (at, read.bytes);
        }
        if last.0 == 0 {
            // It was on the disk before the segment got its name.
            return Err(WalError::corrupt(&segment.path, BLOCK as u64, "the first frame is damaged"));
        }
        self.writer.segments.push_back(segment);
        Ok(last)
    }

    fn header(
        &mut self,
        path: &Path,
        file: &dyn File,
        allocated: u64,
        number: u64,
    ) -> Result<SegmentHeader, WalError> {
        if allocated < BLOCK as u64 {
            return Err(WalError::corrupt(path, 0, "the file is shorter than its header"));
        }
        let mut block = vec![0; BLOCK];
        read_exact_at(file, &mut block, 0).map_err(WalError::io("read", path))?;
        let header = SegmentHeader::decode(&block).map_err(|bad| match bad {
            BadHeader::Damaged => WalError::corrupt(path, 0, "the segment header is damaged"),
            BadHeader::UnknownFormat(version) => WalError::UnknownFormat { path: path.to_owned(), version },
        })?;
        if header.number != number {
            return Err(WalError::corrupt(path, 0, "the segment header names another segment"));
        }
        let Some(before) = self.writer.segments.back() else {
            (self.writer.log, self.writer.sequence, self.writer.previous) =
                (header.log, header.sequence, header.previous);
            return Ok(header);
        };
        if header.log != self.writer.log {
            return Err(WalError::corrupt(path, 0, "the segment belongs to another log"));
        }
        if (header.sequence, header.previous) != (self.writer.sequence, self.writer.previous) {
            return Err(WalError::corrupt(
                &before.path,
                before.end,
                "a frame is damaged, and others follow it",
            ));
        }
        Ok(header)
    }

    /// The first frame of a segment: the small state of all groups.
    fn checkpoint(
        &mut self,
        segment: &Segment,
        records: &[Record],
        begins_log: bool,
    ) -> Result<(), WalError> {
        let mut points = BTreeMap::<GroupId, Checkpoint>::new();
        for record in records {
            let Change::Checkpoint(point) = &record.change else {
                return Err(WalError::corrupt(
                    &segment.path,
                    BLOCK as u64,
                    "the first frame is no checkpoint",
                ));
            };
            points.insert(record.group, point.clone());
        }
        if begins_log {
            for (group, point) in &points {
                self.state.groups.insert(*group, Group::from_checkpoint(point.clone()));
            }
            self.writer.points = points;
        } else if points != self.writer.points {
            let what = "a checkpoint does not agree with what is before it";
            return Err(WalError::corrupt(&segment.path, BLOCK as u64, what));
        }
        Ok(())
    }

    fn frame(
        &mut self,
        segment: &mut Segment,
        frame_len: usize,
        records: Vec<Record>,
    ) -> Result<(), WalError> {
        let ticket = self.writer.sequence;
        for Record { group, change } in records {
            let follow = self.writer.points.entry(group).or_default().follow(&change);
            let apply = self.state.groups.entry(group).or_default().apply(&change, ticket);
            follow.and(apply).map_err(|what| WalError::corrupt(&segment.path, segment.end, what))?;
            if let Change::Append { index, at, .. } = change {
                let highest = segment.highest.entry(group).or_insert(index);
                *highest = index.max(*highest);
                let location = Location {
                    segment: segment.number,
                    epoch: segment.epoch,
                    sequence: self.writer.sequence,
                    frame: segment.end,
                    frame_len,
                    at,
                };
                self.state.settle(group, index, ticket, location);
                self.state.evict(self.options.cache_bytes);
                self.recovered.entries += 1;
            }
        }
        Ok(())
    }

    /// Makes the end of the log what it was read as, on the platter too.
    fn cut_tail(&mut self, (last_at, last): &(u64, Bytes)) -> Result<(), WalError> {
        let sequence = self.writer.sequence;
        let Some(segment) = self.writer.segments.back_mut() else {
            return Ok(());
        };
        let (path, end) = (&segment.path, segment.end);
        let mut at = end;
        while at < segment.allocated {
            if let Some(head) = read_head(segment, at)?
                && head.sequence >= sequence
                && read_frame(segment, at, head.sequence, None)?.is_some()
            {
                return Err(WalError::corrupt(path, end, "a frame is damaged, and others follow it"));
            }
            at += BLOCK as u64;
        }
        // Only one frame can have been under way.
        let reach = end.saturating_add(frame_bytes_max(segment.capacity)).min(segment.allocated);
        let mut tail = vec![0; usize::try_from(reach.saturating_sub(end)).unwrap_or(0)];
        read_exact_at(&*segment.file, &mut tail, end).map_err(WalError::io("read", path))?;
        if tail.iter().any(|byte| *byte != 0) {
            if FrameHead::decode(&tail).is_some_and(|head| head.epoch == segment.epoch) {
                self.recovered.cut = Some((path.clone(), end));
            }
            tail.fill(0);
            segment.file.write_at(&tail, end).map_err(WalError::io("cut", path))?;
        }
        // Before a kill the last frame may have been written and not synced,
        // or its sync may have failed, after which the system counts it as
        // clean: only writing it again makes sure.
        segment.file.write_at(last, *last_at).map_err(WalError::io("write", path))?;
        segment.file.sync().map_err(WalError::io("sync", path))?;
        let dir = &self.writer.dir;
        self.writer.runtime.disk.sync_dir(dir).map_err(WalError::io("sync", dir))
    }
}

/// The head of a frame of this life of the segment, not verified.
fn read_head(segment: &Segment, at: u64) -> Result<Option<FrameHead>, WalError> {
    if at + FRAME_HEADER as u64 > segment.allocated {
        return Ok(None);
    }
    let mut head = [0; FRAME_HEADER];
    read_exact_at(&*segment.file, &mut head, at).map_err(WalError::io("read", &segment.path))?;
    let fits = |head: &FrameHead| {
        head.epoch == segment.epoch && at.saturating_add(head.len() as u64) <= segment.allocated
    };
    Ok(FrameHead::decode(&head).filter(fits))
}

/// The frame at `at`, if it is whole and the one that is expected.
fn read_frame(
    segment: &Segment,
    at: u64,
    sequence: u64,
    previous: Option<&Check>,
) -> Result<Option<Read>, WalError> {
    let expected = |head: &FrameHead| {
        head.sequence == sequence && previous.is_none_or(|previous| *previous == head.previous)
    };
    let Some(head) = read_head(segment, at)?.filter(expected) else {
        return Ok(None);
    };
    let mut bytes = vec![0; head.len()];
    read_exact_at(&*segment.file, &mut bytes, at).map_err(WalError::io("read", &segment.path))?;
    Ok(head.verifies(&bytes).then(|| Read { bytes: bytes.into(), check: head.check }))
}

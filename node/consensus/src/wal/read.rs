use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use mucura_runtime::{File, read_exact_at};
use mucura_types::GroupId;

use super::core::State;
use super::error::WalError;
use super::frame::verified_payload;
use super::group::Location;
use super::handle::Wal;

/// How often a read begins again because a purge ran past it.
const ATTEMPTS: usize = 4;

/// An entry to be given: its bytes, or where they are.
struct Wanted {
    index: u64,
    len: usize,
    bytes: Option<Bytes>,
    location: Option<Location>,
}

/// One frame to be read.
struct FrameRead {
    path: PathBuf,
    file: Arc<dyn File>,
    location: Location,
}

impl Wal {
    /// The entries of `range` that there are, in order; fewer if they would
    /// exceed `max_bytes`, but at least one. Purged ones are left out, so what
    /// comes may begin after `range.start`. Entries that are on the disk alone
    /// are verified each time.
    ///
    /// # Errors
    /// [`WalError::Corrupt`] if an entry is not what was written;
    /// [`WalError::Io`].
    pub(crate) async fn read(
        &self,
        group: GroupId,
        range: Range<u64>,
        max_bytes: usize,
    ) -> Result<Vec<(u64, Bytes)>, WalError> {
        let mut attempt = 1;
        loop {
            let (wanted, frames) = self.core.state().plan(group, &range, max_bytes);
            if frames.is_empty() {
                return Ok(wanted.into_iter().filter_map(|w| Some((w.index, w.bytes?))).collect());
            }
            let job = self.runtime.blocking.run(move || fetch(wanted, &frames)).await;
            let result = job.unwrap_or_else(|error| Err(WalError::io("read", &self.dir)(error.into())));
            match result {
                // The file may have been taken for a new segment meanwhile;
                // then the entry is purged and not asked for again.
                Err(error) if attempt == ATTEMPTS || !self.core.state().has_purged(group, range.start) => {
                    return Err(error);
                }
                Err(_) => attempt += 1,
                Ok(entries) => return Ok(entries),
            }
        }
    }
}

impl State {
    fn plan(
        &self,
        group: GroupId,
        range: &Range<u64>,
        max_bytes: usize,
    ) -> (Vec<Wanted>, BTreeMap<(u64, u64), FrameRead>) {
        let (mut wanted, mut frames) = (Vec::new(), BTreeMap::new());
        let Some(entries) = self.groups.get(&group) else {
            return (wanted, frames);
        };
        let point = entries.point();
        let mut bytes = 0usize;
        for index in range.start.max(point.first)..range.end.min(point.next.unwrap_or(0)) {
            let Some(slot) = entries.slot(index) else {
                break;
            };
            bytes = bytes.saturating_add(slot.len);
            if bytes > max_bytes && !wanted.is_empty() {
                break;
            }
            if slot.bytes.is_none()
                && let Some(location) = slot.location
                && let Some((path, file)) = self.files.get(&location.segment)
            {
                frames.entry((location.segment, location.frame)).or_insert_with(|| FrameRead {
                    path: path.clone(),
                    file: file.clone(),
                    location,
                });
            }
            wanted.push(Wanted { index, len: slot.len, bytes: slot.bytes.clone(), location: slot.location });
        }
        (wanted, frames)
    }

    fn has_purged(&self, group: GroupId, index: u64) -> bool {
        self.groups.get(&group).is_some_and(|g| g.point().first > index)
    }
}

fn fetch(
    wanted: Vec<Wanted>,
    frames: &BTreeMap<(u64, u64), FrameRead>,
) -> Result<Vec<(u64, Bytes)>, WalError> {
    let mut payloads = BTreeMap::new();
    for (key, read) in frames {
        let location = read.location;
        let mut frame = vec![0; location.frame_len];
        read_exact_at(&*read.file, &mut frame, location.frame).map_err(WalError::io("read", &read.path))?;
        let payload =
            verified_payload(&frame.into(), location.epoch, location.sequence).ok_or_else(|| {
                WalError::corrupt(&read.path, location.frame, "a frame does not match its checksum")
            })?;
        payloads.insert(*key, payload);
    }
    let mut out = Vec::with_capacity(wanted.len());
    for want in wanted {
        let bytes = match (want.bytes, want.location) {
            (Some(bytes), _) => bytes,
            (None, Some(location)) => {
                let payload = payloads.get(&(location.segment, location.frame));
                match payload.filter(|payload| payload.len() >= location.at + want.len) {
                    Some(payload) => payload.slice(location.at..location.at + want.len),
                    None => break,
                }
            }
            (None, None) => break,
        };
        out.push((want.index, bytes));
    }
    Ok(out)
}

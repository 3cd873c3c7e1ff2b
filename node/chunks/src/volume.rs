use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mucura_runtime::{Disk, Space};
use mucura_types::StoreId;

use crate::dir_syncs::DirSyncs;
use crate::error::ChunkError;
use crate::identity::{DriveIdentity, quarantine_dir};
use crate::inventory::Inventory;
use crate::open_shards::OpenShards;
use crate::reports::{Report, ReportKind, ReportQueue};
use crate::shard::ShardName;
use crate::stop_mark::StopMark;

/// Bad shards that are kept for study; the ones after that are removed.
const QUARANTINE_MAX: usize = 256;

/// Whether a drive can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DriveState {
    /// It reads and writes.
    Online,
    /// It takes no shards, for want of space; reads and removals go on.
    Full,
    /// It is out of service, after an I/O error or because it was closed.
    Failed {
        /// Why.
        reason: String,
    },
}

/// The blocking half of a drive: everything that touches its files. Each method
/// runs on a thread that may wait.
pub(crate) struct Volume {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) dir: PathBuf,
    pub(crate) identity: DriveIdentity,
    pub(crate) reserve_bytes: Option<u64>,
    /// Files found at the start may not be on stable storage yet: the process
    /// was killed, but the machine went on.
    pub(crate) unsynced_start: bool,
    pub(crate) dir_syncs: DirSyncs,
    inventory: Mutex<Inventory>,
    open: Mutex<OpenShards>,
    reports: Mutex<ReportQueue>,
    state: Mutex<DriveState>,
    /// Names whose writers went away unfinished; see [`Volume::sweep`].
    abandoned: Mutex<Vec<ShardName>>,
    synced_dirs: Mutex<BTreeSet<PathBuf>>,
    /// Directories that names were taken from, unsynced.
    unsynced_removals: Mutex<BTreeSet<PathBuf>>,
    quarantined: Mutex<usize>,
    _lock: Box<dyn Send + Sync>,
}

impl Volume {
    /// Takes the drive in `dir`, reads the names on it, and notes that it is in
    /// use. `store` is the one that must be there.
    pub(crate) fn open(
        disk: Arc<dyn Disk>,
        dir: &Path,
        store: StoreId,
        reserve_bytes: Option<u64>,
    ) -> Result<Self, ChunkError> {
        let identity = DriveIdentity::read(&*disk, dir)?;
        if identity.store != store {
            let found =
                format!("drive {} of site {}, store {}", identity.drive, identity.site, identity.store);
            return Err(ChunkError::WrongDrive { path: dir.to_owned(), found });
        }
        let io = |op| move |source| ChunkError::Io { op, path: dir.to_owned(), source };
        let lock = disk.lock(&dir.join("lock")).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => ChunkError::InUse { path: dir.to_owned() },
            _ => io("lock drive")(error),
        })?;
        let boot = disk.boot_id().map_err(io("read boot id for"))?;
        let mark = StopMark::read(&*disk, dir, &boot).map_err(io("read clean mark of"))?;
        let inventory =
            list_shards(&*disk, dir, &identity, mark == StopMark::Clean).map_err(io("list shards of"))?;
        let quarantined = disk.list(&quarantine_dir(dir)).map_err(io("list quarantine of"))?.len();
        StopMark::write_in_use(&*disk, dir, &boot).map_err(io("write clean mark of"))?;
        Ok(Self {
            disk,
            dir: dir.to_owned(),
            identity,
            reserve_bytes,
            unsynced_start: mark == StopMark::SameBoot,
            dir_syncs: DirSyncs::default(),
            inventory: Mutex::new(inventory),
            open: Mutex::default(),
            reports: Mutex::default(),
            state: Mutex::new(DriveState::Online),
            abandoned: Mutex::default(),
            synced_dirs: Mutex::default(),
            unsynced_removals: Mutex::default(),
            quarantined: Mutex::new(quarantined),
            _lock: lock,
        })
    }

    /// Takes the drive out of service, and notes a clean stop if nothing is
    /// left in doubt.
    pub(crate) fn close(&self) -> Result<(), ChunkError> {
        self.ready()?;
        self.sweep();
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) =
            DriveState::Failed { reason: "it was closed".to_owned() };
        let certain = {
            let inventory = self.inventory();
            inventory.is_quiet() && inventory.all_proven()
        };
        if certain {
            // Or a file that was removed for being no shard might come back,
            // with nobody to look at it.
            self.sync_removals()
                .and_then(|()| StopMark::write_clean(&*self.disk, &self.dir))
                .map_err(|error| self.disk_error("close", error))?;
        }
        Ok(())
    }

    fn sync_removals(&self) -> io::Result<()> {
        let dirs =
            std::mem::take(&mut *self.unsynced_removals.lock().unwrap_or_else(PoisonError::into_inner));
        dirs.iter().try_for_each(|leaf| self.disk.sync_dir(leaf))
    }

    pub(crate) fn inventory(&self) -> MutexGuard<'_, Inventory> {
        self.inventory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn open_shards(&self) -> MutexGuard<'_, OpenShards> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn reports(&self) -> MutexGuard<'_, ReportQueue> {
        self.reports.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn state(&self) -> DriveState {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The directory of a shard's file.
    pub(crate) fn leaf(&self, shard: ShardName) -> PathBuf {
        self.identity.leaf_dir(&self.dir, shard)
    }

    /// A shard's file.
    pub(crate) fn path(&self, shard: ShardName) -> PathBuf {
        self.leaf(shard).join(shard.to_string())
    }

    /// Whether the drive is in service.
    pub(crate) fn ready(&self) -> Result<(), ChunkError> {
        match self.state() {
            DriveState::Failed { reason } => Err(ChunkError::Failed { path: self.dir.clone(), reason }),
            DriveState::Online | DriveState::Full => Ok(()),
        }
    }

    /// Says what an error of the system means, and takes the drive out of
    /// service if it means that.
    pub(crate) fn disk_error(&self, op: &str, error: io::Error) -> ChunkError {
        // Too many open files is not the disk's fault (ENFILE, EMFILE).
        let out_of_files = matches!(error.raw_os_error(), Some(23 | 24));
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                self.set_full(true);
                ChunkError::NoSpace { path: self.dir.clone() }
            }
            io::ErrorKind::OutOfMemory => ChunkError::Busy { what: "the system is out of memory" },
            _ if out_of_files => ChunkError::Busy { what: "the system is out of open files" },
            _ => {
                let reason = self.fail(format!("{op}: {error}"));
                ChunkError::Failed { path: self.dir.clone(), reason }
            }
        }
    }

    /// Takes the drive out of service; gives the reason, which is the first
    /// that there was.
    fn fail(&self, reason: String) -> String {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let DriveState::Failed { reason } = &*state {
            return reason.clone();
        }
        tracing::error!(drive = %self.identity.drive, dir = %self.dir.display(), reason, "drive out of service");
        *state = DriveState::Failed { reason: reason.clone() };
        reason
    }

    fn set_full(&self, full: bool) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let next = if full { DriveState::Full } else { DriveState::Online };
        if !matches!(*state, DriveState::Failed { .. }) && *state != next {
            tracing::warn!(drive = %self.identity.drive, full, "drive fill changed");
            *state = next;
        }
    }

    /// Looks whether the drive is still there and how full it is.
    pub(crate) fn check(&self) -> Result<Space, ChunkError> {
        self.ready()?;
        self.check_present()?;
        let space = self.disk.space(&self.dir).map_err(|error| self.disk_error("read free space", error))?;
        self.set_full(space.free < self.reserve(space));
        Ok(space)
    }

    /// Refuses a write of `bytes` that would go into the reserve.
    pub(crate) fn check_room(&self, bytes: u64) -> Result<(), ChunkError> {
        let space = self.disk.space(&self.dir).map_err(|error| self.disk_error("read free space", error))?;
        let full = space.free < self.reserve(space).saturating_add(bytes);
        self.set_full(full);
        match full {
            true => Err(ChunkError::NoSpace { path: self.dir.clone() }),
            false => Ok(()),
        }
    }

    fn reserve(&self, space: Space) -> u64 {
        self.reserve_bytes.unwrap_or_else(|| (space.total / 100).max((space.total / 20).min(1 << 30)))
    }

    /// A file was not there: is the drive still? A directory that was unmounted
    /// or removed is a failed drive, not an empty one.
    pub(crate) fn check_present(&self) -> Result<(), ChunkError> {
        match DriveIdentity::read(&*self.disk, &self.dir) {
            Ok(found) if found.store == self.identity.store => Ok(()),
            Ok(_) => Err(self.disk_error("look at drive", io::Error::other("another drive is in its place"))),
            Err(ChunkError::Io { source, .. }) => Err(self.disk_error("look at drive", source)),
            Err(error) => Err(self.disk_error("look at drive", io::Error::other(error.to_string()))),
        }
    }

    /// Makes the names in a directory survive a power cut; for files found at
    /// the start, once is enough.
    pub(crate) fn sync_found_dir(&self, leaf: PathBuf) -> io::Result<()> {
        let known = self.synced_dirs.lock().unwrap_or_else(PoisonError::into_inner).contains(&leaf);
        if !known {
            self.dir_syncs.sync(&*self.disk, &leaf)?;
            self.synced_dirs.lock().unwrap_or_else(PoisonError::into_inner).insert(leaf);
        }
        Ok(())
    }

    /// Takes a name for oneself until the result is dropped.
    pub(crate) fn claim(&self, shard: ShardName) -> Result<Claim<'_>, ChunkError> {
        match self.inventory().claim(shard) {
            true => Ok(Claim { volume: self, shard, kept: false }),
            false => Err(ChunkError::Busy { what: "somebody else is busy with this shard" }),
        }
    }

    /// Notes that the writer of a claimed name went away. Does no I/O, so that
    /// it can be called from anywhere.
    pub(crate) fn abandon(&self, shard: ShardName) {
        self.abandoned.lock().unwrap_or_else(PoisonError::into_inner).push(shard);
    }

    /// Removes what unfinished writers left behind. Whatever cannot be removed
    /// has no trailer, and so is no shard.
    pub(crate) fn sweep(&self) {
        let names = std::mem::take(&mut *self.abandoned.lock().unwrap_or_else(PoisonError::into_inner));
        for shard in names {
            self.discard(shard);
            self.inventory().release(shard);
        }
    }

    /// Removes a file that is of no more use, as far as that is possible.
    pub(crate) fn discard(&self, shard: ShardName) {
        match self.unlink(shard) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(drive = %self.identity.drive, %shard, %error, "unfinished shard stays behind");
            }
            _ => {}
        }
    }

    /// Takes a shard's file away. The name may come back at a power cut.
    pub(crate) fn unlink(&self, shard: ShardName) -> io::Result<()> {
        self.note_removal(shard);
        self.disk.remove_file(&self.path(shard))
    }

    fn note_removal(&self, shard: ShardName) {
        self.unsynced_removals.lock().unwrap_or_else(PoisonError::into_inner).insert(self.leaf(shard));
    }

    /// Takes a bad shard out of the way and reports it. `stamp` is that of the
    /// file that was found bad; if another has taken its place, nothing happens.
    pub(crate) fn quarantine(&self, shard: ShardName, stamp: u32, what: &'static str) -> ChunkError {
        let corrupt = ChunkError::Corrupt { shard, what };
        // If somebody else is busy with the name, they are removing it, or
        // found the same; a later read finds out.
        let Ok(_claim) = self.claim(shard) else { return corrupt };
        {
            let mut inventory = self.inventory();
            if inventory.get(shard).is_none_or(|entry| entry.stamp != stamp) {
                return corrupt;
            }
            inventory.remove(shard);
        }
        self.open_shards().forget(shard);
        tracing::warn!(drive = %self.identity.drive, %shard, what, "damaged shard goes into quarantine");
        self.reports().push(Report { shard, kind: ReportKind::Corrupt });
        let mut count = self.quarantined.lock().unwrap_or_else(PoisonError::into_inner);
        let moved = match *count < QUARANTINE_MAX {
            true => {
                self.note_removal(shard);
                let kept = quarantine_dir(&self.dir).join(shard.to_string());
                self.disk.rename(&self.path(shard), &kept)
            }
            false => self.unlink(shard),
        };
        match moved {
            Ok(()) => *count = (*count + 1).min(QUARANTINE_MAX),
            Err(error) => {
                drop(count);
                return self.disk_error("move shard into quarantine", error);
            }
        }
        corrupt
    }

    /// Bad shards that are kept.
    pub(crate) fn quarantined(&self) -> usize {
        *self.quarantined.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to a name, for as long as it lives.
pub(crate) struct Claim<'a> {
    volume: &'a Volume,
    shard: ShardName,
    kept: bool,
}

impl Claim<'_> {
    /// The name stays claimed until somebody releases or abandons it.
    pub(crate) fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        if !self.kept {
            self.volume.inventory().release(self.shard);
        }
    }
}

fn list_shards(disk: &dyn Disk, dir: &Path, identity: &DriveIdentity, proven: bool) -> io::Result<Inventory> {
    let mut inventory = Inventory::default();
    for leaf in identity.leaf_dirs(dir) {
        for entry in disk.list(&leaf)?.into_iter().filter(|entry| !entry.is_dir) {
            match entry.name.parse() {
                Ok(shard) if identity.leaf_dir(dir, shard) == leaf => drop(inventory.insert(shard, proven)),
                _ => tracing::warn!(dir = %leaf.display(), name = entry.name, "a file that is no shard"),
            }
        }
    }
    Ok(inventory)
}

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::names::{Inode, NameChange, parts};
use super::state::State;
use crate::{DirEntry, Disk, File, OpenMode, Space};

/// What a power cut leaves of what was not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsynced {
    /// All of it, unsynced as before: no power cut, but the end of the process.
    /// The boot id stays.
    Kept,
    /// Nothing.
    Lost,
    /// Any of it, by seeded choice: names one by one, contents by sectors of
    /// 512 bytes.
    Partly,
}

/// Which calls on a path fail, with `EIO` unless it says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SimFault {
    /// Reads of its contents.
    Read,
    /// Writes and changes of length.
    Write,
    /// Writes that need room, with `ENOSPC`, as if a volume of its own were full.
    Full,
    /// Syncs. As on Linux, what a failed sync should have written still reads
    /// well, is never written by a later sync, and is gone at a power cut.
    Sync,
}

/// A disk in memory. Clones are the same disk.
///
/// File contents survive [`SimDisk::crash`] if the file was synced after;
/// names if their directory was. A rename is one change; nothing is lost by
/// syncing only one of two directories, but a name that moved between
/// directories may then stand in both.
#[derive(Clone)]
pub struct SimDisk(Arc<Mutex<State>>);

impl SimDisk {
    /// An empty disk without limits, whose choices follow from `seed`.
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(State::new(seed))))
    }

    /// Cuts the power now: open files and locks are dead, every call fails
    /// until [`SimDisk::restart`], and the boot id is another.
    pub fn crash(&self, unsynced: Unsynced) {
        self.state().crash(unsynced);
    }

    /// Plans a power cut at the `n`th operation from now (1 is the next) that
    /// changes the disk: write, change of length, sync, creation, rename,
    /// removal. That operation fails, done as far as an unsynced one is.
    pub fn crash_at(&self, n: u64, unsynced: Unsynced) {
        let mut state = self.state();
        state.crash_at = Some((state.operations.saturating_add(n), unsynced));
    }

    /// Plans a power cut at the next sync of a file below `path` that has bytes
    /// in more than one sector to sync: of these that much is left that
    /// `unsynced` leaves.
    pub fn crash_at_sync(&self, path: impl Into<PathBuf>, unsynced: Unsynced) {
        self.state().crash_at_sync = Some((path.into(), unsynced));
    }

    /// Switches the power on again.
    pub fn restart(&self) {
        self.state().down = false;
    }

    /// Ends the process but not the machine: open files and locks are dead,
    /// and everything written is still there, synced or not.
    pub fn kill(&self) {
        self.state().kill();
    }

    /// Whether the power is off.
    pub fn is_down(&self) -> bool {
        self.state().down
    }

    /// The operations so far that changed the disk, as [`SimDisk::crash_at`]
    /// counts them.
    pub fn operations(&self) -> u64 {
        self.state().operations
    }

    /// Limits the bytes that files may hold; a write past it fails with
    /// `ENOSPC` after writing what fits.
    pub fn set_capacity(&self, bytes: u64) {
        self.state().capacity = bytes;
    }

    /// Lets calls fail on `path` and all below it, until
    /// [`SimDisk::clear_faults`].
    pub fn fail(&self, path: impl Into<PathBuf>, fault: SimFault) {
        self.state().faults.push((path.into(), fault));
    }

    /// Takes all planted faults back.
    pub fn clear_faults(&self) {
        self.state().faults.clear();
    }

    /// Flips the bits of `mask` in one byte of a file, for good.
    ///
    /// # Errors
    /// There is no such file.
    pub fn flip(&self, path: &Path, offset: u64, mask: u8) -> io::Result<()> {
        let mut state = self.state();
        let inode = state.find(path)?;
        state.contents(inode)?.flip(position(offset)?, mask);
        Ok(())
    }

    /// Files and directories that it remembers, named or not.
    #[cfg(test)]
    pub(super) fn inodes(&self) -> usize {
        self.state().inodes()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs one operation that changes the disk, and the power cut planned at it.
    fn change<T>(&self, work: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        let mut state = self.state();
        state.up()?;
        let crashes = state.count();
        let result = work(&mut state);
        if crashes { Err(state.crash_now()) } else { result }
    }
}

impl Disk for SimDisk {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        let exists = {
            let state = self.state();
            state.up()?;
            state.place(path)?;
            state.find(path).ok()
        };
        let inode = match (mode, exists) {
            (OpenMode::CreateNew, Some(_)) => return Err(io::ErrorKind::AlreadyExists.into()),
            (OpenMode::Read | OpenMode::ReadWrite, None) => return Err(io::ErrorKind::NotFound.into()),
            (OpenMode::Read | OpenMode::ReadWrite, Some(inode)) => inode,
            (OpenMode::CreateNew | OpenMode::Truncate, None) => self.change(|state| {
                let (dir, name) = state.place(path)?;
                Ok(state.make(dir, name, false))
            })?,
            (OpenMode::Truncate, Some(inode)) => self.change(|state| {
                let contents = state.contents(inode)?;
                let freed = contents.live.len() as u64;
                contents.set_len(0);
                state.used = state.used.saturating_sub(freed);
                Ok(inode)
            })?,
        };
        let mut state = self.state();
        state.contents(inode)?;
        *state.handles.entry(inode).or_default() += 1;
        Ok(Arc::new(SimFile { disk: self.clone(), inode, path: path.to_owned(), life: state.life, mode }))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<DirEntry>> {
        let state = self.state();
        state.up()?;
        let names = state.names(state.find(dir)?)?;
        let entry =
            |(name, inode): (&String, &Inode)| DirEntry { name: name.clone(), is_dir: state.is_dir(*inode) };
        Ok(names.live.iter().map(entry).collect())
    }

    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        let mut path = PathBuf::from("/");
        for part in parts(dir)? {
            path.push(part);
            let found = {
                let state = self.state();
                state.up()?;
                state.find(&path).map(|inode| state.is_dir(inode))
            };
            match found {
                Ok(true) => {}
                Ok(false) => return Err(io::ErrorKind::NotADirectory.into()),
                Err(_) => self.change(|state| {
                    let (above, name) = state.place(&path)?;
                    state.make(above, name, true);
                    Ok(())
                })?,
            }
        }
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.change(|state| {
            let inode = state.find(from)?;
            let (from_dir, from_name) = state.place(from)?;
            let (to_dir, to_name) = state.place(to)?;
            if let Ok(old) = state.find(to) {
                if old == inode {
                    return Ok(());
                }
                match (state.is_dir(inode), state.is_dir(old)) {
                    (false, true) => return Err(io::ErrorKind::IsADirectory.into()),
                    (true, false) => return Err(io::ErrorKind::NotADirectory.into()),
                    (true, true) if !state.names(old)?.live.is_empty() => {
                        return Err(io::ErrorKind::DirectoryNotEmpty.into());
                    }
                    _ => {}
                }
            }
            state.change_names(vec![
                NameChange { dir: to_dir, name: to_name, target: Some(inode) },
                NameChange { dir: from_dir, name: from_name, target: None },
            ]);
            Ok(())
        })
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.change(|state| {
            let inode = state.find(path)?;
            state.contents(inode)?;
            let (dir, name) = state.place(path)?;
            state.change_names(vec![NameChange { dir, name, target: None }]);
            Ok(())
        })
    }

    fn remove_dir_all(&self, dir: &Path) -> io::Result<()> {
        // Name by name, as an operating system does it: a power cut may leave
        // any of them.
        for entry in self.list(dir)? {
            let path = dir.join(&entry.name);
            if entry.is_dir { self.remove_dir_all(&path)? } else { self.remove_file(&path)? }
        }
        self.change(|state| {
            let (above, name) = state.place(dir)?;
            state.change_names(vec![NameChange { dir: above, name, target: None }]);
            Ok(())
        })
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.up()?;
        if state.count() {
            return Err(state.crash_now());
        }
        state.check(dir, SimFault::Sync)?;
        let inode = state.find(dir)?;
        state.names(inode)?;
        state.sync_names(inode);
        Ok(())
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        let state = self.state();
        state.up()?;
        Ok(state.find(path).is_ok())
    }

    fn space(&self, path: &Path) -> io::Result<Space> {
        let state = self.state();
        state.up()?;
        let free = match state.check(path, SimFault::Full) {
            Ok(()) => state.capacity.saturating_sub(state.used),
            Err(_) => 0,
        };
        Ok(Space { total: state.capacity, free })
    }

    fn boot_id(&self) -> io::Result<String> {
        let state = self.state();
        state.up()?;
        Ok(state.boot_id())
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Send + Sync>> {
        if !self.exists(path)? {
            drop(self.open(path, OpenMode::CreateNew)?);
        }
        let mut state = self.state();
        if !state.locks.insert(path.to_owned()) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(Box::new(SimLock { disk: self.clone(), path: path.to_owned(), life: state.life }))
    }
}

struct SimLock {
    disk: SimDisk,
    path: PathBuf,
    life: u64,
}

impl Drop for SimLock {
    fn drop(&mut self) {
        let mut state = self.disk.state();
        if state.life == self.life {
            state.locks.remove(&self.path);
        }
    }
}

struct SimFile {
    disk: SimDisk,
    inode: Inode,
    path: PathBuf,
    life: u64,
    mode: OpenMode,
}

impl SimFile {
    fn check(&self, state: &State, fault: SimFault) -> io::Result<()> {
        state.alive(self.life)?;
        if fault == SimFault::Write && self.mode == OpenMode::Read {
            return Err(io::Error::from_raw_os_error(9)); // EBADF
        }
        state.check(&self.path, fault)
    }

    /// How far the file may grow towards `end`, and takes the room.
    fn grow(state: &mut State, len: u64, end: u64) -> (u64, io::Result<()>) {
        let wanted = end.saturating_sub(len);
        let granted = wanted.min(state.capacity.saturating_sub(state.used));
        state.used += granted;
        let full = io::Error::from_raw_os_error(28); // ENOSPC
        (len.max(end.min(len + granted)), if granted < wanted { Err(full) } else { Ok(()) })
    }
}

impl Drop for SimFile {
    fn drop(&mut self) {
        let mut state = self.disk.state();
        if state.life == self.life
            && let Some(count) = state.handles.get_mut(&self.inode)
        {
            *count -= 1;
            if *count == 0 {
                state.handles.remove(&self.inode);
            }
        }
    }
}

impl File for SimFile {
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut state = self.disk.state();
        state.up()?;
        self.check(&state, SimFault::Read)?;
        let live = &state.contents(self.inode)?.live;
        let from = position(offset)?.min(live.len());
        let n = bytes.len().min(live.len() - from);
        bytes[..n].copy_from_slice(&live[from..from + n]);
        Ok(n)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.disk.change(|state| {
            self.check(state, SimFault::Write)?;
            let len = state.contents(self.inode)?.live.len() as u64;
            let wanted = offset + bytes.len() as u64;
            if wanted > len {
                state.check(&self.path, SimFault::Full)?;
            }
            let (end, result) = Self::grow(state, len, wanted);
            let fits = position(end.saturating_sub(offset))?.min(bytes.len());
            if fits > 0 {
                state.contents(self.inode)?.write(position(offset)?, &bytes[..fits]);
            }
            result
        })
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.disk.state();
        state.up()?;
        state.alive(self.life)?;
        if state.count() || state.counts_sync(&self.path, self.inode) {
            return Err(state.crash_now());
        }
        let checked = self.check(&state, SimFault::Sync);
        let contents = state.contents(self.inode)?;
        match checked {
            Ok(()) => contents.sync(),
            Err(_) => contents.fail_sync(),
        }
        checked
    }

    fn len(&self) -> io::Result<u64> {
        let mut state = self.disk.state();
        state.up()?;
        state.alive(self.life)?;
        Ok(state.contents(self.inode)?.live.len() as u64)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.disk.change(|state| {
            self.check(state, SimFault::Write)?;
            let now = state.contents(self.inode)?.live.len() as u64;
            if len > now {
                state.check(&self.path, SimFault::Full)?;
            }
            if len.saturating_sub(now) > state.capacity.saturating_sub(state.used) {
                return Err(io::Error::from_raw_os_error(28)); // ENOSPC
            }
            state.used += len.saturating_sub(now);
            state.used = state.used.saturating_sub(now.saturating_sub(len));
            state.contents(self.inode)?.set_len(position(len)?);
            Ok(())
        })
    }
}

fn position(offset: u64) -> io::Result<usize> {
    usize::try_from(offset).map_err(|_| io::ErrorKind::InvalidInput.into())
}

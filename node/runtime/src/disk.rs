use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenMode {
    /// For reading; it must exist.
    Read,
    /// For reading and writing; it must exist.
    ReadWrite,
    /// For reading and writing; it must not exist yet.
    CreateNew,
    /// For reading and writing; made, or emptied if it exists.
    Truncate,
}

/// One name in a directory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DirEntry {
    /// The name within its directory.
    pub name: String,
    /// Whether it is a directory itself.
    pub is_dir: bool,
}

/// The room on the file system that holds a path, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// All of it.
    pub total: u64,
    /// What may still be written.
    pub free: u64,
}

/// Files and directories. Calls block: asynchronous callers go through
/// [`crate::Blocking`].
///
/// What survives a power cut: file contents that [`File::sync`] covered, and
/// names (made, renamed, removed) whose directory [`Disk::sync_dir`] covered
/// afterwards. Nothing else is promised.
pub trait Disk: Send + Sync + 'static {
    /// Opens a file.
    ///
    /// # Errors
    /// The operating system's.
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>>;
    /// The names in a directory, sorted.
    ///
    /// # Errors
    /// The operating system's.
    fn list(&self, dir: &Path) -> io::Result<Vec<DirEntry>>;
    /// Makes a directory and those above it; no error if it is there.
    ///
    /// # Errors
    /// The operating system's.
    fn create_dir_all(&self, dir: &Path) -> io::Result<()>;
    /// Renames a file or directory, replacing a file of that name.
    ///
    /// # Errors
    /// The operating system's.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    ///
    /// # Errors
    /// The operating system's.
    fn remove_file(&self, path: &Path) -> io::Result<()>;
    /// Removes a directory with all that is in it.
    ///
    /// # Errors
    /// The operating system's.
    fn remove_dir_all(&self, dir: &Path) -> io::Result<()>;
    /// Makes the names in a directory survive a power cut.
    ///
    /// # Errors
    /// The operating system's.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
    /// Whether anything has this name.
    ///
    /// # Errors
    /// The operating system's, except that it is not there.
    fn exists(&self, path: &Path) -> io::Result<bool>;
    /// The room on the file system that holds `path`.
    ///
    /// # Errors
    /// The operating system's.
    fn space(&self, path: &Path) -> io::Result<Space>;
    /// Names the boot of this machine: what was written but not synced under
    /// another boot may be gone.
    ///
    /// # Errors
    /// The operating system does not tell.
    fn boot_id(&self) -> io::Result<String>;
    /// Takes the exclusive lock of a file (made if need be) for as long as the
    /// result lives, so that two processes never share a directory.
    ///
    /// # Errors
    /// `WouldBlock` if another process holds it; else the operating system's.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn Send + Sync>>;
}

/// An open file; reads and writes name their offset.
pub trait File: Send + Sync {
    /// Reads up to `bytes.len()` bytes; 0 at the end.
    ///
    /// # Errors
    /// The operating system's.
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Writes all of `bytes`.
    ///
    /// # Errors
    /// The operating system's; part of it may have been written.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Makes contents and length survive a power cut (`fdatasync`). After an
    /// error nothing may be assumed of what was written since the last
    /// success; it must not be tried again.
    ///
    /// # Errors
    /// The operating system's.
    fn sync(&self) -> io::Result<()>;
    /// The length in bytes.
    ///
    /// # Errors
    /// The operating system's.
    fn len(&self) -> io::Result<u64>;
    /// Whether it has no bytes.
    ///
    /// # Errors
    /// The operating system's.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
    /// Cuts or extends (with zeros) to `len` bytes.
    ///
    /// # Errors
    /// The operating system's.
    fn set_len(&self, len: u64) -> io::Result<()>;
}

/// Fills `bytes` from `offset`.
///
/// # Errors
/// `UnexpectedEof` if the file ends first; else the operating system's.
pub fn read_exact_at(file: &dyn File, bytes: &mut [u8], offset: u64) -> io::Result<()> {
    let mut done = 0;
    while done < bytes.len() {
        match file.read_at(&mut bytes[done..], offset + done as u64)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            n => done += n,
        }
    }
    Ok(())
}

/// A whole file of at most `limit` bytes.
///
/// # Errors
/// `FileTooLarge` past the limit; else the operating system's.
pub fn read_file(disk: &dyn Disk, path: &Path, limit: usize) -> io::Result<Vec<u8>> {
    let file = disk.open(path, OpenMode::Read)?;
    let len = usize::try_from(file.len()?).unwrap_or(usize::MAX);
    if len > limit {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    let mut bytes = vec![0; len];
    read_exact_at(&*file, &mut bytes, 0)?;
    Ok(bytes)
}

/// Replaces a small file as a whole: after a power cut it holds the old
/// contents or the new, and the new once this has returned.
///
/// # Errors
/// The operating system's; the old contents still stand.
pub fn replace_file(disk: &dyn Disk, path: &Path, contents: &[u8]) -> io::Result<()> {
    let dir = path.parent().unwrap_or_else(|| Path::new("."));
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let temporary: PathBuf = dir.join(name);
    let file = disk.open(&temporary, OpenMode::Truncate)?;
    file.write_at(contents, 0)?;
    file.sync()?;
    disk.rename(&temporary, path)?;
    disk.sync_dir(dir)
}

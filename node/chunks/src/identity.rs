use std::io;
use std::path::{Path, PathBuf};

use mucura_runtime::{Disk, Runtime, read_file, replace_file};
use mucura_types::{DriveId, SiteId, StoreId};

use crate::error::ChunkError;
use crate::shard::ShardName;

/// The file that makes a directory a drive.
const ID_FILE: &str = "mucura-drive";
const ID_FILE_BYTES_MAX: usize = 4096;
const FIRST_LINE: &str = "mucura drive, format 1";
/// A drive that was formatted before the site gave it a number.
const UNNUMBERED: DriveId = DriveId(0);
/// More would make a million directories.
const LEVELS_MAX: u8 = 2;

/// What a drive says of itself, in its id file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DriveIdentity {
    /// The site that it belongs to.
    pub site: SiteId,
    /// Its number in that site; 0 until the site has given it one. A
    /// replacement has the same.
    pub drive: DriveId,
    /// Made at random when it was formatted: tells it from its replacement.
    pub store: StoreId,
    /// Levels of directories under `shards`, each of 256.
    pub levels: u8,
}

impl DriveIdentity {
    /// What a directory says that it is.
    ///
    /// # Errors
    /// `NotFormatted`; `WrongDrive`: the id file is damaged; `Io`.
    pub(crate) fn read(disk: &dyn Disk, dir: &Path) -> Result<Self, ChunkError> {
        let path = dir.join(ID_FILE);
        let bytes = match read_file(disk, &path, ID_FILE_BYTES_MAX) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(ChunkError::NotFormatted { path: dir.to_owned() });
            }
            Err(source) => return Err(ChunkError::Io { op: "read drive id", path, source }),
        };
        std::str::from_utf8(&bytes).ok().and_then(Self::parse).ok_or_else(|| ChunkError::WrongDrive {
            path: dir.to_owned(),
            found: "its id file is damaged".to_owned(),
        })
    }

    /// Makes `dir` a drive. Nothing that is there is touched, and a directory
    /// that was a drive, or holds shards, is refused.
    ///
    /// # Errors
    /// `WrongDrive`: it is one, or holds shards; `Invalid`: more levels than
    /// 2; `Io`.
    pub(crate) fn format(
        runtime: &Runtime,
        dir: &Path,
        site: SiteId,
        drive: DriveId,
        levels: u8,
    ) -> Result<Self, ChunkError> {
        if levels > LEVELS_MAX {
            return Err(ChunkError::invalid("a drive has at most 2 levels of directories"));
        }
        let disk = &*runtime.disk;
        let mut store = [0; 16];
        let io = |op| move |source| ChunkError::Io { op, path: dir.to_owned(), source };
        runtime.entropy.fill(&mut store).map_err(io("make an id for"))?;
        let identity = Self { site, drive, store: StoreId(store), levels };
        let wrong =
            |found: &str| Err(ChunkError::WrongDrive { path: dir.to_owned(), found: found.to_owned() });
        if disk.exists(&dir.join(ID_FILE)).map_err(io("look at"))? {
            return wrong("it is formatted already");
        }
        // Found out before they are made: the directories that get new names.
        let mut above = vec![parent(dir)];
        for path in dir.ancestors().filter(|path| !path.as_os_str().is_empty()) {
            if disk.exists(path).map_err(io("look at"))? {
                break;
            }
            above.push(parent(path));
        }
        disk.create_dir_all(dir).map_err(io("make"))?;
        let leaves = leaf_dirs(dir, levels);
        for leaf in &leaves {
            disk.create_dir_all(leaf).map_err(io("make directories in"))?;
            if disk.list(leaf).map_err(io("list"))?.iter().any(|entry| !entry.is_dir) {
                return wrong("it holds shards, but has lost its id file");
            }
        }
        disk.create_dir_all(&quarantine_dir(dir)).map_err(io("make directories in"))?;
        // Names live in the directory above them: sync all that have new ones,
        // and only then say that it is a drive.
        above.push(dir.to_owned());
        above.extend((0..levels).flat_map(|level| leaf_dirs(dir, level)));
        above.iter().try_for_each(|parent| disk.sync_dir(parent)).map_err(io("sync directories of"))?;
        replace_file(disk, &dir.join(ID_FILE), identity.text().as_bytes())
            .map_err(io("write drive id in"))?;
        Ok(identity)
    }

    /// Writes down the number that the site gave to a drive without one.
    ///
    /// # Errors
    /// `WrongDrive`: it has another number, or is another drive; else as
    /// [`DriveIdentity::read`].
    pub(crate) fn number(
        disk: &dyn Disk,
        dir: &Path,
        store: StoreId,
        drive: DriveId,
    ) -> Result<Self, ChunkError> {
        let found = Self::read(disk, dir)?;
        if found.store != store || (found.drive != UNNUMBERED && found.drive != drive) {
            let found = format!("drive {}, store {}", found.drive, found.store);
            return Err(ChunkError::WrongDrive { path: dir.to_owned(), found });
        }
        let identity = Self { drive, ..found };
        replace_file(disk, &dir.join(ID_FILE), identity.text().as_bytes())
            .map_err(|source| ChunkError::Io { op: "write drive id in", path: dir.to_owned(), source })?;
        Ok(identity)
    }

    /// The directory that holds a shard's file.
    pub(crate) fn leaf_dir(&self, dir: &Path, shard: ShardName) -> PathBuf {
        // Not the first byte: that is the placement group, and a drive holds
        // but some of these.
        let hash = blake3::hash(&shard.chunk.to_bytes());
        let mut leaf = shards_dir(dir);
        for byte in &hash.as_bytes()[8..8 + usize::from(self.levels)] {
            leaf.push(hex_byte(*byte));
        }
        leaf
    }

    /// All directories that hold shards.
    pub(crate) fn leaf_dirs(&self, dir: &Path) -> Vec<PathBuf> {
        leaf_dirs(dir, self.levels)
    }

    fn text(&self) -> String {
        let body = format!(
            "{FIRST_LINE}\nsite {}\ndrive {}\nstore {}\nlevels {}\n",
            self.site, self.drive, self.store, self.levels
        );
        let check = blake3::hash(body.as_bytes()).to_hex();
        format!("{body}check {check}\n")
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let mut field = |name: &str| lines.next()?.strip_prefix(name)?.strip_prefix(' ').map(str::to_owned);
        if field("mucura drive,")? != "format 1" {
            return None;
        }
        let identity = Self {
            site: field("site")?.parse().ok()?,
            drive: field("drive")?.parse().ok()?,
            store: field("store")?.parse().ok()?,
            levels: field("levels")?.parse().ok().filter(|levels| *levels <= LEVELS_MAX)?,
        };
        // The check line is checked by making the text again.
        (identity.text() == text).then_some(identity)
    }
}

/// Where shards go that do not match their checksums.
pub(crate) fn quarantine_dir(dir: &Path) -> PathBuf {
    dir.join("quarantine")
}

fn shards_dir(dir: &Path) -> PathBuf {
    dir.join("shards")
}

fn leaf_dirs(dir: &Path, levels: u8) -> Vec<PathBuf> {
    let mut dirs = vec![shards_dir(dir)];
    for _ in 0..levels {
        dirs = dirs.iter().flat_map(|parent| (0..=255).map(|byte| parent.join(hex_byte(byte)))).collect();
    }
    dirs
}

/// The directory that a name is in.
fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => PathBuf::from("."),
        Some(parent) => parent.to_owned(),
        None => path.to_owned(),
    }
}

fn hex_byte(byte: u8) -> String {
    format!("{byte:02x}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shard::tests::name;
    use mucura_runtime::{OpenMode, RealDisk};

    fn format(dir: &Path, levels: u8) -> Result<DriveIdentity, ChunkError> {
        DriveIdentity::format(&Runtime::real(1), dir, SiteId(3), DriveId(12), levels)
    }

    #[test]
    fn a_formatted_directory_says_what_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let drive = dir.path().join("new");
        assert!(matches!(DriveIdentity::read(&RealDisk, &drive), Err(ChunkError::NotFormatted { .. })));
        let identity = format(&drive, 1).unwrap();
        assert_eq!(DriveIdentity::read(&RealDisk, &drive).unwrap(), identity);
        assert_eq!(identity.leaf_dirs(&drive).len(), 256);
        assert!(identity.leaf_dirs(&drive).contains(&identity.leaf_dir(&drive, name(1, 0))));
        assert!(matches!(format(&drive, 1), Err(ChunkError::WrongDrive { .. })));
        assert!(matches!(format(&dir.path().join("deep"), 3), Err(ChunkError::Invalid { .. })));
    }

    #[test]
    fn every_changed_byte_of_the_id_file_is_found() {
        let dir = tempfile::tempdir().unwrap();
        format(dir.path(), 0).unwrap();
        let path = dir.path().join(ID_FILE);
        let good = read_file(&RealDisk, &path, 4096).unwrap();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            replace_file(&RealDisk, &path, &bad).unwrap();
            assert!(matches!(DriveIdentity::read(&RealDisk, dir.path()), Err(ChunkError::WrongDrive { .. })));
        }
    }

    #[test]
    fn shards_without_an_id_file_are_not_formatted_over() {
        let dir = tempfile::tempdir().unwrap();
        format(dir.path(), 0).unwrap();
        RealDisk.open(&dir.path().join("shards/1-1-0.0"), OpenMode::CreateNew).unwrap();
        RealDisk.remove_file(&dir.path().join(ID_FILE)).unwrap();
        assert!(matches!(format(dir.path(), 0), Err(ChunkError::WrongDrive { .. })));
    }

    #[test]
    fn golden_id_file() {
        let identity =
            DriveIdentity { site: SiteId(3), drive: DriveId(12), store: StoreId([0xab; 16]), levels: 1 };
        let text = identity.text();
        assert_eq!(
            text,
            "mucura drive, format 1\nsite 3\ndrive 12\nstore abababababababababababababababab\nlevels 1\n\
             check 9f6ef5ba3f0b346965993e75d179b2d989facc4ac2fbefafe5abfbd55866eed0\n"
        );
        assert_eq!(DriveIdentity::parse(&text), Some(identity));
    }
}

use std::path::{Path, PathBuf};

use mucura_runtime::Disk;
use mucura_types::GroupId;

use super::error::SnapshotError;

const FINISHED: &str = ".snap";
const UNFINISHED: &str = ".snap.part";

/// A finished snapshot in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SnapshotEntry {
    /// The index of the last entry that it holds, from its name.
    pub(crate) index: u64,
    /// The file.
    pub(crate) path: PathBuf,
}

/// The file of the snapshot of `group` that holds all entries up to `index`.
pub(crate) fn snapshot_path(dir: &Path, group: GroupId, index: u64) -> PathBuf {
    dir.join(format!("{}{index:020}{FINISHED}", prefix(group)))
}

/// The name of a file that is not finished yet.
pub(super) fn part_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    name.into()
}

/// The finished snapshots of `group`, newest first; none if there is no `dir`.
///
/// # Errors
/// [`SnapshotError::Io`].
pub(crate) fn list_snapshots(
    disk: &dyn Disk,
    dir: &Path,
    group: GroupId,
) -> Result<Vec<SnapshotEntry>, SnapshotError> {
    if !disk.exists(dir).map_err(SnapshotError::io("look for", dir))? {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for entry in disk.list(dir).map_err(SnapshotError::io("list", dir))? {
        let rest = entry.name.strip_prefix(&prefix(group)).and_then(|rest| rest.strip_suffix(FINISHED));
        if let Some(index) = rest.filter(|digits| digits.len() == 20).and_then(|digits| digits.parse().ok()) {
            found.push(SnapshotEntry { index, path: dir.join(entry.name) });
        }
    }
    found.sort_by_key(|entry| std::cmp::Reverse(entry.index));
    Ok(found)
}

/// Removes all finished snapshots of `group` but the newest `keep`, and gives
/// those that are left, newest first.
///
/// # Errors
/// [`SnapshotError::Io`].
pub(crate) fn prune_snapshots(
    disk: &dyn Disk,
    dir: &Path,
    group: GroupId,
    keep: usize,
) -> Result<Vec<SnapshotEntry>, SnapshotError> {
    let mut found = list_snapshots(disk, dir, group)?;
    let old = found.split_off(keep.min(found.len()));
    // The oldest first: a power cut then leaves the newest ones.
    for entry in old.iter().rev() {
        disk.remove_file(&entry.path).map_err(SnapshotError::io("remove", &entry.path))?;
    }
    if !old.is_empty() {
        disk.sync_dir(dir).map_err(SnapshotError::io("sync", dir))?;
    }
    Ok(found)
}

/// Removes what was never finished, of all groups. Only before anything is
/// written or received: at the start.
///
/// # Errors
/// [`SnapshotError::Io`].
pub(crate) fn remove_unfinished_snapshots(disk: &dyn Disk, dir: &Path) -> Result<(), SnapshotError> {
    if !disk.exists(dir).map_err(SnapshotError::io("look for", dir))? {
        return Ok(());
    }
    for entry in disk.list(dir).map_err(SnapshotError::io("list", dir))? {
        if entry.name.ends_with(UNFINISHED) {
            let path = dir.join(entry.name);
            disk.remove_file(&path).map_err(SnapshotError::io("remove", &path))?;
        }
    }
    Ok(())
}

fn prefix(group: GroupId) -> String {
    format!("g{group}-")
}

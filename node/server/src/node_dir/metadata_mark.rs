use mucura_runtime::Disk;
use mucura_types::StoreId;

use super::{Done, NodeDir, NodeDirError};

/// In the metadata's directory: whose metadata it is.
const STORE_FILE: &str = "store-id";
/// Beside it: the node has had metadata.
const BEGUN_FILE: &str = "metadata-begun";

/// A node that lost its log and starts with an empty one could vote a second
/// time in a term, and for a leader that lacks what it had acknowledged itself.
/// So the log is known by two marks, one of them outside of its directory.
impl NodeDir {
    /// Looks whether the metadata that this node once had is still there.
    ///
    /// # Errors
    /// `MetadataLost`, `Io`, `Malformed`.
    pub(crate) fn check_metadata(&self, disk: &dyn Disk, store: StoreId) -> Done<()> {
        let lost = |reason: &str| NodeDirError::MetadataLost { path: self.meta(), reason: reason.to_owned() };
        let exists = |path: &std::path::Path| disk.exists(path).map_err(self.io("look at", path));
        if !exists(&self.path().join(BEGUN_FILE))? {
            return Ok(());
        }
        let (mark, wal) = (self.meta().join(STORE_FILE), self.meta().join("wal"));
        if !exists(&mark)? {
            return Err(lost("it is empty, or not mounted"));
        }
        if self.read(disk, &mark)?.trim() != store.to_string() {
            return Err(lost("it is another node's"));
        }
        let is_segment = |name: &str| name.ends_with(".wal");
        let has_log = exists(&wal)?
            && disk.list(&wal).map_err(self.io("list", &wal))?.iter().any(|entry| is_segment(&entry.name));
        if has_log { Ok(()) } else { Err(lost("its log is gone")) }
    }

    /// Notes that the node has metadata from now on.
    ///
    /// # Errors
    /// `Io`.
    pub(crate) fn mark_metadata(&self, disk: &dyn Disk, store: StoreId) -> Done<()> {
        let begun = self.path().join(BEGUN_FILE);
        if disk.exists(&begun).map_err(self.io("look at", &begun))? {
            return Ok(());
        }
        let line = format!("{store}\n");
        self.write(disk, &self.meta().join(STORE_FILE), line.as_bytes())?;
        self.write(disk, &begun, line.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mucura_runtime::Runtime;

    #[test]
    fn metadata_that_was_there_and_is_not_is_missed() {
        let dir = tempfile::tempdir().unwrap();
        let disk = &*Runtime::real(1).disk;
        let node = NodeDir::at(dir.path());
        let (own, other) = (StoreId([1; 16]), StoreId([2; 16]));
        let segment = node.meta().join("wal/00000000000000000001.wal");
        assert!(node.check_metadata(disk, own).is_ok(), "the first start");
        std::fs::create_dir_all(segment.parent().unwrap()).unwrap();
        std::fs::write(&segment, b"log").unwrap();
        node.mark_metadata(disk, own).unwrap();
        node.mark_metadata(disk, own).unwrap();
        assert!(node.check_metadata(disk, own).is_ok());

        let reason = |store| node.check_metadata(disk, store).unwrap_err().to_string();
        assert!(reason(other).contains("another node's"));
        std::fs::remove_file(&segment).unwrap();
        assert!(reason(own).contains("its log is gone"));
        std::fs::remove_dir_all(node.meta()).unwrap();
        assert!(reason(own).contains("empty, or not mounted") && reason(own).contains("must not vote"));
        std::fs::create_dir_all(node.meta()).unwrap();
        assert!(reason(own).contains("empty, or not mounted"));
    }
}

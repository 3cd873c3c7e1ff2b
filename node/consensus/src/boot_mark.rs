use std::io;
use std::path::Path;

use mucura_runtime::{Disk, read_file, replace_file};
use serde::{Deserialize, Serialize};

use crate::encoding;

const BYTES_MAX: usize = 4096;

/// The file beside a state store that says whether it may be used again. A
/// mark that is missing or unreadable says no.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    /// The boot of the machine under which the store was last opened.
    boot: String,
    /// Whether it was closed in order since then.
    clean: bool,
}

/// Whether a store left behind holds what was written to it: it was closed in
/// order, or only the process died since, not the machine.
pub(crate) fn may_be_used(disk: &dyn Disk, path: &Path, boot: &str) -> bool {
    let Ok(bytes) = read_file(disk, path, BYTES_MAX) else { return false };
    encoding::decode::<Mark>("boot mark", &bytes).is_ok_and(|mark| mark.clean || mark.boot == boot)
}

/// Says that the store is open under this boot, or closed in order.
pub(crate) fn write(disk: &dyn Disk, path: &Path, boot: &str, clean: bool) -> io::Result<()> {
    replace_file(disk, path, &encoding::encode(&Mark { boot: boot.to_owned(), clean }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use mucura_runtime::RealDisk;

    #[test]
    fn only_a_clean_end_or_the_same_boot_let_a_store_be_used() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("mark");
        assert!(!may_be_used(&RealDisk, &path, "a"), "no mark");
        write(&RealDisk, &path, "a", false).unwrap();
        assert!(may_be_used(&RealDisk, &path, "a"));
        assert!(!may_be_used(&RealDisk, &path, "b"));
        write(&RealDisk, &path, "a", true).unwrap();
        assert!(may_be_used(&RealDisk, &path, "b"));
        replace_file(&RealDisk, &path, b"\x07rot").unwrap();
        assert!(!may_be_used(&RealDisk, &path, "a"), "damaged");
    }
}

use std::io;
use std::path::Path;

use mucura_runtime::{Disk, read_file, replace_file};

const FILE: &str = "stop-mark";

/// How the drive was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StopMark {
    /// Orderly: every file of a shard's name is a whole shard.
    Clean,
    /// By a crash of the process: what it wrote is still there, perhaps not on
    /// stable storage.
    SameBoot,
    /// By a crash of the machine: what is there is on stable storage, perhaps
    /// not whole.
    OtherBoot,
}

impl StopMark {
    pub(crate) fn read(disk: &dyn Disk, dir: &Path, boot: &str) -> io::Result<Self> {
        match read_file(disk, &dir.join(FILE), 1024) {
            Ok(text) if text == b"clean\n" => Ok(Self::Clean),
            Ok(text) if text.starts_with(b"in use, boot ") && text != in_use(boot).as_bytes() => {
                Ok(Self::OtherBoot)
            }
            // Whatever else it says, or nothing: assume the worst.
            Ok(_) => Ok(Self::SameBoot),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::SameBoot),
            Err(error) => Err(error),
        }
    }

    pub(crate) fn write_in_use(disk: &dyn Disk, dir: &Path, boot: &str) -> io::Result<()> {
        replace_file(disk, &dir.join(FILE), in_use(boot).as_bytes())
    }

    pub(crate) fn write_clean(disk: &dyn Disk, dir: &Path) -> io::Result<()> {
        replace_file(disk, &dir.join(FILE), b"clean\n")
    }
}

fn in_use(boot: &str) -> String {
    format!("in use, boot {boot}\n")
}

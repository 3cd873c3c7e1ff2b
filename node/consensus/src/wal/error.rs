use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What went wrong with the log.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum WalError {
    /// A write or sync failed before; nothing is written any more and the
    /// process must stop. Whether what waited is on the disk is unknown.
    #[error("the log stopped writing: {reason}")]
    Poisoned {
        /// What failed first.
        reason: Arc<str>,
    },
    /// The log was shut down. What waited may or may not be on the disk.
    #[error("the log is closed")]
    Closed,
    /// A file holds something else than what was written to it.
    #[error(
        "{path} is damaged at byte {offset}: {what}; what the log says about votes and entries cannot be trusted: \
         restore this node's metadata from its peers (wipe its metadata directory and let it join under a new id)"
    )]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// Where in it, in bytes.
        offset: u64,
        /// What is wrong there.
        what: &'static str,
    },
    /// A file was written by a newer version of this program.
    #[error("{path} has format {version}, which this version does not know")]
    UnknownFormat {
        /// The file.
        path: PathBuf,
        /// The format it names.
        version: u32,
    },
    /// The submission does not fit what the log holds: a caller's bug.
    #[error("group {group}: entry {index} does not follow, the log goes on at {expected}")]
    OutOfOrder {
        /// The group.
        group: u32,
        /// What was submitted.
        index: u64,
        /// What would have fitted.
        expected: u64,
    },
    /// Too many bytes for one record.
    #[error("a record of {bytes} bytes, {limit} are the limit")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// The file system failed.
    #[error("{op} {path}: {source}")]
    Io {
        /// What was being done.
        op: &'static str,
        /// To which file.
        path: PathBuf,
        /// The file system's error.
        source: Arc<io::Error>,
    },
}

impl WalError {
    pub(super) fn io<'a>(op: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> Self + 'a {
        move |source| Self::Io { op, path: path.to_owned(), source: Arc::new(source) }
    }

    pub(super) fn corrupt(path: &Path, offset: u64, what: &'static str) -> Self {
        Self::Corrupt { path: path.to_owned(), offset, what }
    }
}

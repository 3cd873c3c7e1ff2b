use std::io;
use std::path::{Path, PathBuf};

/// What went wrong with a snapshot file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SnapshotError {
    /// The file is not what was written: use another snapshot.
    #[error("{path} is damaged at byte {offset}: {what}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where in it, in bytes.
        offset: u64,
        /// What is wrong there.
        what: &'static str,
    },
    /// The file was written by a newer version of this program.
    #[error("{path} has format {version}, which this version does not know")]
    UnknownFormat {
        /// The file.
        path: PathBuf,
        /// The format it names.
        version: u32,
    },
    /// What was given does not follow what was given before: a caller's bug.
    #[error("{path}: {what}")]
    OutOfOrder {
        /// The file.
        path: PathBuf,
        /// What was expected instead.
        what: &'static str,
    },
    /// Too many bytes for one row or one meta field.
    #[error("{bytes} bytes in one piece, {limit} are the limit")]
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
        source: io::Error,
    },
}

impl SnapshotError {
    pub(super) fn io<'a>(op: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> Self + 'a {
        move |source| Self::Io { op, path: path.to_owned(), source }
    }

    pub(super) fn damaged(path: &Path, offset: u64, what: &'static str) -> Self {
        Self::Damaged { path: path.to_owned(), offset, what }
    }
}

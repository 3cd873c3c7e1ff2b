//! Headers and parameters that change what a request means and that we do not serve.
//!
//! To ignore one would be a wrong success: an object stored unencrypted, public or unlocked
//! though the client was told otherwise.

use crate::error::{ErrorCode, S3Error};
use crate::head::RequestHead;

/// Headers that are refused whatever their value.
const REFUSED: &[&str] = &[
    "x-amz-if-match-initiated-time",
    "x-amz-if-match-last-modified-time",
    "x-amz-if-match-size",
    "x-amz-mfa",
    "x-amz-rename-source",
    "x-amz-write-offset-bytes",
];

const REFUSED_PREFIXES: &[&str] = &["x-amz-rename-source-"];

/// `NotImplemented` (or `InvalidStorageClass`) for what we would have to ignore.
pub(crate) fn refuse_what_we_would_ignore(head: &RequestHead<'_>) -> Result<(), S3Error> {
    for (name, value) in head.headers {
        let name = name.as_str();
        let value = value.as_bytes();
        if REFUSED.contains(&name) || REFUSED_PREFIXES.iter().any(|prefix| name.starts_with(prefix)) {
            return Err(S3Error::header_not_implemented(name));
        }
        if name == "x-amz-storage-class" && value != b"STANDARD" {
            return Err(S3Error::new(ErrorCode::InvalidStorageClass)
                .field("StorageClassRequested", String::from_utf8_lossy(value)));
        }
    }
    Ok(())
}

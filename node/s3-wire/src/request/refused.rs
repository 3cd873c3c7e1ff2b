//! Headers and parameters that change what a request means and that we do not serve.
//!
//! To ignore one would be a wrong success: an object stored unencrypted, public or unlocked
//! though the client was told otherwise.

use crate::error::S3Error;
use crate::head::RequestHead;
use crate::request::OperationName;
use crate::uri::Query;

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

/// `NotImplemented` for what we would have to ignore.
pub(crate) fn refuse_what_we_would_ignore(head: &RequestHead<'_>) -> Result<(), S3Error> {
    for name in head.headers.keys() {
        let name = name.as_str();
        if REFUSED.contains(&name) || REFUSED_PREFIXES.iter().any(|prefix| name.starts_with(prefix)) {
            return Err(S3Error::header_not_implemented(name));
        }
    }
    Ok(())
}

/// `InvalidArgument` for a version where none can be meant. A policy would take it for what the
/// operation is about.
pub(crate) fn refuse_version(name: OperationName, query: &Query) -> Result<(), S3Error> {
    use OperationName as O;
    let writes = matches!(
        name,
        O::PutObject
            | O::CopyObject
            | O::DeleteObjects
            | O::CreateMultipartUpload
            | O::UploadPart
            | O::UploadPartCopy
            | O::CompleteMultipartUpload
            | O::AbortMultipartUpload
            | O::ListParts
    );
    match query.get("versionId").filter(|_| writes) {
        Some(version) => Err(S3Error::invalid_argument(
            "This operation does not accept a version-id.",
            "versionId",
            version,
        )),
        None => Ok(()),
    }
}

//! Headers and parameters that change what a request means and that we do not serve.
//!
//! To ignore one would be a wrong success: an object stored unencrypted, public or unlocked
//! though the client was told otherwise.

use crate::error::{ErrorCode, S3Error};
use crate::head::RequestHead;
use crate::uri::Query;

/// Headers that are refused whatever their value.
const REFUSED: &[&str] = &[
    "x-amz-if-match-initiated-time",
    "x-amz-if-match-last-modified-time",
    "x-amz-if-match-size",
    "x-amz-mfa",
    "x-amz-rename-source",
    "x-amz-tagging",
    "x-amz-website-redirect-location",
    "x-amz-write-offset-bytes",
];

const REFUSED_PREFIXES: &[&str] = &[
    "x-amz-copy-source-server-side-encryption-",
    "x-amz-grant-",
    "x-amz-object-lock-",
    "x-amz-rename-source-",
    "x-amz-server-side-encryption",
];

/// Headers of which one value means what we do anyway.
const ONE_VALUE: &[(&str, &str)] = &[
    ("x-amz-acl", "private"),
    ("x-amz-bucket-object-lock-enabled", "false"),
    ("x-amz-object-ownership", "BucketOwnerEnforced"),
    ("x-amz-tagging-directive", "COPY"),
];

/// `NotImplemented` (or `InvalidStorageClass`) for what we would have to ignore.
pub(super) fn refuse_what_we_would_ignore(head: &RequestHead<'_>, query: &Query) -> Result<(), S3Error> {
    for (name, value) in head.headers {
        let name = name.as_str();
        let value = value.as_bytes();
        if REFUSED.contains(&name) || REFUSED_PREFIXES.iter().any(|prefix| name.starts_with(prefix)) {
            return Err(S3Error::header_not_implemented(name));
        }
        let one_value = ONE_VALUE.iter().find(|(known, _)| *known == name);
        if one_value.is_some_and(|(_, harmless)| !value.eq_ignore_ascii_case(harmless.as_bytes())) {
            return Err(S3Error::header_not_implemented(name));
        }
        if name == "x-amz-storage-class" && value != b"STANDARD" {
            return Err(S3Error::new(ErrorCode::InvalidStorageClass)
                .field("StorageClassRequested", String::from_utf8_lossy(value)));
        }
    }
    refuse_version(query.get("versionId"))
}

/// There is one version of each object, `null`.
pub(super) fn refuse_version(version_id: Option<&str>) -> Result<(), S3Error> {
    match version_id {
        None | Some("null") => Ok(()),
        Some(version_id) => {
            Err(S3Error::with_message(ErrorCode::NotImplemented, "Versions of objects are not implemented")
                .field("VersionId", version_id))
        }
    }
}

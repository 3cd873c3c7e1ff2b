//! Versions: their ids, and pages of them.

use bytes::Bytes;
use http::HeaderName;
use mucura_metadata::{ListedVersion, VersionId, VersionQuery};
use mucura_s3_wire::S3Error;
use mucura_s3_wire::config::versions::{self as wire, VersionEntry, VersionList};
use mucura_s3_wire::policy::Action;
use mucura_s3_wire::request::ListObjectVersions;

use crate::answer::Answer;
use crate::call::Call;
use crate::checksums;
use crate::errors::Failure;
use crate::listing::text;

pub(crate) const VERSION_ID: HeaderName = HeaderName::from_static("x-amz-version-id");
pub(crate) const DELETE_MARKER: HeaderName = HeaderName::from_static("x-amz-delete-marker");

/// The version that a request names, if it names one.
pub(crate) fn parse_version(version: Option<&str>) -> Result<Option<VersionId>, S3Error> {
    let parse = |text: &str| {
        text.parse()
            .map_err(|_| S3Error::invalid_argument("Invalid version id specified", "versionId", text))
    };
    version.map(parse).transpose()
}

//! Versions: their ids, and pages of them.

use bytes::Bytes;
use http::HeaderName;
use mucura_metadata::{self as kept, VersionId, VersionQuery};
use mucura_s3_wire::S3Error;
use mucura_s3_wire::config::versions::{ListedKind, ListedVersion, VersionsPage};
use mucura_s3_wire::policy::Action;
use mucura_s3_wire::request::ListObjectVersions;
use mucura_s3_wire::xml::Owner;

use crate::answer::Answer;
use crate::call::Call;
use crate::checksums;
use crate::errors::Failure;
use crate::listing::text;
use crate::storage_class;

pub(crate) const VERSION_ID: HeaderName = HeaderName::from_static("x-amz-version-id");
pub(crate) const DELETE_MARKER: HeaderName = HeaderName::from_static("x-amz-delete-marker");

/// The version that a request names, if it names one.
pub(crate) fn parse_version(version: Option<&str>) -> Result<Option<VersionId>, S3Error> {
    let parse = |text: &str| {
        text.parse().map_err(|_| S3Error::invalid_argument("Invalid version id specified", "versionId", text))
    };
    version.map(parse).transpose()
}

pub(crate) async fn list(call: &Call<'_>, request: ListObjectVersions) -> Result<Answer, Failure> {
    let bucket = call.bucket(&request.bucket).await?;
    call.allow_bucket(&bucket, Action::ListBucketVersions)?;
    let query = VersionQuery {
        prefix: Bytes::from(request.prefix.clone()),
        delimiter: Bytes::from(request.delimiter.clone().unwrap_or_default()),
        after: Bytes::from(request.key_marker.clone()),
        after_id: parse_version(request.version_id_marker.as_deref())?,
        max: usize::try_from(request.max_keys).unwrap_or(usize::MAX),
    };
    let found = call.fresh.list_versions(bucket.record.id, query).await?;
    let owners = call.shown_all(found.versions.iter().map(|listed| listed.version.owner)).await?;
    let versions = found.versions.iter().map(|listed| shown(listed, owners.of(listed.version.owner)));
    let page = VersionsPage {
        bucket: request.bucket,
        prefix: request.prefix,
        delimiter: request.delimiter,
        key_marker: request.key_marker,
        version_id_marker: request.version_id_marker.unwrap_or_default(),
        max_keys: request.max_keys,
        url_encoded: request.url_encoded,
        versions: versions.collect(),
        common_prefixes: found.common_prefixes.iter().map(text).collect(),
        next: found
            .next
            .map(|(key, order)| (text(&key), order.map(|order| VersionId::At(order).to_string()))),
    };
    Ok(Answer::xml(page.to_xml()))
}

fn shown(listed: &kept::ListedVersion, owner: Owner) -> ListedVersion {
    let version = &listed.version;
    let id = if version.null { VersionId::Null } else { VersionId::At(listed.order) };
    let kind = match version.delete_marker {
        true => ListedKind::DeleteMarker,
        false => ListedKind::Version {
            etag: version.etag.to_string(),
            checksum: version.checksum.as_ref().map(checksums::shown_kind),
            size: version.size,
            storage_class: storage_class::listed(version.storage_class.clone()),
        },
    };
    ListedVersion {
        key: text(&listed.key),
        version_id: id.to_string(),
        is_latest: listed.newest,
        last_modified_ms: version.modified.0,
        owner,
        kind,
    }
}

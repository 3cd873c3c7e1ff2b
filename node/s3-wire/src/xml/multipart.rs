//! Answers about copies and multipart uploads.

use std::borrow::Cow;

use crate::checksum::{Checksum, ChecksumAlgorithm, ChecksumType, ObjectChecksum};
use crate::request::{ListMultipartUploads, ListParts};
use crate::xml::escape::XmlWriter;
use crate::xml::listing::{Owner, common_prefixes};

/// What a copy made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyResult {
    /// When it was written.
    pub last_modified_ms: u64,
    /// Its tag, without quotes.
    pub etag: String,
    /// Its checksum.
    pub checksum: Option<ObjectChecksum>,
}

/// The answer to `CopyObject`.
pub fn copy_object_result(copy: &CopyResult) -> String {
    copy_result("CopyObjectResult", copy)
}

/// The answer to `UploadPartCopy`.
pub fn copy_part_result(copy: &CopyResult) -> String {
    copy_result("CopyPartResult", copy)
}

fn copy_result(root: &str, copy: &CopyResult) -> String {
    let mut xml = XmlWriter::document();
    xml.open_root(root);
    xml.time("LastModified", copy.last_modified_ms);
    xml.etag(&copy.etag);
    match (&copy.checksum, root) {
        // A part has a value and no type.
        (Some(checksum), "CopyPartResult") => {
            xml.text(checksum.value.algorithm().element(), &checksum.value.to_base64());
        }
        (checksum, _) => xml.checksum(checksum.as_ref()),
    }
    xml.close(root);
    xml.finish()
}

/// The answer to `CreateMultipartUpload`.
pub fn create_multipart_upload(bucket: &str, key: &str, upload_id: &str) -> String {
    let mut xml = XmlWriter::document();
    xml.open_root("InitiateMultipartUploadResult");
    xml.text("Bucket", bucket);
    xml.text("Key", key);
    xml.text("UploadId", upload_id);
    xml.close("InitiateMultipartUploadResult");
    xml.finish()
}

/// The answer to `CompleteMultipartUpload`; `location` is the URL of the object.
pub fn complete_multipart_upload(
    location: &str,
    bucket: &str,
    key: &str,
    etag: &str,
    checksum: Option<&ObjectChecksum>,
) -> String {
    let mut xml = XmlWriter::document();
    xml.open_root("CompleteMultipartUploadResult");
    xml.text("Location", location);
    xml.text("Bucket", bucket);
    xml.text("Key", key);
    xml.etag(etag);
    xml.checksum(checksum);
    xml.close("CompleteMultipartUploadResult");
    xml.finish()
}

/// One part of an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedPart {
    /// Its number.
    pub part_number: u16,
    /// When it was written.
    pub last_modified_ms: u64,
    /// Its tag, without quotes.
    pub etag: String,
    /// Its size in bytes.
    pub size: u64,
    /// Its checksum.
    pub checksum: Option<Checksum>,
}

/// The answer to `ListParts`. `next` is the number of the last part shown, if there are more;
/// storage class and `checksum` are those of the upload.
pub fn list_parts(
    request: &ListParts,
    initiator: &Owner,
    owner: &Owner,
    storage_class: &str,
    checksum: Option<(ChecksumAlgorithm, ChecksumType)>,
    parts: &[ListedPart],
    next: Option<u16>,
) -> String {
    let mut xml = XmlWriter::document();
    xml.open_root("ListPartsResult");
    xml.text("Bucket", &request.bucket);
    xml.key("Key", &request.key, request.url_encoded);
    xml.text("UploadId", &request.upload_id);
    xml.owner("Initiator", initiator);
    xml.owner("Owner", owner);
    xml.text("StorageClass", storage_class);
    xml.number("PartNumberMarker", request.part_number_marker);
    let last = parts.last().map_or(0, |part| part.part_number);
    xml.number("NextPartNumberMarker", next.unwrap_or(last));
    xml.number("MaxParts", request.max_parts);
    if request.url_encoded {
        xml.text("EncodingType", "url");
    }
    xml.flag("IsTruncated", next.is_some());
    checksum_kind(&mut xml, checksum);
    for part in parts {
        xml.open("Part");
        xml.number("PartNumber", part.part_number);
        xml.time("LastModified", part.last_modified_ms);
        xml.etag(&part.etag);
        xml.number("Size", part.size);
        if let Some(checksum) = &part.checksum {
            xml.text(checksum.algorithm().element(), &checksum.to_base64());
        }
        xml.close("Part");
    }
    xml.close("ListPartsResult");
    xml.finish()
}

/// One upload that is under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedUpload {
    /// Its key.
    pub key: String,
    /// Its id.
    pub upload_id: String,
    /// When it was begun.
    pub initiated_ms: u64,
    /// By whom.
    pub initiator: Owner,
    /// Whose the object will be.
    pub owner: Owner,
    /// The storage class that the object will have.
    pub storage_class: Cow<'static, str>,
    /// The checksum it was begun with.
    pub checksum: Option<(ChecksumAlgorithm, ChecksumType)>,
}

/// One page of uploads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UploadPage {
    /// The uploads, by key, then in the order of their ids.
    pub uploads: Vec<ListedUpload>,
    /// The prefixes that keys were folded into, in order.
    pub common_prefixes: Vec<String>,
    /// Key and upload id the next page begins behind. `None` on the last page.
    pub next: Option<(String, String)>,
}

/// The answer to `ListMultipartUploads`.
pub fn list_multipart_uploads(request: &ListMultipartUploads, page: &UploadPage) -> String {
    let url = request.url_encoded;
    let mut xml = XmlWriter::document();
    xml.open_root("ListMultipartUploadsResult");
    xml.text("Bucket", &request.bucket);
    xml.key("KeyMarker", &request.key_marker, url);
    xml.text("UploadIdMarker", &request.upload_id_marker);
    if let Some((key, upload_id)) = &page.next {
        xml.key("NextKeyMarker", key, url);
        xml.text("NextUploadIdMarker", upload_id);
    }
    if let Some(delimiter) = &request.delimiter {
        xml.key("Delimiter", delimiter, url);
    }
    xml.key("Prefix", &request.prefix, url);
    if url {
        xml.text("EncodingType", "url");
    }
    xml.number("MaxUploads", request.max_uploads);
    xml.flag("IsTruncated", page.next.is_some());
    for upload in &page.uploads {
        xml.open("Upload");
        xml.key("Key", &upload.key, url);
        xml.text("UploadId", &upload.upload_id);
        xml.owner("Initiator", &upload.initiator);
        xml.owner("Owner", &upload.owner);
        xml.text("StorageClass", &upload.storage_class);
        xml.time("Initiated", upload.initiated_ms);
        checksum_kind(&mut xml, upload.checksum);
        xml.close("Upload");
    }
    common_prefixes(&mut xml, &page.common_prefixes, url);
    xml.close("ListMultipartUploadsResult");
    xml.finish()
}

fn checksum_kind(xml: &mut XmlWriter, checksum: Option<(ChecksumAlgorithm, ChecksumType)>) {
    if let Some((algorithm, kind)) = checksum {
        xml.text("ChecksumAlgorithm", algorithm.name());
        xml.text("ChecksumType", kind.name());
    }
}

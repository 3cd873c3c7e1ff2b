//! Pages of objects.

use std::borrow::Cow;

use crate::checksum::{ChecksumAlgorithm, ChecksumType};
use crate::request::{ListObjects, ListObjectsV2};
use crate::xml::escape::XmlWriter;

/// An account, as answers show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Its id.
    pub id: String,
    /// Its name.
    pub display_name: String,
}

/// One object of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedObject {
    /// Its key.
    pub key: String,
    /// When it was written.
    pub last_modified_ms: u64,
    /// Its tag, without quotes.
    pub etag: String,
    /// Which checksum it has.
    pub checksum: Option<(ChecksumAlgorithm, ChecksumType)>,
    /// Its size in bytes.
    pub size: u64,
    /// Whose it is, where that is shown.
    pub owner: Option<Owner>,
    /// Its storage class.
    pub storage_class: Cow<'static, str>,
}

/// One page of a listing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListPage {
    /// The objects, by key.
    pub objects: Vec<ListedObject>,
    /// The prefixes that keys were folded into, in order.
    pub common_prefixes: Vec<String>,
    /// Where the next page begins: a key for version 1, an opaque token for version 2. `None` on
    /// the last page.
    pub next: Option<String>,
}

/// The answer to `ListObjects`. S3 shows the owner of each object here.
pub fn list_objects(request: &ListObjects, page: &ListPage) -> String {
    let url = request.url_encoded;
    let mut xml = XmlWriter::document();
    xml.open_root("ListBucketResult");
    xml.text("Name", &request.bucket);
    xml.key("Prefix", &request.prefix, url);
    xml.key("Marker", &request.marker, url);
    // Without a delimiter clients go on from the last key, and S3 gives no marker.
    if let (Some(next), Some(_)) = (&page.next, &request.delimiter) {
        xml.key("NextMarker", next, url);
    }
    xml.number("MaxKeys", request.max_keys);
    page_body(&mut xml, request.delimiter.as_deref(), url, page);
    xml.close("ListBucketResult");
    xml.finish()
}

/// The answer to `ListObjectsV2`. Owners are shown if the client asked for them.
pub fn list_objects_v2(request: &ListObjectsV2, page: &ListPage) -> String {
    let url = request.url_encoded;
    let count = page.objects.len() + page.common_prefixes.len();
    let mut xml = XmlWriter::document();
    xml.open_root("ListBucketResult");
    xml.text("Name", &request.bucket);
    xml.key("Prefix", &request.prefix, url);
    xml.optional("ContinuationToken", request.continuation_token.as_deref());
    xml.optional("NextContinuationToken", page.next.as_deref());
    if let Some(start_after) = &request.start_after {
        xml.key("StartAfter", start_after, url);
    }
    xml.number("KeyCount", count as u64);
    xml.number("MaxKeys", request.max_keys);
    page_body(&mut xml, request.delimiter.as_deref(), url, page);
    xml.close("ListBucketResult");
    xml.finish()
}

fn page_body(xml: &mut XmlWriter, delimiter: Option<&str>, url: bool, page: &ListPage) {
    if let Some(delimiter) = delimiter {
        xml.key("Delimiter", delimiter, url);
    }
    if url {
        xml.text("EncodingType", "url");
    }
    xml.flag("IsTruncated", page.next.is_some());
    for object in &page.objects {
        xml.open("Contents");
        xml.key("Key", &object.key, url);
        xml.time("LastModified", object.last_modified_ms);
        xml.etag(&object.etag);
        if let Some((algorithm, kind)) = object.checksum {
            xml.text("ChecksumAlgorithm", algorithm.name());
            xml.text("ChecksumType", kind.name());
        }
        xml.number("Size", object.size);
        if let Some(owner) = &object.owner {
            xml.owner("Owner", owner);
        }
        xml.text("StorageClass", &object.storage_class);
        xml.close("Contents");
    }
    common_prefixes(xml, &page.common_prefixes, url);
}

pub(super) fn common_prefixes(xml: &mut XmlWriter, prefixes: &[String], url: bool) {
    for prefix in prefixes {
        xml.open("CommonPrefixes");
        xml.key("Prefix", prefix, url);
        xml.close("CommonPrefixes");
    }
}

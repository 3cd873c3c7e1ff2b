//! Pages of versions: the answer to `ListObjectVersions`.

use std::borrow::Cow;

use crate::checksum::{ChecksumAlgorithm, ChecksumType};
use crate::xml::{Owner, XmlWriter};

const ROOT: &str = "ListVersionsResult";

/// What is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListedKind {
    /// An object.
    Version {
        /// Its tag, without quotes.
        etag: String,
        /// Which checksum it has.
        checksum: Option<(ChecksumAlgorithm, ChecksumType)>,
        /// Its size in bytes.
        size: u64,
        /// Its storage class.
        storage_class: Cow<'static, str>,
    },
    /// A mark that the object was deleted.
    DeleteMarker,
}

/// One version of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedVersion {
    /// Its key.
    pub key: String,
    /// Its id, `null` for the one that was written without versioning.
    pub version_id: String,
    /// Whether it is what its key stands for.
    pub is_latest: bool,
    /// When it was written.
    pub last_modified_ms: u64,
    /// Whose it is.
    pub owner: Owner,
    /// What it is.
    pub kind: ListedKind,
}

/// One page of versions, and what was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VersionsPage {
    /// The bucket.
    pub bucket: String,
    /// Only keys that begin with this.
    pub prefix: String,
    /// Keys are folded at the first of these behind the prefix.
    pub delimiter: Option<String>,
    /// Key the page begins behind, or at, if there is a `version_id_marker`.
    pub key_marker: String,
    /// Version of that key the page begins behind.
    pub version_id_marker: String,
    /// The most entries that were asked for.
    pub max_keys: u32,
    /// Whether keys are URL-encoded.
    pub url_encoded: bool,
    /// The versions, by key, newest first.
    pub versions: Vec<ListedVersion>,
    /// The prefixes that keys were folded into, in order.
    pub common_prefixes: Vec<String>,
    /// Markers of key and version for the next page; the latter is missing behind a folded prefix.
    /// `None` on the last page.
    pub next: Option<(String, Option<String>)>,
}

impl VersionsPage {
    /// The document.
    pub fn to_xml(&self) -> String {
        let url = self.url_encoded;
        let mut xml = XmlWriter::document();
        xml.open_root(ROOT);
        xml.text("Name", &self.bucket);
        xml.key("Prefix", &self.prefix, url);
        xml.key("KeyMarker", &self.key_marker, url);
        xml.text("VersionIdMarker", &self.version_id_marker);
        if let Some((key, version_id)) = &self.next {
            xml.key("NextKeyMarker", key, url);
            xml.optional("NextVersionIdMarker", version_id.as_deref());
        }
        xml.number("MaxKeys", self.max_keys);
        if let Some(delimiter) = &self.delimiter {
            xml.key("Delimiter", delimiter, url);
        }
        if url {
            xml.text("EncodingType", "url");
        }
        xml.flag("IsTruncated", self.next.is_some());
        for version in &self.versions {
            write_version(&mut xml, version, url);
        }
        for prefix in &self.common_prefixes {
            xml.open("CommonPrefixes");
            xml.key("Prefix", prefix, url);
            xml.close("CommonPrefixes");
        }
        xml.close(ROOT);
        xml.finish()
    }
}

fn write_version(xml: &mut XmlWriter, version: &ListedVersion, url: bool) {
    let name = match version.kind {
        ListedKind::Version { .. } => "Version",
        ListedKind::DeleteMarker => "DeleteMarker",
    };
    xml.open(name);
    xml.key("Key", &version.key, url);
    xml.text("VersionId", &version.version_id);
    xml.flag("IsLatest", version.is_latest);
    xml.time("LastModified", version.last_modified_ms);
    if let ListedKind::Version { etag, checksum, size, .. } = &version.kind {
        xml.etag(etag);
        if let Some((algorithm, kind)) = checksum {
            xml.text("ChecksumAlgorithm", algorithm.name());
            xml.text("ChecksumType", kind.name());
        }
        xml.number("Size", *size);
    }
    xml.owner("Owner", &version.owner);
    if let ListedKind::Version { storage_class, .. } = &version.kind {
        xml.text("StorageClass", storage_class);
    }
    xml.close(name);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::inner;

    #[test]
    fn pages_have_the_shape_of_aws() {
        let owner = Owner { id: "u".into(), display_name: "ann".into() };
        let kind = ListedKind::Version {
            etag: "e".into(),
            checksum: Some((ChecksumAlgorithm::Crc32, ChecksumType::FullObject)),
            size: 3,
            storage_class: "STANDARD".into(),
        };
        let entry = |version_id: &str, is_latest, kind| ListedVersion {
            key: "a b".into(),
            version_id: version_id.into(),
            is_latest,
            last_modified_ms: 0,
            owner: owner.clone(),
            kind,
        };
        let mut page = VersionsPage {
            bucket: "b".into(),
            prefix: "a".into(),
            delimiter: Some("/".into()),
            max_keys: 2,
            url_encoded: true,
            versions: vec![entry("v2", true, ListedKind::DeleteMarker), entry("null", false, kind)],
            common_prefixes: vec!["a/".into()],
            next: Some(("a b".into(), Some("null".into()))),
            ..VersionsPage::default()
        };
        assert_eq!(
            inner(&page.to_xml()),
            "<ListVersionsResult><Name>b</Name><Prefix>a</Prefix><KeyMarker></KeyMarker>\
             <VersionIdMarker></VersionIdMarker><NextKeyMarker>a+b</NextKeyMarker>\
             <NextVersionIdMarker>null</NextVersionIdMarker><MaxKeys>2</MaxKeys><Delimiter>/</Delimiter>\
             <EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>\
             <DeleteMarker><Key>a+b</Key><VersionId>v2</VersionId><IsLatest>true</IsLatest>\
             <LastModified>1970-01-01T00:00:00.000Z</LastModified>\
             <Owner><ID>u</ID><DisplayName>ann</DisplayName></Owner></DeleteMarker>\
             <Version><Key>a+b</Key><VersionId>null</VersionId><IsLatest>false</IsLatest>\
             <LastModified>1970-01-01T00:00:00.000Z</LastModified><ETag>&quot;e&quot;</ETag>\
             <ChecksumAlgorithm>CRC32</ChecksumAlgorithm><ChecksumType>FULL_OBJECT</ChecksumType>\
             <Size>3</Size><Owner><ID>u</ID><DisplayName>ann</DisplayName></Owner>\
             <StorageClass>STANDARD</StorageClass></Version>\
             <CommonPrefixes><Prefix>a/</Prefix></CommonPrefixes></ListVersionsResult>"
        );
        page.next = None;
        page.url_encoded = false;
        let xml = page.to_xml();
        assert!(xml.contains("<IsTruncated>false</IsTruncated>") && xml.contains("<Key>a b</Key>"));
        assert!(!xml.contains("Next") && !xml.contains("EncodingType"));
    }
}

//! Deleting many objects: what to delete, and what became of it.

use crate::conditions::strip_etag;
use crate::error::{ErrorCode, S3Error};
use crate::xml::MAX_DELETE_LEN;
use crate::xml::escape::XmlWriter;
use crate::xml::reader::{Element, malformed, parse};

/// The most keys of one request.
const MAX_KEYS: usize = 1_000;

/// The body of a `DeleteObjects`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeleteRequest {
    /// Whether only failures are wanted in the answer.
    pub quiet: bool,
    /// The objects, in the order given: 1 to 1,000. Keys may be too long; see
    /// [`crate::request::check_key`], whose error belongs to the one key.
    pub keys: Vec<DeleteKey>,
}

/// One object to delete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeleteKey {
    /// Its key, never empty.
    pub key: String,
    /// The version to delete, if one is named.
    pub version: Option<String>,
    /// The tag it must have, without quotes; `*` for any.
    pub etag: Option<String>,
}

/// Reads the body of a `DeleteObjects`.
///
/// `MalformedXML` for no key or more than 1,000; `NotImplemented` for conditions other than the
/// tag.
pub fn parse_delete(body: &[u8]) -> Result<DeleteRequest, S3Error> {
    let root = parse(body, MAX_DELETE_LEN, "Delete")?;
    let mut request = DeleteRequest { quiet: false, keys: Vec::new() };
    for child in &root.children {
        match child.name.as_str() {
            "Quiet" => request.quiet = parse_bool(child.leaf()?)?,
            "Object" if request.keys.len() < MAX_KEYS => request.keys.push(parse_object(child)?),
            _ => return Err(malformed()),
        }
    }
    if request.keys.is_empty() { Err(malformed()) } else { Ok(request) }
}

fn parse_object(element: &Element) -> Result<DeleteKey, S3Error> {
    let mut key = None;
    let mut etag = None;
    let mut version = None;
    for child in &element.children {
        let text = child.leaf()?;
        match child.name.as_str() {
            "Key" if key.is_none() => key = Some(text.to_owned()),
            "ETag" if etag.is_none() => etag = Some(strip_etag(text).to_owned()),
            "VersionId" if version.is_none() => version = Some(text.trim().to_owned()),
            "LastModifiedTime" | "Size" => {
                return Err(S3Error::new(ErrorCode::NotImplemented).field("Element", child.name.clone()));
            }
            _ => return Err(malformed()),
        }
    }
    let key = key.filter(|key| !key.is_empty()).ok_or_else(malformed)?;
    let version = version.filter(|version| !version.is_empty());
    Ok(DeleteKey { key, version, etag })
}

fn parse_bool(text: &str) -> Result<bool, S3Error> {
    match text.trim() {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(malformed()),
    }
}

/// What became of one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeletedKey {
    /// Its key.
    pub key: String,
    /// The version that the request named.
    pub version: Option<String>,
    /// The delete marker that was made or deleted.
    pub marker: Option<String>,
    /// Why it was not deleted, if it was not.
    pub error: Option<S3Error>,
}

/// The answer to `DeleteObjects`. With `quiet` only failures are shown.
pub fn delete_result(keys: &[DeletedKey], quiet: bool) -> String {
    let mut xml = XmlWriter::document();
    xml.open_root("DeleteResult");
    for deleted in keys {
        match &deleted.error {
            None if quiet => {}
            None => {
                xml.open("Deleted");
                xml.text("Key", &deleted.key);
                xml.optional("VersionId", deleted.version.as_deref());
                if let Some(marker) = &deleted.marker {
                    xml.flag("DeleteMarker", true);
                    xml.text("DeleteMarkerVersionId", marker);
                }
                xml.close("Deleted");
            }
            Some(error) => {
                xml.open("Error");
                xml.text("Key", &deleted.key);
                xml.optional("VersionId", deleted.version.as_deref());
                xml.text("Code", error.code.as_str());
                xml.text("Message", &error.message);
                xml.close("Error");
            }
        }
    }
    xml.close("DeleteResult");
    xml.finish()
}

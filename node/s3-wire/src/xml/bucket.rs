//! Buckets: the configuration of a new one, their list, their place.

use crate::error::S3Error;
use crate::request::ListBuckets;
use crate::xml::MAX_BUCKET_CONFIGURATION_LEN;
use crate::xml::escape::XmlWriter;
use crate::xml::listing::Owner;
use crate::xml::reader::{malformed, parse};

/// Reads the body of a `CreateBucket`: the location constraint, if there is one.
///
/// Settings we do not have are `NotImplemented`.
pub fn parse_bucket_configuration(body: &[u8]) -> Result<Option<String>, S3Error> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(None);
    }
    let root = parse(body, MAX_BUCKET_CONFIGURATION_LEN, "CreateBucketConfiguration")?;
    let mut location = None;
    for child in &root.children {
        match child.name.as_str() {
            "LocationConstraint" if location.is_none() => location = Some(child.leaf()?.trim().to_owned()),
            "Bucket" | "Location" | "Tags" => return Err(S3Error::header_not_implemented(&child.name)),
            _ => return Err(malformed()),
        }
    }
    Ok(location.filter(|location| !location.is_empty()))
}

/// One bucket of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedBucket {
    /// Its name.
    pub name: String,
    /// When it was created.
    pub created_ms: u64,
}

/// The answer to `ListBuckets`. The region is shown when the client asked for pages, as S3 does.
pub fn list_buckets(
    request: &ListBuckets,
    owner: &Owner,
    region: &str,
    buckets: &[ListedBucket],
    next_token: Option<&str>,
) -> String {
    let mut xml = XmlWriter::document();
    xml.open_root("ListAllMyBucketsResult");
    xml.owner("Owner", owner);
    xml.open("Buckets");
    for bucket in buckets {
        xml.open("Bucket");
        xml.text("Name", &bucket.name);
        xml.time("CreationDate", bucket.created_ms);
        if request.max_buckets.is_some() || request.bucket_region.is_some() {
            xml.text("BucketRegion", region);
        }
        xml.close("Bucket");
    }
    xml.close("Buckets");
    xml.optional("ContinuationToken", next_token);
    xml.optional("Prefix", request.prefix.as_deref());
    xml.close("ListAllMyBucketsResult");
    xml.finish()
}

/// The answer to `GetBucketLocation`, which is empty for `us-east-1`.
pub fn location_constraint(region: &str) -> String {
    let mut xml = XmlWriter::document();
    xml.open_root("LocationConstraint");
    if region != "us-east-1" {
        xml.content(region);
    }
    xml.close("LocationConstraint");
    xml.finish()
}

//! Parameters of the listings.

use crate::error::S3Error;
use crate::request::Target;

/// The most entries of one page.
const MAX_PAGE: u32 = 1_000;

/// Lists the buckets of the caller.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListBuckets {
    /// Only names that begin with this.
    pub prefix: Option<String>,
    /// Where the page before ended.
    pub continuation_token: Option<String>,
    /// The most buckets of the page, 1 to 10,000; all of them if the client does not ask for pages.
    pub max_buckets: Option<u32>,
    /// Only buckets of this region.
    pub bucket_region: Option<String>,
}

impl ListBuckets {
    pub(super) fn parse(target: &Target<'_>) -> Result<Self, S3Error> {
        let query = target.query;
        let max_buckets = query
            .filled("max-buckets")
            .map(|text| {
                text.parse().ok().filter(|count| (1..=10_000).contains(count)).ok_or_else(|| {
                    S3Error::invalid_argument("max-buckets must be between 1 and 10000", "max-buckets", text)
                })
            })
            .transpose()?;
        Ok(Self {
            prefix: query.filled("prefix").map(str::to_owned),
            continuation_token: query.filled("continuation-token").map(str::to_owned),
            max_buckets,
            bucket_region: query.filled("bucket-region").map(str::to_owned),
        })
    }
}

/// Lists objects, first version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListObjects {
    /// The bucket.
    pub bucket: String,
    /// Only keys that begin with this.
    pub prefix: String,
    /// Fold keys at the first of these behind the prefix. Never empty.
    pub delimiter: Option<String>,
    /// Only keys behind this one.
    pub marker: String,
    /// The most keys and folded prefixes of the page, up to 1,000; 0 is answered empty.
    pub max_keys: u32,
    /// Whether keys are to be URL-encoded in the answer.
    pub url_encoded: bool,
}

impl ListObjects {
    pub(super) fn parse(target: Target<'_>) -> Result<Self, S3Error> {
        let query = target.query;
        Ok(Self {
            prefix: query.get("prefix").unwrap_or("").to_owned(),
            delimiter: query.filled("delimiter").map(str::to_owned),
            marker: query.get("marker").unwrap_or("").to_owned(),
            max_keys: page_size(&target, "max-keys")?,
            url_encoded: url_encoded(&target)?,
            bucket: target.bucket,
        })
    }
}

/// Lists objects, second version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListObjectsV2 {
    /// The bucket.
    pub bucket: String,
    /// Only keys that begin with this.
    pub prefix: String,
    /// Fold keys at the first of these behind the prefix. Never empty.
    pub delimiter: Option<String>,
    /// Only keys behind this one; without meaning once there is a token.
    pub start_after: Option<String>,
    /// Where the page before ended, as we wrote it; empty: there was none.
    pub continuation_token: Option<String>,
    /// The most keys and folded prefixes of the page, up to 1,000; 0 is answered empty.
    pub max_keys: u32,
    /// Whether keys are to be URL-encoded in the answer.
    pub url_encoded: bool,
    /// Whether owners are wanted.
    pub fetch_owner: bool,
}

impl ListObjectsV2 {
    pub(super) fn parse(target: Target<'_>) -> Result<Self, S3Error> {
        let query = target.query;
        let continuation_token = query.get("continuation-token");
        Ok(Self {
            prefix: query.get("prefix").unwrap_or("").to_owned(),
            delimiter: query.filled("delimiter").map(str::to_owned),
            start_after: query.filled("start-after").map(str::to_owned),
            continuation_token: continuation_token.map(str::to_owned),
            max_keys: page_size(&target, "max-keys")?,
            url_encoded: url_encoded(&target)?,
            fetch_owner: query.get("fetch-owner") == Some("true"),
            bucket: target.bucket,
        })
    }
}

/// Lists the versions of objects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListObjectVersions {
    /// The bucket.
    pub bucket: String,
    /// Only keys that begin with this.
    pub prefix: String,
    /// Fold keys at the first of these behind the prefix. Never empty.
    pub delimiter: Option<String>,
    /// Only versions of keys behind this one; with a `version_id_marker` also older versions of it.
    pub key_marker: String,
    /// See `key_marker`, without which it must not stand.
    pub version_id_marker: Option<String>,
    /// The most versions and folded prefixes of the page, up to 1,000.
    pub max_keys: u32,
    /// Whether keys are to be URL-encoded in the answer.
    pub url_encoded: bool,
}

impl ListObjectVersions {
    pub(super) fn parse(target: Target<'_>) -> Result<Self, S3Error> {
        let query = target.query;
        let key_marker = query.get("key-marker").unwrap_or("").to_owned();
        let version_id_marker = query.filled("version-id-marker").map(str::to_owned);
        if let Some(marker) = &version_id_marker
            && key_marker.is_empty()
        {
            return Err(S3Error::invalid_argument(
                "A version-id marker cannot be specified without a key marker.",
                "version-id-marker",
                marker,
            ));
        }
        Ok(Self {
            prefix: query.get("prefix").unwrap_or("").to_owned(),
            delimiter: query.filled("delimiter").map(str::to_owned),
            key_marker,
            version_id_marker,
            max_keys: page_size(&target, "max-keys")?,
            url_encoded: url_encoded(&target)?,
            bucket: target.bucket,
        })
    }
}

/// Lists the parts of an upload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListParts {
    /// The bucket of the upload.
    pub bucket: String,
    /// Its key.
    pub key: String,
    /// Its id.
    pub upload_id: String,
    /// Only parts with a larger number.
    pub part_number_marker: u32,
    /// The most parts of the page, up to 1,000.
    pub max_parts: u32,
    /// Whether the key is to be URL-encoded in the answer.
    pub url_encoded: bool,
}

impl ListParts {
    pub(super) fn parse(target: Target<'_>) -> Result<Self, S3Error> {
        let marker = target.query.filled("part-number-marker");
        Ok(Self {
            upload_id: target.upload_id()?,
            part_number_marker: marker.map_or(Ok(0), |text| count(text, "part-number-marker"))?,
            max_parts: page_size(&target, "max-parts")?,
            url_encoded: url_encoded(&target)?,
            bucket: target.bucket,
            key: target.key,
        })
    }
}

/// Lists the uploads of a bucket that are under way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListMultipartUploads {
    /// The bucket.
    pub bucket: String,
    /// Only keys that begin with this.
    pub prefix: String,
    /// Fold keys at the first of these behind the prefix. Never empty.
    pub delimiter: Option<String>,
    /// Only uploads of keys behind this one; with an `upload_id_marker` also those of this key with
    /// ids behind that.
    pub key_marker: String,
    /// See `key_marker`; without one it has no meaning.
    pub upload_id_marker: String,
    /// The most uploads and folded prefixes of the page, up to 1,000.
    pub max_uploads: u32,
    /// Whether keys are to be URL-encoded in the answer.
    pub url_encoded: bool,
}

impl ListMultipartUploads {
    pub(super) fn parse(target: Target<'_>) -> Result<Self, S3Error> {
        let query = target.query;
        Ok(Self {
            prefix: query.get("prefix").unwrap_or("").to_owned(),
            delimiter: query.filled("delimiter").map(str::to_owned),
            key_marker: query.get("key-marker").unwrap_or("").to_owned(),
            upload_id_marker: query.get("upload-id-marker").unwrap_or("").to_owned(),
            max_uploads: page_size(&target, "max-uploads")?,
            url_encoded: url_encoded(&target)?,
            bucket: target.bucket,
        })
    }
}

fn page_size(target: &Target<'_>, name: &'static str) -> Result<u32, S3Error> {
    target.query.filled(name).map_or(Ok(MAX_PAGE), |text| Ok(count(text, name)?.min(MAX_PAGE)))
}

/// A number from 0 to 2,147,483,647.
fn count(text: &str, name: &'static str) -> Result<u32, S3Error> {
    let number: i64 = text.parse().map_err(|_| {
        S3Error::invalid_argument(
            format!("Provided {name} not an integer or within integer range"),
            name,
            text,
        )
    })?;
    u32::try_from(number).ok().filter(|number| *number <= 0x7fff_ffff).ok_or_else(|| {
        S3Error::invalid_argument(
            format!("Argument {name} must be an integer between 0 and 2147483647"),
            name,
            text,
        )
    })
}

fn url_encoded(target: &Target<'_>) -> Result<bool, S3Error> {
    match target.query.filled("encoding-type") {
        None => Ok(false),
        Some(kind) if kind.eq_ignore_ascii_case("url") => Ok(true),
        Some(kind) => Err(S3Error::invalid_argument(
            "Invalid Encoding Method specified in Request",
            "encoding-type",
            kind,
        )),
    }
}

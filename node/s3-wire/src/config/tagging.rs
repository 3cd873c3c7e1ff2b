//! Tags of objects and buckets: `Tagging`, and the header `x-amz-tagging`.

use std::collections::BTreeMap;

use crate::config::field::{document, set, text};
use crate::error::{ErrorCode, S3Error};
use crate::uri::{decode_utf8, encode, raw_pairs};
use crate::xml::XmlWriter;
use crate::xml::reader::{Element, malformed};

const ROOT: &str = "Tagging";
const MAX_KEY_CHARS: usize = 128;
const MAX_VALUE_CHARS: usize = 256;

/// What bears the tags, which says how many there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tagged {
    /// An object: 10.
    Object,
    /// A bucket: 50.
    Bucket,
}

impl Tagged {
    /// The most tags.
    pub fn max_tags(self) -> usize {
        match self {
            Self::Object => 10,
            Self::Bucket => 50,
        }
    }

    fn too_many(self) -> S3Error {
        match self {
            Self::Object => invalid_tag("Object tags cannot be greater than 10"),
            Self::Bucket => {
                S3Error::with_message(ErrorCode::BadRequest, "Bucket tag count cannot be greater than 50")
            }
        }
    }

    fn reserved(self) -> S3Error {
        match self {
            Self::Object => invalid_tag("Your TagKey cannot be prefixed with aws:"),
            Self::Bucket => invalid_tag("System tags cannot be added/updated by requester"),
        }
    }
}

/// Tags by key, each key once. Keys have 1 to 128 characters, values up to 256.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TagSet {
    tags: BTreeMap<String, String>,
}

impl TagSet {
    /// The longest body: 50 tags, with room for what must be escaped in them.
    pub const MAX_LEN: usize = 256 << 10;

    /// Reads the body of a `PutObjectTagging` or `PutBucketTagging`.
    ///
    /// `InvalidTag` for a tag that cannot be, a key that comes twice, and too many for an object;
    /// `BadRequest` for too many for a bucket.
    pub fn parse(body: &[u8], tagged: Tagged) -> Result<Self, S3Error> {
        let root = document(body, Self::MAX_LEN, ROOT)?;
        let [set] = root.children.as_slice() else { return Err(malformed()) };
        if set.name != "TagSet" {
            return Err(malformed());
        }
        let pairs = set.children.iter().map(parse_tag).collect::<Result<Vec<_>, S3Error>>()?;
        Self::from_pairs(pairs, tagged)
    }

    /// Reads the header `x-amz-tagging` of an upload: the query of a URL.
    ///
    /// `InvalidArgument` for what is none and for a key that comes twice, else as [`Self::parse`].
    pub fn parse_header(header: &str) -> Result<Self, S3Error> {
        let refusal = || {
            S3Error::invalid_argument(
                "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query \
                 parameters without tag name duplicates.",
                "x-amz-tagging",
                header,
            )
        };
        let mut pairs = Vec::new();
        for (key, value) in raw_pairs(header) {
            let key = decode_utf8(key, true).map_err(|_| refusal())?;
            let value = decode_utf8(value, true).map_err(|_| refusal())?;
            pairs.push((key, value));
        }
        let keys: std::collections::BTreeSet<&str> = pairs.iter().map(|(key, _)| key.as_str()).collect();
        if keys.len() < pairs.len() {
            return Err(refusal());
        }
        Self::from_pairs(pairs, Tagged::Object)
    }

    /// The set of these tags, checked as [`Self::parse`] does.
    pub fn from_pairs(
        pairs: impl IntoIterator<Item = (String, String)>,
        tagged: Tagged,
    ) -> Result<Self, S3Error> {
        let mut tags = BTreeMap::new();
        for (key, value) in pairs {
            check_tag(&key, &value, tagged)?;
            if tags.insert(key, value).is_some() {
                return Err(invalid_tag("Cannot provide multiple Tags with the same key"));
            }
            if tags.len() > tagged.max_tags() {
                return Err(tagged.too_many());
            }
        }
        Ok(Self { tags })
    }

    /// The value of a tag.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.tags.get(key).map(String::as_str)
    }

    /// Keys and values, by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.tags.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// How many there are, as in `x-amz-tagging-count`.
    pub fn len(&self) -> usize {
        self.tags.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.tags.is_empty()
    }

    /// Whether each of `wanted` is among them.
    pub fn contains_all(&self, wanted: &Self) -> bool {
        wanted.iter().all(|(key, value)| self.get(key) == Some(value))
    }

    /// The document.
    pub fn to_xml(&self) -> String {
        let mut xml = XmlWriter::document();
        xml.open_root(ROOT);
        xml.open("TagSet");
        self.write_tags(&mut xml);
        xml.close("TagSet");
        xml.close(ROOT);
        xml.finish()
    }

    /// The form of the header `x-amz-tagging`.
    pub fn to_header(&self) -> String {
        let pairs: Vec<String> = self
            .iter()
            .map(|(key, value)| {
                format!("{}={}", encode(key.as_bytes(), false), encode(value.as_bytes(), false))
            })
            .collect();
        pairs.join("&")
    }

    pub(super) fn write_tags(&self, xml: &mut XmlWriter) {
        for (key, value) in self.iter() {
            xml.open("Tag");
            xml.text("Key", key);
            xml.text("Value", value);
            xml.close("Tag");
        }
    }
}

/// Key and value of a `Tag` element.
pub(super) fn parse_tag(element: &Element) -> Result<(String, String), S3Error> {
    if element.name != "Tag" {
        return Err(malformed());
    }
    let (mut key, mut value) = (None, None);
    for child in element.elements()? {
        match child.name.as_str() {
            "Key" => set(&mut key, text(child)?)?,
            "Value" => set(&mut value, text(child)?)?,
            _ => return Err(malformed()),
        }
    }
    Ok((key.ok_or_else(malformed)?, value.ok_or_else(malformed)?))
}

fn check_tag(key: &str, value: &str, tagged: Tagged) -> Result<(), S3Error> {
    if key.is_empty() || !fits(key, MAX_KEY_CHARS) {
        return Err(invalid_tag("The TagKey you have provided is invalid").field("TagKey", key));
    }
    if key.starts_with("aws:") {
        return Err(tagged.reserved());
    }
    if !fits(value, MAX_VALUE_CHARS) {
        return Err(invalid_tag("The TagValue you have provided is invalid")
            .field("TagKey", key)
            .field("TagValue", value));
    }
    Ok(())
}

fn fits(text: &str, max_chars: usize) -> bool {
    text.chars().count() <= max_chars && text.chars().all(is_allowed)
}

/// Letters, numbers and spaces of any script, and some signs.
fn is_allowed(char: char) -> bool {
    char.is_alphanumeric()
        || (char.is_whitespace() && !char.is_control())
        || matches!(char, '+' | '-' | '=' | '.' | '_' | ':' | '/' | '@')
}

fn invalid_tag(message: &'static str) -> S3Error {
    S3Error::with_message(ErrorCode::InvalidTag, message)
}

#[cfg(test)]
#[path = "tagging_tests.rs"]
pub(super) mod tests;

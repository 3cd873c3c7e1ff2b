use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use bytes::Bytes;
use md5::{Digest, Md5};
use mucura_metadata::ETag;

/// Names one written value; no two writes of a run have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ValueId(pub(crate) u32);

/// The bytes of a value: they follow from its number, and no two values share
/// a stretch of them.
fn bytes_of(value: ValueId, size: usize) -> Bytes {
    let mut bytes = vec![0; size];
    blake3::Hasher::new().update(&value.0.to_le_bytes()).finalize_xof().fill(&mut bytes);
    bytes.into()
}

/// The entity tag of an object put in one piece.
fn tag_of(bytes: &[u8]) -> ETag {
    ETag { md5: Md5::digest(bytes).into(), parts: None }
}

/// The entity tag of an object made of parts.
fn tag_of_parts(parts: &[Bytes]) -> ETag {
    let mut whole = Md5::new();
    parts.iter().for_each(|part| whole.update(Md5::digest(part)));
    ETag { md5: whole.finalize().into(), parts: u16::try_from(parts.len()).ok() }
}

/// What is known of a written value.
pub(crate) struct Origin {
    pub(crate) bytes: Bytes,
    pub(crate) tag: ETag,
    /// Who wrote it, for people.
    pub(crate) told: String,
    /// The keys that it was written or copied to.
    keys: BTreeSet<String>,
}

/// All that was ever written, to know read bytes by.
#[derive(Default)]
pub(crate) struct Written {
    values: BTreeMap<ValueId, Origin>,
    tags: BTreeMap<String, ValueId>,
}

impl Written {
    /// A new value for a key, to be put in one piece.
    pub(crate) fn draw(&mut self, key: &str, size: usize, who: &str) -> (ValueId, Bytes) {
        let value = self.next();
        let bytes = bytes_of(value, size);
        self.insert(value, key, bytes.clone(), tag_of(&bytes), format!("value {} of {who}", value.0));
        (value, bytes)
    }

    /// A new value for a key, to be put in parts.
    pub(crate) fn draw_parts(&mut self, key: &str, sizes: &[usize], who: &str) -> (ValueId, Vec<Bytes>) {
        let value = self.next();
        let mut rest = bytes_of(value, sizes.iter().sum());
        let bytes = rest.clone();
        let parts: Vec<Bytes> = sizes.iter().map(|size| rest.split_to(*size)).collect();
        self.insert(value, key, bytes, tag_of_parts(&parts), format!("value {} of {who}", value.0));
        (value, parts)
    }

    /// The value that a copy to `key` has. It is the same, unless the tag of
    /// the original tells of parts, which a copy has not.
    pub(crate) fn copied(&mut self, value: ValueId, key: &str) -> ValueId {
        let bytes = self.origin(value).bytes.clone();
        let tag = tag_of(&bytes);
        let copy = match self.tags.get(&tag.to_string()) {
            Some(copy) => *copy,
            None => {
                let (copy, told) = (self.next(), format!("a copy of {}", self.origin(value).told));
                self.insert(copy, key, bytes, tag, told);
                copy
            }
        };
        if let Some(origin) = self.values.get_mut(&copy) {
            origin.keys.insert(key.to_owned());
        }
        copy
    }

    fn next(&self) -> ValueId {
        ValueId(u32::try_from(self.values.len()).unwrap() + 1)
    }

    fn insert(&mut self, value: ValueId, key: &str, bytes: Bytes, tag: ETag, told: String) {
        let keys = BTreeSet::from([key.to_owned()]);
        self.values.insert(value, Origin { bytes, tag, told, keys });
        self.tags.insert(tag.to_string(), value);
    }

    pub(crate) fn origin(&self, value: ValueId) -> &Origin {
        &self.values[&value]
    }

    /// Which value of the key has this tag and size.
    ///
    /// # Errors
    /// None has, and why.
    pub(crate) fn by_tag(&self, key: &str, tag: ETag, size: u64) -> Result<ValueId, String> {
        let value = *self.tags.get(&tag.to_string()).ok_or_else(|| format!("nobody wrote {tag}"))?;
        let origin = self.origin(value);
        if !origin.keys.contains(key) {
            return Err(format!("{} was never put to {key}", origin.told));
        }
        if origin.bytes.len() as u64 != size {
            return Err(format!("{} has {} bytes, not {size}", origin.told, origin.bytes.len()));
        }
        Ok(value)
    }

    /// What is said of the value that has this tag.
    pub(crate) fn told_by_tag(&self, tag: ETag) -> Option<String> {
        self.tags.get(&tag.to_string()).map(|value| self.origin(*value).told.clone())
    }

    /// Whether these are the bytes `range` of a value.
    ///
    /// # Errors
    /// They are not, and how they differ.
    pub(crate) fn verify(&self, value: ValueId, range: &Range<u64>, bytes: &[u8]) -> Result<(), String> {
        let origin = self.origin(value);
        let end = usize::try_from(range.end).unwrap_or(usize::MAX).min(origin.bytes.len());
        let expected = &origin.bytes[usize::try_from(range.start).unwrap_or(0).min(end)..end];
        if bytes == expected {
            return Ok(());
        }
        let wrong = bytes.iter().zip(expected).filter(|(a, b)| a != b).count();
        let first = bytes.iter().zip(expected).position(|(a, b)| a != b).unwrap_or(expected.len());
        Err(format!(
            "{} bytes of {}, {} expected, {wrong} of them wrong, the first at {first}",
            bytes.len(),
            origin.told,
            expected.len()
        ))
    }
}

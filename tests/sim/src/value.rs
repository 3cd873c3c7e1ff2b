use std::collections::BTreeMap;

use bytes::Bytes;

/// Names one written value; no two writes of a run have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ValueId(pub(crate) u32);

/// The bytes of a value: they say which it is, and no two values share a
/// stretch of them.
pub(crate) fn bytes_of(value: ValueId, key: &str, size: usize) -> Bytes {
    let mut bytes = vec![0; size.max(HEAD)];
    let mut hash = blake3::Hasher::new();
    hash.update(&value.0.to_le_bytes()).update(key.as_bytes());
    hash.finalize_xof().fill(&mut bytes[HEAD..]);
    bytes[..4].copy_from_slice(&value.0.to_le_bytes());
    bytes[4..HEAD].copy_from_slice(&u32::try_from(size.max(HEAD)).unwrap().to_le_bytes());
    bytes.into()
}

/// Bytes at the start that name the value and its size.
const HEAD: usize = 8;

/// All that was ever written, to know read bytes by.
#[derive(Default)]
pub(crate) struct Written(BTreeMap<ValueId, (String, usize)>);

impl Written {
    /// A new value for a key.
    pub(crate) fn draw(&mut self, key: &str, size: usize) -> (ValueId, Bytes) {
        let value = ValueId(u32::try_from(self.0.len()).unwrap() + 1);
        let bytes = bytes_of(value, key, size);
        self.0.insert(value, (key.to_owned(), bytes.len()));
        (value, bytes)
    }

    /// Which value of the key these bytes are, all of them.
    ///
    /// # Errors
    /// They are none, and why.
    pub(crate) fn recognise(&self, key: &str, bytes: &[u8]) -> Result<ValueId, String> {
        let head = bytes.first_chunk::<HEAD>().ok_or_else(|| format!("{} bytes", bytes.len()))?;
        let value = ValueId(u32::from_le_bytes([head[0], head[1], head[2], head[3]]));
        let (of, size) = self.0.get(&value).ok_or_else(|| format!("no value is called {}", value.0))?;
        if of != key || *bytes != *bytes_of(value, of, *size) {
            return Err(format!(
                "{} bytes begin like value {} of {of}, but are not it",
                bytes.len(),
                value.0
            ));
        }
        Ok(value)
    }
}

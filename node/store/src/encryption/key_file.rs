use std::collections::BTreeMap;

use crate::encryption::keys::{BUILT_IN, KeyId, KeyRing, wipe};

/// The longest text that is taken for a key file, bytes.
pub const KEY_FILE_BYTES_MAX: usize = 64 << 10;

/// What marks the key that wraps.
const ACTIVE: &str = "active";

/// What is wrong with a line of a key file. Never tells what stands in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFileReason {
    /// It is longer than [`KEY_FILE_BYTES_MAX`].
    #[error("longer than {KEY_FILE_BYTES_MAX} bytes")]
    TooLong,
    /// It is not UTF-8.
    #[error("it is not text")]
    NotText,
    /// It is not `id:key` or `id:key active`.
    #[error("it is not of the form `id:key` or `id:key active`")]
    Form,
    /// The id is not a number, or that of the key that every site has.
    #[error("the id must be a number from 1 to 4294967295")]
    Id,
    /// The key is not one.
    #[error("the key must be the base64 of 32 bytes")]
    Key,
    /// The id was given before.
    #[error("the id stands already in line {first}")]
    SameId {
        /// Where.
        first: usize,
    },
    /// The key was given before, with another id.
    #[error("the key stands already in line {first}")]
    SameKey {
        /// Where.
        first: usize,
    },
    /// A key before is active too.
    #[error("the key in line {first} is marked active too")]
    SecondActive {
        /// Where.
        first: usize,
    },
    /// No key is marked.
    #[error("no key is marked active")]
    NoActive,
    /// The cipher does not take a key.
    #[error("the cipher does not take a key")]
    Cipher,
}

/// One thing that is wrong with a key file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFileFault {
    /// The line, from 1; none if it is the whole.
    pub line: Option<usize>,
    /// What it is.
    pub reason: KeyFileReason,
}

/// A text that is not a key file: all that is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFileError {
    /// At least one.
    pub faults: Vec<KeyFileFault>,
}

impl std::error::Error for KeyFileError {}

impl std::fmt::Display for KeyFileError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("site encryption keys:")?;
        for KeyFileFault { line, reason } in &self.faults {
            match line {
                Some(line) => write!(f, "\n  line {line}: {reason}")?,
                None => write!(f, "\n  {reason}")?,
            }
        }
        Ok(())
    }
}

/// A key as it stands in the file.
struct Entry {
    id: KeyId,
    key: Secret,
    active: bool,
}

/// Bytes that are wiped when they are not needed any more.
struct Secret([u8; 32]);

impl Drop for Secret {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

/// The contents of a key file, or what a command gave in its place. They never
/// move in memory, and are wiped when they go.
pub struct KeyText {
    /// One byte more than is taken, by which it is seen that there is more.
    bytes: Box<[u8]>,
    len: usize,
}

impl KeyText {
    /// One that is to be filled.
    pub fn empty() -> Self {
        Self { bytes: vec![0; KEY_FILE_BYTES_MAX + 1].into(), len: 0 }
    }

    /// Where more of it goes; nothing if it is too long already.
    pub fn spare(&mut self) -> &mut [u8] {
        self.bytes.get_mut(self.len..).unwrap_or_default()
    }

    /// So many more bytes were written to [`KeyText::spare`].
    pub fn filled(&mut self, count: usize) {
        self.len = self.len.saturating_add(count).min(self.bytes.len());
    }

    /// As it was read.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    /// The keys in it.
    ///
    /// # Errors
    /// As of [`KeyRing::parse`].
    pub fn parse(&self) -> Result<KeyRing, KeyFileError> {
        let fault = |reason| KeyFileError { faults: vec![KeyFileFault { line: None, reason }] };
        if self.len > KEY_FILE_BYTES_MAX {
            return Err(fault(KeyFileReason::TooLong));
        }
        let text = std::str::from_utf8(self.as_bytes());
        KeyRing::parse(text.map_err(|_| fault(KeyFileReason::NotText))?)
    }
}

impl Drop for KeyText {
    fn drop(&mut self) {
        wipe(&mut self.bytes);
    }
}

impl std::fmt::Debug for KeyText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyText")
    }
}

impl KeyRing {
    /// Reads a key file, or what a command gave in its place: lines `id:key`,
    /// the key in base64, one of them followed by `active`. Empty lines and
    /// those that begin with `#` do not count.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn parse(text: &str) -> Result<Self, KeyFileError> {
        if text.len() > KEY_FILE_BYTES_MAX {
            let faults = vec![KeyFileFault { line: None, reason: KeyFileReason::TooLong }];
            return Err(KeyFileError { faults });
        }
        let mut reading = Reading::default();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if !line.is_empty() && !line.starts_with('#') {
                reading.take(number, line);
            }
        }
        reading.finish()
    }
}

/// The entries read so far, and the faults.
#[derive(Default)]
struct Reading {
    entries: BTreeMap<KeyId, (usize, Entry)>,
    /// By a hash of the key, so that no second copy of it is kept.
    keys: BTreeMap<[u8; 32], usize>,
    active: Option<(usize, KeyId)>,
    faults: Vec<KeyFileFault>,
}

impl Reading {
    fn take(&mut self, line: usize, text: &str) {
        match entry(text) {
            Ok(entry) => {
                if let Some((first, _)) = self.entries.get(&entry.id) {
                    let first = *first;
                    return self.fault(line, KeyFileReason::SameId { first });
                }
                if let Some(first) = self.keys.insert(blake3::hash(&entry.key.0).into(), line) {
                    self.fault(line, KeyFileReason::SameKey { first });
                }
                match self.active {
                    Some((first, _)) if entry.active => {
                        self.fault(line, KeyFileReason::SecondActive { first })
                    }
                    None if entry.active => self.active = Some((line, entry.id)),
                    _ => {}
                }
                self.entries.insert(entry.id, (line, entry));
            }
            Err(reason) => self.fault(line, reason),
        }
    }

    fn fault(&mut self, line: usize, reason: KeyFileReason) {
        self.faults.push(KeyFileFault { line: Some(line), reason });
    }

    fn finish(mut self) -> Result<KeyRing, KeyFileError> {
        let active = self.active.and_then(|(_, id)| self.entries.remove(&id));
        let Some((_, active)) = active else {
            self.faults.push(KeyFileFault { line: None, reason: KeyFileReason::NoActive });
            return Err(KeyFileError { faults: self.faults });
        };
        if !self.faults.is_empty() {
            return Err(KeyFileError { faults: self.faults });
        }
        let ring = KeyRing::new(active.id, &active.key.0).and_then(|ring| {
            self.entries.into_values().try_fold(ring, |ring, (_, entry)| ring.with(entry.id, &entry.key.0))
        });
        ring.map_err(|_| KeyFileError {
            faults: vec![KeyFileFault { line: None, reason: KeyFileReason::Cipher }],
        })
    }
}

fn entry(text: &str) -> Result<Entry, KeyFileReason> {
    let (id, rest) = text.split_once(':').ok_or(KeyFileReason::Form)?;
    let mut words = rest.split_whitespace();
    let key = words.next().ok_or(KeyFileReason::Form)?;
    let active = match (words.next(), words.next()) {
        (None, _) => false,
        (Some(ACTIVE), None) => true,
        _ => return Err(KeyFileReason::Form),
    };
    let id = id.trim();
    if !id.bytes().all(|b| b.is_ascii_digit()) {
        return Err(KeyFileReason::Id);
    }
    let id = id.parse().ok().filter(|id| *id != BUILT_IN.0).map(KeyId).ok_or(KeyFileReason::Id)?;
    let key = decode(key).ok_or(KeyFileReason::Key)?;
    Ok(Entry { id, key, active })
}

/// Decodes the base64 of 32 bytes (RFC 4648, section 4): 43 digits and one `=`.
fn decode(text: &str) -> Option<Secret> {
    let digits = text.strip_suffix('=').filter(|digits| digits.len() == 43)?;
    let mut key = Secret([0; 32]);
    let (mut bits, mut held, mut at) = (0u32, 0, 0);
    for digit in digits.bytes() {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            *key.0.get_mut(at)? = u8::try_from(bits >> held).ok()?;
            bits &= (1 << held) - 1;
            at += 1;
        }
    }
    // What is left over must be zeros: else two texts would be one key.
    (bits == 0).then_some(key)
}

#[cfg(test)]
#[path = "key_file_tests.rs"]
mod tests;

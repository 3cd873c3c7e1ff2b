use serde::Serialize;
use serde::de::DeserializeOwned;

/// The format of every record and command written by this version.
const FORMAT: u8 = 2;

/// Bytes are not what they should be: damaged, or of a later version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The format byte is of a version that this one does not know.
    #[error("{what}: format {format:?} is not known to this version")]
    UnknownFormat {
        /// What was being read.
        what: &'static str,
        /// The format byte found; none if there were no bytes.
        format: Option<u8>,
    },
    /// The bytes behind the format byte do not parse.
    #[error("{what}: {detail}")]
    Malformed {
        /// What was being read.
        what: &'static str,
        /// For operators.
        detail: String,
    },
}

/// A record as bytes: a format byte, then postcard.
pub fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    // Serialising into memory fails only for types that postcard cannot carry
    // (maps of unknown length); ours are plain structs, and tests encode each.
    postcard::to_extend(value, vec![FORMAT]).unwrap_or_default()
}

/// The inverse of [`encode`]; bytes left over are damage.
///
/// # Errors
/// [`DecodeError`].
pub fn decode<T: DeserializeOwned>(what: &'static str, bytes: &[u8]) -> Result<T, DecodeError> {
    let (value, rest) = decode_front(what, bytes)?;
    if rest != 0 {
        return Err(DecodeError::Malformed { what, detail: format!("{rest} bytes left over") });
    }
    Ok(value)
}

/// Decodes the value that `bytes` begin with, and says how many bytes follow.
pub(crate) fn decode_front<T: DeserializeOwned>(
    what: &'static str,
    bytes: &[u8],
) -> Result<(T, usize), DecodeError> {
    match bytes.split_first() {
        Some((&FORMAT, rest)) => postcard::take_from_bytes(rest)
            .map(|(value, rest)| (value, rest.len()))
            .map_err(|e| DecodeError::Malformed { what, detail: e.to_string() }),
        other => Err(DecodeError::UnknownFormat { what, format: other.map(|(format, _)| *format) }),
    }
}

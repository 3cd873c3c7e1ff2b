use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An entity tag as S3 gives it: the MD5 of the bytes, or for a multipart
/// object the MD5 of its parts' MD5s and their number. Shown without quotes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ETag {
    /// The MD5.
    pub md5: [u8; 16],
    /// For a multipart object, how many parts it has.
    pub parts: Option<u16>,
}

impl fmt::Display for ETag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.md5 {
            write!(f, "{byte:02x}")?;
        }
        match self.parts {
            Some(parts) => write!(f, "-{parts}"),
            None => Ok(()),
        }
    }
}

/// A text is not an entity tag of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an entity tag")]
pub struct NotAnETag;

impl FromStr for ETag {
    type Err = NotAnETag;

    /// With or without quotes.
    fn from_str(text: &str) -> Result<Self, NotAnETag> {
        let text = text.strip_prefix('"').and_then(|t| t.strip_suffix('"')).unwrap_or(text);
        let (digits, parts) = match text.split_once('-') {
            Some((digits, parts)) => (digits, Some(parts.parse().map_err(|_| NotAnETag)?)),
            None => (text, None),
        };
        if digits.len() != 32 || digits.bytes().any(|b| !b.is_ascii_hexdigit()) {
            return Err(NotAnETag);
        }
        let number = u128::from_str_radix(digits, 16).map_err(|_| NotAnETag)?;
        Ok(Self { md5: number.to_be_bytes(), parts })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn etags_survive_text(md5 in any::<[u8; 16]>(), parts in any::<Option<u16>>()) {
            let tag = ETag { md5, parts };
            prop_assert_eq!(tag.to_string().parse::<ETag>(), Ok(tag));
            prop_assert_eq!(format!("\"{tag}\"").parse::<ETag>(), Ok(tag));
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in "\\PC*") {
            prop_assert!(text.parse::<ETag>().is_ok() || text.parse::<ETag>() == Err(NotAnETag));
        }
    }
}

//! Percent coding of paths and queries, by bytes, with the rules that S3 signs by.

use crate::error::{ErrorCode, S3Error};

const HEX: &[u8; 16] = b"0123456789ABCDEF";

/// Appends `bytes` percent-encoded: RFC 3986 unreserved characters stay, and `/` if `keep_slash`.
pub(crate) fn encode_into(out: &mut String, bytes: &[u8], keep_slash: bool) {
    for &byte in bytes {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            b'/' if keep_slash => out.push('/'),
            _ => push_escape(out, byte),
        }
    }
}

/// `bytes` percent-encoded; see [`encode_into`].
pub(crate) fn encode(bytes: &[u8], keep_slash: bool) -> String {
    let mut out = String::with_capacity(bytes.len());
    encode_into(&mut out, bytes, keep_slash);
    out
}

/// A key as listings carry it under `encoding-type=url`: a form encoding that keeps `/` and `*`.
///
/// A space becomes `+`, a plus `%2B`, a tilde `%7E`, as real S3 answers.
pub fn encode_listed(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'/' | b'*' => {
                out.push(char::from(byte));
            }
            b' ' => out.push('+'),
            _ => push_escape(&mut out, byte),
        }
    }
    out
}

fn push_escape(out: &mut String, byte: u8) {
    out.push('%');
    out.push(char::from(HEX[usize::from(byte >> 4)]));
    out.push(char::from(HEX[usize::from(byte & 15)]));
}

/// Undoes percent-encoding; `plus_is_space` as in queries. `InvalidURI` for a broken escape.
pub(crate) fn decode(text: &str, plus_is_space: bool) -> Result<Vec<u8>, S3Error> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => {
                let (high, low) = (bytes.next().and_then(hex_value), bytes.next().and_then(hex_value));
                match (high, low) {
                    (Some(high), Some(low)) => out.push(high << 4 | low),
                    _ => return Err(ErrorCode::InvalidUri.into()),
                }
            }
            b'+' if plus_is_space => out.push(b' '),
            _ => out.push(byte),
        }
    }
    Ok(out)
}

/// Undoes percent-encoding into text; `InvalidURI` when that is not UTF-8.
pub(crate) fn decode_utf8(text: &str, plus_is_space: bool) -> Result<String, S3Error> {
    String::from_utf8(decode(text, plus_is_space)?).map_err(|_| ErrorCode::InvalidUri.into())
}

fn hex_value(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// The raw name and value of each parameter of a query, in order.
pub(crate) fn raw_pairs(query: &str) -> impl Iterator<Item = (&str, &str)> {
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

/// A decoded query string.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Query {
    pairs: Vec<(String, String)>,
}

impl Query {
    pub(crate) fn parse(query: &str) -> Result<Self, S3Error> {
        let pairs = raw_pairs(query)
            .map(|(name, value)| Ok((decode_utf8(name, true)?, decode_utf8(value, true)?)))
            .collect::<Result<_, S3Error>>()?;
        Ok(Self { pairs })
    }

    /// The value of the first parameter of that name; empty when it has none.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The same, taking an empty value as absent.
    pub(crate) fn filled(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn listed_keys_are_encoded_as_s3_answers() {
        for (key, listed) in [
            ("a b.txt", "a+b.txt"),
            ("a+b.txt", "a%2Bb.txt"),
            ("100%.csv", "100%25.csv"),
            ("한글/x", "%ED%95%9C%EA%B8%80/x"),
            ("~*\u{1}", "%7E*%01"),
        ] {
            assert_eq!(encode_listed(key), listed);
        }
    }

    #[test]
    fn broken_escapes_and_text_are_refused() {
        for text in ["%", "%4", "%zz", "a%2", "%+1"] {
            assert_eq!(decode(text, false), Err(ErrorCode::InvalidUri.into()), "{text}");
        }
        assert_eq!(decode_utf8("%FF", false), Err(ErrorCode::InvalidUri.into()));
    }

    proptest! {
        #[test]
        fn encoded_bytes_decode_to_themselves(bytes: Vec<u8>, keep_slash: bool) {
            prop_assert_eq!(decode(&encode(&bytes, keep_slash), false).unwrap(), bytes);
        }

        #[test]
        fn listed_text_decodes_to_itself(text in ".*") {
            prop_assert_eq!(decode_utf8(&encode_listed(&text), true).unwrap(), text);
        }

        #[test]
        fn arbitrary_queries_never_panic(text in ".*") {
            Query::parse(&text).ok();
        }
    }
}

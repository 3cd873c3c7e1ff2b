//! The JSON of policies, read as S3 reads it: its own escapes `\$` and `\v` are taken, and the comma
//! behind the last element that its examples have.
//!
//! Bounded in depth; who calls bounds the length.

use std::iter::Peekable;
use std::str::CharIndices;

/// A policy is an object with an array of arrays; deeper ones are refused.
const MAX_DEPTH: u8 = 8;

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Text(String),
    /// A number as it was written.
    Number(String),
    List(Vec<Value>),
    /// Names and values in their order, no name twice.
    Object(Vec<(String, Value)>),
    /// `true`, `false` or `null`, which no policy needs.
    Word,
}

/// Reads a document; `None` if it is malformed.
pub(super) fn parse(text: &str) -> Option<Value> {
    let mut reader = Reader { text, rest: text.char_indices().peekable() };
    let value = reader.value(0)?;
    reader.skip_space();
    reader.rest.next().is_none().then_some(value)
}

struct Reader<'a> {
    text: &'a str,
    rest: Peekable<CharIndices<'a>>,
}

impl<'a> Reader<'a> {
    fn skip_space(&mut self) {
        while self.rest.next_if(|(_, char)| matches!(char, ' ' | '\t' | '\r' | '\n')).is_some() {}
    }

    /// Takes this character if it is the next behind any space.
    fn take(&mut self, wanted: char) -> Option<()> {
        self.skip_space();
        self.rest.next_if(|(_, char)| *char == wanted).map(|_| ())
    }

    fn value(&mut self, depth: u8) -> Option<Value> {
        self.skip_space();
        if depth > MAX_DEPTH {
            return None;
        }
        match self.rest.peek()?.1 {
            '"' => self.text().map(Value::Text),
            '[' => self.list(depth),
            '{' => self.object(depth),
            '-' | '0'..='9' => Some(Value::Number(self.word().to_owned())),
            _ => matches!(self.word(), "true" | "false" | "null").then_some(Value::Word),
        }
    }

    /// The letters, digits and signs that are next.
    fn word(&mut self) -> &'a str {
        let start = self.rest.peek().map_or(self.text.len(), |(at, _)| *at);
        while self
            .rest
            .next_if(|(_, char)| matches!(char, '0'..='9' | 'a'..='z' | 'E' | '+' | '-' | '.'))
            .is_some()
        {}
        let end = self.rest.peek().map_or(self.text.len(), |(at, _)| *at);
        self.text.get(start..end).unwrap_or("")
    }

    fn list(&mut self, depth: u8) -> Option<Value> {
        self.take('[')?;
        let mut values = Vec::new();
        while self.take(']').is_none() {
            values.push(self.value(depth + 1)?);
            if self.take(',').is_none() {
                self.take(']')?;
                break;
            }
        }
        Some(Value::List(values))
    }

    fn object(&mut self, depth: u8) -> Option<Value> {
        self.take('{')?;
        let mut names = std::collections::BTreeSet::new();
        let mut members = Vec::new();
        while self.take('}').is_none() {
            self.skip_space();
            let name = self.text()?;
            self.take(':')?;
            // Of a name given twice, another reader might take the other value.
            if !names.insert(name.clone()) {
                return None;
            }
            members.push((name, self.value(depth + 1)?));
            if self.take(',').is_none() {
                self.take('}')?;
                break;
            }
        }
        Some(Value::Object(members))
    }

    fn text(&mut self) -> Option<String> {
        self.rest.next_if(|(_, char)| *char == '"')?;
        let mut text = String::new();
        loop {
            match self.rest.next()?.1 {
                '"' => return Some(text),
                '\\' => text.push(self.escape()?),
                '\0'..='\x1f' => return None,
                char => text.push(char),
            }
        }
    }

    fn escape(&mut self) -> Option<char> {
        match self.rest.next()?.1 {
            char @ ('"' | '\\' | '/' | '$') => Some(char),
            'b' => Some('\x08'),
            'f' => Some('\x0c'),
            'n' => Some('\n'),
            'r' => Some('\r'),
            't' => Some('\t'),
            'v' => Some('\x0b'),
            'u' => self.code_point(),
            _ => None,
        }
    }

    /// The character of `\uxxxx`, or of two of them that are a surrogate pair.
    fn code_point(&mut self) -> Option<char> {
        let first = self.code_unit()?;
        if !(0xd800..0xdc00).contains(&first) {
            return char::from_u32(first);
        }
        self.rest.next_if(|(_, char)| *char == '\\')?;
        self.rest.next_if(|(_, char)| *char == 'u')?;
        let second = self.code_unit()?;
        if !(0xdc00..0xe000).contains(&second) {
            return None;
        }
        char::from_u32(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00))
    }

    fn code_unit(&mut self) -> Option<u32> {
        let mut unit = 0;
        for _ in 0..4 {
            unit = unit << 4 | self.rest.next()?.1.to_digit(16)?;
        }
        Some(unit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(value: &str) -> Value {
        Value::Text(value.to_owned())
    }

    #[test]
    fn documents_are_read() {
        let number = |value: &str| Value::Number(value.to_owned());
        for (json, value) in [
            (r#" "a\"\\\/\$\b\f\n\r\t\v\u00e9\ud83d\ude00" "#, text("a\"\\/$\x08\x0c\n\r\t\x0bé😀")),
            ("[1, -2.5e+3 , true]", Value::List(vec![number("1"), number("-2.5e+3"), Value::Word])),
            ("[]", Value::List(vec![])),
            ("{\r\n}", Value::Object(vec![])),
            (
                "{\"b\": null,\n\t\"a\": [{}, ], }",
                Value::Object(vec![
                    ("b".to_owned(), Value::Word),
                    ("a".to_owned(), Value::List(vec![Value::Object(vec![])])),
                ]),
            ),
        ] {
            assert_eq!(parse(json), Some(value), "{json}");
        }
    }

    #[test]
    fn what_is_no_document_is_refused() {
        for json in [
            "",
            " ",
            "{",
            "[",
            "[1",
            "[,]",
            "[1,,]",
            "[1 2]",
            "{\"a\"}",
            "{\"a\":}",
            "{a:1}",
            "{'a':1}",
            "\"",
            "\"\n\"",
            r#""\x""#,
            r#""\u12""#,
            r#""\ud83d""#,
            r#""\ud83dA""#,
            r#""\udc00""#,
            "nul",
            "1 1",
            "{\"a\":1,\"a\":2}",
            "\u{feff}{}",
        ] {
            assert_eq!(parse(json), None, "{json}");
        }
        let nested = |depth| "[".repeat(depth) + &"]".repeat(depth);
        assert!(parse(&nested(9)).is_some());
        for depth in [10, 20_000] {
            assert!(parse(&nested(depth)).is_none());
        }
    }

    proptest! {
        #[test]
        fn text_reads_back(value: String) {
            let mut json = "\"".to_owned();
            for unit in value.encode_utf16() {
                json.push_str(&format!("\\u{unit:04x}"));
            }
            prop_assert_eq!(parse(&(json + "\"")), Some(text(&value)));
        }

        #[test]
        fn arbitrary_text_never_panics(json in "([\\[\\]{},:\"\\\\u0-9ad]|.)*") {
            parse(&json);
        }
    }
}

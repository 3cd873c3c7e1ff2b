//! The parameters of a header value: `form-data; name="key"; filename="a.txt"`.

/// Splits a value into its first word and its parameters, names in lower case; `None` if it is
/// malformed or names a parameter twice.
///
/// In quotes only `\"` is an escape: browsers give paths of Windows as they are.
pub(super) fn parse(value: &str) -> Option<(&str, Vec<(String, String)>)> {
    let (word, mut rest) = match value.find(';') {
        Some(end) => value.split_at(end),
        None => (value, ""),
    };
    let mut found: Vec<(String, String)> = Vec::new();
    while let Some(behind) = rest.strip_prefix(';') {
        let parameter = behind.trim_start();
        if parameter.is_empty() {
            rest = "";
            break;
        }
        let (name, value) = parameter.split_once('=')?;
        let name = name.trim().to_ascii_lowercase();
        let value = value.trim_start();
        let (value, behind) = match value.strip_prefix('"') {
            Some(quoted) => unquote(quoted)?,
            None => {
                let end = value.find(';').unwrap_or(value.len());
                (value[..end].trim_end().to_owned(), &value[end..])
            }
        };
        // A value has few parameters: who sends many of them is refused before it costs time.
        if found.len() >= MAX_PARAMETERS || found.iter().any(|(known, _)| *known == name) {
            return None;
        }
        found.push((name, value));
        rest = behind.trim_start();
    }
    rest.is_empty().then_some((word.trim(), found))
}

const MAX_PARAMETERS: usize = 8;

/// Reads up to the closing quote; gives the text and what follows the quote.
fn unquote(quoted: &str) -> Option<(String, &str)> {
    let mut text = String::new();
    let mut chars = quoted.char_indices().peekable();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return Some((text, &quoted[at + 1..])),
            '\\' if chars.next_if(|(_, next)| *next == '"').is_some() => text.push('"'),
            _ => text.push(char),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn parameters_are_read_quoted_or_not() {
        let pairs = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        for (value, word, expected) in [
            ("form-data", "form-data", &[][..]),
            ("form-data; name=\"key\"", "form-data", &[("name", "key")]),
            (
                "form-data;NAME=key ; filename=\"a;b.txt\";",
                "form-data",
                &[("name", "key"), ("filename", "a;b.txt")],
            ),
            (r#"a; f="C:\dir\n \"q\".txt""#, "a", &[("f", r#"C:\dir\n "q".txt"#)]),
            ("a; f=\"é\"; g=", "a", &[("f", "é"), ("g", "")]),
        ] {
            assert_eq!(parse(value), Some((word, pairs(expected))), "{value}");
        }
    }

    #[test]
    fn malformed_values_are_refused() {
        for value in ["a; b", "a; b=\"c", "a; b=\"c\" d", "a; b=1; B=2", "a; b=\"c\\\""] {
            assert_eq!(parse(value), None, "{value}");
        }
        let many: String = (0..9).map(|number| format!("; p{number}=")).collect();
        assert_eq!(parse(&format!("a{many}")), None);
    }

    proptest! {
        #[test]
        fn quoted_text_reads_back(text in "[^\"\\\\]*") {
            let value = format!("a; b=\"{text}\"");
            prop_assert_eq!(parse(&value), Some(("a", vec![("b".to_owned(), text)])));
        }

        #[test]
        fn arbitrary_text_never_panics(text in "(.|[;=\"\\\\])*") {
            parse(&text);
        }
    }
}

//! Patterns of origins and headers.

/// Text with at most one `*`, which stands for any characters or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wildcard {
    pattern: String,
}

impl Wildcard {
    /// `None` if there is more than one `*`.
    pub fn parse(pattern: &str) -> Option<Self> {
        if pattern.bytes().filter(|byte| *byte == b'*').count() > 1 {
            return None;
        }
        Some(Self { pattern: pattern.to_owned() })
    }

    /// The pattern as it was given.
    pub fn as_str(&self) -> &str {
        &self.pattern
    }

    /// Whether everything fits.
    pub fn is_any(&self) -> bool {
        self.pattern == "*"
    }

    /// Whether `text` fits, to the letter.
    pub fn matches(&self, text: &str) -> bool {
        match self.pattern.split_once('*') {
            None => self.pattern == text,
            Some((start, end)) => text.strip_prefix(start).is_some_and(|rest| rest.ends_with(end)),
        }
    }

    /// Whether `text` fits, in any case of ASCII letters.
    pub fn matches_ignoring_case(&self, text: &str) -> bool {
        let (pattern, text) = (self.pattern.as_bytes(), text.as_bytes());
        match pattern.iter().position(|byte| *byte == b'*') {
            None => pattern.eq_ignore_ascii_case(text),
            Some(at) => {
                let (start, end) = (&pattern[..at], &pattern[at + 1..]);
                text.len() >= start.len() + end.len()
                    && text[..start.len()].eq_ignore_ascii_case(start)
                    && text[text.len() - end.len()..].eq_ignore_ascii_case(end)
            }
        }
    }
}

//! The writer of answers, and the escaping of what they carry.

use crate::checksum::ObjectChecksum;
use crate::time::iso8601;
use crate::uri::encode_listed;
use crate::xml::{Owner, PROLOG};

const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";

/// Builds a document. The names of elements are ours and need no escaping.
pub(crate) struct XmlWriter {
    out: String,
}

impl XmlWriter {
    pub(crate) fn document() -> Self {
        Self { out: PROLOG.to_owned() }
    }

    /// Opens the root element, in the namespace of S3.
    pub(crate) fn open_root(&mut self, name: &str) {
        self.out.push('<');
        self.out.push_str(name);
        self.out.push_str(" xmlns=\"");
        self.out.push_str(NAMESPACE);
        self.out.push_str("\">");
    }

    pub(crate) fn open(&mut self, name: &str) {
        self.out.push('<');
        self.out.push_str(name);
        self.out.push('>');
    }

    pub(crate) fn close(&mut self, name: &str) {
        self.out.push_str("</");
        self.out.push_str(name);
        self.out.push('>');
    }

    /// Text of the element that is open.
    pub(crate) fn content(&mut self, text: &str) {
        escape_into(&mut self.out, text);
    }

    pub(crate) fn text(&mut self, name: &str, text: &str) {
        self.open(name);
        self.content(text);
        self.close(name);
    }

    pub(crate) fn optional(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.text(name, text);
        }
    }

    pub(crate) fn number(&mut self, name: &str, number: impl Into<u64>) {
        self.text(name, &number.into().to_string());
    }

    pub(crate) fn flag(&mut self, name: &str, flag: bool) {
        self.text(name, if flag { "true" } else { "false" });
    }

    pub(crate) fn time(&mut self, name: &str, unix_ms: u64) {
        self.text(name, &iso8601(unix_ms));
    }

    /// An entity tag, which is quoted in XML as it is in headers.
    pub(crate) fn etag(&mut self, etag: &str) {
        self.text("ETag", &format!("\"{etag}\""));
    }

    /// A key, prefix or delimiter, in the encoding the client asked for.
    pub(crate) fn key(&mut self, name: &str, key: &str, url_encoded: bool) {
        if url_encoded {
            self.text(name, &encode_listed(key));
        } else {
            self.text(name, key);
        }
    }

    pub(crate) fn owner(&mut self, name: &str, owner: &Owner) {
        self.open(name);
        self.text("ID", &owner.id);
        self.text("DisplayName", &owner.display_name);
        self.close(name);
    }

    /// The value of a checksum, and what it covers.
    pub(crate) fn checksum(&mut self, checksum: Option<&ObjectChecksum>) {
        if let Some(checksum) = checksum {
            self.text(checksum.value.algorithm().element(), &checksum.to_text());
            self.text("ChecksumType", checksum.kind.name());
        }
    }

    pub(crate) fn finish(self) -> String {
        self.out
    }
}

/// Characters that XML 1.0 cannot carry are written as references, as S3 does: a reader that is
/// strict about them asks for `encoding-type=url`.
fn escape_into(out: &mut String, text: &str) {
    for char in text.chars() {
        match char {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // Left bare, a reader would turn it into a line feed.
            '\r' => out.push_str("&#13;"),
            '\t' | '\n' => out.push(char),
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => {
                out.push_str(&format!("&#x{:x};", u32::from(char)));
            }
            _ => out.push(char),
        }
    }
}

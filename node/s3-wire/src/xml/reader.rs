//! A bounded reader: a document becomes a small tree of elements.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use crate::error::{ErrorCode, S3Error};

/// The deepest nesting of elements, the root being 1.
const MAX_DEPTH: usize = 6;
/// The most elements: the parts of the longest upload, with all that is said of each.
const MAX_ELEMENTS: usize = 100_000;

/// An element: its name without prefix, its own text, its children. Attributes are dropped.
#[derive(Debug, Default)]
pub(crate) struct Element {
    pub(crate) name: String,
    pub(crate) text: String,
    pub(crate) children: Vec<Element>,
}

impl Element {
    /// The text of an element that has no children.
    pub(crate) fn leaf(&self) -> Result<&str, S3Error> {
        if self.children.is_empty() { Ok(&self.text) } else { Err(malformed()) }
    }

    /// The children of an element that has no text of its own: what stands beside them must not be
    /// ignored where it may have been meant to say something.
    pub(crate) fn elements(&self) -> Result<&[Element], S3Error> {
        if self.text.trim().is_empty() { Ok(&self.children) } else { Err(malformed()) }
    }
}

pub(crate) fn malformed() -> S3Error {
    ErrorCode::MalformedXml.into()
}

/// Reads a document whose root has this name.
///
/// `MaxMessageLengthExceeded` beyond `max_len` bytes; `MalformedXML` for what is not well-formed, is
/// nested too deep, has too many elements, or has a document type, an entity of its own, or a processing instruction.
pub(crate) fn parse(body: &[u8], max_len: usize, root: &str) -> Result<Element, S3Error> {
    if body.len() > max_len {
        return Err(S3Error::new(ErrorCode::MaxMessageLengthExceeded)
            .field("MaxMessageLengthBytes", max_len.to_string()));
    }
    let text = std::str::from_utf8(body).map_err(|_| malformed())?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Element> = Vec::new();
    let mut done: Option<Element> = None;
    let mut count = 0;
    loop {
        let event = reader.read_event().map_err(|_| malformed())?;
        if let Event::Start(_) | Event::Empty(_) = event {
            count += 1;
            if done.is_some() || open.len() == MAX_DEPTH || count > MAX_ELEMENTS {
                return Err(malformed());
            }
        }
        match event {
            Event::Start(start) => open.push(begin(&start)?),
            Event::Empty(start) => close(begin(&start)?, &mut open, &mut done),
            Event::End(_) => {
                let element = open.pop().ok_or_else(malformed)?;
                close(element, &mut open, &mut done);
            }
            Event::Text(text) => push_text(&mut open, &text.xml10_content().map_err(|_| malformed())?)?,
            Event::CData(text) => push_text(&mut open, &text.xml10_content().map_err(|_| malformed())?)?,
            Event::GeneralRef(reference) => {
                let char = match reference.resolve_char_ref().map_err(|_| malformed())? {
                    Some(char) => char,
                    None => match reference.decode().map_err(|_| malformed())?.as_ref() {
                        "amp" => '&',
                        "lt" => '<',
                        "gt" => '>',
                        "quot" => '"',
                        "apos" => '\'',
                        _ => return Err(malformed()),
                    },
                };
                open.last_mut().ok_or_else(malformed)?.text.push(char);
            }
            Event::Decl(_) | Event::Comment(_) => {}
            Event::DocType(_) | Event::PI(_) => return Err(malformed()),
            Event::Eof => break,
        }
    }
    match done {
        Some(element) if open.is_empty() && element.name == root => Ok(element),
        _ => Err(malformed()),
    }
}

fn begin(start: &BytesStart<'_>) -> Result<Element, S3Error> {
    let name = std::str::from_utf8(start.local_name().into_inner()).map_err(|_| malformed())?;
    Ok(Element { name: name.to_owned(), ..Element::default() })
}

fn close(element: Element, open: &mut [Element], done: &mut Option<Element>) {
    match open.last_mut() {
        Some(parent) => parent.children.push(element),
        None => *done = Some(element),
    }
}

fn push_text(open: &mut [Element], text: &str) -> Result<(), S3Error> {
    match open.last_mut() {
        Some(element) => element.text.push_str(text),
        None if text.trim().is_empty() => {}
        None => return Err(malformed()),
    }
    Ok(())
}

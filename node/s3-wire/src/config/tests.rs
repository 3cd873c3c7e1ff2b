//! What holds for every document.

use crate::xml::PROLOG;

/// Drops what all documents have: the prolog and the namespace.
pub(super) fn inner(xml: &str) -> String {
    let xml = xml.strip_prefix(PROLOG).expect("a prolog");
    xml.replacen(" xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"", "", 1)
}

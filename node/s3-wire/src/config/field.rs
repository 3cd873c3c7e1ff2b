//! Single values of a document, and the errors about them.

use std::borrow::Cow;

use crate::error::{ErrorCode, S3Error};
use crate::xml::reader::{Element, malformed, parse};

/// How much longer a document may become when we write it: at worst each of its characters is one
/// that we escape and the client did not.
const MOST_GROWTH: usize = 8;

/// Reads a document, from a client who may send `max_len` bytes or as we wrote it.
pub(super) fn document(body: &[u8], max_len: usize, root: &str) -> Result<Element, S3Error> {
    parse(body, max_len * MOST_GROWTH, root)
}

/// Fills a place that may be filled once.
pub(super) fn set<T>(place: &mut Option<T>, value: T) -> Result<(), S3Error> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(malformed()),
    }
}

/// An integer as XML schemas have it.
pub(super) fn integer(element: &Element) -> Result<i64, S3Error> {
    element.leaf()?.trim().parse().map_err(|_| malformed())
}

/// An integer of at least `least`: `refusal` below that.
pub(super) fn at_least(
    least: u32,
    element: &Element,
    refusal: impl FnOnce() -> S3Error,
) -> Result<u32, S3Error> {
    let number = integer(element)?;
    if number < i64::from(least) {
        return Err(refusal());
    }
    // The schema has signed 32 bits.
    u32::try_from(number).ok().filter(|number| *number <= 0x7fff_ffff).ok_or_else(malformed)
}

/// A boolean; AWS takes it in any case.
pub(super) fn flag(element: &Element) -> Result<bool, S3Error> {
    let text = element.leaf()?.trim();
    if text.eq_ignore_ascii_case("true") || text == "1" {
        Ok(true)
    } else if text.eq_ignore_ascii_case("false") || text == "0" {
        Ok(false)
    } else {
        Err(malformed())
    }
}

/// One of a set of words: `MalformedXML` for any other.
pub(super) fn word<T>(element: &Element, from_name: impl FnOnce(&str) -> Option<T>) -> Result<T, S3Error> {
    from_name(element.leaf()?.trim()).ok_or_else(malformed)
}

/// Text as it stands.
pub(super) fn text(element: &Element) -> Result<String, S3Error> {
    Ok(element.leaf()?.to_owned())
}

pub(super) fn invalid_argument(message: impl Into<Cow<'static, str>>) -> S3Error {
    S3Error::with_message(ErrorCode::InvalidArgument, message)
}

pub(super) fn invalid_request(message: impl Into<Cow<'static, str>>) -> S3Error {
    S3Error::with_message(ErrorCode::InvalidRequest, message)
}

/// `NotImplemented` because of an element that must not be ignored.
pub(super) fn not_implemented(element: &str) -> S3Error {
    S3Error::new(ErrorCode::NotImplemented).field("Element", element)
}

//! The `Range` header: read, and resolved against the size of an object.

use crate::error::{ErrorCode, S3Error};

/// The most ranges one header may name; a header with more is ignored, as RFC 9110 allows.
const MAX_RANGES: usize = 1_024;

/// One range as a client asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RangeSpec {
    /// `first-`
    From(u64),
    /// `first-last`, both included.
    Between(u64, u64),
    /// `-length`: the last so many bytes.
    Last(u64),
}

/// A span of bytes that exists: `start..end`, never empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteSpan {
    /// The first byte.
    pub start: u64,
    /// The byte behind the last one.
    pub end: u64,
}

impl ByteSpan {
    /// How many bytes.
    pub fn byte_len(self) -> u64 {
        self.end - self.start
    }

    /// `bytes 0-9/100`, the value of `Content-Range` in an object of `size` bytes.
    pub fn content_range(self, size: u64) -> String {
        format!("bytes {}-{}/{size}", self.start, self.end - 1)
    }
}

/// What to answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResolvedRange {
    /// The whole object, with 200.
    Whole,
    /// These spans, in the order asked for, with 206; more than one as `multipart/byteranges`.
    Spans(Vec<ByteSpan>),
}

/// Reads a `Range` header. A header that is not a valid range of bytes is ignored (`None`), as S3 does.
pub fn parse_range(header: &str) -> Option<Vec<RangeSpec>> {
    let (unit, list) = header.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let mut ranges = Vec::new();
    for text in list.split(',').map(str::trim).filter(|text| !text.is_empty()) {
        if ranges.len() == MAX_RANGES {
            return None;
        }
        let (first, last) = text.split_once('-')?;
        let (first, last) = (first.trim(), last.trim());
        ranges.push(match (first.is_empty(), last.is_empty()) {
            (true, true) => return None,
            (true, false) => RangeSpec::Last(number(last)?),
            (false, true) => RangeSpec::From(number(first)?),
            (false, false) => {
                let (first, last) = (number(first)?, number(last)?);
                if last < first {
                    return None;
                }
                RangeSpec::Between(first, last)
            }
        });
    }
    if ranges.is_empty() { None } else { Some(ranges) }
}

/// Reads the range of `x-amz-copy-source-range`, which must be `bytes=first-last`.
pub fn parse_copy_range(header: &str) -> Result<ByteSpan, S3Error> {
    match parse_range(header).as_deref() {
        Some([RangeSpec::Between(start, last)]) if *last < u64::MAX => {
            Ok(ByteSpan { start: *start, end: last + 1 })
        }
        _ => Err(S3Error::invalid_argument(
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last \
             are the zero-based offsets of the first and last bytes to copy",
            "x-amz-copy-source-range",
            header,
        )),
    }
}

/// Resolves ranges against an object of `size` bytes; `InvalidRange` (416) if none of them exists.
///
/// Ranges that overlap so much that they add up to more than the object are ignored, so that a
/// short request cannot ask for a long answer.
pub fn resolve(ranges: &[RangeSpec], size: u64) -> Result<ResolvedRange, S3Error> {
    let spans: Vec<ByteSpan> = ranges
        .iter()
        .filter_map(|range| {
            let (start, end) = match *range {
                RangeSpec::From(first) => (first, size),
                RangeSpec::Between(first, last) => (first, last.saturating_add(1).min(size)),
                RangeSpec::Last(length) => (size - length.min(size), size),
            };
            (start < end).then_some(ByteSpan { start, end })
        })
        .collect();
    if spans.is_empty() {
        return Err(S3Error::new(ErrorCode::InvalidRange).field("ActualObjectSize", size.to_string()));
    }
    let total = spans.iter().fold(0_u64, |total, span| total.saturating_add(span.byte_len()));
    if spans.len() > 1 && total > size {
        return Ok(ResolvedRange::Whole);
    }
    Ok(ResolvedRange::Spans(spans))
}

/// A number of digits only; one that does not fit counts as the largest.
fn number(text: &str) -> Option<u64> {
    if !text.bytes().all(|byte| byte.is_ascii_digit()) || text.is_empty() {
        return None;
    }
    Some(text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn spans(header: &str, size: u64) -> Result<Vec<(u64, u64)>, ErrorCode> {
        let ranges = parse_range(header).expect("a range");
        match resolve(&ranges, size) {
            Ok(ResolvedRange::Spans(spans)) => Ok(spans.iter().map(|span| (span.start, span.end)).collect()),
            Ok(ResolvedRange::Whole) => Ok(Vec::new()),
            Err(error) => Err(error.code),
        }
    }

    #[test]
    fn ranges_resolve_as_rfc_9110_says() {
        for (header, size, result) in [
            ("bytes=0-9", 100, Ok(vec![(0, 10)])),
            ("bytes=90-200", 100, Ok(vec![(90, 100)])),
            ("bytes=99-", 100, Ok(vec![(99, 100)])),
            ("bytes=-10", 100, Ok(vec![(90, 100)])),
            ("bytes=-1000", 100, Ok(vec![(0, 100)])),
            ("Bytes= 5-6 , -1,", 10, Ok(vec![(5, 7), (9, 10)])),
            ("bytes=100-", 100, Err(ErrorCode::InvalidRange)),
            ("bytes=-0", 100, Err(ErrorCode::InvalidRange)),
            ("bytes=0-", 0, Err(ErrorCode::InvalidRange)),
            ("bytes=-5", 0, Err(ErrorCode::InvalidRange)),
            ("bytes=200-300,0-0", 100, Ok(vec![(0, 1)])),
            ("bytes=0-,0-", 100, Ok(vec![])),
            ("bytes=0-99999999999999999999999", 100, Ok(vec![(0, 100)])),
        ] {
            assert_eq!(spans(header, size), result, "{header}");
        }
    }

    #[test]
    fn headers_that_are_no_ranges_are_ignored() {
        for header in [
            "",
            "bytes",
            "bytes=",
            "bytes=a-b",
            "bytes=-",
            "bytes=5-4",
            "items=0-1",
            "bytes=1--2",
            "bytes=+1-2",
        ] {
            assert_eq!(parse_range(header), None, "{header}");
        }
        assert_eq!(parse_range(&format!("bytes={}", "0-0,".repeat(2_000))), None);
    }

    #[test]
    fn copy_ranges_have_both_ends() {
        assert_eq!(parse_copy_range("bytes=3-5"), Ok(ByteSpan { start: 3, end: 6 }));
        for header in ["bytes=3-", "bytes=-3", "3-5", "bytes=0-1,2-3", "bytes=0-18446744073709551615"] {
            assert_eq!(parse_copy_range(header).unwrap_err().code, ErrorCode::InvalidArgument, "{header}");
        }
    }

    proptest! {
        #[test]
        fn spans_lie_in_the_object_and_never_add_up_to_more(header in "bytes=([0-9]{0,3}-[0-9]{0,3},?){1,6}", size in 0_u64..1_000) {
            if let Some(ranges) = parse_range(&header)
                && let Ok(ResolvedRange::Spans(spans)) = resolve(&ranges, size)
            {
                prop_assert!(spans.iter().all(|span| span.start < span.end && span.end <= size));
                prop_assert!(spans.iter().map(|span| span.byte_len()).sum::<u64>() <= size);
            }
        }

        #[test]
        fn arbitrary_text_never_panics(text in ".*", size: u64) {
            parse_copy_range(&text).ok();
            if let Some(ranges) = parse_range(&text) {
                resolve(&ranges, size).ok();
            }
        }
    }
}

use std::ops::Range;

/// Plaintext of a segment, bytes; the last may have less.
pub const SEGMENT_BYTES: usize = 64 << 10;
/// The longest plaintext, bytes: well above the largest object of S3.
pub const PLAIN_BYTES_MAX: u64 = 1 << 50;

/// What authenticates a segment, bytes.
pub(super) const TAG_BYTES: usize = 16;
/// A segment as it is stored, bytes.
pub(super) const SEALED_SEGMENT_BYTES: usize = SEGMENT_BYTES + TAG_BYTES;
/// Segments that are sealed or opened in one go: half a millisecond of work.
pub(super) const BATCH_SEGMENTS: u64 = 4;
/// Work on fewer bytes is done where it is asked for.
pub(super) const BLOCKING_BYTES_MIN: usize = 16 << 10;

const SEGMENT: u64 = SEGMENT_BYTES as u64;
const SEALED_SEGMENT: u64 = SEALED_SEGMENT_BYTES as u64;
const TAG: u64 = TAG_BYTES as u64;

/// How a body lies in its sealed form: segment by segment, each followed by
/// its tag. An empty body is one empty segment, so that also its emptiness is
/// authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealedLayout {
    plain_len: u64,
}

impl SealedLayout {
    /// The layout of a body of `plain_len` bytes; none if it is longer than
    /// [`PLAIN_BYTES_MAX`].
    pub fn of_plain(plain_len: u64) -> Option<Self> {
        (plain_len <= PLAIN_BYTES_MAX).then_some(Self { plain_len })
    }

    /// The layout of a sealed body of `sealed_len` bytes; none if no body has
    /// that length.
    pub fn of_sealed(sealed_len: u64) -> Option<Self> {
        let (whole, rest) = (sealed_len / SEALED_SEGMENT, sealed_len % SEALED_SEGMENT);
        let last = match rest {
            0 if whole > 0 => 0,
            TAG if whole > 0 => return None,
            rest => rest.checked_sub(TAG)?,
        };
        Self::of_plain(whole * SEGMENT + last)
    }

    /// Bytes of the body.
    pub fn plain_len(self) -> u64 {
        self.plain_len
    }

    /// Bytes of its sealed form.
    pub fn sealed_len(self) -> u64 {
        self.plain_len + self.segments() * TAG
    }

    /// How many segments there are: at least one.
    pub(super) fn segments(self) -> u64 {
        self.plain_len.div_ceil(SEGMENT).max(1)
    }

    /// Where the bytes `range` of the body are; none if they are not all in it.
    pub fn span(self, range: Range<u64>) -> Option<SealedSpan> {
        if range.start > range.end || range.end > self.plain_len {
            return None;
        }
        let segments = match self.plain_len {
            0 => 0..1,
            _ if range.is_empty() => 0..0,
            _ => range.start / SEGMENT..range.end.div_ceil(SEGMENT),
        };
        Some(SealedSpan { layout: self, segments, plain: range })
    }

    /// Where the bytes of the segments begin and end, as they are stored.
    pub(super) fn sealed_range(self, segments: Range<u64>) -> Range<u64> {
        let start = |segment: u64| (segment * SEALED_SEGMENT).min(self.sealed_len());
        start(segments.start)..start(segments.end)
    }

    /// The bytes of the body in a segment.
    pub(super) fn plain_range(self, segment: u64) -> Range<u64> {
        let start = |segment: u64| (segment * SEGMENT).min(self.plain_len);
        start(segment)..start(segment + 1)
    }

    /// Whether a segment is the last.
    pub(super) fn is_last(self, segment: u64) -> bool {
        segment + 1 == self.segments()
    }
}

/// A range of a body, and the segments that must be opened for it: those it
/// touches. An empty body has its one segment opened, an empty range of
/// another none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedSpan {
    pub(super) layout: SealedLayout,
    pub(super) segments: Range<u64>,
    pub(super) plain: Range<u64>,
}

impl SealedSpan {
    /// The bytes of the sealed form that must be read.
    pub fn sealed(&self) -> Range<u64> {
        self.layout.sealed_range(self.segments.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lengths_are_those_of_the_format() {
        for (plain, sealed) in
            [(0, 16), (1, 17), (65535, 65551), (65536, 65552), (65537, 65569), (131072, 131104)]
        {
            assert_eq!(SealedLayout::of_plain(plain).unwrap().sealed_len(), sealed);
        }
        for none in [0, 1, 15, 65553, 65568, 131105, u64::MAX] {
            assert_eq!(SealedLayout::of_sealed(none), None, "{none}");
        }
        assert_eq!(SealedLayout::of_plain(u64::MAX), None);
    }

    proptest! {
        #[test]
        fn either_length_gives_the_other(plain in 0..=PLAIN_BYTES_MAX, sealed: u64) {
            let layout = SealedLayout::of_plain(plain).unwrap();
            prop_assert_eq!(SealedLayout::of_sealed(layout.sealed_len()), Some(layout));
            if let Some(layout) = SealedLayout::of_sealed(sealed) {
                prop_assert_eq!(layout.sealed_len(), sealed);
            }
        }

        #[test]
        fn a_span_is_the_fewest_segments_that_hold_the_range(plain in 1..1u64 << 22, start: u64, len: u64) {
            let layout = SealedLayout::of_plain(plain).unwrap();
            let start = start % plain;
            let end = start + 1 + len % (plain - start);
            let span = layout.span(start..end).unwrap();
            let (first, last) = (span.segments.start, span.segments.end - 1);
            prop_assert!(layout.plain_range(first).contains(&start));
            prop_assert!(layout.plain_range(last).contains(&(end - 1)));
            prop_assert!(span.sealed().end <= layout.sealed_len());
            prop_assert_eq!(layout.is_last(last), span.sealed().end == layout.sealed_len());
        }

        #[test]
        fn no_range_makes_it_panic(plain: u64, start: u64, end: u64) {
            if let Some(layout) = SealedLayout::of_plain(plain) {
                prop_assert_eq!(layout.span(start..end).is_some(), start <= end && end <= plain);
            }
        }
    }
}

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use ring::rand::{SecureRandom as _, SystemRandom};

/// Not a power of two, so that no cell or chunk repeats the one before.
const BLOCK_BYTES: usize = 1_000_003;
const FRAME_BYTES: u64 = 256 << 10;

/// What objects are filled with: a random block, repeated, which each object
/// begins at a place of its own. Nothing is copied to send it.
#[derive(Clone)]
pub(super) struct Pattern {
    block: Bytes,
}

impl Pattern {
    pub(super) fn random() -> anyhow::Result<Self> {
        let mut block = vec![0; BLOCK_BYTES];
        SystemRandom::new().fill(&mut block).map_err(|_| anyhow::anyhow!("the system gave no randomness"))?;
        Ok(Self { block: block.into() })
    }

    /// The bytes of object `number` from `offset` on, as many as come in one
    /// piece, at most `max`.
    fn piece(&self, number: u64, offset: u64, max: u64) -> Bytes {
        let length = self.block.len() as u64;
        let start = (number.wrapping_mul(7919) % length + offset % length) % length;
        let count = max.min(length - start).min(FRAME_BYTES);
        let at = |value: u64| usize::try_from(value).unwrap_or(usize::MAX);
        self.block.slice(at(start)..at(start + count))
    }

    /// A body of `size` bytes.
    pub(super) fn body(&self, number: u64, size: u64) -> PatternBody {
        PatternBody { pattern: self.clone(), number, offset: 0, size }
    }

    /// Whether `bytes` are those of object `number` from `offset` on.
    pub(super) fn matches(&self, number: u64, mut offset: u64, mut bytes: &[u8]) -> bool {
        while !bytes.is_empty() {
            let piece = self.piece(number, offset, bytes.len() as u64);
            let (head, rest) = bytes.split_at(piece.len());
            if head != piece {
                return false;
            }
            offset += piece.len() as u64;
            bytes = rest;
        }
        true
    }
}

/// The bytes of one object on their way.
pub(super) struct PatternBody {
    pattern: Pattern,
    number: u64,
    offset: u64,
    size: u64,
}

impl Body for PatternBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let left = self.size - self.offset;
        if left == 0 {
            return Poll::Ready(None);
        }
        let piece = self.pattern.piece(self.number, self.offset, left);
        self.offset += piece.len() as u64;
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.offset == self.size
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.size - self.offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt as _;

    #[tokio::test]
    async fn what_was_sent_matches_and_nothing_else_does() {
        let pattern = Pattern::random().unwrap();
        let size = 2_500_000;
        let body = pattern.body(5, size).collect().await.unwrap().to_bytes();
        assert_eq!(body.len() as u64, size);
        assert!(pattern.matches(5, 0, &body));
        assert!(pattern.matches(5, 1_234_567, &body[1_234_567..]));
        assert!(!pattern.matches(6, 0, &body));
        let mut damaged = body.to_vec();
        damaged[2_000_000] ^= 1;
        assert!(!pattern.matches(5, 0, &damaged));
    }
}

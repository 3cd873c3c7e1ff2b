use bytes::{Buf, Bytes, BytesMut};

use crate::body::{Body, BodyFailed};

/// Reads a body piece by piece, up to a number of bytes.
pub(crate) struct Source<'a> {
    pub(crate) body: &'a mut dyn Body,
    piece: Bytes,
    left: u64,
    ended: bool,
}

impl<'a> Source<'a> {
    /// All of `body`, which must not have more than `most` bytes.
    pub(crate) fn new(body: &'a mut dyn Body, most: u64) -> Self {
        Self { body, piece: Bytes::new(), left: most, ended: false }
    }

    /// Fills `memory`.
    pub(crate) async fn fill(&mut self, memory: &mut [u8]) -> Result<(), BodyFailed> {
        let read = self.read(memory).await?;
        if read == memory.len() { Ok(()) } else { Err(BodyFailed) }
    }

    /// Fills as much of `memory` as there are bytes for: not all of it only at
    /// the end of the body.
    pub(crate) async fn read(&mut self, memory: &mut [u8]) -> Result<usize, BodyFailed> {
        let mut read = 0;
        while read < memory.len() && self.advance().await? {
            let len = self.piece.len().min(memory.len() - read);
            self.piece.copy_to_slice(&mut memory[read..read + len]);
            read += len;
        }
        Ok(read)
    }

    /// Takes back what was read last.
    pub(crate) fn put_back(&mut self, bytes: &[u8]) {
        let mut piece = BytesMut::with_capacity(bytes.len() + self.piece.len());
        piece.extend_from_slice(bytes);
        piece.extend_from_slice(&self.piece);
        self.piece = piece.freeze();
    }

    /// Sees the end: only there does the body know that it is whole.
    pub(crate) async fn end(&mut self) -> Result<(), BodyFailed> {
        if self.advance().await? { Err(BodyFailed) } else { Ok(()) }
    }

    /// Whether there are more bytes.
    pub(crate) async fn has_more(&mut self) -> Result<bool, BodyFailed> {
        self.advance().await
    }

    /// The same; they are in `piece` then.
    async fn advance(&mut self) -> Result<bool, BodyFailed> {
        while self.piece.is_empty() && !self.ended {
            match self.body.next().await? {
                Some(piece) => {
                    self.left = self.left.checked_sub(piece.len() as u64).ok_or(BodyFailed)?;
                    self.piece = piece;
                }
                None => self.ended = true,
            }
        }
        Ok(!self.piece.is_empty())
    }
}

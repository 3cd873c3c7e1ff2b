use bytes::{Buf, Bytes};

use crate::body::{Body, BodyFailed};

/// Reads exactly a declared number of bytes from a body.
pub(crate) struct Source<'a> {
    pub(crate) body: &'a mut dyn Body,
    piece: Bytes,
    left: u64,
}

impl<'a> Source<'a> {
    /// The first `size` bytes of `body`, which must be all it has.
    pub(crate) fn new(body: &'a mut dyn Body, size: u64) -> Self {
        Self { body, piece: Bytes::new(), left: size }
    }

    /// Fills `memory`.
    pub(crate) async fn fill(&mut self, mut memory: &mut [u8]) -> Result<(), BodyFailed> {
        while !memory.is_empty() {
            if self.piece.is_empty() {
                self.piece = self.body.next().await?.ok_or(BodyFailed)?;
                self.left = self.left.checked_sub(self.piece.len() as u64).ok_or(BodyFailed)?;
            }
            let len = self.piece.len().min(memory.len());
            self.piece.copy_to_slice(&mut memory[..len]);
            memory = &mut memory[len..];
        }
        Ok(())
    }

    /// Sees the end: only there does the body know that it is whole.
    pub(crate) async fn end(&mut self) -> Result<(), BodyFailed> {
        while let Some(piece) = self.body.next().await? {
            if !piece.is_empty() {
                return Err(BodyFailed);
            }
        }
        Ok(())
    }
}

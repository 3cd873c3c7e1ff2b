use std::ops::ControlFlow;

use bytes::Bytes;

/// Rows could not be read; the store below says why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("metadata rows cannot be read: {detail}")]
pub struct ViewError {
    /// For operators.
    pub detail: String,
}

/// The ordered rows of one Raft group, all of one applied index.
pub trait View {
    /// The value of a row.
    ///
    /// # Errors
    /// The store cannot be read.
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, ViewError>;

    /// Visits the rows from `from` (inclusive) to `to` (exclusive) in order,
    /// until `visit` breaks off.
    ///
    /// # Errors
    /// The store cannot be read.
    fn scan(
        &self,
        from: &[u8],
        to: &[u8],
        visit: &mut dyn FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<(), ViewError>;
}

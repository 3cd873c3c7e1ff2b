use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use mucura_metadata::{Checksum, ChecksumAlgorithm};

use crate::digest::Digests;

/// The body was refused by the one who feeds it, who knows why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyFailed;

/// Whether the MD5 of a body is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Md5Plan {
    /// It is: the entity tag.
    #[default]
    Wanted,
    /// The entity tag is that of other bytes, known to the one who feeds these.
    Unwanted,
}

/// Which digests of a body are wanted.
#[derive(Clone, Copy, Debug, Default)]
pub struct BodyPlan {
    /// MD5.
    pub md5: Md5Plan,
    /// SHA-256, of a body whose hash was signed.
    pub sha256: bool,
    /// The client's checksum.
    pub checksum: Option<ChecksumAlgorithm>,
}

/// How many bytes a body has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodySize {
    /// So many.
    Exact(u64),
    /// So many at most; how many is known only at its end.
    AtMost(u64),
}

impl BodySize {
    /// The most bytes that may come.
    pub fn most(self) -> u64 {
        match self {
            Self::Exact(size) | Self::AtMost(size) => size,
        }
    }
}

/// The bytes of an object or part as a client sends them.
pub trait Body: Send {
    /// The next bytes; none at the end, which comes only when the body is
    /// whole. It has its own deadline for clients that stall.
    fn next(&mut self) -> Pin<Box<dyn Future<Output = Result<Option<Bytes>, BodyFailed>> + Send + '_>>;

    /// Which digests [`Body::check`] needs.
    fn plan(&self) -> BodyPlan;

    /// Checks the digests of the whole body against what the client said of
    /// it. Nothing is published before this. Gives the checksum to be kept.
    ///
    /// # Errors
    /// They differ.
    fn check(&mut self, digests: &Digests) -> Result<Option<Checksum>, BodyFailed>;
}

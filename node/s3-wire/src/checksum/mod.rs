//! The checksums a client may send along: algorithms, values, and what the headers ask for.
//!
//! The front end hashes; this module says with which algorithm, against which value, and what the
//! checksum of a multipart object is.

mod algorithm;
mod asked;
mod multipart;

pub use algorithm::{Checksum, ChecksumAlgorithm, ChecksumHasher};
pub use asked::{BodyChecksum, ContentMd5, ExpectedChecksum};
pub use multipart::{ChecksumType, ObjectChecksum, PartChecksum, combine, composite};

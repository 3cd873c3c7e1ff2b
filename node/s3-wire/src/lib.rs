//! The S3 protocol as data: requests parsed and validated, SigV4 verified, aws-chunked bodies
//! decoded, checksums, conditions and ranges evaluated, XML read and written, the error table.
//!
//! Everything here is pure: no I/O, no clock (times come in as milliseconds since 1970), no
//! randomness. Nothing here knows storage, or looks anything up: it says what a request means, and
//! whether it may be done by what the caller knows of the bucket, the object and the user.
//!
//! The life of a request:
//!
//! 1. [`auth::Claim::parse`] and [`auth::Claim::verify`] say who sent it.
//! 2. [`request::parse_request`] says what it asks for. What S3 has and we do not is
//!    `NotImplemented`, never quietly something else.
//! 3. [`access::decide`] says whether it may be done, by the [`policy`] and [`acl`] of the bucket.
//! 4. The body runs through [`chunked::Decoder`] if it is framed; [`checksum`] has the hashers, and
//!    compares at the end.
//!    The body of an HTML form runs through [`form::Decoder`] first, which says who sent it and what
//!    it asks for in the place of the head.
//! 5. [`conditions`] and [`range`] decide what to answer, [`xml`] writes it, [`error::S3Error`]
//!    refuses.
//!
//! [`config`] has the documents that configure buckets and objects, and what follows from them.
//!
//! Invariant: no input makes anything here panic, and every parser has its bounds.

pub mod access;
pub mod acl;
pub mod auth;
pub mod checksum;
pub mod chunked;
pub mod conditions;
pub mod config;
pub mod error;
pub mod form;
mod head;
pub mod policy;
pub mod range;
pub mod request;
pub mod sigv2;
pub mod sigv4;
pub mod sse;
pub mod time;
mod uri;
pub mod xml;

pub use error::{ErrorCode, S3Error};
pub use head::RequestHead;
pub use uri::encode_listed;

//! The documents that configure buckets and objects: read from the client's XML with every check
//! that AWS makes, written as AWS writes them, and evaluated.
//!
//! Each type has `parse` and `to_xml`; what is written reads back equal, so the XML is also a form
//! to store. `MAX_LEN` is the longest body to take from a client; `parse` takes longer ones,
//! because what we write may be longer than what we read. What only the bucket can tell (is it
//! versioned, is there a lock) is the caller's to check.
//!
//! Invariant: evaluation depends on its arguments alone; the current time is one of them.

#[macro_use]
mod keyword;

pub mod attributes;
pub mod cors;
mod date;
pub mod encryption;
mod field;
pub mod lifecycle;
pub mod lock;
pub mod logging;
pub mod notification;
pub mod ownership;
pub mod policy_status;
pub mod public_access;
pub mod request_payment;
pub mod tagging;
pub mod versioning;
pub mod versions;
pub mod website;

#[cfg(test)]
mod tests;

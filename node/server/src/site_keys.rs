//! The encryption keys of the site as this node gets them: from a file or the
//! output of a command, taken into use at the start and whenever they change.
//!
//! Invariants: what was read is wiped once it is parsed. No log line and no
//! error holds any of it. Keys that cannot be used change nothing.

mod keeper;
mod source;

pub(crate) use keeper::SiteKeys;
pub(crate) use source::KeySource;

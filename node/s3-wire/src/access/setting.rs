//! Settings of a bucket that bear on access.

pub use crate::config::ownership::ObjectOwnership;
pub use crate::config::public_access::PublicAccessBlock;

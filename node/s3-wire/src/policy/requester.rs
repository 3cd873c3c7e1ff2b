//! Who asks.

/// Who sent a request, as far as access is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Requester<'a> {
    /// Nobody: the request was not signed.
    Anonymous,
    /// A user, who is an account of their own.
    User {
        /// The canonical id.
        id: &'a str,
        /// The name.
        name: &'a str,
    },
    /// A part of the system that acts on behalf of a bucket, such as `logging.s3.amazonaws.com`.
    Service(&'a str),
    /// An operator of the site, who may do everything.
    Operator,
}

impl Requester<'_> {
    /// Whether this is the user of that canonical id.
    pub fn is_user(&self, wanted: &str) -> bool {
        matches!(self, Self::User { id, .. } if *id == wanted)
    }
}

//! Who may do what: the one place where it is decided.
//!
//! [`decide`] answers a [`Question`] about an action, from the policy, the owners and the access
//! control lists, with the reason. The guards keep lists and policies from being stored that the
//! settings of the bucket forbid.
//!
//! See "How Amazon S3 authorizes a request" of the S3 user guide.

mod decide;
mod decision;
mod guard;
mod question;
mod request_context;
mod rights;

pub use decide::{decide, decide_missing};
pub use decision::{Decision, Reason};
pub use guard::{
    bucket_is_public, check_acl_supported, check_bucket_acl_fits, check_public_acl, check_public_policy,
};
pub use question::{BucketFacts, ObjectFacts, Question};
pub use request_context::{RequestFacts, context_of, set_request_retention, set_request_tags};
pub use rights::AclOf;

pub use crate::config::ownership::ObjectOwnership;
pub use crate::config::public_access::PublicAccessBlock;
pub use crate::policy::{Action, Context, Requester, Resource};

#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod tests;

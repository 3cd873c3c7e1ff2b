//! Bucket policies: JSON documents that say who may do what with a bucket and its objects.
//!
//! [`Policy::parse`] checks what AWS checks and keeps what is needed to answer
//! [`Policy::evaluate`]; [`Context`] carries what is known of a request. [`crate::access`] asks.
//!
//! Invariant: evaluation takes time linear in the policy and in each value compared, whatever
//! wildcards are in it.
//!
//! See "Policies and permissions in Amazon S3" and "IAM JSON policy elements reference".

mod action;
mod condition;
mod context;
mod document;
mod json;
mod key;
mod moment;
mod network;
mod operand;
mod operator;
mod pattern;
mod principal;
mod public;
mod refusal;
mod requester;
mod resource;
mod statement;
mod verdict;

pub use action::{Action, Level};
pub use context::Context;
pub use document::{MAX_POLICY_LEN, Policy};
#[cfg(test)]
pub(crate) use key::ever_set;
pub use requester::Requester;
pub use resource::Resource;
pub use verdict::{Asked, By, Verdict, Whom};

#[cfg(test)]
mod tests;

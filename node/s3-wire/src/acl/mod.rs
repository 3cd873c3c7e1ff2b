//! Access control lists: what buckets and objects grant to whom, beside policies.
//!
//! A request's headers or its XML become an [`AclRequest`] or [`AclDocument`]; the caller looks the
//! named users up ([`resolve`]) and stores an [`Acl`]. [`crate::access`] asks it.
//!
//! See "Access control list (ACL) overview" of the S3 user guide.

mod canned;
mod document;
mod grant;
mod request;

pub use canned::CannedAcl;
pub use document::{AclDocument, MAX_ACL_LEN, access_control_policy, parse_acl};
pub use grant::{Acl, Grant, Grantee, MAX_GRANTS, Permission};
pub use request::{AclRequest, GrantRequest, GranteeRef, resolve};

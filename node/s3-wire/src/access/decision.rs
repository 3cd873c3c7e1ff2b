//! What was decided, and why.

use std::fmt;

use crate::access::rights::AclOf;
use crate::acl::{Grantee, Permission};
use crate::policy::By;

/// What was decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Whether it may be done; if not, the client gets `AccessDenied`.
    pub allowed: bool,
    /// Why, for operators. The client does not learn it.
    pub reason: Reason,
}

impl Decision {
    pub(super) fn allow(reason: Reason) -> Self {
        Self { allowed: true, reason }
    }

    pub(super) fn refuse(reason: Reason) -> Self {
        Self { allowed: false, reason }
    }
}

/// Why something is allowed or refused. Displayed, it is one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Allowed: operators may do everything.
    Operator,
    /// Allowed by a statement of the policy.
    PolicyAllows(By),
    /// Allowed: the owner can always read and replace the policy, lest nobody could.
    OwnerKeepsPolicy,
    /// Allowed: the caller owns the bucket.
    OwnsBucket,
    /// Allowed: the caller owns the object.
    OwnsObject,
    /// Allowed: the caller started the multipart upload.
    StartedUpload,
    /// Allowed by a grant of a list.
    AclGrants {
        /// Whose list.
        of: AclOf,
        /// To whom it grants.
        grantee: Grantee,
        /// What it grants.
        permission: Permission,
    },
    /// Refused by a statement of the policy.
    PolicyDenies(By),
    /// Refused: the policy would allow it, but it is public and may not be.
    PublicPolicyRestricted,
    /// Refused: the policy would allow it, but the object is another's.
    PolicyOfAnotherOwner,
    /// Refused: a list would allow it, but only because it is public.
    PublicAclsIgnored,
    /// Refused: a list would allow it, but lists count for nothing in this bucket.
    AclsDisabled,
    /// Refused: nothing allows it.
    NothingAllows,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Operator => f.write_str("the caller is an operator"),
            Self::PolicyAllows(by) => write!(f, "allowed by {by}"),
            Self::OwnerKeepsPolicy => f.write_str("the caller owns the bucket and keeps its policy"),
            Self::OwnsBucket => f.write_str("the caller owns the bucket"),
            Self::OwnsObject => f.write_str("the caller owns the object"),
            Self::StartedUpload => f.write_str("the caller started the upload"),
            Self::AclGrants { of, grantee, permission } => write!(f, "{of} grants {permission} to {grantee}"),
            Self::PolicyDenies(by) => write!(f, "denied by {by}"),
            Self::PublicPolicyRestricted => {
                f.write_str("the bucket policy is public and opens nothing (RestrictPublicBuckets)")
            }
            Self::PolicyOfAnotherOwner => {
                f.write_str("the object is not the bucket owner's, so the bucket policy cannot open it")
            }
            Self::PublicAclsIgnored => f.write_str("ACL grants to everyone are ignored (IgnorePublicAcls)"),
            Self::AclsDisabled => f.write_str("ACLs count for nothing in the bucket (BucketOwnerEnforced)"),
            Self::NothingAllows => f.write_str("no policy, ACL or ownership allows it"),
        }
    }
}

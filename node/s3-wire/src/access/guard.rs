//! What keeps lists and policies from being stored, and what follows from them once they are.

use crate::acl::{Acl, AclRequest, CannedAcl, Grantee, GranteeRef, Permission};
use crate::config::ownership::ObjectOwnership;
use crate::config::public_access::PublicAccessBlock;
use crate::error::{ErrorCode, S3Error};
use crate::policy::Policy;

/// Checks a list that is asked for, in headers or (where these ask for none) in a body, against the
/// setting of the bucket. `list` is what was asked for, with those whom it names looked up.
///
/// `AccessControlListNotSupported` where everything belongs to the owner of the bucket, unless the
/// list says no more than that. The list of a bucket that is being created is checked with
/// [`check_bucket_acl_fits`] instead.
pub fn check_acl_supported(
    ownership: ObjectOwnership,
    request: &AclRequest,
    list: &Acl,
    bucket_owner: &str,
) -> Result<(), S3Error> {
    let supported = match (ownership, request) {
        (ObjectOwnership::BucketOwnerPreferred | ObjectOwnership::ObjectWriter, _) => true,
        (_, AclRequest::None) => *list == Acl::private(bucket_owner),
        (_, AclRequest::Canned(CannedAcl::BucketOwnerFullControl)) => true,
        (_, AclRequest::Canned(_)) => false,
        (_, AclRequest::Grants(grants)) => matches!(
            grants.as_slice(),
            [(GranteeRef::Named(Grantee::User(id)), Permission::FullControl)] if id == bucket_owner
        ),
    };
    if supported { Ok(()) } else { Err(ErrorCode::AccessControlListNotSupported.into()) }
}

/// Checks that the list of a bucket and who is to own its objects go together, when either is set
/// as the bucket is created, or the latter later.
///
/// `InvalidBucketAclWithObjectOwnership` if lists are to count for nothing while this one grants
/// something to others.
pub fn check_bucket_acl_fits(ownership: ObjectOwnership, acl: &Acl, owner: &str) -> Result<(), S3Error> {
    if ownership == ObjectOwnership::BucketOwnerEnforced && !acl.is_private_to(owner) {
        return Err(ErrorCode::InvalidBucketAclWithObjectOwnership.into());
    }
    Ok(())
}

/// `AccessDenied` for a new list, of the bucket or an object, that is public and may not be.
pub fn check_public_acl(block: PublicAccessBlock, acl: &Acl) -> Result<(), S3Error> {
    if block.block_public_acls && acl.is_public() { Err(ErrorCode::AccessDenied.into()) } else { Ok(()) }
}

/// `AccessDenied` for a new policy that is public and may not be.
pub fn check_public_policy(block: PublicAccessBlock, policy: &Policy) -> Result<(), S3Error> {
    if block.block_public_policy && policy.is_public() { Err(ErrorCode::AccessDenied.into()) } else { Ok(()) }
}

/// Whether a bucket is public, by its list or its policy: what `GetBucketPolicyStatus` answers.
pub fn bucket_is_public(acl: &Acl, policy: Option<&Policy>) -> bool {
    acl.is_public() || policy.is_some_and(Policy::is_public)
}

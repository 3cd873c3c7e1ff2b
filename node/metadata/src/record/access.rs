use mucura_types::UserId;
use serde::{Deserialize, Serialize};

/// Who may do what with a bucket or a version (S3, access control list
/// overview). A bucket or version without one belongs to its owner alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acl {
    /// In the order that the client gave.
    pub grants: Vec<Grant>,
}

/// One line of an access control list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// To whom.
    pub grantee: Grantee,
    /// What.
    pub permission: Permission,
}

/// Whom a grant is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Grantee {
    /// One user.
    User(UserId),
    /// Everybody, also without a signature.
    AllUsers,
    /// Everybody who signs.
    AuthenticatedUsers,
    /// The service that writes access logs.
    LogDelivery,
}

/// What a grant allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Permission {
    FullControl,
    Read,
    Write,
    ReadAcp,
    WriteAcp,
}

/// Who owns the objects that others write into a bucket (S3, object
/// ownership).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ownership {
    /// The owner of the bucket; access control lists count for nothing.
    BucketOwnerEnforced,
    /// The owner of the bucket, if the writer grants it full control.
    BucketOwnerPreferred,
    /// Whoever writes them.
    ObjectWriter,
}

/// What must not be public (S3, block public access).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicAccessBlock {
    /// Access control lists that grant to everybody are refused.
    pub block_public_acls: bool,
    /// Such grants count for nothing.
    pub ignore_public_acls: bool,
    /// Policies that are public are refused.
    pub block_public_policy: bool,
    /// Under a policy that is public, only the owner has access.
    pub restrict_public_buckets: bool,
}

//! What follows from owning something, and what the permissions of lists stand for.

use std::fmt;

use crate::acl::Permission;
use crate::policy::Action;

/// Whose list it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AclOf {
    /// The bucket's.
    Bucket,
    /// The object's.
    Object,
}

impl fmt::Display for AclOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bucket => "the bucket's ACL",
            Self::Object => "the object's ACL",
        })
    }
}

/// The permission that stands for an action; `None` if no list can grant it, as with all that
/// configures a bucket ("Mapping of ACL permissions and access policy permissions").
pub(super) fn acl_right(action: Action) -> Option<(AclOf, Permission)> {
    Some(match action {
        Action::ListBucket | Action::ListBucketVersions | Action::ListBucketMultipartUploads => {
            (AclOf::Bucket, Permission::Read)
        }
        Action::PutObject | Action::DeleteObject => (AclOf::Bucket, Permission::Write),
        Action::GetBucketAcl => (AclOf::Bucket, Permission::ReadAcp),
        Action::PutBucketAcl => (AclOf::Bucket, Permission::WriteAcp),
        Action::GetObject | Action::GetObjectVersion => (AclOf::Object, Permission::Read),
        Action::GetObjectAcl | Action::GetObjectVersionAcl => (AclOf::Object, Permission::ReadAcp),
        Action::PutObjectAcl | Action::PutObjectVersionAcl => (AclOf::Object, Permission::WriteAcp),
        _ => return None,
    })
}

/// Whose say an action is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SayOf {
    /// The owner of the bucket: all that changes or configures it, and what costs its room.
    Bucket,
    /// The owner of the object: what is in it, and its list. The owner of the bucket cannot give
    /// others access to it either.
    Object,
    /// Either of them.
    Either,
}

pub(super) fn say_of(action: Action) -> SayOf {
    match action {
        Action::GetObject
        | Action::GetObjectVersion
        | Action::GetObjectAttributes
        | Action::GetObjectVersionAttributes
        | Action::GetObjectAcl
        | Action::GetObjectVersionAcl
        | Action::PutObjectAcl
        | Action::PutObjectVersionAcl
        | Action::GetObjectTorrent
        | Action::GetObjectVersionTorrent
        | Action::RestoreObject
        | Action::UpdateObjectEncryption => SayOf::Object,
        Action::GetObjectTagging
        | Action::GetObjectVersionTagging
        | Action::PutObjectTagging
        | Action::PutObjectVersionTagging
        | Action::DeleteObjectTagging
        | Action::DeleteObjectVersionTagging
        | Action::GetObjectRetention
        | Action::GetObjectLegalHold => SayOf::Either,
        _ => SayOf::Bucket,
    }
}

//! The lists that have a name.

use crate::acl::{Acl, Grant, Grantee, Permission};

/// A list by its name, as in `x-amz-acl`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CannedAcl {
    /// `private`: the owner alone.
    Private,
    /// `public-read`: everyone may read.
    PublicRead,
    /// `public-read-write`: everyone may read and write.
    PublicReadWrite,
    /// `authenticated-read`: everyone who signs may read.
    AuthenticatedRead,
    /// `aws-exec-read`: meant for a service that does not exist here, so the owner alone.
    AwsExecRead,
    /// `bucket-owner-read`: the owner of the bucket may read the object.
    BucketOwnerRead,
    /// `bucket-owner-full-control`: the owner of the bucket may do everything with the object.
    BucketOwnerFullControl,
    /// `log-delivery-write`: access logs may be written into the bucket.
    LogDeliveryWrite,
}

impl CannedAcl {
    /// Every name there is.
    pub const ALL: [Self; 8] = [
        Self::Private,
        Self::PublicRead,
        Self::PublicReadWrite,
        Self::AuthenticatedRead,
        Self::AwsExecRead,
        Self::BucketOwnerRead,
        Self::BucketOwnerFullControl,
        Self::LogDeliveryWrite,
    ];

    /// The name in headers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::PublicRead => "public-read",
            Self::PublicReadWrite => "public-read-write",
            Self::AuthenticatedRead => "authenticated-read",
            Self::AwsExecRead => "aws-exec-read",
            Self::BucketOwnerRead => "bucket-owner-read",
            Self::BucketOwnerFullControl => "bucket-owner-full-control",
            Self::LogDeliveryWrite => "log-delivery-write",
        }
    }

    /// The list of that name in headers.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|canned| canned.as_str() == name)
    }

    /// The grants of the list for a bucket of this owner.
    pub fn of_bucket(self, owner: &str) -> Acl {
        self.expand(owner, owner)
    }

    /// The grants of the list for an object of this owner, in a bucket of that owner.
    pub fn of_object(self, owner: &str, bucket_owner: &str) -> Acl {
        self.expand(owner, bucket_owner)
    }

    fn expand(self, owner: &str, bucket_owner: &str) -> Acl {
        let mut grants: Vec<Grant> = Vec::new();
        let mut add = |grantee: Grantee, permission| grants.push(Grant { grantee, permission });
        match self {
            Self::Private | Self::AwsExecRead | Self::BucketOwnerRead | Self::BucketOwnerFullControl => {}
            Self::PublicRead => add(Grantee::AllUsers, Permission::Read),
            Self::PublicReadWrite => {
                add(Grantee::AllUsers, Permission::Read);
                add(Grantee::AllUsers, Permission::Write);
            }
            Self::AuthenticatedRead => add(Grantee::AuthenticatedUsers, Permission::Read),
            Self::LogDeliveryWrite => {
                add(Grantee::LogDelivery, Permission::Write);
                add(Grantee::LogDelivery, Permission::ReadAcp);
            }
        }
        add(Grantee::User(owner.to_owned()), Permission::FullControl);
        if owner != bucket_owner {
            let bucket_owner = Grantee::User(bucket_owner.to_owned());
            match self {
                Self::BucketOwnerRead => add(bucket_owner, Permission::Read),
                Self::BucketOwnerFullControl => add(bucket_owner, Permission::FullControl),
                _ => {}
            }
        }
        // Four grants at most.
        Acl::new(grants).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(acl: &Acl) -> Vec<String> {
        acl.grants().iter().map(|grant| format!("{} {}", grant.grantee, grant.permission)).collect()
    }

    #[test]
    fn each_name_stands_for_the_grants_of_the_user_guide() {
        for (name, expected) in [
            ("private", vec!["user 1 FULL_CONTROL"]),
            ("public-read", vec!["all users READ", "user 1 FULL_CONTROL"]),
            ("public-read-write", vec!["all users READ", "all users WRITE", "user 1 FULL_CONTROL"]),
            ("authenticated-read", vec!["all users who sign READ", "user 1 FULL_CONTROL"]),
            ("aws-exec-read", vec!["user 1 FULL_CONTROL"]),
            ("bucket-owner-read", vec!["user 1 FULL_CONTROL", "user 2 READ"]),
            ("bucket-owner-full-control", vec!["user 1 FULL_CONTROL", "user 2 FULL_CONTROL"]),
            (
                "log-delivery-write",
                vec!["log delivery WRITE", "log delivery READ_ACP", "user 1 FULL_CONTROL"],
            ),
        ] {
            let canned = CannedAcl::from_name(name).unwrap();
            assert_eq!(lines(&canned.of_object("1", "2")), expected, "{name}");
        }
        assert_eq!(CannedAcl::from_name("public-ready"), None);
        for canned in [CannedAcl::BucketOwnerRead, CannedAcl::BucketOwnerFullControl] {
            assert_eq!(canned.of_bucket("1"), Acl::private("1"));
            assert_eq!(canned.of_object("1", "1"), Acl::private("1"));
        }
    }
}

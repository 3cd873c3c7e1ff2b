//! The actions that policies speak of, and on what each is done.

use std::fmt;

/// On what an action is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Level {
    /// On no bucket; a bucket policy cannot speak of it to any effect.
    Service,
    /// On a bucket, `arn:aws:s3:::bucket`.
    Bucket,
    /// On an object, `arn:aws:s3:::bucket/key`.
    Object,
}

macro_rules! actions {
    ($($level:ident: $($name:ident)* ;)*) => {
        /// An action of S3, by its name in policies without `s3:`. Several operations may need the
        /// same one, and an operation on a version often another than one on the current object.
        ///
        /// See "Actions, resources, and condition keys for Amazon S3".
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[expect(missing_docs, reason = "the variants are the actions of S3")]
        pub enum Action { $($($name,)*)* }

        impl Action {
            /// Every action.
            pub const ALL: &'static [Self] = &[$($(Self::$name,)*)*];

            /// The name in policies, such as `s3:GetObject`.
            pub fn as_str(self) -> &'static str {
                match self { $($(Self::$name => concat!("s3:", stringify!($name)),)*)* }
            }

            /// On what it is done.
            pub fn level(self) -> Level {
                match self { $($(Self::$name => Level::$level,)*)* }
            }
        }
    };
}

actions! {
    Service:
        GetAccountPublicAccessBlock ListAllMyBuckets PutAccountPublicAccessBlock ;
    Bucket:
        CreateBucket CreateBucketMetadataTableConfiguration CreateSession DeleteBucket
        DeleteBucketMetadataTableConfiguration DeleteBucketPolicy DeleteBucketWebsite
        GetAccelerateConfiguration GetAnalyticsConfiguration GetBucketAbac GetBucketAcl
        GetBucketCORS GetBucketLocation GetBucketLogging GetBucketMetadataTableConfiguration
        GetBucketNotification GetBucketObjectLockConfiguration GetBucketOwnershipControls
        GetBucketPolicy GetBucketPolicyStatus GetBucketPublicAccessBlock GetBucketRequestPayment
        GetBucketTagging GetBucketVersioning GetBucketWebsite GetEncryptionConfiguration
        GetIntelligentTieringConfiguration GetInventoryConfiguration GetLifecycleConfiguration
        GetMetricsConfiguration GetReplicationConfiguration ListBucket ListBucketMultipartUploads
        ListBucketVersions ListTagsForResource PutAccelerateConfiguration PutAnalyticsConfiguration
        PutBucketAbac PutBucketAcl PutBucketCORS PutBucketLogging PutBucketNotification
        PutBucketObjectLockConfiguration PutBucketOwnershipControls PutBucketPolicy
        PutBucketPublicAccessBlock PutBucketRequestPayment PutBucketTagging PutBucketVersioning
        PutBucketWebsite PutEncryptionConfiguration PutIntelligentTieringConfiguration
        PutInventoryConfiguration PutLifecycleConfiguration PutMetricsConfiguration
        PutReplicationConfiguration TagResource UntagResource
        UpdateBucketMetadataInventoryTableConfiguration
        UpdateBucketMetadataJournalTableConfiguration ;
    Object:
        AbortMultipartUpload BypassGovernanceRetention DeleteObject DeleteObjectTagging
        DeleteObjectVersion DeleteObjectVersionTagging GetObject GetObjectAcl GetObjectAttributes
        GetObjectLegalHold GetObjectRetention GetObjectTagging GetObjectTorrent GetObjectVersion
        GetObjectVersionAcl GetObjectVersionAttributes GetObjectVersionForReplication
        GetObjectVersionTagging GetObjectVersionTorrent InitiateReplication ListMultipartUploadParts
        ObjectOwnerOverrideToBucketOwner PutObject PutObjectAcl PutObjectLegalHold
        PutObjectRetention PutObjectTagging PutObjectVersionAcl PutObjectVersionTagging
        ReplicateDelete ReplicateObject ReplicateTags RestoreObject UpdateObjectEncryption ;
}

impl Action {
    /// The action of that name in policies, whose case does not matter.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|action| action.as_str().eq_ignore_ascii_case(name))
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_are_found_by_name_whatever_its_case() {
        for action in Action::ALL {
            assert_eq!(Action::from_name(&action.as_str().to_lowercase()), Some(*action));
        }
        assert_eq!(Action::from_name("s3:GetObjects"), None);
        assert_eq!(Action::GetObject.level(), Level::Object);
        assert_eq!(Action::PutBucketPolicy.level(), Level::Bucket);
    }
}

//! Which actions an operation needs.

use crate::policy::Action;
use crate::request::OperationName;

/// Whether a request names a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// It does not: it means the current object.
    Current,
    /// It does, even if that is `null`.
    Version,
}

/// The actions that must all be allowed for an operation; none for what everyone may do.
///
/// For a copy these are those on the destination; on the source it needs those of `GetObject`.
/// `DeleteObjects` needs its own for each key. To delete or change what is locked in governance mode
/// needs `s3:BypassGovernanceRetention` besides.
///
/// See "Required permissions for Amazon S3 API operations".
pub fn actions_of(operation: OperationName, target: Target) -> &'static [Action] {
    use Action as A;
    use OperationName as O;
    let version = target == Target::Version;
    match operation {
        O::CorsPreflight => &[],
        O::ListBuckets => &[A::ListAllMyBuckets],

        O::GetObject | O::HeadObject | O::SelectObjectContent if version => &[A::GetObjectVersion],
        O::GetObject | O::HeadObject | O::SelectObjectContent => &[A::GetObject],
        O::GetObjectAttributes if version => &[A::GetObjectVersion, A::GetObjectVersionAttributes],
        O::GetObjectAttributes => &[A::GetObject, A::GetObjectAttributes],
        O::GetObjectAcl if version => &[A::GetObjectVersionAcl],
        O::GetObjectAcl => &[A::GetObjectAcl],
        O::PutObjectAcl if version => &[A::PutObjectVersionAcl],
        O::PutObjectAcl => &[A::PutObjectAcl],
        O::GetObjectTagging if version => &[A::GetObjectVersionTagging],
        O::GetObjectTagging => &[A::GetObjectTagging],
        O::PutObjectTagging if version => &[A::PutObjectVersionTagging],
        O::PutObjectTagging => &[A::PutObjectTagging],
        O::DeleteObjectTagging if version => &[A::DeleteObjectVersionTagging],
        O::DeleteObjectTagging => &[A::DeleteObjectTagging],
        O::GetObjectTorrent if version => &[A::GetObjectVersionTorrent],
        O::GetObjectTorrent => &[A::GetObjectTorrent],
        O::DeleteObject | O::DeleteObjects if version => &[A::DeleteObjectVersion],
        O::DeleteObject | O::DeleteObjects => &[A::DeleteObject],
        O::PutObject
        | O::PostObject
        | O::CopyObject
        | O::CreateMultipartUpload
        | O::UploadPart
        | O::UploadPartCopy
        | O::CompleteMultipartUpload => &[A::PutObject],
        O::RenameObject => &[A::PutObject, A::GetObject, A::DeleteObject],
        O::AbortMultipartUpload => &[A::AbortMultipartUpload],
        O::ListParts => &[A::ListMultipartUploadParts],
        O::GetObjectLegalHold => &[A::GetObjectLegalHold],
        O::PutObjectLegalHold => &[A::PutObjectLegalHold],
        O::GetObjectRetention => &[A::GetObjectRetention],
        O::PutObjectRetention => &[A::PutObjectRetention],
        O::RestoreObject => &[A::RestoreObject],
        O::UpdateObjectEncryption => &[A::UpdateObjectEncryption],

        O::CreateBucket => &[A::CreateBucket],
        O::DeleteBucket => &[A::DeleteBucket],
        O::HeadBucket | O::ListObjects | O::ListObjectsV2 => &[A::ListBucket],
        O::ListObjectVersions => &[A::ListBucketVersions],
        O::ListMultipartUploads => &[A::ListBucketMultipartUploads],
        O::GetBucketLocation => &[A::GetBucketLocation],
        O::GetBucketAcl => &[A::GetBucketAcl],
        O::PutBucketAcl => &[A::PutBucketAcl],
        O::CreateSession => &[A::CreateSession],

        O::GetBucketPolicy => &[A::GetBucketPolicy],
        O::PutBucketPolicy => &[A::PutBucketPolicy],
        O::DeleteBucketPolicy => &[A::DeleteBucketPolicy],
        O::GetBucketPolicyStatus => &[A::GetBucketPolicyStatus],
        O::GetPublicAccessBlock => &[A::GetBucketPublicAccessBlock],
        O::PutPublicAccessBlock | O::DeletePublicAccessBlock => &[A::PutBucketPublicAccessBlock],
        O::GetBucketOwnershipControls => &[A::GetBucketOwnershipControls],
        O::PutBucketOwnershipControls | O::DeleteBucketOwnershipControls => &[A::PutBucketOwnershipControls],
        O::GetBucketCors => &[A::GetBucketCORS],
        O::PutBucketCors | O::DeleteBucketCors => &[A::PutBucketCORS],
        O::GetBucketEncryption => &[A::GetEncryptionConfiguration],
        O::PutBucketEncryption | O::DeleteBucketEncryption => &[A::PutEncryptionConfiguration],
        O::GetBucketLifecycleConfiguration => &[A::GetLifecycleConfiguration],
        O::PutBucketLifecycleConfiguration | O::DeleteBucketLifecycle => &[A::PutLifecycleConfiguration],
        O::GetBucketLogging => &[A::GetBucketLogging],
        O::PutBucketLogging => &[A::PutBucketLogging],
        O::GetBucketNotificationConfiguration => &[A::GetBucketNotification],
        O::PutBucketNotificationConfiguration => &[A::PutBucketNotification],
        O::GetObjectLockConfiguration => &[A::GetBucketObjectLockConfiguration],
        O::PutObjectLockConfiguration => &[A::PutBucketObjectLockConfiguration],
        O::GetBucketReplication => &[A::GetReplicationConfiguration],
        O::PutBucketReplication | O::DeleteBucketReplication => &[A::PutReplicationConfiguration],
        O::GetBucketRequestPayment => &[A::GetBucketRequestPayment],
        O::PutBucketRequestPayment => &[A::PutBucketRequestPayment],
        O::GetBucketTagging => &[A::GetBucketTagging],
        O::PutBucketTagging | O::DeleteBucketTagging => &[A::PutBucketTagging],
        O::GetBucketVersioning => &[A::GetBucketVersioning],
        O::PutBucketVersioning => &[A::PutBucketVersioning],
        O::GetBucketWebsite => &[A::GetBucketWebsite],
        O::PutBucketWebsite => &[A::PutBucketWebsite],
        O::DeleteBucketWebsite => &[A::DeleteBucketWebsite],
        O::GetBucketAbac => &[A::GetBucketAbac],
        O::PutBucketAbac => &[A::PutBucketAbac],
        O::GetBucketAccelerateConfiguration => &[A::GetAccelerateConfiguration],
        O::PutBucketAccelerateConfiguration => &[A::PutAccelerateConfiguration],
        O::GetBucketAnalyticsConfiguration | O::ListBucketAnalyticsConfigurations => {
            &[A::GetAnalyticsConfiguration]
        }
        O::PutBucketAnalyticsConfiguration | O::DeleteBucketAnalyticsConfiguration => {
            &[A::PutAnalyticsConfiguration]
        }
        O::GetBucketIntelligentTieringConfiguration | O::ListBucketIntelligentTieringConfigurations => {
            &[A::GetIntelligentTieringConfiguration]
        }
        O::PutBucketIntelligentTieringConfiguration | O::DeleteBucketIntelligentTieringConfiguration => {
            &[A::PutIntelligentTieringConfiguration]
        }
        O::GetBucketInventoryConfiguration | O::ListBucketInventoryConfigurations => {
            &[A::GetInventoryConfiguration]
        }
        O::PutBucketInventoryConfiguration | O::DeleteBucketInventoryConfiguration => {
            &[A::PutInventoryConfiguration]
        }
        O::GetBucketMetricsConfiguration | O::ListBucketMetricsConfigurations => {
            &[A::GetMetricsConfiguration]
        }
        O::PutBucketMetricsConfiguration | O::DeleteBucketMetricsConfiguration => {
            &[A::PutMetricsConfiguration]
        }
        O::GetBucketMetadataConfiguration | O::GetBucketMetadataTableConfiguration => {
            &[A::GetBucketMetadataTableConfiguration]
        }
        O::CreateBucketMetadataConfiguration | O::CreateBucketMetadataTableConfiguration => {
            &[A::CreateBucketMetadataTableConfiguration]
        }
        O::DeleteBucketMetadataConfiguration | O::DeleteBucketMetadataTableConfiguration => {
            &[A::DeleteBucketMetadataTableConfiguration]
        }
        O::UpdateBucketMetadataInventoryTableConfiguration => {
            &[A::UpdateBucketMetadataInventoryTableConfiguration]
        }
        O::UpdateBucketMetadataJournalTableConfiguration => {
            &[A::UpdateBucketMetadataJournalTableConfiguration]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Level;

    #[test]
    fn every_operation_but_the_preflight_needs_something() {
        for operation in OperationName::ALL {
            for target in [Target::Current, Target::Version] {
                let actions = actions_of(*operation, target);
                assert_eq!(actions.is_empty(), *operation == OperationName::CorsPreflight);
            }
        }
    }

    #[test]
    fn a_version_needs_the_action_on_versions() {
        for (operation, expected) in [
            (OperationName::GetObject, Action::GetObjectVersion),
            (OperationName::DeleteObject, Action::DeleteObjectVersion),
            (OperationName::GetObjectAcl, Action::GetObjectVersionAcl),
            (OperationName::PutObjectTagging, Action::PutObjectVersionTagging),
        ] {
            assert_eq!(actions_of(operation, Target::Version), [expected]);
        }
    }

    #[test]
    fn reading_and_writing_a_setting_are_told_apart() {
        for operation in OperationName::ALL {
            let name = operation.as_str();
            for action in actions_of(*operation, Target::Current) {
                let action_name = action.as_str().trim_start_matches("s3:");
                let bucket = action.level() == Level::Bucket;
                if bucket && name.starts_with("Put") {
                    assert!(action_name.starts_with("Put"), "{name} {action}");
                }
                if bucket && name.starts_with("Get") {
                    assert!(action_name.starts_with("Get"), "{name} {action}");
                }
            }
        }
    }
}

//! The names of all operations of the S3 API.

macro_rules! operations {
    (served: $($served:ident)* ; known: $($known:ident)*) => {
        /// An operation of the S3 API, by its name there.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[expect(missing_docs, reason = "the variants are the operations of the S3 API")]
        pub enum OperationName { $($served,)* $($known,)* }

        impl OperationName {
            /// Every operation.
            pub const ALL: &'static [Self] = &[$(Self::$served,)* $(Self::$known,)*];

            /// The name, for logs and metrics.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$served => stringify!($served),)*
                    $(Self::$known => stringify!($known),)*
                }
            }

            /// Whether we serve it.
            pub fn is_served(self) -> bool {
                matches!(self, $(Self::$served)|*)
            }
        }
    };
}

operations! {
    served:
        AbortMultipartUpload CompleteMultipartUpload CopyObject CorsPreflight CreateBucket
        CreateMultipartUpload DeleteBucket DeleteBucketCors DeleteBucketEncryption
        DeleteBucketLifecycle DeleteBucketOwnershipControls DeleteBucketPolicy
        DeleteBucketTagging DeleteBucketWebsite DeleteObject DeleteObjectTagging
        DeleteObjects DeletePublicAccessBlock GetBucketAcl GetBucketCors GetBucketEncryption
        GetBucketLifecycleConfiguration GetBucketLocation GetBucketLogging
        GetBucketNotificationConfiguration GetBucketOwnershipControls GetBucketPolicy
        GetBucketPolicyStatus GetBucketRequestPayment GetBucketTagging GetBucketVersioning
        GetBucketWebsite GetObject GetObjectAcl GetObjectAttributes GetObjectLegalHold
        GetObjectLockConfiguration GetObjectRetention GetObjectTagging GetPublicAccessBlock
        HeadBucket HeadObject ListBuckets ListMultipartUploads ListObjectVersions
        ListObjects ListObjectsV2 ListParts PostObject PutBucketAcl PutBucketCors
        PutBucketEncryption PutBucketLifecycleConfiguration PutBucketLogging
        PutBucketNotificationConfiguration PutBucketOwnershipControls PutBucketPolicy
        PutBucketRequestPayment PutBucketTagging PutBucketVersioning PutBucketWebsite
        PutObject PutObjectAcl PutObjectLegalHold PutObjectLockConfiguration
        PutObjectRetention PutObjectTagging PutPublicAccessBlock UploadPart UploadPartCopy ;
    known:
        CreateBucketMetadataConfiguration CreateBucketMetadataTableConfiguration
        CreateSession DeleteBucketAnalyticsConfiguration
        DeleteBucketIntelligentTieringConfiguration DeleteBucketInventoryConfiguration
        DeleteBucketMetadataConfiguration DeleteBucketMetadataTableConfiguration
        DeleteBucketMetricsConfiguration DeleteBucketReplication GetBucketAbac
        GetBucketAccelerateConfiguration GetBucketAnalyticsConfiguration
        GetBucketIntelligentTieringConfiguration GetBucketInventoryConfiguration
        GetBucketMetadataConfiguration GetBucketMetadataTableConfiguration
        GetBucketMetricsConfiguration GetBucketReplication GetObjectTorrent
        ListBucketAnalyticsConfigurations ListBucketIntelligentTieringConfigurations
        ListBucketInventoryConfigurations ListBucketMetricsConfigurations PutBucketAbac
        PutBucketAccelerateConfiguration PutBucketAnalyticsConfiguration
        PutBucketIntelligentTieringConfiguration PutBucketInventoryConfiguration
        PutBucketMetricsConfiguration PutBucketReplication RenameObject RestoreObject
        SelectObjectContent UpdateBucketMetadataInventoryTableConfiguration
        UpdateBucketMetadataJournalTableConfiguration UpdateObjectEncryption
}

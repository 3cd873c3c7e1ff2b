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
        AbortMultipartUpload CompleteMultipartUpload CopyObject CreateBucket CreateMultipartUpload
        DeleteBucket DeleteObject DeleteObjects GetBucketLocation GetObject HeadBucket HeadObject
        ListBuckets ListMultipartUploads ListObjects ListObjectsV2 ListParts PutObject UploadPart
        UploadPartCopy ;
    known:
        CorsPreflight CreateBucketMetadataConfiguration CreateBucketMetadataTableConfiguration
        CreateSession DeleteBucketAnalyticsConfiguration DeleteBucketCors DeleteBucketEncryption
        DeleteBucketIntelligentTieringConfiguration DeleteBucketInventoryConfiguration
        DeleteBucketLifecycle DeleteBucketMetadataConfiguration
        DeleteBucketMetadataTableConfiguration DeleteBucketMetricsConfiguration
        DeleteBucketOwnershipControls DeleteBucketPolicy DeleteBucketReplication
        DeleteBucketTagging DeleteBucketWebsite DeleteObjectTagging DeletePublicAccessBlock
        GetBucketAbac GetBucketAccelerateConfiguration GetBucketAcl
        GetBucketAnalyticsConfiguration GetBucketCors GetBucketEncryption
        GetBucketIntelligentTieringConfiguration GetBucketInventoryConfiguration
        GetBucketLifecycleConfiguration GetBucketLogging GetBucketMetadataConfiguration
        GetBucketMetadataTableConfiguration GetBucketMetricsConfiguration
        GetBucketNotificationConfiguration GetBucketOwnershipControls GetBucketPolicy
        GetBucketPolicyStatus GetBucketReplication GetBucketRequestPayment GetBucketTagging
        GetBucketVersioning GetBucketWebsite GetObjectAcl GetObjectAttributes GetObjectLegalHold
        GetObjectLockConfiguration GetObjectRetention GetObjectTagging GetObjectTorrent
        GetPublicAccessBlock ListBucketAnalyticsConfigurations
        ListBucketIntelligentTieringConfigurations ListBucketInventoryConfigurations
        ListBucketMetricsConfigurations ListObjectVersions PostObject PutBucketAbac
        PutBucketAccelerateConfiguration PutBucketAcl PutBucketAnalyticsConfiguration PutBucketCors
        PutBucketEncryption PutBucketIntelligentTieringConfiguration
        PutBucketInventoryConfiguration PutBucketLifecycleConfiguration PutBucketLogging
        PutBucketMetricsConfiguration PutBucketNotificationConfiguration
        PutBucketOwnershipControls PutBucketPolicy PutBucketReplication PutBucketRequestPayment
        PutBucketTagging PutBucketVersioning PutBucketWebsite PutObjectAcl PutObjectLegalHold
        PutObjectLockConfiguration PutObjectRetention PutObjectTagging PutPublicAccessBlock
        RenameObject RestoreObject SelectObjectContent
        UpdateBucketMetadataInventoryTableConfiguration
        UpdateBucketMetadataJournalTableConfiguration UpdateObjectEncryption
}

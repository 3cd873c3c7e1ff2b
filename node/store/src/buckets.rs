use bytes::Bytes;
use mucura_metadata as metadata;
use mucura_metadata::{
    BucketChange, BucketDocument, BucketRecord, Command, ListPage, ListQuery, NewBucket, Reply, VersionPage,
    VersionQuery,
};
use mucura_types::{BucketId, UserId};
use tokio::time::Instant;

use crate::error::StoreError;
use crate::fresh::Fresh;
use crate::store::Store;

/// Buckets that one user may have.
const BUCKETS_MAX: u32 = 1000;

impl Store {
    /// Makes a bucket. Carried out once, however often it must be sent.
    ///
    /// # Errors
    /// Rejected: the name is taken, or too many buckets.
    pub async fn create_bucket(
        &self,
        name: &str,
        owner: UserId,
        settings: NewBucket,
        deadline: Instant,
    ) -> Result<BucketId, StoreError> {
        let command = Command::CreateBucket { name: name.to_owned(), owner, limit: BUCKETS_MAX, settings };
        match self.inner().gateway.once(command, deadline).await? {
            Reply::Bucket(id) => Ok(id),
            other => Err(StoreError::internal(format!("a bucket was answered {other:?}"))),
        }
    }

    /// Removes an empty bucket.
    ///
    /// # Errors
    /// Rejected: it is not there, or not empty.
    pub async fn delete_bucket(&self, name: &str, id: BucketId, deadline: Instant) -> Result<(), StoreError> {
        let command = Command::DeleteBucket { name: name.to_owned(), id };
        self.inner().gateway.once(command, deadline).await.map(|_| ())
    }

    /// Changes a setting of a bucket.
    ///
    /// # Errors
    /// Rejected: it is not there, or the setting does not go with the others.
    pub async fn change_bucket(
        &self,
        bucket: BucketId,
        change: BucketChange,
        deadline: Instant,
    ) -> Result<(), StoreError> {
        let command = Command::ChangeBucket { bucket, change };
        self.inner().gateway.once(command, deadline).await.map(|_| ())
    }
}

impl Fresh {
    /// The buckets of a user, by name.
    ///
    /// # Errors
    /// `Unavailable`, `Internal`.
    pub async fn buckets(&self, user: UserId) -> Result<Vec<(String, BucketRecord)>, StoreError> {
        self.read(move |view| metadata::buckets_of(view, user, usize::MAX)).await
    }

    /// A page of the objects of a bucket.
    ///
    /// # Errors
    /// `Unavailable`, `Internal`.
    pub async fn list_objects(&self, bucket: BucketId, query: ListQuery) -> Result<ListPage, StoreError> {
        self.read(move |view| metadata::list_objects(view, bucket, &query)).await
    }
    /// A page of the versions of a bucket.
    ///
    /// # Errors
    /// `Unavailable`, `Internal`.
    pub async fn list_versions(
        &self,
        bucket: BucketId,
        query: VersionQuery,
    ) -> Result<VersionPage, StoreError> {
        self.read(move |view| metadata::list_versions(view, bucket, &query)).await
    }

    /// A document of a bucket.
    ///
    /// # Errors
    /// `Unavailable`, `Internal`.
    pub async fn document(
        &self,
        bucket: &BucketRecord,
        document: BucketDocument,
    ) -> Result<Option<Bytes>, StoreError> {
        if !bucket.has(document) {
            return Ok(None);
        }
        let id = bucket.id;
        self.read(move |view| metadata::bucket_document(view, id, document)).await
    }
}

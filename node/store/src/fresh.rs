use mucura_consensus::ConsensusError;
use mucura_metadata as metadata;
use mucura_metadata::{BucketRecord, ExecuteError, View};
use mucura_types::{BucketId, UserId};
use tokio::time::Instant;

use crate::error::StoreError;
use crate::objects::ObjectInfo;
use crate::people::ROOT_USER;
use crate::store::{Inner, Store};

/// The rows as of an index that was committed after a request arrived: what
/// is read through it is linearizable.
pub struct Fresh {
    pub(crate) store: Store,
    pub(crate) deadline: Instant,
    named: Named,
}

/// Who signs with an access key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The user.
    pub user: UserId,
    /// The secret that signatures are made with.
    pub secret: String,
}

impl Store {
    /// Begins to answer a request: waits until this node has applied all that
    /// was committed before now.
    ///
    /// # Errors
    /// `Unavailable`: no quorum answered before the deadline.
    pub async fn fresh(&self, deadline: Instant) -> Result<Fresh, StoreError> {
        // A read changes nothing: whatever went wrong, it may be tried again.
        let limit = deadline.saturating_duration_since(Instant::now());
        let no_quorum = |error| match error {
            ConsensusError::Timeout => StoreError::unavailable("no majority of the voters answered in time"),
            other => StoreError::unavailable(other),
        };
        self.inner().consensus.linearize(limit).await.map_err(no_quorum)?;
        Ok(Fresh { store: self.clone(), deadline, named: Named::default() })
    }
}

impl Fresh {
    /// When the request's dealings with the metadata must be over.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// The owner and secret of an access key; none if there is no such key or
    /// it is disabled. In the same turn it reads the bucket and the object that
    /// the request names, so that [`Fresh::bucket`] and [`Fresh::object`] need
    /// no turn of their own.
    ///
    /// # Errors
    /// `Unavailable`, `Internal`.
    pub async fn principal(
        &mut self,
        access_key: &str,
        bucket: Option<&str>,
        key: Option<&str>,
    ) -> Result<Option<Principal>, StoreError> {
        let inner = self.store.inner().clone();
        let is_root = access_key == inner.config.root_access_key;
        if is_root && bucket.is_none() {
            return Ok(Some(inner.root()));
        }
        let access_key = access_key.to_owned();
        let (bucket, key) = (bucket.map(str::to_owned), key.map(str::to_owned));
        let wanted = access_key.clone();
        let (record, named) = self
            .read(move |view| {
                let record = if is_root { None } else { metadata::user_by_key(view, &wanted)? };
                Ok((record, Named::read(view, bucket, key)?))
            })
            .await?;
        self.named = named;
        if is_root {
            return Ok(Some(inner.root()));
        }
        let Some(record) = record.filter(|record| record.enabled) else { return Ok(None) };
        let secret = inner.site_key.open(access_key.as_bytes(), &record.sealed_secret)?;
        let secret = String::from_utf8(secret).map_err(|_| StoreError::internal("a secret is not text"))?;
        Ok(Some(Principal { user: record.user, secret }))
    }

    /// A bucket.
    ///
    /// # Errors
    /// `Unavailable`, `Internal`.
    pub async fn bucket(&self, name: &str) -> Result<Option<BucketRecord>, StoreError> {
        if let Some((named, record)) = &self.named.bucket
            && named == name
        {
            return Ok(record.clone());
        }
        let name = name.to_owned();
        self.read(move |view| metadata::bucket(view, &name)).await
    }

    /// The current version of a key.
    ///
    /// # Errors
    /// `Unavailable`, `Internal`.
    pub async fn object(&self, bucket: BucketId, key: &str) -> Result<Option<ObjectInfo>, StoreError> {
        if let Some((of, named, object)) = &self.named.object
            && *of == bucket
            && named == key
        {
            return Ok(object.clone());
        }
        let key = key.to_owned();
        self.read(move |view| current(view, bucket, &key)).await
    }

    pub(crate) async fn read<T, R>(&self, read: R) -> Result<T, StoreError>
    where
        T: Send + 'static,
        R: FnOnce(&dyn View) -> Result<T, ExecuteError> + Send + 'static,
    {
        self.store.inner().read(read).await
    }
}

/// What a request names, as it was when its sender was looked up.
#[derive(Default)]
struct Named {
    bucket: Option<(String, Option<BucketRecord>)>,
    object: Option<(BucketId, String, Option<ObjectInfo>)>,
}

impl Named {
    fn read(view: &dyn View, bucket: Option<String>, key: Option<String>) -> Result<Self, ExecuteError> {
        let Some(name) = bucket else { return Ok(Self::default()) };
        let record = metadata::bucket(view, &name)?;
        let object = match (&record, key) {
            (Some(bucket), Some(key)) => {
                let object = current(view, bucket.id, &key)?;
                Some((bucket.id, key, object))
            }
            _ => None,
        };
        Ok(Self { bucket: Some((name, record)), object })
    }
}

fn current(view: &dyn View, bucket: BucketId, key: &str) -> Result<Option<ObjectInfo>, ExecuteError> {
    let found = metadata::current_version(view, bucket, key.as_bytes())?;
    let found = found.filter(|(_, record)| !record.summary.delete_marker);
    Ok(found.map(|(order, record)| ObjectInfo { order, record }))
}

impl Inner {
    fn root(&self) -> Principal {
        Principal { user: ROOT_USER, secret: self.config.root_secret_key.clone() }
    }
}

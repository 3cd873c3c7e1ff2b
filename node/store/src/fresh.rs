use mucura_metadata as metadata;
use mucura_metadata::{BucketRecord, ExecuteError, View};
use mucura_types::UserId;
use tokio::time::Instant;

use crate::error::StoreError;
use crate::people::ROOT_USER;
use crate::store::Store;

/// The rows as of an index that was committed after a request arrived: what
/// is read through it is linearizable.
pub struct Fresh {
    pub(crate) store: Store,
    pub(crate) deadline: Instant,
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
        self.inner().consensus.linearize(limit).await.map_err(StoreError::unavailable)?;
        Ok(Fresh { store: self.clone(), deadline })
    }
}

impl Fresh {
    /// When the request's dealings with the metadata must be over.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// The owner and secret of an access key; none if there is no such key or
    /// it is disabled.
    ///
    /// # Errors
    /// `Unavailable`, `Internal`.
    pub async fn principal(&self, access_key: &str) -> Result<Option<Principal>, StoreError> {
        let inner = self.store.inner();
        if access_key == inner.config.root_access_key {
            return Ok(Some(Principal { user: ROOT_USER, secret: inner.config.root_secret_key.clone() }));
        }
        let name = access_key.to_owned();
        let Some(record) = self.read(move |view| metadata::user_by_key(view, &name)).await? else {
            return Ok(None);
        };
        if !record.enabled {
            return Ok(None);
        }
        let secret = inner.site_key.open(access_key.as_bytes(), &record.sealed_secret)?;
        let secret = String::from_utf8(secret).map_err(|_| StoreError::internal("a secret is not text"))?;
        Ok(Some(Principal { user: record.user, secret }))
    }

    /// A bucket.
    ///
    /// # Errors
    /// `Unavailable`, `Internal`.
    pub async fn bucket(&self, name: &str) -> Result<Option<BucketRecord>, StoreError> {
        let name = name.to_owned();
        self.read(move |view| metadata::bucket(view, &name)).await
    }

    pub(crate) async fn read<T, R>(&self, read: R) -> Result<T, StoreError>
    where
        T: Send + 'static,
        R: FnOnce(&dyn View) -> Result<T, ExecuteError> + Send + 'static,
    {
        self.store.inner().read(read).await
    }
}

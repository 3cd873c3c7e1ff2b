use bytes::Bytes;
use mucura_consensus::ConsensusError;
use mucura_metadata as metadata;
use mucura_metadata::{AccessKeyRecord, BucketDocument, BucketRecord, ExecuteError, VersionId, View};
use mucura_types::{BucketId, UserId};
use tokio::time::Instant;

use crate::error::StoreError;
use crate::objects::ObjectInfo;
use crate::people::{ROOT_NAME, ROOT_USER};
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
    /// The user's name.
    pub name: String,
    /// The secret that signatures are made with.
    pub secret: String,
}

/// What a request names.
#[derive(Clone, Copy, Debug, Default)]
pub struct Names<'a> {
    /// The access key that signed; none: nobody did.
    pub access_key: Option<&'a str>,
    /// A bucket.
    pub bucket: Option<&'a str>,
    /// A key in it, if its newest version will be looked up.
    pub key: Option<&'a str>,
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

    /// Looks up what a request names, all in one turn: so that
    /// [`Fresh::bucket`], [`Fresh::policy`] and [`Fresh::object`] need no turn
    /// of their own. Gives who signs with the access key; none if there is no
    /// such key or it is disabled.
    ///
    /// # Errors
    /// `Unavailable`, `Internal`.
    pub async fn look_up(&mut self, names: Names<'_>) -> Result<Option<Principal>, StoreError> {
        let inner = self.store.inner().clone();
        let is_root = names.access_key == Some(&inner.config.root_access_key);
        if is_root && names.bucket.is_none() {
            return Ok(Some(inner.root()));
        }
        let access_key = names.access_key.filter(|_| !is_root).map(str::to_owned);
        let (bucket, key) = (names.bucket.map(str::to_owned), names.key.map(str::to_owned));
        let wanted = access_key.clone();
        let (signer, named) = self
            .read(move |view| {
                let signer = wanted.map(|key| signer(view, &key)).transpose()?.flatten();
                Ok((signer, Named::read(view, bucket, key)?))
            })
            .await?;
        self.named = named;
        if is_root {
            return Ok(Some(inner.root()));
        }
        let Some((access_key, (record, name))) = access_key.zip(signer) else { return Ok(None) };
        let secret = inner.site_key.open(access_key.as_bytes(), &record.sealed_secret)?;
        let secret = String::from_utf8(secret).map_err(|_| StoreError::internal("a secret is not text"))?;
        Ok(Some(Principal { user: record.user, name, secret }))
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

    /// The policy of a bucket.
    ///
    /// # Errors
    /// `Unavailable`, `Internal`.
    pub async fn policy(&self, bucket: &BucketRecord) -> Result<Option<Bytes>, StoreError> {
        match &self.named.policy {
            Some((of, policy)) if *of == bucket.id => Ok(Some(policy.clone())),
            _ => self.document(bucket, BucketDocument::Policy).await,
        }
    }

    /// A version of a key, or the newest one; it may be a delete marker.
    ///
    /// # Errors
    /// `Unavailable`, `Internal`.
    pub async fn object(
        &self,
        bucket: BucketId,
        key: &str,
        version: Option<VersionId>,
    ) -> Result<Option<ObjectInfo>, StoreError> {
        if let Some((of, named, object)) = &self.named.object
            && *of == bucket
            && named == key
            && version.is_none()
        {
            return Ok(object.clone());
        }
        let key = key.to_owned();
        self.read(move |view| object_of(view, bucket, &key, version)).await
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
    policy: Option<(BucketId, Bytes)>,
    object: Option<(BucketId, String, Option<ObjectInfo>)>,
}

impl Named {
    fn read(view: &dyn View, bucket: Option<String>, key: Option<String>) -> Result<Self, ExecuteError> {
        let Some(name) = bucket else { return Ok(Self::default()) };
        let record = metadata::bucket(view, &name)?;
        let (mut policy, mut object) = (None, None);
        if let Some(bucket) = &record {
            if bucket.has(BucketDocument::Policy) {
                let text = metadata::bucket_document(view, bucket.id, BucketDocument::Policy)?;
                policy = text.map(|text| (bucket.id, text));
            }
            if let Some(key) = key {
                let found = object_of(view, bucket.id, &key, None)?;
                object = Some((bucket.id, key, found));
            }
        }
        Ok(Self { bucket: Some((name, record)), policy, object })
    }
}

/// The record of an access key that may be used, and the name of its user.
fn signer(view: &dyn View, access_key: &str) -> Result<Option<(AccessKeyRecord, String)>, ExecuteError> {
    let Some(record) = metadata::user_by_key(view, access_key)?.filter(|record| record.enabled) else {
        return Ok(None);
    };
    let name = metadata::user(view, record.user)?.map(|user| user.name).unwrap_or_default();
    Ok(Some((record, name)))
}

fn object_of(
    view: &dyn View,
    bucket: BucketId,
    key: &str,
    version: Option<VersionId>,
) -> Result<Option<ObjectInfo>, ExecuteError> {
    let found = match version {
        Some(id) => metadata::version(view, bucket, key.as_bytes(), id)?,
        None => metadata::newest_version(view, bucket, key.as_bytes())?,
    };
    Ok(found.map(|(order, record)| ObjectInfo { order, record }))
}

impl Inner {
    fn root(&self) -> Principal {
        Principal { user: ROOT_USER, name: ROOT_NAME.to_owned(), secret: self.config.root_secret_key.clone() }
    }
}

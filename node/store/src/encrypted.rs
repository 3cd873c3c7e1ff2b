//! Objects that are encrypted at rest: which key seals a new one, and which
//! opens an old one.

use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use mucura_metadata::{Encryption, EncryptionMethod, Seal};
use mucura_types::BucketId;
use tokio::time::Instant;

use crate::body::{Body, BodySize};
use crate::digest::Digests;
use crate::encryption::{
    BodyKey, BodySalt, CustomerKey, DataKey, KeyContext, KeyError, KeyId, KeyRing, SealedKey, SealedLayout,
    SealingBody, WrappedKey,
};
use crate::error::StoreError;
use crate::fresh::Fresh;
use crate::sealed::SiteKey;
use crate::store::{Inner, Store};
use crate::write::{Label, StoredBody};

/// The number of the key that every site has: it is derived from the site key.
const BUILT_IN: KeyId = KeyId(0);

/// Whose key a new object is sealed by.
#[derive(Debug)]
pub enum SealWith {
    /// The site's.
    Site,
    /// The site's, for a client that knows it by this name.
    Kms {
        /// The name.
        key_id: String,
    },
    /// The client's own, which is not kept.
    Customer {
        /// The key.
        key: Box<CustomerKey>,
        /// Its MD5, by which the client knows it again.
        md5: [u8; 16],
    },
}

/// The encryption keys of the site as they are now.
pub(crate) struct KeyKeeper(RwLock<Arc<KeyRing>>);

impl KeyKeeper {
    pub(crate) fn new(site_key: &SiteKey) -> Result<Self, StoreError> {
        let ring = KeyRing::new(BUILT_IN, site_key.for_objects()).map_err(internal)?;
        Ok(Self(RwLock::new(Arc::new(ring))))
    }

    fn ring(&self) -> Arc<KeyRing> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Store {
    /// Takes other encryption keys into use, beside the one that every site
    /// has: new objects are sealed by the active one.
    ///
    /// # Errors
    /// `Internal`: the ring has a key of that number.
    pub fn use_keys(&self, keys: KeyRing) -> Result<(), StoreError> {
        let inner = self.inner();
        if keys.ids().any(|id| id == BUILT_IN) {
            return Err(StoreError::internal("the number 0 is that of the key that every site has"));
        }
        let ring = keys.with(BUILT_IN, inner.site_key.for_objects()).map_err(internal)?;
        *inner.keys.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(ring);
        Ok(())
    }
}

impl Inner {
    /// A key for a new object, and what is kept of it.
    pub(crate) fn new_data_key(
        &self,
        with: &SealWith,
        bucket: BucketId,
        key: &str,
    ) -> Result<(DataKey, Encryption), StoreError> {
        let (context, entropy) = (KeyContext { bucket, key }, &*self.runtime.entropy);
        let data_key = DataKey::random(entropy).map_err(internal)?;
        let by_site = || {
            let wrapped = self.keys.ring().wrap(&data_key, context, entropy)?;
            Ok([&wrapped.key.0.to_be_bytes()[..], wrapped.sealed.as_bytes()].concat())
        };
        let (method, wrapped_key) = match with {
            SealWith::Site => (EncryptionMethod::SseS3, by_site()),
            SealWith::Kms { key_id } => (EncryptionMethod::SseKms { key_id: key_id.clone() }, by_site()),
            SealWith::Customer { key, md5 } => {
                let sealed = key.wrap(&data_key, context, entropy);
                (EncryptionMethod::SseC { key_md5: *md5 }, sealed.map(|sealed| sealed.as_bytes().to_vec()))
            }
        };
        let wrapped_key = Bytes::from(wrapped_key.map_err(internal::<KeyError>)?);
        Ok((data_key, Encryption { method, wrapped_key }))
    }

    /// The key of an object. `customer` is the one that the request brings.
    pub(crate) fn data_key(
        &self,
        encryption: &Encryption,
        bucket: BucketId,
        key: &str,
        customer: Option<&CustomerKey>,
    ) -> Result<DataKey, StoreError> {
        let context = KeyContext { bucket, key };
        if let EncryptionMethod::SseC { .. } = encryption.method {
            let customer = customer.ok_or(StoreError::WrongKey)?;
            let sealed = SealedKey::from_bytes(&encryption.wrapped_key).map_err(internal)?;
            return customer.unwrap(&sealed, context).map_err(|error| match error {
                KeyError::Refused => StoreError::WrongKey,
                other => internal(other),
            });
        }
        let (id, sealed) = encryption
            .wrapped_key
            .split_first_chunk::<4>()
            .ok_or_else(|| StoreError::internal("a wrapped key is too short"))?;
        let sealed = SealedKey::from_bytes(sealed).map_err(internal)?;
        let wrapped = WrappedKey { key: KeyId(u32::from_be_bytes(*id)), sealed };
        self.keys.ring().unwrap(&wrapped, context).map_err(internal)
    }

    /// Stores a body, sealed if there is a key to it. Size and digests are those
    /// of the plaintext.
    pub(crate) async fn store_body(
        self: &Arc<Self>,
        body: &mut dyn Body,
        size: BodySize,
        data_key: Option<&DataKey>,
        label: Label,
        deadline: Instant,
    ) -> Result<(StoredBody, Option<Seal>, Digests), StoreError> {
        if let Some(data_key) = data_key {
            let (stored, seal, digests) = self.write_sealed(body, size, data_key, label, deadline).await?;
            return Ok((stored, Some(seal), digests));
        }
        let stored = self.write_body(body, size, label, deadline).await?;
        let digests = stored.digests.clone();
        Ok((stored, None, digests))
    }

    async fn write_sealed(
        self: &Arc<Self>,
        body: &mut dyn Body,
        size: BodySize,
        data_key: &DataKey,
        label: Label,
        deadline: Instant,
    ) -> Result<(StoredBody, Seal, Digests), StoreError> {
        let sealed_len = |size| {
            let layout = SealedLayout::of_plain(size);
            layout.map(SealedLayout::sealed_len).ok_or_else(|| StoreError::internal("a body is too long"))
        };
        let sealed = match size {
            BodySize::Exact(size) => BodySize::Exact(sealed_len(size)?),
            BodySize::AtMost(size) => BodySize::AtMost(sealed_len(size)?),
        };
        let salt = BodySalt::random(&*self.runtime.entropy).map_err(internal)?;
        let key = Arc::new(BodyKey::derive(data_key, salt).map_err(internal)?);
        let mut sealing = SealingBody::new(body, size, key, self.runtime.blocking.clone());
        let stored = self.write_body(&mut sealing, sealed, label, deadline).await;
        let mut stored = stored.map_err(|error| sealing.take_error().unwrap_or(error))?;
        let digests = sealing.digests().cloned();
        let digests = digests.ok_or_else(|| StoreError::internal("a sealed body has no digests"))?;
        let seal = Seal { salt: salt.0, stored: stored.size };
        stored.size = sealing.plain_len();
        Ok((stored, seal, digests))
    }
}

impl Fresh {
    /// Whether the key that a request brings is that of the object: none must
    /// come unless it is a customer's.
    ///
    /// # Errors
    /// `WrongKey`.
    pub fn check_key(
        &self,
        bucket: BucketId,
        key: &str,
        encryption: &Encryption,
        customer: Option<&CustomerKey>,
    ) -> Result<(), StoreError> {
        self.store.inner().data_key(encryption, bucket, key, customer).map(|_| ())
    }
}

fn internal<E: std::fmt::Display>(error: E) -> StoreError {
    StoreError::internal(error)
}

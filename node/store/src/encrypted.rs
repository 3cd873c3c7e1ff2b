//! Objects that are encrypted at rest: which key seals a new one, and which
//! opens an old one.

use std::sync::Arc;

use bytes::Bytes;
use mucura_metadata::{Encryption, EncryptionMethod, Seal};
use mucura_types::BucketId;
use tokio::time::Instant;

use crate::body::{Body, BodySize};
use crate::digest::Digests;
use crate::encryption::{
    BodyKey, BodySalt, CustomerKey, DataKey, KeyContext, KeyError, KeyId, SealedKey, SealedLayout,
    SealingBody, WrappedKey,
};
use crate::error::StoreError;
use crate::fresh::Fresh;
use crate::store::Inner;
use crate::write::{Label, StoredBody};

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
        let by_site = || Ok(self.keys.ring().wrap(&data_key, context, entropy)?.to_bytes());
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
        let wrapped = WrappedKey::from_bytes(&encryption.wrapped_key).map_err(internal)?;
        self.keys.ring().unwrap(&wrapped, context).map_err(|error| match error {
            KeyError::UnknownKey(KeyId(number)) => StoreError::NoKey { number },
            other => internal(other),
        })
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

//! The bytes of a version in the clear, however they are kept.

use std::ops::Range;
use std::sync::Arc;

use futures_util::stream::{self, StreamExt};
use mucura_metadata as metadata;
use mucura_metadata::{Body, Seal, VersionRecord};
use mucura_types::{BucketId, WriteId};

use crate::encryption::{BodyKey, BodySalt, CustomerKey, DataKey, SealedLayout, open_sealed};
use crate::error::StoreError;
use crate::fresh::Fresh;
use crate::objects::{ObjectInfo, ObjectStream};
use crate::store::Inner;

/// Reads a version. Clones read the same one.
#[derive(Clone)]
pub struct ObjectReader {
    inner: Arc<Inner>,
    record: Arc<VersionRecord>,
    /// None: it is not sealed.
    data_key: Option<Arc<DataKey>>,
}

impl Fresh {
    /// A reader of a version. `customer` is the key that the request brings.
    ///
    /// # Errors
    /// `WrongKey`: it is not the one that the version was sealed by.
    pub fn reader(
        &self,
        bucket: BucketId,
        key: &str,
        object: &ObjectInfo,
        customer: Option<&CustomerKey>,
    ) -> Result<ObjectReader, StoreError> {
        let inner = self.store.inner().clone();
        let record = Arc::new(object.record.clone());
        let unwrap = |encryption| inner.data_key(encryption, bucket, key, customer).map(Arc::new);
        let data_key = record.attributes.encryption.as_ref().map(unwrap).transpose()?;
        Ok(ObjectReader { inner, record, data_key })
    }
}

impl ObjectReader {
    /// The bytes `range`, which must lie within the size of the version.
    ///
    /// # Errors
    /// `Unavailable`, `Internal`; then also from the stream.
    pub async fn open(&self, range: Range<u64>) -> Result<ObjectStream, StoreError> {
        let record = &self.record;
        let end = range.end.min(record.summary.size);
        let range = range.start.min(end)..end;
        let Some(data_key) = &self.data_key else {
            return self.inner.open_body(record.body.clone(), range).await;
        };
        match &record.body {
            Body::Parts(upload) => self.open_parts(*upload, range, data_key).await,
            body => {
                open_body(&self.inner, body.clone(), record.seal, record.summary.size, range, data_key).await
            }
        }
    }

    /// The same of a version that was uploaded in parts, each sealed by itself.
    async fn open_parts(
        &self,
        upload: WriteId,
        range: Range<u64>,
        data_key: &Arc<DataKey>,
    ) -> Result<ObjectStream, StoreError> {
        let parts = self.inner.read(move |view| metadata::parts_within(view, upload, range)).await?;
        let (inner, data_key) = (self.inner.clone(), data_key.clone());
        let mut opened = parts.into_iter().map(move |(part, within)| {
            let (inner, data_key) = (inner.clone(), data_key.clone());
            async move { open_body(&inner, part.body, part.seal, part.size, within, &data_key).await }
        });
        // The first one before the answer: what cannot be read is told by a status.
        let Some(first) = opened.next() else { return Ok(Box::pin(stream::empty())) };
        let first = first.await?;
        let rest = stream::iter(opened).then(|part| async move {
            part.await.unwrap_or_else(|error| Box::pin(stream::iter([Err(error)])))
        });
        Ok(Box::pin(first.chain(rest.flatten())))
    }
}

/// The bytes `range` of a body of `size` bytes that is stored sealed.
async fn open_body(
    inner: &Arc<Inner>,
    body: Body,
    seal: Option<Seal>,
    size: u64,
    range: Range<u64>,
    data_key: &DataKey,
) -> Result<ObjectStream, StoreError> {
    let contradiction = || StoreError::internal("the record of a sealed body contradicts itself");
    let seal = seal.ok_or_else(contradiction)?;
    let layout = SealedLayout::of_plain(size).filter(|layout| layout.sealed_len() == seal.stored);
    let span = layout.and_then(|layout| layout.span(range)).ok_or_else(contradiction)?;
    let key = BodyKey::derive(data_key, BodySalt(seal.salt)).map_err(StoreError::internal)?;
    let sealed = inner.open_body(body, span.sealed()).await?;
    open_sealed(sealed, Arc::new(key), span, inner.runtime.blocking.clone()).await
}

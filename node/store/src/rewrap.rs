use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use mucura_metadata as metadata;
use mucura_metadata::{
    ChangeVersion, Command, Encryption, EncryptionMethod, Rejection, Rewrap, UploadQuery, VersionChange,
    VersionId,
};
use mucura_runtime::Entropy;
use mucura_types::{BucketId, Order, WriteId};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};

use crate::encryption::{KeyContext, KeyError, KeyId, KeyRing, WrappedKey};
use crate::error::StoreError;
use crate::key_keeper::KeyStatus;
use crate::store::{Inner, Store};

/// What its progress is noted under.
const WORK: &str = "rewrap";
/// Between two looks whether there is anything to do.
const PERIOD: Duration = Duration::from_secs(1);
/// How long it rests when something failed.
const REST: Duration = Duration::from_secs(5);
/// Versions or uploads between two notes of the progress.
const PAGE: usize = 256;
/// Data keys that are wrapped anew at once.
const AT_ONCE: usize = 16;
const TIMEOUT: Duration = Duration::from_secs(10);

/// How the wrapping anew of data keys stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RewrapStatus {
    /// The number of the key whose data keys are wrapped by the active one;
    /// none: those of all others.
    pub from: Option<u32>,
    /// The key that was active where it was asked for. Only by this one it
    /// goes on.
    pub to: KeyStatus,
    /// Versions and uploads seen that are sealed by the site.
    pub seen: u64,
    /// Those of them that were wrapped anew.
    pub rewrapped: u64,
    /// Those that could not be: their key is not at hand, or does not open.
    pub left: u64,
    /// Whether all was gone through.
    pub finished: bool,
}

/// As it is noted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Progress {
    status: RewrapStatus,
    place: Place,
}

/// How far it came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Place {
    /// Behind the bucket of this name.
    Behind(String),
    /// In a bucket, behind this upload. Before its versions, so that one that
    /// is completed meanwhile becomes a version that is wrapped already.
    Uploads { bucket: String, after: Option<(Bytes, WriteId)> },
    /// In a bucket, behind this version.
    Versions { bucket: String, after: Option<(Bytes, Order)> },
}

/// What a data key is of.
#[derive(Clone, Debug)]
enum Holder {
    Upload(WriteId),
    Version(VersionId),
}

/// A data key that the site wraps.
struct Wrapped {
    bucket: BucketId,
    key: Bytes,
    holder: Holder,
    encryption: Encryption,
}

/// What became of it.
enum Done {
    Rewrapped,
    /// It is as it should be, or is gone.
    Nothing,
    /// It does not open, and why.
    Left(KeyError),
}

impl Store {
    /// Has the data keys of all versions and uploads that are wrapped by key
    /// `from` of the site, or by any but the active one, wrapped by the active
    /// one of this node. The leader does it in the background; one that is
    /// under way to the same key goes on, and nothing else is begun.
    ///
    /// # Errors
    /// `Unavailable`, `TimedOut`.
    pub async fn rewrap(&self, from: Option<u32>, deadline: Instant) -> Result<RewrapStatus, StoreError> {
        let to = active_key(&self.inner().keys.ring());
        if let Some(status) = self.rewrap_status(deadline).await?
            && !status.finished
            && status.to == to
        {
            return Ok(status);
        }
        let status = RewrapStatus { from, to, seen: 0, rewrapped: 0, left: 0, finished: false };
        let begun = Progress { status: status.clone(), place: Place::Behind(String::new()) };
        self.inner().note_rewrap(&begun, deadline).await?;
        Ok(status)
    }

    /// How the last one stands; none if there never was one.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn rewrap_status(&self, deadline: Instant) -> Result<Option<RewrapStatus>, StoreError> {
        self.fresh(deadline).await?;
        Ok(self.inner().rewrap_progress().await?.map(|progress| progress.status))
    }
}

impl Inner {
    /// Wraps data keys anew when it is asked for. Only the leader acts.
    pub(crate) async fn rewrap_keys(self: Arc<Self>) {
        loop {
            sleep(PERIOD).await;
            if let Err(error) = self.rewrap_all().await {
                tracing::warn!(%error, "wrap data keys anew; it goes on soon");
                sleep(REST).await;
            }
        }
    }

    async fn rewrap_all(self: &Arc<Self>) -> Result<(), StoreError> {
        let mut checked = false;
        while *self.consensus.leader().borrow() == Some(self.config.node) {
            let Some(mut progress) = self.rewrap_progress().await?.filter(|noted| !noted.status.finished)
            else {
                return Ok(());
            };
            if !checked {
                // A new leader has not carried out all that is committed.
                self.consensus.linearize(TIMEOUT).await.map_err(StoreError::unavailable)?;
                checked = true;
                continue;
            }
            let to = progress.status.to.clone();
            self.rewrap_step(&mut progress).await?;
            // Another was asked for meanwhile: that one must not be forgotten.
            if self.rewrap_progress().await?.is_none_or(|noted| noted.status.to != to) {
                continue;
            }
            self.note_rewrap(&progress, Instant::now() + TIMEOUT).await?;
            let RewrapStatus { seen, rewrapped, left, finished, .. } = progress.status;
            if finished {
                tracing::info!(seen, rewrapped, left, "data keys are wrapped by the active key");
            }
        }
        Ok(())
    }

    /// One page of the way.
    async fn rewrap_step(self: &Arc<Self>, progress: &mut Progress) -> Result<(), StoreError> {
        let ring = self.keys.ring();
        let (active, wanted) = (active_key(&ring), &progress.status.to);
        // The keys of this node were not changed with those of the others, or
        // before theirs.
        if active != *wanted {
            return Err(StoreError::unavailable(format_args!(
                "encryption key {active} is active on the leader, not {wanted}"
            )));
        }
        let place = progress.place.clone();
        let (page, next) = match place {
            Place::Behind(name) => {
                let found = self.read(move |view| metadata::buckets_from(view, &name, 1)).await?;
                match found.into_iter().next() {
                    Some((bucket, _)) => (Vec::new(), Place::Uploads { bucket, after: None }),
                    None => {
                        progress.status.finished = true;
                        return Ok(());
                    }
                }
            }
            Place::Uploads { bucket, after } => self.page_of_uploads(bucket, after).await?,
            Place::Versions { bucket, after } => self.page_of_versions(bucket, after).await?,
        };
        self.rewrap_page(&ring, page, &mut progress.status).await?;
        progress.place = next;
        Ok(())
    }

    async fn page_of_uploads(
        &self,
        name: String,
        after: Option<(Bytes, WriteId)>,
    ) -> Result<(Vec<Wrapped>, Place), StoreError> {
        let bucket = name.clone();
        let (after, after_id) = after.map_or((Bytes::new(), None), |(key, id)| (key, Some(id)));
        let query = UploadQuery { after, after_id, max: PAGE, ..UploadQuery::default() };
        let found = self
            .read(move |view| {
                let Some(record) = metadata::bucket(view, &bucket)? else { return Ok(None) };
                Ok(Some((record.id, metadata::list_uploads(view, record.id, &query)?)))
            })
            .await?;
        let Some((bucket, page)) = found else { return Ok((Vec::new(), Place::Behind(name))) };
        let last = page.uploads.last().filter(|_| page.truncated).map(|last| (last.key.clone(), last.id));
        let next = match last {
            Some(last) => Place::Uploads { bucket: name, after: Some(last) },
            None => Place::Versions { bucket: name, after: None },
        };
        let wrapped = page.uploads.into_iter().filter_map(|upload| {
            let holder = Holder::Upload(upload.id);
            Some(Wrapped {
                bucket,
                key: upload.key,
                holder,
                encryption: upload.record.attributes.encryption?,
            })
        });
        Ok((wrapped.collect(), next))
    }

    async fn page_of_versions(
        &self,
        name: String,
        after: Option<(Bytes, Order)>,
    ) -> Result<(Vec<Wrapped>, Place), StoreError> {
        let bucket = name.clone();
        let found = self
            .read(move |view| {
                let Some(record) = metadata::bucket(view, &bucket)? else { return Ok(None) };
                let after = after.as_ref().map(|(key, order)| (&key[..], *order));
                Ok(Some((record.id, metadata::versions_from(view, record.id, after, PAGE)?)))
            })
            .await?;
        let Some((bucket, page)) = found else { return Ok((Vec::new(), Place::Behind(name))) };
        let last = page.last().filter(|_| page.len() == PAGE).map(|last| (last.key.clone(), last.order));
        let next = match last {
            Some(last) => Place::Versions { bucket: name, after: Some(last) },
            None => Place::Behind(name),
        };
        let wrapped = page.into_iter().filter_map(|listed| {
            let id = if listed.version.summary.null { VersionId::Null } else { VersionId::At(listed.order) };
            let encryption = listed.version.attributes.encryption?;
            Some(Wrapped { bucket, key: listed.key, holder: Holder::Version(id), encryption })
        });
        Ok((wrapped.collect(), next))
    }

    async fn rewrap_page(
        self: &Arc<Self>,
        ring: &Arc<KeyRing>,
        page: Vec<Wrapped>,
        status: &mut RewrapStatus,
    ) -> Result<(), StoreError> {
        let from = status.from.map(KeyId);
        let ours = page.into_iter().filter(|wrapped| is_by_site(&wrapped.encryption));
        let mut done = stream::iter(ours)
            .map(|wrapped| {
                let (inner, ring) = (self.clone(), ring.clone());
                async move { inner.rewrap_one(&ring, from, wrapped).await }
            })
            .buffer_unordered(AT_ONCE);
        // The first one that does not open is told, for all of the page.
        let mut told = false;
        while let Some(done) = done.next().await {
            status.seen += 1;
            match done? {
                Done::Nothing => {}
                Done::Rewrapped => status.rewrapped += 1,
                Done::Left(error) => {
                    status.left += 1;
                    if !std::mem::replace(&mut told, true) {
                        tracing::error!(%error, "a data key cannot be wrapped anew");
                    }
                }
            }
        }
        Ok(())
    }

    async fn rewrap_one(
        &self,
        ring: &KeyRing,
        from: Option<KeyId>,
        wrapped: Wrapped,
    ) -> Result<Done, StoreError> {
        let rewrap = match rewrapped(ring, from, &wrapped, &*self.runtime.entropy) {
            Ok(Some(rewrap)) => rewrap,
            Ok(None) => return Ok(Done::Nothing),
            Err(error) => return Ok(Done::Left(error)),
        };
        let Wrapped { bucket, key, holder, .. } = wrapped;
        let command = match holder {
            Holder::Upload(upload) => Command::RewrapUpload { bucket, key, upload, rewrap },
            Holder::Version(id) => Command::ChangeVersion(ChangeVersion {
                bucket,
                key,
                version: Some(id),
                at: None,
                change: VersionChange::Rewrap(rewrap),
            }),
        };
        match self.gateway.repeatable(command, Instant::now() + TIMEOUT).await {
            Ok(_) => Ok(Done::Rewrapped),
            // Deleted, completed or written over meanwhile.
            Err(StoreError::Rejected(
                Rejection::PreconditionFailed
                | Rejection::NoSuchBucket
                | Rejection::NoSuchUpload
                | Rejection::NoSuchVersion
                | Rejection::DeleteMarker { .. },
            )) => Ok(Done::Nothing),
            Err(error) => Err(error),
        }
    }

    async fn rewrap_progress(&self) -> Result<Option<Progress>, StoreError> {
        let Some(noted) = self.read(|view| metadata::progress(view, WORK)).await? else { return Ok(None) };
        metadata::decode("rewrap", &noted).map(Some).map_err(StoreError::internal)
    }

    async fn note_rewrap(&self, progress: &Progress, deadline: Instant) -> Result<(), StoreError> {
        let note = Command::NoteProgress { work: WORK.to_owned(), place: metadata::encode(progress).into() };
        self.gateway.repeatable(note, deadline).await.map(|_| ())
    }
}

fn active_key(ring: &KeyRing) -> KeyStatus {
    let (id, fingerprint) = ring.active_key();
    KeyStatus::of(id, fingerprint)
}

fn is_by_site(encryption: &Encryption) -> bool {
    match encryption.method {
        EncryptionMethod::SseS3 | EncryptionMethod::SseKms { .. } => true,
        EncryptionMethod::SseC { .. } => false,
    }
}

/// How a data key is to be wrapped; none if it is so already, or by a key that
/// was not asked for.
fn rewrapped(
    ring: &KeyRing,
    from: Option<KeyId>,
    wrapped: &Wrapped,
    entropy: &dyn Entropy,
) -> Result<Option<Rewrap>, KeyError> {
    let now = WrappedKey::from_bytes(&wrapped.encryption.wrapped_key)?;
    if from.is_some_and(|from| from != now.key) {
        return Ok(None);
    }
    let key = std::str::from_utf8(&wrapped.key).map_err(|_| KeyError::Refused)?;
    let next = ring.rewrap(&now, KeyContext { bucket: wrapped.bucket, key }, entropy)?;
    Ok(next.map(|next| Rewrap {
        replaces: wrapped.encryption.wrapped_key.clone(),
        wrapped_key: next.to_bytes().into(),
    }))
}

//! Every reason to refuse a command, in no order: the machine may give any of
//! them, must give one, and must not refuse without.

use bytes::Bytes;
use mucura_metadata::{
    Acl, Attributes, BucketChange, ChangeVersion, ChunkRecord, Command, CompleteUpload, DeleteObject, ETag,
    EncryptionMethod, Grantee, Lock, MalformedCommand, NewBucket, Noncurrent, Ownership, Rejection,
    Retention, RetentionMode, Seal, VersionChange, Versioning, WriteCondition, Written,
};
use mucura_types::{BucketId, CHUNK_BYTES_MAX, Order, Timestamp, UserId, WriteId};

use crate::reference::Model;
use crate::shelf::{Kept, Shelf};

/// The largest object (S3, multipart upload limits).
const OBJECT_BYTES_MAX: u64 = 50 << 40;
/// No history comes near to the limits of texts but beyond them.
const TEXT_BYTES_MAX: usize = 12 << 10;
const GRANTS_MAX: usize = 100;
const TOO_LONG: Rejection = Rejection::Malformed(MalformedCommand::TextLength);

fn fails(tags: &[ETag], tag: ETag) -> bool {
    !tags.is_empty() && !tags.contains(&tag)
}

fn if_so(rejection: Rejection, holds: bool) -> Option<Rejection> {
    holds.then_some(rejection)
}

impl Model {
    pub fn reasons(&self, command: &Command) -> Vec<Rejection> {
        match command {
            Command::OpenSession { node, .. } if node.0 == 0 || node.0 > 2 => vec![Rejection::NoSuchNode],
            Command::CreateBucket { name, owner, limit, settings } => {
                self.against_bucket(name, *owner, *limit, settings)
            }
            Command::DeleteBucket { name, id } => match self.buckets.get(name) {
                Some(shelf) if shelf.id == *id => {
                    let full = self.objects.keys().any(|(bucket, _)| bucket == id);
                    if_so(Rejection::BucketNotEmpty, full).into_iter().collect()
                }
                _ => vec![Rejection::NoSuchBucket],
            },
            Command::ChangeBucket { bucket, change } => match self.shelf(*bucket) {
                Some(shelf) => against_change(shelf, change),
                None => vec![Rejection::NoSuchBucket],
            },
            Command::PutObject(put) => {
                let mut reasons = self.against_place(put.bucket, &put.key);
                reasons.extend(self.against_said(put.bucket, &put.attributes));
                reasons.extend(self.against_condition(put.bucket, &put.key, &put.condition));
                reasons.extend(self.against_body(&put.body, put.size, put.seal));
                reasons
            }
            Command::DeleteObject(delete) => self.against_deletion(delete),
            Command::ChangeVersion(change) => self.against_version_change(change),
            Command::CreateUpload(create) => {
                let mut reasons = self.against_place(create.bucket, &create.key);
                reasons.extend(self.against_said(create.bucket, &create.attributes));
                reasons
            }
            Command::NoteProgress { work, place } => {
                if_so(TOO_LONG, work.is_empty() || place.len() > 2048).into_iter().collect()
            }
            Command::PutPart(part) => {
                let mut reasons = self.against_upload(part.bucket, &part.key, part.upload);
                if !(1..=10_000).contains(&part.number) {
                    reasons.push(Rejection::Malformed(MalformedCommand::PartNumber));
                }
                reasons.extend(self.against_body(&part.body, part.size, part.seal));
                reasons
            }
            Command::CompleteUpload(complete) => self.against_completion(complete),
            Command::AbortUpload { bucket, key, upload } => self.against_upload(*bucket, key, *upload),
            Command::ShardHome { chunk, position, drive, store } => {
                let mut reasons = Vec::new();
                if !self.chunks.contains_key(chunk) {
                    reasons.push(Rejection::NoSuchChunk);
                }
                let home = self.table.drives(*chunk).get(usize::from(*position));
                if home != Some(drive) || self.drives.get(drive) != Some(store) {
                    reasons.push(Rejection::NoSuchDrive);
                }
                reasons
            }
            Command::ReplaceDrive { drive, replaces, store, .. } => match self.drives.get(drive) {
                Some(now) if now == replaces || now == store => vec![],
                _ => vec![Rejection::NoSuchDrive],
            },
            _ => vec![],
        }
    }

    fn against_bucket(&self, name: &str, owner: UserId, limit: u32, with: &NewBucket) -> Vec<Rejection> {
        let mut reasons = against_acl(with.acl.as_ref(), with.ownership);
        if let Some(shelf) = self.buckets.get(name) {
            reasons.push(Rejection::BucketExists { by_you: shelf.owner == owner });
        }
        if self.buckets.values().filter(|shelf| shelf.owner == owner).count() as u64 >= u64::from(limit) {
            reasons.push(Rejection::TooManyBuckets);
        }
        reasons
    }

    fn against_bucket_id(&self, bucket: BucketId) -> Vec<Rejection> {
        if_so(Rejection::NoSuchBucket, self.shelf(bucket).is_none()).into_iter().collect()
    }

    fn against_said(&self, bucket: BucketId, said: &Attributes) -> Vec<Rejection> {
        let cannot_lock = self.shelf(bucket).is_some_and(|shelf| shelf.locks.is_none());
        let mut reasons = against_lengths(said);
        reasons.extend(if_so(Rejection::NoObjectLock, cannot_lock && said.lock != Lock::default()));
        reasons
    }

    fn against_deletion(&self, delete: &DeleteObject) -> Vec<Rejection> {
        let DeleteObject { bucket, key, version, condition, .. } = delete;
        let mut reasons = self.against_bucket_id(*bucket);
        // What there is of a version that has a tag.
        let target = match version {
            Some(_) => self.named(*bucket, key, *version).filter(|kept| !kept.is_marker()),
            None => self.current(*bucket, key),
        };
        if version.is_none() && (key.is_empty() || key.len() > 1024) {
            reasons.push(TOO_LONG);
        }
        let stack = self.stack(*bucket, key);
        let newest = stack.last().map(|kept| kept.order);
        let other = target.zip(condition.if_match.as_ref());
        if other.is_some_and(|(kept, tags)| fails(tags, kept.record.summary.etag))
            || (condition.current.is_some() && condition.current != newest)
            || (condition.alone && stack.len() > 1)
            || !self.has_tags(delete)
            || condition.noncurrent.is_some_and(|noncurrent| !self.is_old(delete, noncurrent))
        {
            reasons.push(Rejection::PreconditionFailed);
        }
        if version.is_some() && target.is_some_and(|kept| self.is_kept(kept, delete.bypass)) {
            reasons.push(Rejection::Locked);
        }
        reasons
    }

    /// What a deletion is of, be it a delete marker that is named.
    fn of_deletion(&self, delete: &DeleteObject) -> Option<&Kept> {
        match delete.version {
            Some(_) => self.named(delete.bucket, &delete.key, delete.version),
            None => self.current(delete.bucket, &delete.key),
        }
    }

    fn has_tags(&self, delete: &DeleteObject) -> bool {
        let tags = &delete.condition.tags;
        tags.is_empty()
            || self.of_deletion(delete).is_some_and(|kept| {
                tags.iter().all(|tag| kept.record.attributes.tags.iter().any(|has| has == tag))
            })
    }

    /// Whether a deletion is of the version that this says, with these newer ones.
    fn is_old(&self, delete: &DeleteObject, noncurrent: Noncurrent) -> bool {
        let Some(kept) = self.of_deletion(delete).filter(|kept| kept.order == noncurrent.at) else {
            return false;
        };
        let newer = self.newer(delete.bucket, &delete.key, Some(kept.order));
        newer.first() == Some(&noncurrent.successor) && newer.len() > usize::from(noncurrent.newer)
    }

    /// The places of the versions of a key that are newer than this, the
    /// oldest first.
    pub fn newer(&self, bucket: BucketId, key: &Bytes, than: Option<Order>) -> Vec<Order> {
        let orders = self.stack(bucket, key).iter().map(|kept| kept.order);
        orders.filter(|order| than.is_some_and(|than| *order > than)).collect()
    }

    /// The retention of a version that binds one who does or does not bypass
    /// governance. It is held against the time of the batch alone.
    fn binding(&self, kept: &Kept, bypass: bool) -> Option<Retention> {
        let free = bypass.then_some(RetentionMode::Governance);
        let retention = kept.record.attributes.lock.retention?;
        (retention.until > Timestamp(self.wall) && Some(retention.mode) != free).then_some(retention)
    }

    fn is_kept(&self, kept: &Kept, bypass: bool) -> bool {
        kept.record.attributes.lock.legal_hold || self.binding(kept, bypass).is_some()
    }

    fn against_version_change(&self, change: &ChangeVersion) -> Vec<Rejection> {
        let Some(shelf) = self.shelf(change.bucket) else { return vec![Rejection::NoSuchBucket] };
        let named = change.version.is_some();
        let kept = match self.named(change.bucket, &change.key, change.version) {
            None if named => return vec![Rejection::NoSuchVersion],
            None => return vec![Rejection::NoSuchKey],
            Some(marker) if marker.is_marker() => return vec![Rejection::DeleteMarker { named }],
            Some(kept) => kept,
        };
        let mut reasons = Vec::new();
        reasons.extend(if_so(Rejection::PreconditionFailed, change.at.is_some_and(|at| at != kept.order)));
        let others: Vec<Rejection> = match &change.change {
            VersionChange::Tags(tags) => {
                against_lengths(&Attributes { tags: tags.clone(), ..Default::default() })
            }
            VersionChange::Acl(acl) => {
                against_lengths(&Attributes { acl: acl.clone(), ..Default::default() })
            }
            VersionChange::StorageClass { from, tags, .. } => {
                let has = &kept.record.attributes.tags;
                let is =
                    kept.record.summary.storage_class == *from && tags.iter().all(|tag| has.contains(tag));
                if_so(Rejection::PreconditionFailed, !is).into_iter().collect()
            }
            VersionChange::LegalHold(_) => {
                if_so(Rejection::NoObjectLock, shelf.locks.is_none()).into_iter().collect()
            }
            VersionChange::Rewrap(rewrap) => {
                let fits = kept.record.attributes.encryption.as_ref().is_some_and(|now| {
                    !matches!(now.method, EncryptionMethod::SseC { .. }) && now.wrapped_key == rewrap.replaces
                });
                if_so(Rejection::PreconditionFailed, !fits).into_iter().collect()
            }
            VersionChange::Retention { retention, bypass } => {
                let weakens = self.binding(kept, *bypass).is_some_and(|now| {
                    retention.is_none_or(|next| next.mode != now.mode || next.until < now.until)
                });
                let no_lock = if_so(Rejection::NoObjectLock, shelf.locks.is_none());
                no_lock.into_iter().chain(if_so(Rejection::Locked, weakens)).collect()
            }
        };
        reasons.extend(others);
        reasons
    }

    fn against_place(&self, bucket: BucketId, key: &Bytes) -> Vec<Rejection> {
        let mut reasons = self.against_bucket_id(bucket);
        if key.is_empty() || key.len() > 1024 {
            reasons.push(TOO_LONG);
        }
        reasons
    }

    fn against_upload(&self, bucket: BucketId, key: &Bytes, upload: WriteId) -> Vec<Rejection> {
        let known = self.uploads.get(&upload).is_some_and(|(b, k, _)| *b == bucket && k == key);
        (!known).then_some(Rejection::NoSuchUpload).into_iter().collect()
    }

    fn against_condition(&self, bucket: BucketId, key: &Bytes, condition: &WriteCondition) -> Vec<Rejection> {
        let mut reasons = Vec::new();
        let there = self.etag(bucket, key);
        if let Some(tags) = &condition.if_match {
            match there {
                None => reasons.push(Rejection::NoSuchKey),
                Some(tag) => reasons.extend(if_so(Rejection::PreconditionFailed, fails(tags, tag))),
            }
        }
        if let (Some(tags), Some(tag)) = (&condition.if_none_match, there)
            && !fails(tags, tag)
        {
            reasons.push(Rejection::PreconditionFailed);
        }
        reasons
    }

    fn against_body(&self, body: &Written, size: u64, seal: Option<Seal>) -> Vec<Rejection> {
        let mut reasons = Vec::new();
        // What is stored of a sealed body is not what the client sees.
        let size = seal.map_or(size, |seal| seal.stored);
        match body {
            Written::Inline(bytes) if bytes.len() > (8 << 10) + 96 => {
                reasons.push(Rejection::Malformed(MalformedCommand::InlineLength));
            }
            Written::Inline(_) => {}
            Written::Chunks { write, chunks, epoch } => {
                if !self.sessions.contains_key(&write.session) {
                    reasons.push(Rejection::WriteSessionEnded);
                }
                if *epoch != self.epoch {
                    reasons.push(Rejection::StaleEpoch { current: self.epoch });
                }
                let full = chunks.first().map_or(0, |chunk| u64::from(chunk.len));
                let whole = (1..=CHUNK_BYTES_MAX as u64).contains(&full)
                    && chunks.len() as u64 == size.div_ceil(full)
                    && (0..).zip(chunks).all(|(n, chunk)| u64::from(chunk.len) == full.min(size - n * full));
                if !whole {
                    reasons.push(Rejection::Malformed(MalformedCommand::ChunkSizes));
                }
                let beyond = |chunk: &ChunkRecord| chunk.exceptions.iter().any(|e| e.position > 2);
                if chunks.iter().any(beyond) {
                    reasons.push(Rejection::Malformed(MalformedCommand::ShardPosition));
                }
            }
        }
        reasons
    }

    fn against_completion(&self, complete: &CompleteUpload) -> Vec<Rejection> {
        let mut reasons = self.against_upload(complete.bucket, &complete.key, complete.upload);
        if !reasons.is_empty() {
            // It may be over, and this a repetition.
            let again = self.completed.get(&complete.upload).is_some_and(|done| {
                done.bucket == complete.bucket && done.key == complete.key && done.etag == complete.etag
            });
            return if again { vec![] } else { reasons };
        }
        let numbers: Vec<u16> = complete.parts.iter().map(|(number, _)| *number).collect();
        if numbers.is_empty() || numbers.windows(2).any(|pair| pair[0] >= pair[1]) {
            reasons.push(Rejection::InvalidPartOrder);
        }
        let mut size = 0;
        for (number, md5) in &complete.parts {
            match self.parts.get(&(complete.upload, *number)) {
                Some(part) if part.md5 == *md5 => {
                    if part.size < complete.part_bytes_min && Some(number) != numbers.last() {
                        reasons.push(Rejection::PartTooSmall { number: *number, size: part.size });
                    }
                    size += part.size;
                }
                _ => reasons.push(Rejection::InvalidPart { number: *number }),
            }
        }
        if size > OBJECT_BYTES_MAX {
            reasons.push(Rejection::ObjectTooLarge);
        }
        reasons.extend(self.against_condition(complete.bucket, &complete.key, &complete.condition));
        reasons
    }
}

fn against_lengths(said: &Attributes) -> Vec<Rejection> {
    let tags: usize = said.tags.iter().map(|(name, value)| name.len() + value.len()).sum();
    let grants = said.acl.as_ref().map_or(0, |acl| acl.grants.len());
    if_so(TOO_LONG, tags > TEXT_BYTES_MAX || grants > GRANTS_MAX).into_iter().collect()
}

fn against_acl(acl: Option<&Acl>, ownership: Option<Ownership>) -> Vec<Rejection> {
    let Some(acl) = acl else { return vec![] };
    let disabled = ownership == Some(Ownership::BucketOwnerEnforced);
    let too_long = if_so(TOO_LONG, acl.grants.len() > GRANTS_MAX);
    too_long.into_iter().chain(if_so(Rejection::AclsDisabled, disabled)).collect()
}

fn against_change(shelf: &Shelf, change: &BucketChange) -> Vec<Rejection> {
    let enforced = Some(Ownership::BucketOwnerEnforced);
    let reason = match change {
        BucketChange::Versioning(keeps) => {
            // It cannot be as if it had never kept versions, and what is locked
            // must not be replaced.
            let open =
                *keeps == Versioning::Enabled || (*keeps == Versioning::Suspended && shelf.locks.is_none());
            if_so(Rejection::BucketState, !open)
        }
        BucketChange::Lock(_) => if_so(Rejection::BucketState, shelf.keeps != Versioning::Enabled),
        BucketChange::Acl(acl) => return against_acl(acl.as_ref(), shelf.ownership),
        BucketChange::Ownership(next) => {
            let owner = Grantee::User(shelf.owner);
            let mut grants = shelf.acl.iter().flat_map(|acl| &acl.grants);
            if_so(Rejection::AclNotPrivate, *next == enforced && grants.any(|grant| grant.grantee != owner))
        }
        BucketChange::Document { text: Some(text), .. } => if_so(TOO_LONG, text.len() > 240 << 10),
        BucketChange::PublicAccess(_) | BucketChange::Document { text: None, .. } => None,
        // Told apart, in `notifications.rs`.
        BucketChange::Notification(_) => None,
    };
    reason.into_iter().collect()
}

//! Every reason to refuse a command, in no order: the machine may give any of
//! them, must give one, and must not refuse without.

use bytes::Bytes;
use mucura_metadata::{
    ChunkRecord, Command, CompleteUpload, MalformedCommand, Rejection, WriteCondition, Written,
};
use mucura_types::{BucketId, CHUNK_BYTES_MAX, UserId, WriteId};

use crate::reference::Model;

/// The largest object (S3, multipart upload limits).
const OBJECT_BYTES_MAX: u64 = 50 << 40;

impl Model {
    pub fn reasons(&self, command: &Command) -> Vec<Rejection> {
        match command {
            Command::OpenSession { node, .. } if node.0 == 0 || node.0 > 2 => vec![Rejection::NoSuchNode],
            Command::CreateBucket { name, owner, limit } => self.against_bucket(name, *owner, *limit),
            Command::DeleteBucket { name, id } => match self.buckets.get(name) {
                Some((there, _)) if there == id => {
                    let full = self.objects.keys().any(|(bucket, _)| bucket == id);
                    full.then_some(Rejection::BucketNotEmpty).into_iter().collect()
                }
                _ => vec![Rejection::NoSuchBucket],
            },
            Command::PutObject(put) => {
                let mut reasons = self.against_place(put.bucket, &put.key);
                reasons.extend(self.against_condition(put.bucket, &put.key, &put.condition));
                reasons.extend(self.against_body(&put.body, put.size));
                reasons
            }
            Command::DeleteObject { bucket, key, condition } => {
                let mut reasons = self.against_bucket_id(*bucket);
                if let (Some(tags), Some(tag)) = (&condition.if_match, self.etag(*bucket, key))
                    && !tags.is_empty()
                    && !tags.contains(&tag)
                {
                    reasons.push(Rejection::PreconditionFailed);
                }
                reasons
            }
            Command::CreateUpload(create) => self.against_place(create.bucket, &create.key),
            Command::PutPart(part) => {
                let mut reasons = self.against_upload(part.bucket, &part.key, part.upload);
                if !(1..=10_000).contains(&part.number) {
                    reasons.push(Rejection::Malformed(MalformedCommand::PartNumber));
                }
                reasons.extend(self.against_body(&part.body, part.size));
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

    fn against_bucket(&self, name: &str, owner: UserId, limit: u32) -> Vec<Rejection> {
        let mut reasons = Vec::new();
        if let Some((_, by)) = self.buckets.get(name) {
            reasons.push(Rejection::BucketExists { by_you: *by == owner });
        }
        if self.buckets.values().filter(|(_, by)| *by == owner).count() as u64 >= u64::from(limit) {
            reasons.push(Rejection::TooManyBuckets);
        }
        reasons
    }

    fn against_bucket_id(&self, bucket: BucketId) -> Vec<Rejection> {
        let there = self.buckets.values().any(|(id, _)| *id == bucket);
        (!there).then_some(Rejection::NoSuchBucket).into_iter().collect()
    }

    fn against_place(&self, bucket: BucketId, key: &Bytes) -> Vec<Rejection> {
        let mut reasons = self.against_bucket_id(bucket);
        if key.is_empty() || key.len() > 1024 {
            reasons.push(Rejection::Malformed(MalformedCommand::TextLength));
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
                Some(tag) if !tags.is_empty() && !tags.contains(&tag) => {
                    reasons.push(Rejection::PreconditionFailed);
                }
                Some(_) => {}
            }
        }
        if let (Some(tags), Some(tag)) = (&condition.if_none_match, there)
            && (tags.is_empty() || tags.contains(&tag))
        {
            reasons.push(Rejection::PreconditionFailed);
        }
        reasons
    }

    fn against_body(&self, body: &Written, size: u64) -> Vec<Rejection> {
        let mut reasons = Vec::new();
        match body {
            Written::Inline(bytes) if bytes.len() > (8 << 10) + 64 => {
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

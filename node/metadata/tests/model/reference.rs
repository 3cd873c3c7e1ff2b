//! What the state machine must do with objects, told a second time in ordered
//! maps. Why commands are refused is in [`crate::refusals`], what becomes of
//! buckets and versions in [`crate::shelf`].

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use mucura_metadata::{
    Body, ChunkRecord, Command, CompleteUpload, CompletedRecord, CreateUpload, ETag, Envelope, Garbage,
    GarbageClass, GarbageItem, Outcome, PartRecord, PutPart, Rejection, Reply, UploadRecord, VersionSummary,
    Written,
};
use mucura_types::{
    BucketId, ChunkId, DriveId, HybridTime, NodeId, Order, PlacementTable, SessionId, SiteId, StoreId,
    Timestamp, UserId, WriteId,
};

use crate::shelf::{Kept, Shelf};

/// How many answers a session keeps.
const WINDOW: u64 = 1024;
/// Parts that one step of forgetting an upload takes.
const STEP: usize = 256;

/// A piece of garbage, without the time at which it became that.
pub type Waste = (GarbageClass, u8, WriteId);

pub fn waste(class: GarbageClass, garbage: Garbage) -> Waste {
    let kind = match garbage {
        Garbage::Write(_) => 0,
        Garbage::Upload(_) => 1,
        Garbage::Completed(_) => 2,
    };
    (class, kind, garbage.id())
}

/// Which rows a command may have changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    Nothing,
    /// Its own answer.
    Answer,
    Rows,
}

/// All that the site should know of objects.
pub struct Model {
    pub sessions: BTreeMap<SessionId, (NodeId, [u8; 16])>,
    pub sessions_opened: u64,
    pub answers: BTreeMap<(SessionId, u64), (u64, Outcome)>,
    pub progress: BTreeMap<String, Bytes>,
    pub buckets: BTreeMap<String, Shelf>,
    pub buckets_made: u64,
    /// The versions of each key, the oldest first.
    pub objects: BTreeMap<(BucketId, Bytes), Vec<Kept>>,
    pub uploads: BTreeMap<WriteId, (BucketId, Bytes, UploadRecord)>,
    pub parts: BTreeMap<(WriteId, u16), PartRecord>,
    pub completed: BTreeMap<WriteId, CompletedRecord>,
    pub chunks: BTreeMap<ChunkId, ChunkRecord>,
    pub garbage: BTreeSet<Waste>,
    pub drives: BTreeMap<DriveId, StoreId>,
    pub table: PlacementTable,
    pub epoch: u64,
    /// The wall time of the batch.
    pub wall: u64,
    /// The last time given to a version or a piece of garbage.
    pub clock: HybridTime,
    /// The times at which something became garbage.
    pub discarded: BTreeSet<HybridTime>,
    /// How many versions were given a place.
    pub places: u64,
}

impl Model {
    /// Holds an answer against what it must be, and does as it says.
    pub fn follow(&mut self, envelope: &Envelope, outcome: &Outcome) -> Effect {
        let session = envelope.session;
        if session == SessionId(0) {
            return if self.decide(&envelope.command, outcome) { Effect::Rows } else { Effect::Nothing };
        }
        if !self.sessions.contains_key(&session) {
            assert_eq!(*outcome, Err(Rejection::SessionEnded), "{envelope:?}");
            return Effect::Nothing;
        }
        let slot = (session, envelope.sequence % WINDOW);
        match self.answers.get(&slot) {
            Some((sequence, first)) if *sequence == envelope.sequence => {
                assert_eq!(outcome, first, "not the first answer: {envelope:?}");
                return Effect::Nothing;
            }
            Some((sequence, _)) if *sequence > envelope.sequence => {
                assert_eq!(*outcome, Err(Rejection::SequenceForgotten), "{envelope:?}");
                return Effect::Nothing;
            }
            _ => {}
        }
        let changes = self.decide(&envelope.command, outcome);
        if self.sessions.contains_key(&session) {
            self.answers.insert(slot, (envelope.sequence, outcome.clone()));
        }
        if changes { Effect::Rows } else { Effect::Answer }
    }

    /// Gives whether rows change.
    fn decide(&mut self, command: &Command, outcome: &Outcome) -> bool {
        let reasons = self.reasons(command);
        match outcome {
            Ok(reply) => {
                assert!(reasons.is_empty(), "{command:?} was answered {reply:?} in spite of {reasons:?}");
                self.carry_out(command, reply)
            }
            Err(rejection) => {
                assert!(reasons.contains(rejection), "{command:?}: {rejection:?}, should be {reasons:?}");
                false
            }
        }
    }

    /// The rows that there should be of each table, by its first byte
    /// (`docs/formats/metadata.md`).
    pub fn rows_by_table(&self) -> BTreeMap<u8, usize> {
        let writes = self.garbage.iter().filter(|(_, kind, _)| *kind == 0).count();
        let at_risk = self.chunks.values().filter(|chunk| !chunk.exceptions.is_empty()).count();
        let pages = |shelf: &Shelf| {
            shelf.documents.values().map(|text| text.len().div_ceil(24 << 10).max(1)).sum::<usize>()
        };
        let documents = self.buckets.values().map(pages).sum();
        let versions = || self.objects.values().flatten();
        let covered = versions().filter(|kept| kept.record.summary.null && kept.covered).count();
        let rows = [
            (0x02, self.sessions.len()),
            (0x03, self.answers.len()),
            (0x04, self.progress.len()),
            (0x30, self.buckets.len()),
            (0x31, self.buckets.len()),
            (0x32, self.buckets.len()),
            (0x33, documents),
            (0x40, versions().count()),
            (0x41, self.uploads.len()),
            (0x42, self.parts.len()),
            (0x43, self.completed.len()),
            (0x44, covered),
            (0x50, self.chunks.len()),
            (0x51, at_risk),
            (0x60, self.garbage.len()),
            (0x61, writes),
        ];
        rows.into_iter().filter(|(_, count)| *count > 0).collect()
    }

    pub fn parts_of(&self, upload: WriteId) -> impl Iterator<Item = (u16, &PartRecord)> {
        self.parts.range((upload, 0)..=(upload, u16::MAX)).map(|((_, number), part)| (*number, part))
    }
}

/// Time.
impl Model {
    /// What records say of the time at which a command was carried out.
    pub fn now(&self) -> Timestamp {
        Timestamp(self.wall.max(self.clock.0 >> 16))
    }

    /// A time that nothing else was given.
    fn tick(&mut self) -> HybridTime {
        self.clock = HybridTime((self.wall << 16).max(self.clock.0 + 1));
        self.clock
    }

    /// The place of a version that is written now, above all before.
    pub fn next_place(&mut self) -> Order {
        self.places += 1;
        Order { time: self.tick(), site: SiteId(7), sequence: self.places }
    }
}

/// What a command does that is not refused. Each gives whether it changes rows.
impl Model {
    fn carry_out(&mut self, command: &Command, reply: &Reply) -> bool {
        match command {
            Command::OpenSession { node, nonce, takes_over } => {
                self.open_session(*node, *nonce, *takes_over, reply)
            }
            Command::EndSession { session } => {
                assert_eq!(*reply, Reply::Done);
                self.end_session(*session)
            }
            Command::CreateBucket { name, owner, settings, .. } => {
                self.create_bucket(name, *owner, settings, reply)
            }
            Command::DeleteBucket { name, id } => {
                assert_eq!(*reply, Reply::Done);
                self.buckets.remove(name);
                let of_bucket = self.uploads.extract_if(.., |_, (bucket, _, _)| bucket == id);
                for upload in of_bucket.map(|(upload, _)| upload).collect::<Vec<_>>() {
                    self.discard(GarbageClass::AtOnce, Garbage::Upload(upload));
                }
                true
            }
            Command::ChangeBucket { bucket, change } => self.change_bucket(*bucket, change, reply),
            Command::PutObject(put) => self.put_object(put, reply),
            Command::DeleteObject(delete) => self.delete_object(delete, reply),
            Command::ChangeVersion(change) => self.change_version(change, reply),
            Command::CreateUpload(create) => self.create_upload(create, reply),
            Command::PutPart(part) => self.put_part(part, reply),
            Command::CompleteUpload(complete) => self.complete(complete, reply),
            Command::AbortUpload { upload, .. } => {
                assert_eq!(*reply, Reply::Done);
                self.uploads.remove(upload);
                self.discard(GarbageClass::AtOnce, Garbage::Upload(*upload));
                true
            }
            Command::ShardHome { chunk, position, .. } => {
                assert_eq!(*reply, Reply::Done);
                let exceptions = &mut self.chunks.get_mut(chunk).unwrap().exceptions;
                let before = exceptions.len();
                exceptions.retain(|exception| exception.position != *position);
                exceptions.len() != before
            }
            Command::ForgetGarbage { item } => self.forget(item, reply),
            Command::ReplaceDrive { drive, store, .. } => {
                assert_eq!(*reply, Reply::Drive(*drive));
                let other = self.drives.insert(*drive, *store) != Some(*store);
                self.epoch += u64::from(other);
                other
            }
            Command::NoteProgress { work, place } => {
                assert_eq!(*reply, Reply::Done);
                match place.is_empty() {
                    true => self.progress.remove(work),
                    false => self.progress.insert(work.clone(), place.clone()),
                };
                true
            }
            other => panic!("no history has {other:?}"),
        }
    }

    fn open_session(&mut self, node: NodeId, nonce: [u8; 16], takes_over: bool, reply: &Reply) -> bool {
        let known = self.sessions.iter().find(|(_, session)| **session == (node, nonce));
        if let Some((id, _)) = known {
            assert_eq!(*reply, Reply::Session(*id));
            return false;
        }
        if takes_over {
            let of_node = self.sessions.iter().filter(|(_, (of, _))| *of == node);
            for id in of_node.map(|(id, _)| *id).collect::<Vec<_>>() {
                self.end_session(id);
            }
        }
        self.sessions_opened += 1;
        let id = SessionId(self.sessions_opened);
        assert_eq!(*reply, Reply::Session(id), "a session's number must be new");
        self.sessions.insert(id, (node, nonce));
        true
    }

    fn end_session(&mut self, id: SessionId) -> bool {
        self.answers.retain(|(session, _), _| *session != id);
        self.sessions.remove(&id).is_some()
    }

    fn create_upload(&mut self, create: &CreateUpload, reply: &Reply) -> bool {
        assert_eq!(*reply, Reply::Done);
        let record = UploadRecord {
            created: self.now(),
            initiator: create.initiator,
            owner: create.owner,
            attributes: create.attributes.clone(),
            checksum: create.checksum,
        };
        self.uploads.insert(create.upload, (create.bucket, create.key.clone(), record));
        true
    }

    fn put_part(&mut self, part: &PutPart, reply: &Reply) -> bool {
        assert_eq!(*reply, Reply::Done);
        let body = self.store(&part.body);
        let record = PartRecord {
            size: part.size,
            md5: part.md5,
            modified: self.now(),
            checksum: part.checksum.clone(),
            body,
            seal: part.seal,
        };
        if let Some(before) = self.parts.insert((part.upload, part.number), record) {
            self.discard_body(GarbageClass::AtOnce, &before.body);
        }
        true
    }

    fn complete(&mut self, complete: &CompleteUpload, reply: &Reply) -> bool {
        let Some((bucket, key, upload)) = self.uploads.remove(&complete.upload) else {
            let CompletedRecord { order, null, etag, checksum, .. } =
                self.completed[&complete.upload].clone();
            assert_eq!(*reply, Reply::Completed { order, null, etag, checksum }, "not the first answer");
            return false;
        };
        let chosen: BTreeSet<u16> = complete.parts.iter().map(|(number, _)| *number).collect();
        let others = self.parts_of(complete.upload).map(|(number, _)| number);
        for number in others.filter(|number| !chosen.contains(number)).collect::<Vec<_>>() {
            let part = self.parts.remove(&(complete.upload, number)).unwrap();
            self.discard_body(GarbageClass::AtOnce, &part.body);
        }
        let size = self.parts_of(complete.upload).map(|(_, part)| part.size).sum();
        let (etag, checksum) = (complete.etag, complete.checksum.clone());
        let summary = self.summary(size, etag, upload.owner, checksum.clone());
        let body = Body::Parts(complete.upload);
        let (order, null) = self.put_on(bucket, &key, summary, body, None, upload.attributes);
        assert_eq!(*reply, Reply::Completed { order, null, etag, checksum: checksum.clone() });
        let done = CompletedRecord { bucket, key, order, null, etag, checksum };
        self.completed.insert(complete.upload, done);
        self.discard(GarbageClass::Tombstone, Garbage::Completed(complete.upload));
        true
    }

    fn forget(&mut self, item: &GarbageItem, reply: &Reply) -> bool {
        let waste = waste(item.class, item.garbage);
        if !self.garbage.contains(&waste) {
            assert_eq!(*reply, Reply::Done);
            return false;
        }
        let mut left = false;
        match item.garbage {
            Garbage::Write(write) => self.chunks.retain(|chunk, _| chunk.write != write),
            Garbage::Completed(upload) => drop(self.completed.remove(&upload)),
            Garbage::Upload(upload) => {
                let step: Vec<u16> = self.parts_of(upload).map(|(number, _)| number).take(STEP).collect();
                left = step.len() == STEP;
                for number in step {
                    let part = self.parts.remove(&(upload, number)).unwrap();
                    self.discard_body(GarbageClass::AtOnce, &part.body);
                }
            }
        }
        assert_eq!(*reply, if left { Reply::More } else { Reply::Done });
        if !left {
            self.garbage.remove(&waste);
        }
        true
    }

    /// What a listing shows of a version, but for its place.
    pub fn summary(
        &self,
        size: u64,
        etag: ETag,
        owner: UserId,
        checksum: Option<mucura_metadata::Checksum>,
    ) -> VersionSummary {
        let modified = self.now();
        VersionSummary {
            delete_marker: false,
            null: false,
            size,
            etag,
            modified,
            owner,
            checksum,
            storage_class: None,
        }
    }

    pub fn store(&mut self, body: &Written) -> Body {
        match body {
            Written::Inline(bytes) => Body::Inline(bytes.clone()),
            Written::Chunks { write, chunks, .. } => {
                for (number, chunk) in (0..).zip(chunks) {
                    self.chunks.insert(ChunkId { write: *write, number }, chunk.clone());
                }
                Body::Chunks(*write)
            }
        }
    }

    pub fn discard_body(&mut self, class: GarbageClass, body: &Body) {
        match body {
            Body::Inline(_) => {}
            Body::Chunks(write) => self.discard(class, Garbage::Write(*write)),
            Body::Parts(upload) => self.discard(class, Garbage::Upload(*upload)),
        }
    }

    fn discard(&mut self, class: GarbageClass, garbage: Garbage) {
        let now = self.tick();
        self.discarded.insert(now);
        assert!(self.garbage.insert(waste(class, garbage)), "{garbage:?} was garbage before");
    }
}

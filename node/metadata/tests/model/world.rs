//! A site and its model side by side, and how the steps of a history become
//! commands there.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use mucura_metadata::{
    Attributes, Checksum, ChecksumAlgorithm, ChecksumKind, ChunkRecord, Command, CompleteUpload,
    CreateUpload, DeleteCondition, ETag, Envelope, GarbageItem, PutObject, PutPart, ShardException,
    WriteCondition, Written,
};
use mucura_types::{
    BucketId, ChunkId, DriveId, HybridTime, NodeId, Profile, SessionId, StoreId, TableId, UserId, WriteId,
};

use crate::agreement::{Found, all_garbage};
use crate::reference::{Effect, Model};
use crate::rows::{Rows, tag};
use crate::steps::{self, Act, Condition, Place, Step, Tag};

pub struct World {
    pub rows: Rows,
    pub model: Model,
    wall: u64,
    /// The last number that each session gave to a command.
    sequences: BTreeMap<SessionId, u64>,
    /// The last number of a write or an upload.
    counter: u64,
    sent: Vec<Envelope>,
    uploads: Vec<(BucketId, Bytes, WriteId)>,
    completions: Vec<CompleteUpload>,
    /// All garbage that there ever was.
    garbage: Vec<GarbageItem>,
    latest: HybridTime,
}

impl World {
    pub fn new(rows: Rows, model: Model) -> Self {
        Self {
            rows,
            model,
            wall: 1000,
            sequences: BTreeMap::new(),
            counter: 0,
            sent: Vec::new(),
            uploads: Vec::new(),
            completions: Vec::new(),
            garbage: Vec::new(),
            latest: HybridTime::default(),
        }
    }

    /// Takes steps as one batch.
    pub fn take(&mut self, steps: &[Step]) {
        let envelopes: Vec<Envelope> = steps.iter().flat_map(|step| self.envelopes(step)).collect();
        self.sent.extend(envelopes.iter().cloned());
        self.run(&envelopes);
    }

    pub fn command(&mut self, command: Command) {
        self.run(&[Envelope::repeatable(command)]);
    }

    /// Forgets all garbage, and what becomes garbage by that.
    pub fn collect(&mut self) {
        while let Some(item) = all_garbage(&self.rows).first().copied() {
            self.command(Command::ForgetGarbage { item });
        }
    }

    fn run(&mut self, envelopes: &[Envelope]) {
        // The wall clock may stand still or jump back.
        self.wall = 1000 + (self.wall * 37) % 101;
        let before = self.rows.clone();
        let outcomes = self.rows.run(self.wall, envelopes.to_vec());
        let (mut effect, mut times) = (Effect::Nothing, Vec::new());
        for (envelope, outcome) in envelopes.iter().zip(&outcomes) {
            let last = self.model.last;
            effect = effect.max(self.model.follow(envelope, outcome));
            if self.model.last != last {
                times.push(self.model.last.time);
            }
        }
        if effect != Effect::Rows {
            let answers = |key: &Bytes| effect == Effect::Answer && key[0] == 0x03;
            let unchanged = |(key, value): (&Bytes, &Bytes)| answers(key) || before.0.get(key) == Some(value);
            assert!(self.rows.0.iter().all(unchanged), "rows were changed by {envelopes:?}");
            assert!(before.0.keys().all(|key| self.rows.0.contains_key(key)), "{envelopes:?} removed rows");
        }
        let found = Found::of(&self.rows, self.model.buckets.keys().cloned());
        for item in &found.garbage {
            if !self.garbage.contains(item) {
                self.garbage.push(*item);
                times.push(item.since);
            }
        }
        let distinct: BTreeSet<HybridTime> = times.iter().copied().collect();
        assert_eq!(distinct.len(), times.len(), "a time was given twice: {times:?}");
        assert!(distinct.first().is_none_or(|first| *first > self.latest), "time went back: {times:?}");
        self.latest = distinct.last().copied().unwrap_or(self.latest);
        found.check_references(&self.rows);
        found.check(&self.rows, &self.model);
    }
}

/// How steps become commands.
impl World {
    fn envelopes(&mut self, step: &Step) -> Vec<Envelope> {
        let session = self.session(step.via);
        let commands = match &step.act {
            Act::Put { place, body, tag, condition } => {
                vec![self.put(session, *place, *body, *tag, *condition)]
            }
            Act::Delete { place, tag } => {
                let (bucket, key) = self.place(*place);
                let if_match = tag.map(|tag| self.tags(bucket, &key, tag));
                vec![Command::DeleteObject { bucket, key, condition: DeleteCondition { if_match } }]
            }
            Act::CreateUpload { place } => vec![self.create_upload(session, *place)],
            Act::PutPart { upload, number, body, tag, astray } => {
                let Some((bucket, key, upload)) = self.upload(*upload) else { return vec![] };
                let key = if *astray { Bytes::from_static(b"astray") } else { key };
                let (size, body) = self.body(session, *body, *tag);
                vec![part(bucket, key, upload, *number, size, *tag, body)]
            }
            Act::ManyParts { upload, count } => {
                let Some((bucket, key, upload)) = self.upload(*upload) else { return vec![] };
                let body = Written::Inline(Bytes::from_static(b"x"));
                let one = |number| part(bucket, key.clone(), upload, number, 1, 0, body.clone());
                (10..10 + count).map(one).collect()
            }
            Act::Complete { upload, subset, tag, least, spoil, condition } => {
                let Some(upload) = self.upload_with_parts(*upload) else { return vec![] };
                let complete = self.complete(upload, *subset, *tag, *spoil, *condition);
                let complete = CompleteUpload { part_bytes_min: if *least { 100 } else { 0 }, ..complete };
                self.completions.push(complete.clone());
                vec![Command::CompleteUpload(complete)]
            }
            Act::CompleteAgain { which, other } => {
                let Some(complete) = pick(&self.completions, *which).cloned() else { return vec![] };
                let etag = if *other { tag(77) } else { complete.etag };
                vec![Command::CompleteUpload(CompleteUpload { etag, ..complete })]
            }
            Act::Abort { upload } => {
                let Some((bucket, key, upload)) = self.upload(*upload) else { return vec![] };
                vec![Command::AbortUpload { bucket, key, upload }]
            }
            Act::Repeat { which } => return pick(&self.sent, *which).cloned().into_iter().collect(),
            // Not all of these need a session, and all may have one.
            other => match self.administration(other) {
                Some(command) if !step.jump => return vec![Envelope::repeatable(command)],
                command => command.into_iter().collect(),
            },
        };
        commands.into_iter().map(|command| self.envelope(session, step.jump, command)).collect()
    }

    /// Commands that may be repeated as they are.
    fn administration(&self, act: &Act) -> Option<Command> {
        Some(match *act {
            Act::OpenSession { node, nonce, takes_over } => {
                Command::OpenSession { node: NodeId(node), nonce: [nonce; 16], takes_over }
            }
            Act::EndSession { session } => Command::EndSession { session: self.session(session) },
            Act::ShardHome { chunk, position, spoil } => self.shard_home(chunk, position, spoil)?,
            Act::Forget { item, known } => {
                let there = all_garbage(&self.rows);
                let item = *pick(if known { &self.garbage } else { &there }, item)?;
                Command::ForgetGarbage { item }
            }
            Act::CreateBucket { name, owner, limit } => {
                Command::CreateBucket { name: format!("bucket{name}"), owner: UserId(owner), limit }
            }
            Act::DeleteBucket { place } => {
                let id = self.place(place).0;
                let name = self.model.buckets.iter().find(|(_, (there, _))| *there == id);
                let name = name.map_or_else(|| format!("bucket{}", place.key % 3), |(name, _)| name.clone());
                Command::DeleteBucket { name, id }
            }
            Act::ReplaceDrive { drive, spoil } => {
                let drive = DriveId(1 + u32::from(drive % 4));
                let replaces = if spoil { StoreId([0; 16]) } else { self.model.drives[&drive] };
                let store = StoreId([100 + u8::try_from(self.model.epoch % 100).unwrap(); 16]);
                Command::ReplaceDrive { drive, replaces, store, path: "/new".into() }
            }
            _ => return None,
        })
    }

    fn envelope(&mut self, session: SessionId, jump: bool, command: Command) -> Envelope {
        let sequence = self.sequences.entry(session).or_default();
        *sequence += if jump { 1024 } else { 1 };
        Envelope { session, sequence: *sequence, command }
    }

    /// A session: mostly one that was not ended.
    fn session(&self, choice: u8) -> SessionId {
        let live: Vec<SessionId> = self.model.sessions.keys().copied().collect();
        match pick(&live, choice) {
            Some(session) if choice < 230 => *session,
            _ => SessionId(1 + u64::from(choice) % (self.model.sessions_opened + 1)),
        }
    }

    fn place(&self, place: Place) -> (BucketId, Bytes) {
        let live: Vec<BucketId> = self.model.buckets.values().map(|(id, _)| *id).collect();
        let bucket = match pick(&live, place.bucket) {
            Some(bucket) if place.bucket < 240 => *bucket,
            _ => BucketId(1 + u64::from(place.bucket) % (self.model.buckets_made + 1)),
        };
        let keys: [&[u8]; 3] = [b"a", b"b", b"b\0"];
        let key = if place.key == u8::MAX { b"" } else { keys[usize::from(place.key % 3)] };
        (bucket, Bytes::from_static(key))
    }

    /// An upload, mostly one under way.
    fn upload(&self, choice: u8) -> Option<(BucketId, Bytes, WriteId)> {
        let live = |upload: &&(BucketId, Bytes, WriteId)| self.model.uploads.contains_key(&upload.2);
        let live: Vec<_> = self.uploads.iter().filter(live).cloned().collect();
        pick(if choice < 230 { &live } else { &self.uploads }, choice).cloned()
    }

    /// Mostly one that can be completed.
    fn upload_with_parts(&self, choice: u8) -> Option<(BucketId, Bytes, WriteId)> {
        let live = |upload: &&(BucketId, Bytes, WriteId)| {
            self.model.uploads.contains_key(&upload.2) && self.model.parts_of(upload.2).next().is_some()
        };
        let live: Vec<_> = self.uploads.iter().filter(live).cloned().collect();
        if choice < 230 { pick(&live, choice).cloned() } else { self.upload(choice) }
    }

    fn tags(&self, bucket: BucketId, key: &Bytes, choice: Tag) -> Vec<ETag> {
        let current = self.model.etag(bucket, key).unwrap_or(tag(99));
        match choice {
            Tag::Any => vec![],
            Tag::Current => vec![current],
            Tag::Other => vec![tag(98)],
            Tag::Both => vec![tag(98), current],
        }
    }

    fn condition(&self, bucket: BucketId, key: &Bytes, choice: Condition) -> WriteCondition {
        WriteCondition {
            if_match: choice.if_match.map(|tag| self.tags(bucket, key, tag)),
            if_none_match: choice.if_none_match.map(|tag| self.tags(bucket, key, tag)),
        }
    }

    /// A write or upload that there never was before.
    fn new_write(&mut self, session: SessionId) -> WriteId {
        self.counter += 1;
        WriteId { session, counter: self.counter }
    }

    /// What tells this object or upload from all others.
    fn attributes(&self) -> Attributes {
        Attributes { headers: vec![], user: vec![("n".into(), self.counter.to_string())] }
    }

    fn put(
        &mut self,
        session: SessionId,
        place: Place,
        body: steps::Bytes,
        n: u8,
        condition: Condition,
    ) -> Command {
        let (bucket, key) = self.place(place);
        let condition = self.condition(bucket, &key, condition);
        let (size, body) = self.body(session, body, n);
        let (etag, owner) = (tag(n), UserId(u64::from(n)));
        let (checksum, attributes) = (checksum(n), self.attributes());
        Command::PutObject(PutObject {
            bucket,
            key,
            owner,
            size,
            etag,
            checksum,
            attributes,
            body,
            condition,
        })
    }

    fn create_upload(&mut self, session: SessionId, place: Place) -> Command {
        let (bucket, key) = self.place(place);
        let upload = self.new_write(session);
        self.uploads.push((bucket, key.clone(), upload));
        let (owner, attributes) = (UserId(self.counter), self.attributes());
        Command::CreateUpload(CreateUpload { bucket, key, upload, owner, attributes, checksum: None })
    }

    /// Size and body of a write that the session did, or another.
    fn body(&mut self, session: SessionId, choice: steps::Bytes, n: u8) -> (u64, Written) {
        let steps::Bytes { inline, chunks, risk, writer, spoil } = choice;
        let writer = if writer < 230 { session } else { self.session(writer) };
        let write = self.new_write(writer);
        if inline {
            let len = if spoil == 1 { 9000 } else { 50 + usize::from(n) * 60 };
            // Of a part as large as can be said, two are too large an object.
            let size = if spoil == 2 { 30 << 40 } else { len as u64 };
            return (size, Written::Inline(vec![n; len].into()));
        }
        let exception = |position: u8| ShardException {
            position,
            at: (risk & 64 != 0).then_some(DriveId(1 + u32::from(position))),
        };
        let chunk = |number: u8| ChunkRecord {
            len: if number + 1 < chunks { 64 << 20 } else { 50 + 60 * u32::from(n) },
            profile: Profile::new(2, 1),
            table: TableId(1),
            exceptions: (0..3).filter(|p| risk >> (3 * number + p) & 1 != 0).map(exception).collect(),
        };
        let mut chunks: Vec<ChunkRecord> = (0..chunks).map(chunk).collect();
        let mut size = chunks.iter().map(|chunk| u64::from(chunk.len)).sum();
        let mut epoch = self.model.epoch;
        match spoil {
            1 => epoch -= 1,
            2 => size += 1,
            3 => chunks[0].len -= 1,
            4 => chunks[0].exceptions.push(exception(3)),
            5 => (size, chunks) = (0, vec![]),
            _ => {}
        }
        (size, Written::Chunks { write, chunks, epoch })
    }

    fn complete(
        &self,
        (bucket, key, upload): (BucketId, Bytes, WriteId),
        subset: u8,
        n: u8,
        spoil: u8,
        condition: Condition,
    ) -> CompleteUpload {
        let chosen = |number: u16| subset >= 128 || subset >> (number % 7) & 1 != 0;
        let there = self.model.parts_of(upload).filter(|(number, _)| chosen(*number));
        let mut parts: Vec<(u16, [u8; 16])> = there.map(|(number, part)| (number, part.md5)).collect();
        match spoil {
            1 => parts.reverse(),
            2 => parts.iter_mut().for_each(|(_, md5)| *md5 = [97; 16]),
            3 => parts.push((9_000, [0; 16])),
            4 => parts.extend_from_within(..),
            _ => {}
        }
        let etag = ETag { md5: [n; 16], parts: u16::try_from(parts.len()).ok() };
        let condition = self.condition(bucket, &key, condition);
        CompleteUpload {
            bucket,
            key,
            upload,
            parts,
            etag,
            checksum: checksum(n),
            condition,
            part_bytes_min: 0,
        }
    }

    /// Mostly of a chunk that lacks a shard, and as things are.
    fn shard_home(&self, chunk: u8, position: u8, spoil: u8) -> Option<Command> {
        let at_risk = |(_, record): &(&ChunkId, &ChunkRecord)| spoil > 3 && !record.exceptions.is_empty();
        let risky: Vec<_> = self.model.chunks.iter().filter(at_risk).collect();
        let all: Vec<_> = self.model.chunks.iter().collect();
        let (id, record) = pick(if risky.is_empty() { &all } else { &risky }, chunk)?;
        let position = match pick(&record.exceptions, position) {
            Some(exception) if spoil > 4 => exception.position,
            _ => position % 4,
        };
        let mut id = **id;
        let mut drive = *self.model.table.drives(id).get(usize::from(position)).unwrap_or(&DriveId(1));
        let mut store = self.model.drives[&drive];
        match spoil {
            1 => drive = DriveId(1 + drive.0 % 4),
            2 => store = StoreId([0; 16]),
            3 => id.number += 7,
            _ => {}
        }
        Some(Command::ShardHome { chunk: id, position, drive, store })
    }
}

/// One of those there are, from the end: choices shrink to the newest.
fn pick<T>(list: &[T], choice: u8) -> Option<&T> {
    list.get(list.len().checked_sub(1 + usize::from(choice) % list.len().max(1))?)
}

fn checksum(n: u8) -> Option<Checksum> {
    let value = Bytes::copy_from_slice(&[n; 4]);
    (n == 3).then_some(Checksum {
        algorithm: ChecksumAlgorithm::Crc32,
        kind: ChecksumKind::FullObject,
        value,
    })
}

fn part(
    bucket: BucketId,
    key: Bytes,
    upload: WriteId,
    number: u16,
    size: u64,
    n: u8,
    body: Written,
) -> Command {
    let (md5, checksum) = ([n; 16], checksum(n));
    Command::PutPart(PutPart { bucket, key, upload, number, size, md5, checksum, body })
}

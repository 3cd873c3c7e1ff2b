//! How the steps of a history become commands, by what there is in the world.

use bytes::Bytes;
use mucura_metadata::{
    Acl, Attributes, BucketChange, ChangeVersion, Checksum, ChecksumAlgorithm, ChecksumKind, ChunkRecord,
    Command, CompleteUpload, CreateUpload, DefaultRetention, DeleteCondition, DeleteObject, ETag, Encryption,
    EncryptionMethod, Envelope, Grant, Grantee, Lock, NewBucket, Noncurrent, Ownership, Permission,
    PublicAccessBlock, PutObject, PutPart, Retention, RetentionMode, RetentionPeriod, Rewrap, Seal,
    ShardException, VersionChange, VersionId, Versioning, WriteCondition, Written,
};
use mucura_types::{
    BucketId, ChunkId, DriveId, NodeId, Profile, SessionId, StoreId, TableId, Timestamp, UserId, WriteId,
};

use crate::agreement::{DOCUMENTS, all_garbage};
use crate::rows::tag;
use crate::shelf::Kept;
use crate::steps::{self, Act, BucketAct, Condition, Keep, Place, Said, Step, Tag, Until, VersionAct};
use crate::world::World;

/// How steps become commands.
impl World {
    pub fn envelopes(&mut self, step: &Step) -> Vec<Envelope> {
        let session = self.session(step.via);
        let commands = match &step.act {
            Act::Put { place, body, tag, said, condition } => {
                vec![self.put(session, *place, *body, *tag, *said, *condition)]
            }
            Act::Wait { ms } => {
                self.pass(*ms);
                vec![]
            }
            Act::CreateUpload { place, said } => vec![self.create_upload(session, *place, *said)],
            Act::PutPart { upload, number, body, tag, astray } => {
                let Some((bucket, key, upload)) = self.upload(*upload) else { return vec![] };
                let key = if *astray { Bytes::from_static(b"astray") } else { key };
                let (size, seal, body) = self.body(session, *body, *tag);
                vec![part((bucket, key, upload), *number, size, seal, *tag, body)]
            }
            Act::ManyParts { upload, count } => {
                let Some((bucket, key, upload)) = self.upload(*upload) else { return vec![] };
                let body = Written::Inline(Bytes::from_static(b"x"));
                let one = |number| part((bucket, key.clone(), upload), number, 1, None, 0, body.clone());
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
            Act::CreateBucket { name, owner, limit, lock, acl: list, ownership: by } => {
                let settings = NewBucket { acl: acl(list), ownership: ownership(by), lock };
                Command::CreateBucket { name: format!("bucket{name}"), owner: UserId(owner), limit, settings }
            }
            Act::Delete { .. } => self.delete(act),
            Act::ChangeVersion { place, version, at, change } => {
                self.change_version(place, version, at, change)
            }
            Act::ChangeBucket { bucket, change } => self.change_bucket(bucket, change),
            Act::NoteProgress { work, place } => {
                let work = ["", "expire", "count", "tidy"][usize::from(work)].to_owned();
                // Mostly short.
                let place = if place < 2000 { place % 5 } else { place };
                Command::NoteProgress { work, place: vec![7; place.into()].into() }
            }
            Act::DeleteBucket { place } => {
                let id = self.place(place).0;
                let name = self.model.buckets.iter().find(|(_, shelf)| shelf.id == id);
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
        let live: Vec<BucketId> = self.model.buckets.values().map(|shelf| shelf.id).collect();
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

    fn condition(&self, bucket: BucketId, key: &Bytes, choice: Condition) -> WriteCondition {
        let tags = |choice: Option<Tag>| choice.map(|tag| tags_of(self.model.etag(bucket, key), tag));
        WriteCondition { if_match: tags(choice.if_match), if_none_match: tags(choice.if_none_match) }
    }

    /// A write or upload that there never was before.
    fn new_write(&mut self, session: SessionId) -> WriteId {
        self.counter += 1;
        WriteId { session, counter: self.counter }
    }

    /// What tells this object or upload from all others, and what else is said.
    fn attributes(&self, said: Said) -> Attributes {
        let encryption = said.encrypted.then(|| Encryption {
            method: EncryptionMethod::SseKms { key_id: "k".into() },
            wrapped_key: Bytes::from_static(&[8; 32]),
        });
        let retention = said.retention.map(|keep| self.retention(keep, None));
        Attributes {
            headers: vec![],
            user: vec![("n".into(), self.counter.to_string())],
            tags: tags(said.tags),
            acl: acl(said.acl),
            lock: Lock { retention, legal_hold: said.hold },
            encryption,
            storage_class: storage_class(said.tags),
        }
    }

    /// A retention, by the time now or by that of a version.
    fn retention(&self, keep: Keep, before: Option<Retention>) -> Retention {
        let now = self.model.now().0;
        let until = match (keep.until, before) {
            (Until::Now(ms), _) => now + ms - 100,
            (Until::Before(ms), before) => before.map_or(now, |before| before.until.0) + ms - 1,
        };
        let mode = if keep.compliance { RetentionMode::Compliance } else { RetentionMode::Governance };
        Retention { mode, until: Timestamp(until) }
    }

    fn put(
        &mut self,
        session: SessionId,
        place: Place,
        body: steps::Bytes,
        n: u8,
        said: Said,
        condition: Condition,
    ) -> Command {
        let (bucket, key) = self.place(place);
        let condition = self.condition(bucket, &key, condition);
        let (size, seal, body) = self.body(session, body, n);
        let (etag, owner) = (tag(n), UserId(u64::from(n)));
        let (checksum, attributes) = (checksum(n), self.attributes(self.lockable(bucket, said)));
        Command::PutObject(PutObject {
            bucket,
            key,
            owner,
            size,
            etag,
            checksum,
            attributes,
            body,
            seal,
            condition,
        })
    }

    /// Most who know that nothing can be locked do not try.
    fn lockable(&self, bucket: BucketId, said: Said) -> Said {
        let can = self.model.shelf(bucket).is_some_and(|shelf| shelf.locks.is_some());
        if can || said.tags % 4 == 1 { said } else { Said { retention: None, hold: false, ..said } }
    }

    fn create_upload(&mut self, session: SessionId, place: Place, said: Said) -> Command {
        let (bucket, key) = self.place(place);
        let upload = self.new_write(session);
        self.uploads.push((bucket, key.clone(), upload));
        let (owner, attributes) = (UserId(self.counter), self.attributes(self.lockable(bucket, said)));
        Command::CreateUpload(CreateUpload {
            bucket,
            key,
            upload,
            initiator: UserId(77),
            owner,
            attributes,
            checksum: None,
        })
    }

    /// The id of a version: mostly of one of the key.
    fn version_id(&self, bucket: BucketId, key: &Bytes, choice: u8) -> VersionId {
        let stack = self.model.stack(bucket, key);
        match (choice, pick(stack, choice / 4)) {
            (0..20, _) => VersionId::Null,
            (20..40, Some(kept)) => VersionId::At(kept.order),
            (40..60, _) | (_, None) => {
                pick(&self.orders, choice / 4).map_or(VersionId::Null, |order| VersionId::At(*order))
            }
            (_, Some(kept)) => kept.id(),
        }
    }

    fn delete(&self, act: &Act) -> Command {
        let Act::Delete { place, version, bypass, tag: choice, current, alone, tags, noncurrent } = *act
        else {
            panic!()
        };
        let (bucket, key) = self.place(place);
        let version = version.map(|choice| self.version_id(bucket, &key, choice));
        let target = self.model.named(bucket, &key, version);
        let there = target.filter(|kept| !kept.is_marker()).map(|kept| kept.record.summary.etag);
        let if_match = choice.map(|choice| tags_of(there, choice));
        let newest = self.model.stack(bucket, &key).last().map(|kept| kept.order);
        let current =
            current.map(|is| newest.filter(|_| is).or(self.orders.first().copied()).unwrap_or_default());
        let other = self.orders.first().copied().unwrap_or_default();
        let noncurrent = noncurrent.map(|(at, successor, newer)| {
            let newer_ones = self.model.newer(bucket, &key, target.map(|kept| kept.order));
            Noncurrent {
                at: target.filter(|_| at).map_or(other, |kept| kept.order),
                successor: newer_ones.first().filter(|_| successor).copied().unwrap_or(other),
                newer: u8::try_from(newer_ones.len()).unwrap().saturating_sub(newer % 4),
            }
        });
        let tags = asked_tags(target, tags);
        let condition = DeleteCondition { if_match, current, alone, tags, noncurrent };
        let by = UserId(40 + u64::from(place.key));
        Command::DeleteObject(DeleteObject { bucket, key, version, by, bypass, condition })
    }

    fn change_version(
        &self,
        place: Place,
        version: Option<u8>,
        at: Option<bool>,
        change: VersionAct,
    ) -> Command {
        let (bucket, key) = self.place(place);
        let version = version.map(|choice| self.version_id(bucket, &key, choice));
        let kept = self.model.named(bucket, &key, version);
        let before = kept.and_then(|kept| kept.record.attributes.lock.retention);
        let change = match change {
            VersionAct::Tags(choice) => VersionChange::Tags(tags(choice)),
            VersionAct::Acl(choice) => VersionChange::Acl(acl(choice)),
            VersionAct::LegalHold(hold) => VersionChange::LegalHold(hold),
            VersionAct::StorageClass { from, tags, to } => {
                let class = kept.and_then(|kept| kept.record.summary.storage_class.clone());
                VersionChange::StorageClass {
                    from: if from { class } else { storage_class(1) },
                    tags: asked_tags(kept, tags),
                    to: storage_class(to),
                }
            }
            VersionAct::Rewrap { expected, to } => {
                let now = kept.and_then(|kept| kept.record.attributes.encryption.as_ref());
                let replaces =
                    now.filter(|_| expected).map(|now| now.wrapped_key.clone()).unwrap_or_default();
                VersionChange::Rewrap(Rewrap { replaces, wrapped_key: vec![to; 64].into() })
            }
            VersionAct::Retention { keep, bypass } => {
                let retention = keep.map(|keep| self.retention(keep, before));
                VersionChange::Retention { retention, bypass }
            }
        };
        let other = self.orders.first().copied().unwrap_or_default();
        let at = at.map(|is| kept.filter(|_| is).map_or(other, |kept| kept.order));
        Command::ChangeVersion(ChangeVersion { bucket, key, version, at, change })
    }

    fn change_bucket(&self, bucket: u8, change: BucketAct) -> Command {
        let bucket = self.place(Place { bucket, key: 0 }).0;
        let change = match change {
            BucketAct::Versioning(choice) => BucketChange::Versioning(match choice {
                0..10 => Versioning::Never,
                10..140 => Versioning::Enabled,
                _ => Versioning::Suspended,
            }),
            BucketAct::Lock(default) => {
                BucketChange::Lock(default.map(|(compliance, years)| DefaultRetention {
                    mode: if compliance { RetentionMode::Compliance } else { RetentionMode::Governance },
                    period: if years { RetentionPeriod::Years(1) } else { RetentionPeriod::Days(1) },
                }))
            }
            BucketAct::Acl(choice) => BucketChange::Acl(acl(choice)),
            BucketAct::Ownership(choice) => BucketChange::Ownership(ownership(choice)),
            BucketAct::PublicAccess(choice) => {
                BucketChange::PublicAccess((choice & 16 != 0).then_some(PublicAccessBlock {
                    block_public_acls: choice & 1 != 0,
                    ignore_public_acls: choice & 2 != 0,
                    block_public_policy: choice & 4 != 0,
                    restrict_public_buckets: choice & 8 != 0,
                }))
            }
            BucketAct::Document { document, text } => BucketChange::Document {
                document: DOCUMENTS[usize::from(document % 8)],
                text: (text < 160).then(|| match text {
                    0 => Bytes::from(vec![b'x'; (240 << 10) + 1]),
                    1 => Bytes::from(vec![b'x'; 50 << 10]),
                    _ => Bytes::copy_from_slice(&[text]),
                }),
            },
        };
        Command::ChangeBucket { bucket, change }
    }

    /// Size, seal and body of a write that the session did, or another.
    fn body(&mut self, session: SessionId, choice: steps::Bytes, n: u8) -> (u64, Option<Seal>, Written) {
        let steps::Bytes { inline, chunks, risk, writer, spoil, sealed } = choice;
        let writer = if writer < 230 { session } else { self.session(writer) };
        let write = self.new_write(writer);
        let seal = |stored| sealed.then_some(Seal { salt: [n; 16], stored });
        // What a seal adds to a body is not its size.
        let seen = |stored: u64| if sealed { stored.saturating_sub(32) } else { stored };
        if inline {
            let len = if spoil == 1 { 9000 } else { 50 + usize::from(n) * 60 };
            // Of a part as large as can be said, two are too large an object.
            let size = if spoil == 2 { 30 << 40 } else { seen(len as u64) };
            return (size, seal(len as u64), Written::Inline(vec![n; len].into()));
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
        let mut stored = chunks.iter().map(|chunk| u64::from(chunk.len)).sum();
        let mut epoch = self.model.epoch;
        match spoil {
            1 => epoch -= 1,
            2 => stored += 1,
            3 => chunks[0].len -= 1,
            4 => chunks[0].exceptions.push(exception(3)),
            5 => (stored, chunks) = (0, vec![]),
            _ => {}
        }
        (seen(stored), seal(stored), Written::Chunks { write, chunks, epoch })
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

/// The tags that a condition names.
fn tags_of(there: Option<ETag>, choice: Tag) -> Vec<ETag> {
    let there = there.unwrap_or(tag(99));
    match choice {
        Tag::Any => vec![],
        Tag::Current => vec![there],
        Tag::Other => vec![tag(98)],
        Tag::Both => vec![tag(98), there],
    }
}

/// Tags of an object; mostly none, seldom too long ones.
fn tags(choice: u8) -> Vec<(String, String)> {
    match choice {
        0..50 => vec![],
        250.. => vec![("k".into(), "v".repeat(13 << 10))],
        n => vec![("n".into(), n.to_string()), ("k".into(), String::new())],
    }
}

/// Tags that a version must have: its own first, or others.
fn asked_tags(kept: Option<&Kept>, asked: Option<bool>) -> Vec<(String, String)> {
    match asked {
        None => vec![],
        Some(true) => {
            kept.and_then(|kept| kept.record.attributes.tags.first()).cloned().into_iter().collect()
        }
        Some(false) => tags(77),
    }
}

fn storage_class(choice: u8) -> Option<String> {
    match choice {
        0 | 4..250 => None,
        250.. => Some("C".repeat(64)),
        n => Some(format!("CLASS{n}")),
    }
}

fn acl(choice: u8) -> Option<Acl> {
    let grant = |grantee, permission| Grant { grantee, permission };
    let user = Grantee::User(UserId(choice.into()));
    match choice {
        0..60 => None,
        // Nothing, or something to the owner of a bucket.
        60..80 => Some(Acl::default()),
        80..110 => {
            let owner = Grantee::User(UserId((1 + choice % 2).into()));
            Some(Acl { grants: vec![grant(owner, Permission::FullControl)] })
        }
        250.. => Some(Acl { grants: vec![grant(user, Permission::Read); 101] }),
        _ => Some(Acl {
            grants: vec![grant(user, Permission::FullControl), grant(Grantee::AllUsers, Permission::Read)],
        }),
    }
}

fn ownership(choice: u8) -> Option<Ownership> {
    [
        None,
        Some(Ownership::BucketOwnerEnforced),
        Some(Ownership::BucketOwnerPreferred),
        Some(Ownership::ObjectWriter),
    ][usize::from(choice % 4)]
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
    (bucket, key, upload): (BucketId, Bytes, WriteId),
    number: u16,
    size: u64,
    seal: Option<Seal>,
    n: u8,
    body: Written,
) -> Command {
    let (md5, checksum) = ([n; 16], checksum(n));
    Command::PutPart(PutPart { bucket, key, upload, number, size, md5, checksum, body, seal })
}

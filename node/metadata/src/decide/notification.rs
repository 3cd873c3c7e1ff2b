//! Who is told what happens to objects: rules of buckets, and the queues of
//! those whom they name.
//!
//! Invariant: an event enters its queues in the command that makes the change,
//! and leaves them only by a command, or when too many wait.

use std::collections::BTreeSet;

use mucura_types::{BucketId, HybridTime, Order};

use crate::codec::encode;
use crate::command::{DeleteObject, Notification};
use crate::decide::{Decided, TEXT_MAX};
use crate::execute::{ExecuteError, Stamps};
use crate::keys;
use crate::overlay::Overlay;
use crate::query;
use crate::record::{
    BucketDocument, BucketRecord, ETag, Event, EventRecord, EventTarget, NotificationRule, ObjectEvent,
    Origin, QueueRecord, RequestIds, VersionId, VersionRecord, VersionSummary, Versioning,
};
use crate::reply::{MalformedCommand, Rejection, Reply};

/// The most events that wait in a queue; beyond, the oldest is dropped.
const EVENTS_MAX: u64 = 100_000;
/// The most queues of a site, webhooks not counted.
const QUEUES_MAX: usize = 1000;
/// The most rules of a bucket (S3, event notifications).
const RULES_MAX: usize = 100;
/// The longest id of a request, bytes.
const REQUEST_ID_BYTES_MAX: usize = 128;
/// Events that one step of dropping takes.
const STEP: u64 = 1000;

/// What a change of an object came to.
pub(super) struct Happened<'a> {
    event: ObjectEvent,
    key: &'a [u8],
    /// The place of the version that was made; none: none was.
    order: Option<Order>,
    size: Option<u64>,
    etag: Option<ETag>,
    version: VersionId,
}

impl<'a> Happened<'a> {
    /// A version was made.
    pub(super) fn made(key: &'a [u8], order: Order, version: &VersionRecord, origin: &Origin) -> Self {
        let VersionSummary { null, size, etag, .. } = version.summary;
        Self {
            event: origin.act.event(false),
            key,
            order: Some(order),
            size: Some(size),
            etag: Some(etag),
            version: if null { VersionId::Null } else { VersionId::At(order) },
        }
    }

    /// A deletion came to this; none: there was nothing to delete.
    pub(super) fn deleted(delete: &'a DeleteObject, reply: &Reply, origin: &Origin) -> Option<Self> {
        let &Reply::Deleted { existed, version, marker } = reply else { return None };
        // The marker that a deletion by id removes is not one that it made.
        let made = marker && delete.version.is_none();
        (existed || made).then(|| Self {
            event: origin.act.event(made),
            key: &delete.key,
            order: None,
            size: None,
            etag: None,
            version: version.unwrap_or(VersionId::Null),
        })
    }

    /// Something else was said of a version.
    pub(super) fn changed(key: &'a [u8], version: VersionId, etag: ETag, origin: &Origin) -> Self {
        let event = origin.act.event(false);
        Self { event, key, order: None, size: None, etag: Some(etag), version }
    }
}

/// Puts what happened into the queues of those who are to be told.
pub(super) fn tell(
    bucket: &BucketRecord,
    happened: &Happened<'_>,
    origin: &Origin,
    stamps: &mut Stamps,
    rows: &Overlay<'_>,
) -> Result<(), ExecuteError> {
    if !bucket.has(BucketDocument::Notification) {
        return Ok(());
    }
    let rules = query::notification_rules(rows, bucket.id)?;
    let mut told: Vec<&NotificationRule> =
        rules.iter().filter(|rule| rule.matches(happened.event, happened.key)).collect();
    // Nobody is told twice.
    told.sort_by(|a, b| a.target.cmp(&b.target));
    told.dedup_by(|a, b| a.target == b.target);
    if told.is_empty() {
        return Ok(());
    }
    let at = happened.order.map_or_else(|| stamps.time(), |order| order.time);
    let name = query::bucket_name(rows, bucket.id)?.unwrap_or_default();
    for rule in told {
        append(&rule.target, &Event::Object(record(bucket, &name, rule, happened, at, origin)), rows)?;
    }
    Ok(())
}

fn record(
    bucket: &BucketRecord,
    name: &str,
    rule: &NotificationRule,
    happened: &Happened<'_>,
    at: HybridTime,
    origin: &Origin,
) -> EventRecord {
    EventRecord {
        event: happened.event,
        at,
        rule: rule.id.clone(),
        bucket: name.to_owned(),
        bucket_owner: bucket.owner,
        key: happened.key.to_vec().into(),
        size: happened.size,
        etag: happened.etag,
        version: (bucket.versioning != Versioning::Never).then_some(happened.version),
        user: origin.user,
        source: origin.source,
        request: origin.request.clone(),
    }
}

/// Adds an event to a queue. One of a webhook that was removed is not there.
/// Every event has a stamp of its own: so the numbers of a queue stay behind
/// the clock, and one that is made later begins beyond them.
fn append(target: &EventTarget, event: &Event, rows: &Overlay<'_>) -> Result<(), ExecuteError> {
    let Some(mut queue) = query::queue(rows, target)? else { return Ok(()) };
    if queue.waiting() >= EVENTS_MAX {
        rows.delete(keys::event(target, queue.first));
        queue.first += 1;
        queue.lost += 1;
    }
    rows.put(keys::event(target, queue.next), encode(event));
    queue.next += 1;
    rows.put(keys::queue(target), encode(&queue));
    Ok(())
}

/// Bounds what is kept of a request.
pub(super) fn check_request(ids: &RequestIds) -> Result<(), Rejection> {
    let longest = ids.request_id.len().max(ids.host_id.len());
    if longest <= REQUEST_ID_BYTES_MAX { Ok(()) } else { Err(too_long()) }
}

fn too_long() -> Rejection {
    Rejection::Malformed(MalformedCommand::TextLength)
}

/// Gives a bucket other rules: makes the queues that they name, and lets those
/// go that nobody names and nothing waits in.
pub(super) fn set_rules(
    bucket: BucketId,
    name: &str,
    new: Option<&Notification>,
    stamps: &mut Stamps,
    rows: &Overlay<'_>,
) -> Result<Result<(), Rejection>, ExecuteError> {
    let new_rules = new.map_or(&[][..], |new| &new.rules);
    if let Err(rejection) = check_rules(new_rules) {
        return Ok(Err(rejection));
    }
    let targets = |rules: &[NotificationRule]| -> BTreeSet<EventTarget> {
        rules.iter().map(|rule| rule.target.clone()).collect()
    };
    let old = query::notification_rules(rows, bucket)?;
    let (before, after) = (targets(&old), targets(new_rules));
    if let Err(rejection) = check_targets(&after, rows)? {
        return Ok(Err(rejection));
    }
    for target in after.difference(&before) {
        join(target, stamps, rows)?;
        if let Some(new) = new {
            let (bucket, at) = (name.to_owned(), stamps.time().timestamp());
            append(target, &Event::Test { bucket, at, request: new.request.clone() }, rows)?;
        }
    }
    for target in before.difference(&after) {
        leave(target, rows)?;
    }
    // There are fewer than 256.
    (0u8..).zip(&old).for_each(|(place, _)| rows.delete(keys::notification_rule(bucket, place)));
    for (place, rule) in (0u8..).zip(new_rules) {
        rows.put(keys::notification_rule(bucket, place), encode(rule));
    }
    Ok(Ok(()))
}

fn check_rules(rules: &[NotificationRule]) -> Result<(), Rejection> {
    let fits = rules.len() <= RULES_MAX
        && rules.iter().all(|rule| {
            let longest = rule.id.len().max(rule.prefix.len()).max(rule.suffix.len());
            longest <= TEXT_MAX && EventTarget::is_name(rule.target.name())
        });
    if fits { Ok(()) } else { Err(too_long()) }
}

/// Webhooks must be there; queues are made, as long as there are not too many.
fn check_targets(
    targets: &BTreeSet<EventTarget>,
    rows: &Overlay<'_>,
) -> Result<Result<(), Rejection>, ExecuteError> {
    let mut made = 0;
    for target in targets {
        match target {
            EventTarget::Webhook(name) if query::webhook(rows, name)?.is_none() => {
                return Ok(Err(Rejection::NoSuchWebhook));
            }
            EventTarget::Webhook(_) => {}
            EventTarget::Queue(_) => made += usize::from(query::queue(rows, target)?.is_none()),
        }
    }
    if made > 0 {
        let queues = query::queues(rows)?;
        let there = queues.iter().filter(|(target, _)| matches!(target, EventTarget::Queue(_))).count();
        if there + made > QUEUES_MAX {
            return Ok(Err(Rejection::TooManyTargets));
        }
    }
    Ok(Ok(()))
}

/// A bucket begins to name a target.
fn join(target: &EventTarget, stamps: &mut Stamps, rows: &Overlay<'_>) -> Result<(), ExecuteError> {
    let mut queue = match query::queue(rows, target)? {
        Some(queue) => queue,
        None => new_queue(stamps),
    };
    queue.buckets += 1;
    rows.put(keys::queue(target), encode(&queue));
    Ok(())
}

/// A bucket names a target no more.
fn leave(target: &EventTarget, rows: &Overlay<'_>) -> Result<(), ExecuteError> {
    if let Some(queue) = query::queue(rows, target)? {
        put_queue(target, QueueRecord { buckets: queue.buckets.saturating_sub(1), ..queue }, rows);
    }
    Ok(())
}

/// An empty queue.
pub(super) fn new_queue(stamps: &mut Stamps) -> QueueRecord {
    let number = stamps.time().0;
    QueueRecord { first: number, next: number, lost: 0, buckets: 0 }
}

/// Keeps a queue as it is now, if it is good for anything.
fn put_queue(target: &EventTarget, queue: QueueRecord, rows: &Overlay<'_>) {
    let needed = queue.buckets > 0 || queue.waiting() > 0 || matches!(target, EventTarget::Webhook(_));
    match needed {
        true => rows.put(keys::queue(target), encode(&queue)),
        false => rows.delete(keys::queue(target)),
    }
}

/// Drops the events of a queue up to a number, step by step.
pub(super) fn drop_events(target: &EventTarget, through: u64, rows: &Overlay<'_>) -> Decided {
    let Some(mut queue) = query::queue(rows, target)? else { return Ok(Ok(Reply::Done)) };
    let end = queue.next.min(through.saturating_add(1)).max(queue.first);
    let reached = end.min(queue.first + STEP);
    (queue.first..reached).for_each(|number| rows.delete(keys::event(target, number)));
    queue.first = reached;
    put_queue(target, queue, rows);
    Ok(Ok(if reached == end { Reply::Done } else { Reply::More }))
}

use std::ops::ControlFlow;

use mucura_types::BucketId;

use super::{Found, each, get};
use crate::codec::decode;
use crate::execute::ExecuteError;
use crate::keys;
use crate::record::{Event, EventTarget, NotificationRule, QueueRecord, WebhookRecord};
use crate::view::View;

/// The rules of a bucket that say who is told of what.
///
/// # Errors
/// Rows cannot be read.
pub fn notification_rules(view: &dyn View, bucket: BucketId) -> Found<Vec<NotificationRule>> {
    let mut found = Vec::new();
    each(view, keys::all(&keys::notification_rules(bucket)), |_, value| {
        found.push(decode("notification rule", value)?);
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(found)
}

/// The queue of a target.
///
/// # Errors
/// Rows cannot be read.
pub fn queue(view: &dyn View, target: &EventTarget) -> Found<Option<QueueRecord>> {
    get(view, "queue", &keys::queue(target))
}

/// All queues.
///
/// # Errors
/// Rows cannot be read.
pub fn queues(view: &dyn View) -> Found<Vec<(EventTarget, QueueRecord)>> {
    let mut found = Vec::new();
    each(view, keys::all(keys::ALL_QUEUES), |key, value| {
        let target = keys::parse_queue(key).ok_or(ExecuteError::Key { what: "queue" })?;
        found.push((target, decode("queue", value)?));
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(found)
}

/// Up to `max` events of a queue with numbers from `from` on, in order.
///
/// # Errors
/// Rows cannot be read.
pub fn events(view: &dyn View, target: &EventTarget, from: u64, max: usize) -> Found<Vec<(u64, Event)>> {
    let mut found = Vec::new();
    if max > 0 {
        let (_, end) = keys::all(&keys::events_of(target));
        each(view, (keys::event(target, from), end), |key, value| {
            let number = keys::parse_event(key).ok_or(ExecuteError::Key { what: "event" })?;
            found.push((number, decode("event", value)?));
            Ok(if found.len() < max { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        })?;
    }
    Ok(found)
}

/// A webhook.
///
/// # Errors
/// Rows cannot be read.
pub fn webhook(view: &dyn View, name: &str) -> Found<Option<WebhookRecord>> {
    get(view, "webhook", &keys::webhook(name))
}

/// All webhooks, by name.
///
/// # Errors
/// Rows cannot be read.
pub fn webhooks(view: &dyn View) -> Found<Vec<(String, WebhookRecord)>> {
    let mut found = Vec::new();
    each(view, keys::all(keys::ALL_WEBHOOKS), |key, value| {
        let name = std::str::from_utf8(&key[1..]).map_err(|_| ExecuteError::Key { what: "webhook" })?;
        found.push((name.to_owned(), decode("webhook", value)?));
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(found)
}

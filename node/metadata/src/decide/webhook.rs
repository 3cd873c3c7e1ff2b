use bytes::Bytes;
use mucura_types::Timestamp;

use crate::codec::encode;
use crate::decide::notification::{drop_events, new_queue};
use crate::decide::{Decided, TEXT_MAX, accept, check_text};
use crate::execute::Stamps;
use crate::keys;
use crate::overlay::Overlay;
use crate::query;
use crate::record::{EventTarget, WebhookRecord};
use crate::reply::{MalformedCommand, Rejection, Reply};

/// The most webhooks of a site.
const WEBHOOKS_MAX: usize = 100;

pub(super) fn add(
    name: &str,
    url: &str,
    sealed_secret: Option<&Bytes>,
    now: Timestamp,
    stamps: &mut Stamps,
    rows: &Overlay<'_>,
) -> Decided {
    accept!(check_text(url));
    if !EventTarget::is_name(name) || sealed_secret.is_some_and(|secret| secret.len() > TEXT_MAX) {
        return Ok(Err(Rejection::Malformed(MalformedCommand::TextLength)));
    }
    let target = EventTarget::Webhook(name.to_owned());
    // What waited for a removed one of the name must be gone first.
    if query::webhook(rows, name)?.is_some() || query::queue(rows, &target)?.is_some() {
        return Ok(Err(Rejection::WebhookExists));
    }
    if query::webhooks(rows)?.len() >= WEBHOOKS_MAX {
        return Ok(Err(Rejection::TooManyTargets));
    }
    let record = WebhookRecord { url: url.to_owned(), sealed_secret: sealed_secret.cloned(), created: now };
    rows.put(keys::webhook(name), encode(&record));
    rows.put(keys::queue(&target), encode(&new_queue(stamps)));
    Ok(Ok(Reply::Done))
}

/// Rules that name it stay, and tell nobody.
pub(super) fn remove(name: &str, rows: &Overlay<'_>) -> Decided {
    let target = EventTarget::Webhook(name.to_owned());
    if query::webhook(rows, name)?.is_none() && query::queue(rows, &target)?.is_none() {
        return Ok(Err(Rejection::NoSuchWebhook));
    }
    rows.delete(keys::webhook(name));
    let dropped = drop_events(&target, u64::MAX, rows)?;
    if dropped == Ok(Reply::Done) {
        rows.delete(keys::queue(&target));
    }
    Ok(dropped)
}

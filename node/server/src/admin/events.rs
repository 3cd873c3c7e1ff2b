use mucura_metadata::EventTarget;
use mucura_s3_wire::time::iso8601;
use mucura_store::QueueStatus;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::admin::answer::AdminError;
use crate::admin::routes::Answered;
use crate::notify::{check_url, to_json};
use crate::serve::Node;

/// The most events of one answer.
const PAGE: usize = 100;
const SECRET_BYTES_MAX: usize = 256;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WebhookWanted {
    name: String,
    url: String,
    secret: Option<String>,
}

/// All queues, those of webhooks among them.
pub(super) async fn queues(node: &Node, deadline: Instant) -> Answered {
    let queues = node.store.fresh(deadline).await?.queues().await?;
    Ok(json!({ "queues": queues.iter().map(shown).collect::<Vec<_>>() }))
}

fn shown(queue: &QueueStatus) -> Value {
    let kind = match queue.target {
        EventTarget::Queue(_) => "queue",
        EventTarget::Webhook(_) => "webhook",
    };
    json!({
        "kind": kind,
        "name": queue.target.name(),
        "waiting": queue.waiting,
        "oldest": queue.oldest.map(|oldest| iso8601(oldest.0)),
        "lost": queue.lost,
    })
}

/// The first events of a queue behind a number.
pub(super) async fn read(node: &Node, queue: &str, after: &str, deadline: Instant) -> Answered {
    let target = EventTarget::Queue(queue.to_owned());
    let found = node.store.fresh(deadline).await?.events(target, number(after)?, PAGE).await?;
    let found = found.ok_or_else(|| AdminError::NotFound(format!("there is no queue {queue}")))?;
    let shown = |(number, event): &(u64, mucura_metadata::Event)| {
        // As text: not all readers of JSON know numbers of 64 bits.
        json!({ "number": number.to_string(), "record": to_json(event, &node.region) })
    };
    Ok(json!({ "events": found.iter().map(shown).collect::<Vec<_>>() }))
}

/// Drops the events of a queue up to a number.
pub(super) async fn drop_events(node: &Node, queue: &str, through: &str, deadline: Instant) -> Answered {
    let target = EventTarget::Queue(queue.to_owned());
    node.store.drop_events(&target, number(through)?, deadline).await?;
    Ok(json!({ "dropped": through }))
}

fn number(text: &str) -> Result<u64, AdminError> {
    text.parse().map_err(|_| AdminError::Malformed(format!("{text:?} is not the number of an event")))
}

pub(super) async fn webhooks(node: &Node, deadline: Instant) -> Answered {
    let webhooks = node.store.fresh(deadline).await?.webhooks().await?;
    let webhook = |(name, webhook): &(String, mucura_metadata::WebhookRecord)| {
        json!({
            "name": name,
            "url": webhook.url,
            "signed": webhook.sealed_secret.is_some(),
            "created": iso8601(webhook.created.0),
        })
    };
    Ok(json!({ "webhooks": webhooks.iter().map(webhook).collect::<Vec<_>>() }))
}

pub(super) async fn add_webhook(node: &Node, wanted: WebhookWanted, deadline: Instant) -> Answered {
    if !EventTarget::is_name(&wanted.name) {
        let rule = "a name has 1 to 80 letters, digits and - _ .";
        return Err(AdminError::Malformed(rule.to_owned()));
    }
    check_url(&wanted.url).map_err(|why| AdminError::Malformed(why.to_owned()))?;
    let secret = wanted.secret.as_deref();
    if secret.is_some_and(|secret| !(1..=SECRET_BYTES_MAX).contains(&secret.len())) {
        return Err(AdminError::Malformed(format!("a secret has 1 to {SECRET_BYTES_MAX} bytes")));
    }
    node.store.add_webhook(&wanted.name, &wanted.url, secret.map(str::as_bytes), deadline).await?;
    Ok(json!({ "name": wanted.name, "arn": arn(&node.region, &wanted.name) }))
}

pub(super) async fn remove_webhook(node: &Node, name: &str, deadline: Instant) -> Answered {
    node.store.remove_webhook(name, deadline).await?;
    Ok(json!({ "deleted": name }))
}

/// What rules of buckets name a webhook by.
fn arn(region: &str, name: &str) -> String {
    format!("arn:mucura:sns:{region}::{name}")
}

use mucura_metadata as metadata;
use mucura_metadata::{Command, Event, EventTarget, Reply, WebhookRecord};
use mucura_types::Timestamp;
use tokio::time::Instant;

use crate::error::StoreError;
use crate::fresh::Fresh;
use crate::store::{Inner, Store};

/// The queue of a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueStatus {
    /// Whose.
    pub target: EventTarget,
    /// Events that wait.
    pub waiting: u64,
    /// When the oldest of them happened.
    pub oldest: Option<Timestamp>,
    /// Events that were dropped because too many waited.
    pub lost: u64,
}

impl Store {
    /// Allows a webhook. What its secret signs is its courier's affair.
    ///
    /// # Errors
    /// Rejected: the name is taken or cannot be one, or there are too many.
    pub async fn add_webhook(
        &self,
        name: &str,
        url: &str,
        secret: Option<&[u8]>,
        deadline: Instant,
    ) -> Result<(), StoreError> {
        let inner = self.inner();
        let seal = |secret| inner.site_key.seal(purpose(name).as_bytes(), secret, &*inner.runtime.entropy);
        let sealed_secret = secret.map(seal).transpose()?.map(Into::into);
        let command = Command::AddWebhook { name: name.to_owned(), url: url.to_owned(), sealed_secret };
        inner.gateway.once(command, deadline).await.map(|_| ())
    }

    /// Removes a webhook and what waits for it.
    ///
    /// # Errors
    /// Rejected: there is none of the name. After `TimedOut` it must be asked
    /// again, to remove what is left.
    pub async fn remove_webhook(&self, name: &str, deadline: Instant) -> Result<(), StoreError> {
        let command = || Command::RemoveWebhook { name: name.to_owned() };
        while self.inner().gateway.once(command(), deadline).await? == Reply::More {}
        Ok(())
    }

    /// Drops the events of a queue up to a number: whoever they are for has them.
    ///
    /// # Errors
    /// `Unavailable`, `TimedOut`; it may be asked again.
    pub async fn drop_events(
        &self,
        target: &EventTarget,
        through: u64,
        deadline: Instant,
    ) -> Result<(), StoreError> {
        self.inner().drop_events(target, through, deadline).await
    }
}

impl Inner {
    pub(crate) async fn drop_events(
        &self,
        target: &EventTarget,
        through: u64,
        deadline: Instant,
    ) -> Result<(), StoreError> {
        let command = || Command::DropEvents { target: target.clone(), through };
        while self.gateway.repeatable(command(), deadline).await? == Reply::More {}
        Ok(())
    }

    /// The secret of a webhook.
    pub(crate) fn webhook_secret(
        &self,
        name: &str,
        record: &WebhookRecord,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let open = |sealed| self.site_key.open(purpose(name).as_bytes(), sealed);
        record.sealed_secret.as_deref().map(open).transpose()
    }
}

/// What a secret of a webhook is sealed for.
fn purpose(name: &str) -> String {
    format!("webhook {name}")
}

impl Fresh {
    /// The webhooks that operators allow, by name.
    ///
    /// # Errors
    /// `Unavailable`, `Internal`.
    pub async fn webhooks(&self) -> Result<Vec<(String, WebhookRecord)>, StoreError> {
        self.read(metadata::webhooks).await
    }

    /// All queues, those of webhooks among them.
    ///
    /// # Errors
    /// `Unavailable`, `Internal`.
    pub async fn queues(&self) -> Result<Vec<QueueStatus>, StoreError> {
        self.read(|view| {
            let mut found = Vec::new();
            for (target, queue) in metadata::queues(view)? {
                let oldest = metadata::events(view, &target, queue.first, 1)?;
                found.push(QueueStatus {
                    waiting: queue.waiting(),
                    oldest: oldest.first().map(|(_, event)| event.at()),
                    lost: queue.lost,
                    target,
                });
            }
            Ok(found)
        })
        .await
    }

    /// Up to `max` events of a queue, with their numbers, behind the number
    /// `after`; none: there is no such queue.
    ///
    /// # Errors
    /// `Unavailable`, `Internal`.
    pub async fn events(
        &self,
        target: EventTarget,
        after: u64,
        max: usize,
    ) -> Result<Option<Vec<(u64, Event)>>, StoreError> {
        self.read(move |view| {
            let Some(queue) = metadata::queue(view, &target)? else { return Ok(None) };
            let from = queue.first.max(after.saturating_add(1));
            metadata::events(view, &target, from, max).map(Some)
        })
        .await
    }
}

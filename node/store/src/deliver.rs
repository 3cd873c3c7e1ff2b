//! Webhooks: what waits for them is brought to them, by the leader.
//!
//! Invariants:
//! - Events go in the order of their numbers, those of one webhook one message
//!   after another; a message is repeated until it is taken over.
//! - An event leaves its queue after it was taken over: it comes at least once,
//!   and again if a leader falls in between.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use mucura_metadata::{Event, EventTarget, QueueRecord, events, queue, queues, webhook};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

use crate::error::StoreError;
use crate::store::{Inner, Store};

/// Between two looks for events that wait.
const PERIOD: Duration = Duration::from_millis(250);
/// The most events of one message.
const MESSAGE_EVENTS_MAX: usize = 10;
/// How long a webhook may take over a message.
const DELIVER_TIMEOUT: Duration = Duration::from_secs(30);
/// How long dealings with the metadata may take.
const METADATA_TIMEOUT: Duration = Duration::from_secs(5);
/// The rest after the first message that was not taken over; each further one
/// is twice as long, until the longest.
const FIRST_REST: Duration = Duration::from_millis(500);
const REST_MAX: Duration = Duration::from_secs(30);
/// Between two warnings of events lost in one queue.
const WARN_PERIOD: Duration = Duration::from_secs(60);

/// Where events are brought.
#[derive(Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Its name.
    pub name: String,
    /// What is called.
    pub url: String,
    /// What calls are signed with.
    pub secret: Option<Vec<u8>>,
}

/// Events were not taken over. The text says why, for operators.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotDelivered(pub String);

/// Brings events to webhooks: the store itself knows no protocol for it.
pub trait Courier: Send + Sync {
    /// Brings events in one message; done when the webhook has taken them over.
    fn deliver<'a>(
        &'a self,
        to: &'a Webhook,
        events: &'a [Event],
    ) -> Pin<Box<dyn Future<Output = Result<(), NotDelivered>> + Send + 'a>>;
}

/// Why a lane could not go on.
#[derive(Debug, thiserror::Error)]
enum Halted {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Courier(#[from] NotDelivered),
}

/// Whether there may be more to bring.
#[derive(PartialEq, Eq)]
enum Brought {
    Some,
    Nothing,
}

impl Store {
    /// Brings events to webhooks from now on, whenever this node leads.
    pub fn deliver_events(&self, courier: Arc<dyn Courier>) {
        let inner = self.inner().clone();
        let work = move || inner.clone().watch_queues(courier.clone());
        self.inner().background.spawn("deliver events", work);
    }
}

impl Inner {
    async fn watch_queues(self: Arc<Self>, courier: Arc<dyn Courier>) {
        let mut ticks = interval(PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut lanes, mut busy) = (FuturesUnordered::new(), BTreeSet::new());
        let mut losses = Losses::default();
        loop {
            tokio::select! {
                Some(name) = lanes.next() => {
                    busy.remove(&name);
                }
                _ = ticks.tick() => {
                    if !self.leads() {
                        continue;
                    }
                    // Rows that lag a little are good enough to look for work.
                    let Ok(queues) = self.read(|view| queues(view)).await else { continue };
                    losses.forget_others(&queues);
                    for (target, queue) in queues {
                        losses.note(&target, queue.lost);
                        if let EventTarget::Webhook(name) = target
                            && queue.waiting() > 0
                            && busy.insert(name.clone())
                        {
                            lanes.push(self.clone().bring_all(name, courier.clone()));
                        }
                    }
                }
            }
        }
    }

    /// Brings what waits for a webhook until nothing does, or another leads;
    /// gives the webhook's name.
    async fn bring_all(self: Arc<Self>, name: String, courier: Arc<dyn Courier>) -> String {
        let target = EventTarget::Webhook(name.clone());
        let mut rest = FIRST_REST;
        while self.leads() {
            match self.bring(&target, &*courier).await {
                Ok(Brought::Nothing) => break,
                Ok(Brought::Some) => rest = FIRST_REST,
                Err(reason) => {
                    tracing::info!(webhook = name, %reason, "bring events to a webhook; tried again soon");
                    sleep(rest).await;
                    rest = rest.saturating_mul(2).min(REST_MAX);
                }
            }
        }
        name
    }

    /// Brings one message.
    async fn bring(&self, target: &EventTarget, courier: &dyn Courier) -> Result<Brought, Halted> {
        // Whoever was the leader and does not know better must not bring again
        // what another has brought.
        self.consensus.linearize(METADATA_TIMEOUT).await.map_err(StoreError::from)?;
        let wanted = target.clone();
        let read = self.read(move |view| {
            let (Some(record), Some(queue)) = (webhook(view, wanted.name())?, queue(view, &wanted)?) else {
                return Ok(None);
            };
            Ok(Some((record, events(view, &wanted, queue.first, MESSAGE_EVENTS_MAX)?)))
        });
        let Some((record, waiting)) = read.await? else { return Ok(Brought::Nothing) };
        let (message, last) = message(waiting);
        let Some(last) = last else { return Ok(Brought::Nothing) };
        let name = target.name().to_owned();
        let to = Webhook { secret: self.webhook_secret(&name, &record)?, url: record.url, name };
        match timeout(DELIVER_TIMEOUT, courier.deliver(&to, &message)).await {
            Ok(taken) => taken?,
            Err(_) => return Err(NotDelivered("it did not answer in time".to_owned()).into()),
        }
        self.drop_events(target, last, Instant::now() + METADATA_TIMEOUT).await?;
        Ok(Brought::Some)
    }
}

/// The events of the next message, and the number of the last of them. A test
/// event goes alone.
fn message(waiting: Vec<(u64, Event)>) -> (Vec<Event>, Option<u64>) {
    let is_test = |event: &Event| matches!(event, Event::Test { .. });
    let alone = waiting.first().is_some_and(|(_, event)| is_test(event));
    let count = if alone { 1 } else { waiting.iter().take_while(|(_, event)| !is_test(event)).count() };
    let last = waiting.get(..count).and_then(<[_]>::last).map(|(number, _)| *number);
    (waiting.into_iter().take(count).map(|(_, event)| event).collect(), last)
}

/// What was lost so far, so that more of it is told.
#[derive(Default)]
struct Losses(BTreeMap<EventTarget, (u64, Option<Instant>)>);

impl Losses {
    /// Forgets queues that are not there any more.
    fn forget_others(&mut self, queues: &[(EventTarget, QueueRecord)]) {
        // They come in order.
        self.0.retain(|target, _| queues.binary_search_by(|(there, _)| there.cmp(target)).is_ok());
    }

    /// Warns of events that were lost since the last time; not all the time.
    fn note(&mut self, target: &EventTarget, lost: u64) {
        let (before, warned) = self.0.entry(target.clone()).or_insert((lost, None));
        let quiet = warned.is_some_and(|warned| warned.elapsed() < WARN_PERIOD);
        if lost > *before && !quiet {
            tracing::warn!(?target, lost = lost - *before, "too many events wait; the oldest were dropped");
            (*before, *warned) = (lost, Some(Instant::now()));
        }
        *before = (*before).min(lost);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mucura_metadata::{EventRecord, ObjectEvent, RequestIds};
    use mucura_types::{HybridTime, Timestamp, UserId};

    fn test() -> Event {
        Event::Test { bucket: "b".into(), at: Timestamp(1), request: RequestIds::default() }
    }

    fn object() -> Event {
        Event::Object(EventRecord {
            event: ObjectEvent::CreatedPut,
            at: HybridTime(1),
            rule: String::new(),
            bucket: "b".into(),
            bucket_owner: UserId(1),
            key: bytes::Bytes::new(),
            size: None,
            etag: None,
            version: None,
            user: None,
            source: None,
            request: RequestIds::default(),
        })
    }

    #[test]
    fn a_test_event_goes_alone() {
        let cut = |events: &[fn() -> Event]| {
            let (events, last) = message((7..).zip(events.iter().map(|event| event())).collect());
            (events.len(), last)
        };
        assert_eq!(cut(&[]), (0, None));
        assert_eq!(cut(&[object, object, object]), (3, Some(9)));
        assert_eq!(cut(&[object, test, object]), (1, Some(7)));
        assert_eq!(cut(&[test, test, object]), (1, Some(7)));
    }
}

//! Events of a whole site in one process reach a webhook that fails now and
//! then, whoever leads: each at least once, in order for each key.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // A test fails by panicking.

#[allow(dead_code)] // Other tests use the rest.
#[path = "site/harness.rs"]
mod harness;

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use harness::{MemoryBody, OWNER, Site, deadline, wait_for};
use mucura_metadata::{
    Act, BucketChange, DeleteCondition, DeleteObject, Event, EventTarget, Notification, NotificationRule,
    ObjectEvent, Origin, RequestIds, WriteCondition,
};
use mucura_store::{BodySize, Courier, NotDelivered, PutObjectRequest, Store, Webhook};
use mucura_types::BucketId;

/// A webhook that takes over two messages of three, and forgets to say so of
/// every fifth.
#[derive(Default)]
struct Moody(Mutex<(u64, Vec<Event>)>);

impl Courier for Moody {
    fn deliver<'a>(
        &'a self,
        to: &'a Webhook,
        events: &'a [Event],
    ) -> Pin<Box<dyn Future<Output = Result<(), NotDelivered>> + Send + 'a>> {
        Box::pin(async move {
            assert_eq!((&*to.name, to.secret.as_deref()), ("hook", Some(&b"s3cret"[..])));
            assert!((1..=10).contains(&events.len()));
            tokio::time::sleep(Duration::from_millis(20)).await;
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            state.0 += 1;
            if state.0.is_multiple_of(3) {
                return Err(NotDelivered("not in the mood".into()));
            }
            state.1.extend_from_slice(events);
            if state.0.is_multiple_of(5) { Err(NotDelivered("no answer".into())) } else { Ok(()) }
        })
    }
}

fn origin(act: Act) -> Option<Origin> {
    Some(Origin { act, user: Some(OWNER), source: None, request: RequestIds::default() })
}

async fn put(store: &Store, bucket: BucketId, key: &str) {
    let request = PutObjectRequest {
        bucket,
        key: key.into(),
        owner: OWNER,
        size: BodySize::Exact(1),
        attributes: Default::default(),
        condition: WriteCondition::default(),
        seal: None,
        origin: origin(Act::Put),
    };
    store.put_object(request, &mut MemoryBody::whole(b"x"), deadline()).await.unwrap();
}

async fn delete(store: &Store, bucket: BucketId, key: &str) {
    let condition = DeleteCondition::default();
    let delete = DeleteObject {
        bucket,
        key: key.to_owned().into(),
        version: None,
        by: OWNER,
        bypass: false,
        condition,
    };
    store.delete_object(delete, origin(Act::Delete), deadline()).await.unwrap();
}

async fn waiting(store: &Store) -> Option<u64> {
    let queues = store.fresh(deadline()).await.ok()?.queues().await.ok()?;
    queues.iter().find(|queue| queue.target.name() == "hook").map(|queue| queue.waiting)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_event_comes_at_least_once_and_in_order_for_each_key() {
    let mut site = Site::start(3, 1).await;
    let bucket = site.bucket("data").await;
    let courier = Arc::new(Moody::default());
    for node in 0..3 {
        site.store(node).deliver_events(courier.clone());
    }
    site.store(0).add_webhook("hook", "http://127.0.0.1/", Some(b"s3cret"), deadline()).await.unwrap();
    let rule = NotificationRule {
        id: "all".into(),
        target: EventTarget::Webhook("hook".into()),
        events: vec![ObjectEvent::CreatedPut, ObjectEvent::Removed],
        prefix: Default::default(),
        suffix: Default::default(),
    };
    let new = Notification { text: "<x/>".into(), rules: vec![rule], request: RequestIds::default() };
    let change = BucketChange::Notification(Some(new));
    site.store(1).change_bucket(bucket, change, deadline()).await.unwrap();

    let mut expected: BTreeMap<String, Vec<ObjectEvent>> = BTreeMap::new();
    let mut write = async |store: &Store, rounds: usize| {
        for at in 0..rounds {
            let key = format!("k{}", at % 4);
            put(store, bucket, &key).await;
            delete(store, bucket, &key).await;
            expected.entry(key).or_default().extend([ObjectEvent::CreatedPut, ObjectEvent::Removed]);
        }
    };
    write(site.store(0), 30).await;
    let leader = site.store(0).status().await.unwrap().leader.unwrap();
    let killed = usize::try_from(leader.0).unwrap() - 1;
    site.kill(killed).await;
    let left = (killed + 1) % 3;
    wait_for("another leads", Duration::from_secs(30), || async {
        waiting(site.store(left)).await.is_some()
    })
    .await;
    write(site.store(left), 10).await;
    wait_for("all was told", Duration::from_secs(60), || async {
        waiting(site.store(left)).await == Some(0)
    })
    .await;

    let told = courier.0.lock().unwrap().1.clone();
    assert!(matches!(&told[0], Event::Test { bucket, .. } if bucket == "data"));
    let mut firsts: BTreeMap<String, Vec<(u64, ObjectEvent)>> = BTreeMap::new();
    for event in &told {
        let Event::Object(record) = event else { continue };
        let of_key = firsts.entry(String::from_utf8(record.key.to_vec()).unwrap()).or_default();
        if !of_key.iter().any(|(at, _)| *at == record.at.0) {
            assert!(of_key.last().is_none_or(|(at, _)| *at < record.at.0), "in order");
            of_key.push((record.at.0, record.event));
        }
    }
    let firsts: BTreeMap<_, Vec<_>> = firsts
        .into_iter()
        .map(|(key, told)| (key, told.into_iter().map(|(_, event)| event).collect()))
        .collect();
    assert_eq!(firsts, expected);
    site.store(left).remove_webhook("hook", deadline()).await.unwrap();
    assert_eq!(waiting(site.store(left)).await, None);
    site.stop().await;
}

use super::fixture::*;
use crate::call::{exchange, find};
use crate::dial;
use crate::hello::Kind;
use crate::*;
use bytes::Bytes;
use mucura_types::NodeId;

const TWO: NodeId = NodeId(2);

#[tokio::test]
async fn a_call_is_answered_with_the_callers_name_and_trace() {
    let site = Site::new(1);
    let (a, b, _) = site.pair();
    assert_eq!(echo(&a, 2).await.unwrap(), "hello");
    assert_eq!(echo(&b, 1).await.unwrap(), "hello");
    let traced = with_trace(77, a.call(TWO, TRACE, Bytes::new(), within(5000))).await.unwrap();
    assert_eq!(traced, "1 77");
    assert_eq!(a.call(TWO, ECHO, Bytes::new(), within(5000)).await.unwrap(), "");
    let large = pattern(4 << 20, 5);
    assert!(a.call(TWO, ECHO, large.clone(), within(20_000)).await.unwrap() == large);
    assert_eq!(
        a.call(TWO, 999, Bytes::new(), within(5000)).await.unwrap_err(),
        CallError::Refused(Refused::UnknownMethod)
    );
    match a.call(TWO, FAIL, Bytes::new(), within(5000)).await.unwrap_err() {
        CallError::Refused(Refused::Failed(reason)) => assert_eq!(reason, "é".repeat(256)),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn messages_past_the_limit_are_refused_where_they_meet_it() {
    let site = Site::new(1);
    let (a, _) = site.node(1, |l| l.message_bytes = 100_000);
    let (b, _) = site.node(2, |l| l.message_bytes = 50_000);
    know(&a, &[(2, &b)]);
    let call = |method, len| a.call(TWO, method, pattern(len, 1), within(5000));
    assert_eq!(call(ECHO, 100_001).await.unwrap_err(), CallError::TooLarge, "at the caller");
    assert_eq!(call(TRACE, 50_001).await.unwrap_err(), CallError::TooLarge, "at the server");
    assert_eq!(call(GROW, 20_000).await.unwrap_err(), CallError::TooLarge, "in the answer");
    assert_eq!(call(ECHO, 50_000).await.unwrap().len(), 50_000);
    // The caller bounds answers by itself too.
    let (c, _) = site.node(3, |l| l.message_bytes = 10_000);
    know(&c, &[(2, &b)]);
    let answer = c.call(TWO, GROW, pattern(5_000, 1), within(5000)).await;
    assert_eq!(answer.unwrap_err(), CallError::TooLarge, "at the caller, answered");
}

#[tokio::test]
async fn a_caller_waits_no_longer_than_its_deadline() {
    let site = Site::new(1);
    let (a, _b, service) = site.pair();
    echo(&a, 2).await.unwrap();
    let call = a.call(TWO, HANG, Bytes::new(), within(200));
    assert_eq!(soon(2000, call).await.unwrap_err(), CallError::Timeout);
    soon(2000, service.dropped.notified()).await;

    // Nor when the peer says nothing at all any more.
    let (wire, cut) = cuttable();
    let c = Mesh::start(site.config(3), &site.runtime, &wire).unwrap();
    c.serve(std::sync::Arc::new(TestService::default()));
    know(&a, &[(3, &c)]);
    echo(&a, 3).await.unwrap();
    cut.store(true, std::sync::atomic::Ordering::SeqCst);
    let call = a.call(NodeId(3), ECHO, Bytes::new(), within(200));
    assert_eq!(soon(2000, call).await.unwrap_err(), CallError::Timeout);
}

#[tokio::test]
async fn the_serving_side_ends_its_work_at_the_deadline_by_itself() {
    let site = Site::new(1);
    let (a, _b, service) = site.pair();
    let shared = a.shared();
    let peer = find(shared, TWO).unwrap();
    let connection = dial::connection(shared, &peer, Kind::Control, 0, within(5000)).await.unwrap();
    // A caller that does not watch the clock: only the other side ends this.
    let call = exchange(&connection, HANG, Bytes::new(), within(200), 1000);
    assert_eq!(soon(3000, call).await.unwrap_err(), CallError::Timeout);
    soon(1000, service.dropped.notified()).await;
    assert!(connection.close_reason().is_none());
}

#[tokio::test]
async fn a_handler_is_dropped_when_its_caller_goes_away() {
    let site = Site::new(1);
    let (a, b, service) = site.pair();
    let caller = a.clone();
    let call = tokio::spawn(async move { caller.call(TWO, HANG, Bytes::new(), within(60_000)).await });
    soon(5000, service.began.notified()).await;
    call.abort();
    soon(2000, service.dropped.notified()).await;
    // The same when the whole node goes.
    let caller = a.clone();
    let call = tokio::spawn(async move { caller.call(TWO, HANG, Bytes::new(), within(60_000)).await });
    soon(5000, service.began.notified()).await;
    a.shutdown(within(2000)).await;
    soon(2000, service.dropped.notified()).await;
    assert_eq!(call.await.unwrap().unwrap_err(), CallError::PeerClosed);
    drop(b);
}

#[tokio::test]
async fn calls_past_the_servers_bound_are_busy_and_urgent_ones_still_pass() {
    let site = Site::new(1);
    let (a, _) = site.node(1, |_| {});
    let (b, service) = site.node(2, |l| l.calls = 2);
    know(&a, &[(2, &b)]);
    let mut hanging = Vec::new();
    for _ in 0..2 {
        let a = a.clone();
        hanging.push(tokio::spawn(async move { a.call(TWO, HANG, Bytes::new(), within(60_000)).await }));
        soon(5000, service.began.notified()).await;
    }
    // Also for a payload that is still on its way when it is turned away.
    let large = a.call(TWO, ECHO, pattern(4 << 20, 1), within(5000)).await;
    assert_eq!(large.unwrap_err(), CallError::Busy);
    assert_eq!(echo(&a, 2).await.unwrap_err(), CallError::Busy);
    let urgent = a.call(TWO, URGENT_ECHO, Bytes::from_static(b"beat"), within(5000)).await;
    assert_eq!(urgent.unwrap(), "beat");
    hanging.pop().unwrap().abort();
    soon(2000, service.dropped.notified()).await;
    // The slot is free when the peer has seen the handler go.
    soon(5000, async { while echo(&a, 2).await.is_err() {} }).await;
}

#[tokio::test]
async fn calls_past_the_callers_own_bound_are_busy_at_once() {
    let site = Site::new(1);
    let (a, _) = site.node(1, |l| l.calls = 1);
    let (b, service) = site.node(2, |_| {});
    know(&a, &[(2, &b)]);
    let caller = a.clone();
    let call = tokio::spawn(async move { caller.call(TWO, HANG, Bytes::new(), within(60_000)).await });
    soon(5000, service.began.notified()).await;
    assert_eq!(echo(&a, 2).await.unwrap_err(), CallError::Busy);
    a.call(TWO, URGENT_ECHO, Bytes::new(), within(5000)).await.unwrap();
    call.abort();
    assert!(call.await.unwrap_err().is_cancelled());
    echo(&a, 2).await.unwrap();
}

#[tokio::test]
async fn a_node_that_serves_nothing_yet_is_busy() {
    let site = Site::new(1);
    let (a, _) = site.node(1, |_| {});
    let b = site.start(site.config(2));
    know(&a, &[(2, &b)]);
    assert_eq!(echo(&a, 2).await.unwrap_err(), CallError::Busy);
    b.serve(std::sync::Arc::new(TestService::default()));
    echo(&a, 2).await.unwrap();
    assert!(matches!(echo(&a, 9).await.unwrap_err(), CallError::Unreachable { .. }));
}

use super::fixture::*;
use crate::hello::Kind;
use crate::*;
use bytes::Bytes;
use mucura_types::NodeId;
use std::time::Duration;

const TWO: NodeId = NodeId(2);
const OUTCOME: u16 = 305;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bulk_bytes_arrive_whole_in_both_directions_at_once() {
    let site = Site::new(1);
    let (a, _b, _) = site.pair();
    let head = pattern(60_000, 3);
    let (mut send, mut recv) = a.open(TWO, ECHO, head.clone(), within(60_000)).await.unwrap();
    let body = pattern(24 << 20, 9);
    let sent = body.clone();
    let sender = tokio::spawn(async move {
        for at in (0..sent.len()).step_by(3 << 20) {
            send.send(sent.slice(at..sent.len().min(at + (3 << 20)))).await.unwrap();
        }
        send.finish().unwrap();
    });
    assert!(recv.recv_message(1 << 20).await.unwrap().unwrap() == head);
    let mut got = vec![0; body.len()];
    recv.recv_into(&mut got).await.unwrap();
    assert_eq!(hash(&got), hash(&body));
    assert_eq!(recv.recv().await.unwrap(), None);
    sender.await.unwrap();
}

#[tokio::test]
async fn bulk_has_connections_of_its_own() {
    let site = Site::new(1);
    let (a, _b, _) = site.pair();
    echo(&a, 2).await.unwrap();
    let first = a.open(TWO, OUTCOME, Bytes::new(), within(5000)).await.unwrap();
    let second = a.open(TWO, OUTCOME, Bytes::new(), within(5000)).await.unwrap();
    let mut kinds = Vec::new();
    let noted = std::sync::Mutex::new(&mut kinds);
    a.shared().connections.close_where(|live| {
        noted.lock().unwrap().push((live.kind, live.lane));
        None
    });
    assert_eq!(kinds, [(Kind::Control, 0), (Kind::Bulk, 0), (Kind::Bulk, 1)]);
    drop((first, second));
}

#[tokio::test]
async fn a_stream_that_was_dropped_is_never_taken_for_whole() {
    let site = Site::new(1);
    let (a, _b, _) = site.pair();
    let outcome = async |finish: bool| {
        let (mut send, mut recv) = a.open(TWO, OUTCOME, pattern(1, 1), within(5000)).await.unwrap();
        send.send(pattern(100_000, 1)).await.unwrap();
        recv.recv_message(10).await.unwrap().expect("it began");
        if finish {
            send.finish().unwrap();
        }
        drop(send);
        String::from_utf8(recv.recv_message(1000).await.unwrap().unwrap()).unwrap()
    };
    assert_eq!(outcome(true).await, "whole");
    assert_eq!(outcome(false).await, "PeerClosed");
    // Nor is the way back, when the peer never got to know what was asked.
    let (mut send, mut recv) = a.open(TWO, OUTCOME, Bytes::new(), within(5000)).await.unwrap();
    send.reset();
    let ended = loop {
        match recv.recv().await {
            Ok(Some(_)) => {}
            other => break other,
        }
    };
    assert_eq!(ended.unwrap_err(), CallError::PeerClosed);
}

#[tokio::test]
async fn a_stream_ends_at_its_deadline_or_when_it_stalls() {
    let site = Site::new(1);
    let (a, _) = site.node(1, |l| l.stall_timeout = Duration::from_millis(200));
    let (b, service) = site.node(2, |_| {});
    know(&a, &[(2, &b)]);
    let (mut send, mut recv) = a.open(TWO, HANG, Bytes::new(), within(60_000)).await.unwrap();
    assert_eq!(soon(2000, recv.recv()).await.unwrap_err(), CallError::Timeout);
    // More than all windows hold: the peer reads nothing.
    let flood = async { while send.send(pattern(1 << 20, 1)).await.is_ok() {} };
    soon(10_000, flood).await;
    assert_eq!(send.send(Bytes::from_static(b"x")).await.unwrap_err(), CallError::Timeout);
    drop((send, recv));

    // The first handler hangs still; the second is ended by its deadline.
    soon(2000, service.began.notified()).await;
    let opened = a.open(TWO, HANG, Bytes::new(), within(300)).await.unwrap();
    soon(2000, service.dropped.notified()).await;
    drop(opened);
}

#[tokio::test]
async fn streams_past_the_bound_are_busy() {
    let site = Site::new(1);
    let (a, _) = site.node(1, |_| {});
    let (b, service) = site.node(2, |l| l.bulk_streams = 1);
    know(&a, &[(2, &b)]);
    // Two lanes, one stream each.
    let mut held = Vec::new();
    for _ in 0..2 {
        held.push(a.open(TWO, HANG, Bytes::new(), within(60_000)).await.unwrap());
        soon(5000, service.began.notified()).await;
    }
    let (mut send, mut recv) = a.open(TWO, ECHO, Bytes::new(), within(5000)).await.unwrap();
    assert_eq!(recv.recv().await.unwrap_err(), CallError::Busy);
    let flood = async {
        loop {
            if let Err(error) = send.send(pattern(1 << 20, 1)).await {
                break error;
            }
        }
    };
    assert_eq!(soon(5000, flood).await, CallError::Busy);

    // And at the opener's own bound.
    let (c, _) = site.node(3, |l| l.bulk_streams = 1);
    know(&c, &[(2, &b)]);
    let one = c.open(TWO, OUTCOME, Bytes::new(), within(5000)).await.unwrap();
    assert_eq!(c.open(TWO, OUTCOME, Bytes::new(), within(5000)).await.err().unwrap(), CallError::Busy);
    drop(one);
    c.open(TWO, OUTCOME, Bytes::new(), within(5000)).await.unwrap();
}

#[tokio::test]
async fn messages_in_streams_and_headers_are_bounded() {
    let site = Site::new(1);
    let (a, _b, _) = site.pair();
    let large = pattern(70_000, 1);
    assert_eq!(a.open(TWO, ECHO, large, within(5000)).await.err().unwrap(), CallError::TooLarge);
    let (_send, mut recv) = a.open(TWO, ECHO, pattern(5_000, 1), within(5000)).await.unwrap();
    assert_eq!(recv.recv_message(4_999).await.unwrap_err(), CallError::TooLarge);
}

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::fixture::*;
use crate::*;
use bytes::Bytes;
use mucura_types::NodeId;
use tokio::time::Instant;

const TWO: NodeId = NodeId(2);

#[tokio::test]
async fn a_killed_peer_is_noticed_within_three_seconds() {
    let site = Site::new(1);
    let (a, _) = site.node(1, |_| {});
    let (wire, cut) = cuttable();
    let b = Mesh::start(site.config(2), &site.runtime, &wire).unwrap();
    let service = Arc::new(TestService::default());
    b.serve(service.clone());
    know(&a, &[(2, &b)]);
    let caller = a.clone();
    let call = tokio::spawn(async move { caller.call(TWO, HANG, Bytes::new(), within(60_000)).await });
    soon(5000, service.began.notified()).await;
    cut.store(true, Ordering::SeqCst);
    soon(3000, until_reachable(&a, 2, false)).await;
    assert_eq!(soon(500, call).await.unwrap().unwrap_err(), CallError::PeerClosed);
    assert!(!a.peers()[0].connected);
}

#[tokio::test]
async fn a_peer_that_is_killed_and_restarted_is_reached_again_before_the_idle_timeout() {
    let site = Site::new(1);
    let patient = |l: &mut Limits| l.idle_timeout = Duration::from_secs(60);
    let (a, _) = site.node(1, patient);
    let (wire, cut) = cuttable();
    let mut config = site.config(2);
    patient(&mut config.limits);
    let b = Mesh::start(config.clone(), &site.runtime, &wire).unwrap();
    b.serve(Arc::new(TestService::default()));
    know(&a, &[(2, &b)]);
    echo(&a, 2).await.unwrap();
    // Killed: nothing more comes from it, no farewell either.
    cut.store(true, Ordering::SeqCst);
    config.listen = b.local_addr().unwrap();
    b.shutdown(within(10)).await;
    drop(b);
    let b = soon(5000, async {
        loop {
            match Mesh::start(config.clone(), &site.runtime, &SocketFactory::udp()) {
                Ok(mesh) => break mesh,
                Err(_) => tokio::task::yield_now().await,
            }
        }
    })
    .await;
    b.serve(Arc::new(TestService::default()));
    let again = async { while a.call(TWO, ECHO, Bytes::new(), within(500)).await.is_err() {} };
    soon(5000, again).await;
}

#[tokio::test]
async fn a_shutdown_is_noticed_at_once_and_ends_the_mesh() {
    let site = Site::new(1);
    let (a, _) = site.node(1, |l| l.idle_timeout = Duration::from_secs(60));
    let (b, _) = site.node(2, |l| l.idle_timeout = Duration::from_secs(60));
    know(&a, &[(2, &b)]);
    echo(&a, 2).await.unwrap();
    soon(3000, b.shutdown(within(2500))).await;
    soon(500, until_reachable(&a, 2, false)).await;
    soon(100, b.stopped()).await;
    assert!(matches!(echo(&b, 1).await.unwrap_err(), CallError::Unreachable { .. }));
    // A mesh that is merely dropped says farewell too.
    let (c, _) = site.node(3, |l| l.idle_timeout = Duration::from_secs(60));
    know(&a, &[(3, &c)]);
    echo(&a, 3).await.unwrap();
    drop(c);
    soon(1000, until_reachable(&a, 3, false)).await;
}

#[tokio::test]
async fn waiting_calls_share_one_attempt_and_fail_by_their_deadlines() {
    let site = Site::new(1);
    let (a, _) = site.node(1, |l| {
        l.connect_timeout = Duration::from_millis(1500);
        l.idle_timeout = Duration::from_secs(60);
        l.backoff_min = Duration::from_secs(60);
        l.backoff_max = Duration::from_secs(60);
    });
    // Bound, and silent.
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    know_at(&a, 2, silent.local_addr().unwrap(), None);
    let began = Instant::now();
    let call = |ms| a.call(TWO, ECHO, Bytes::new(), within(ms));
    let timed = async |ms| (call(ms).await, began.elapsed());
    let (short, long, longer) = tokio::join!(timed(100), timed(10_000), timed(20_000));
    for ((outcome, took), most_ms) in [(short, 1200), (long, 5000), (longer, 5000)] {
        assert!(matches!(outcome.unwrap_err(), CallError::Unreachable { .. }));
        assert!(took < Duration::from_millis(most_ms), "{took:?}");
    }
    assert_eq!(a.shared().endpoint.stats().outgoing_handshakes, 1);
    // In the pause after a failure, calls fail without an attempt.
    assert!(matches!(call(10_000).await.unwrap_err(), CallError::Unreachable { .. }));
    assert_eq!(a.shared().endpoint.stats().outgoing_handshakes, 1);
}

#[tokio::test]
async fn a_peer_that_comes_to_us_need_not_be_waited_for() {
    let site = Site::new(1);
    let (a, _) = site.node(1, |l| {
        l.connect_timeout = Duration::from_millis(300);
        l.backoff_min = Duration::from_secs(60);
        l.backoff_max = Duration::from_secs(60);
    });
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let addr = silent.local_addr().unwrap();
    know_at(&a, 2, addr, None);
    echo(&a, 2).await.unwrap_err();
    drop(silent);
    let mut config = site.config(2);
    config.listen = addr;
    let b = site.start(config);
    b.serve(Arc::new(TestService::default()));
    know(&b, &[(1, &a)]);
    echo(&b, 1).await.unwrap();
    echo(&a, 2).await.unwrap();
}

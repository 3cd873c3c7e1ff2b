use super::fixture::*;
use crate::call::find;
use crate::codes;
use crate::dial;
use crate::frame::{CallHeader, ReplyHeader, header};
use crate::hello::Kind;
use crate::service::Refusal;
use bytes::Bytes;
use mucura_types::NodeId;
use std::time::Duration;

const TWO: NodeId = NodeId(2);

/// A certified peer that sends garbage gets nowhere, and harms nobody.
#[tokio::test]
async fn garbage_on_streams_is_turned_away_and_others_are_served() {
    let site = Site::new(1);
    let (a, _) = site.node(1, |_| {});
    let (b, _) = site.node(2, |l| l.stall_timeout = Duration::from_millis(300));
    know(&a, &[(2, &b)]);
    let shared = a.shared();
    let peer = find(shared, TWO).unwrap();
    let call = |len, deadline_ms| header(&CallHeader { method: ECHO, deadline_ms, trace: 0, len });
    for kind in [Kind::Control, Kind::Bulk] {
        let connection = dial::connection(shared, &peer, kind, 0, within(5000)).await.unwrap();
        let mut cases: Vec<Bytes> = (0..150u32).map(|seed| pattern(seed as usize, seed * 7 + 1)).collect();
        // Good length, bad header.
        cases.extend((0..100u32).map(|seed| {
            let body = pattern(seed as usize % 20, seed * 7 + 1);
            crate::frame::message(&body)
        }));
        cases.push(call(4, 0));
        for case in cases {
            let (mut send, mut recv) = connection.open_bi().await.unwrap();
            send.write_all(&case).await.ok();
            send.finish().ok();
            // Whatever the answer, it ends.
            soon(5000, recv.read_to_end(10_000)).await.ok();
        }
        // A payload that is not as long as it says is not served.
        for (case, refusal) in [
            ([&call(3, 5000)[..], b"four"].concat(), Refusal::Malformed),
            ([&call(5, 5000)[..], b"four"].concat(), Refusal::Malformed),
            (call(u32::MAX, 5000).to_vec(), Refusal::TooLarge),
        ] {
            let (mut send, mut recv) = connection.open_bi().await.unwrap();
            send.write_all(&case).await.ok();
            send.finish().ok();
            let answer = soon(5000, recv.read_to_end(10_000)).await;
            if kind == Kind::Control {
                assert_eq!(answer.unwrap(), header(&ReplyHeader::Refused(refusal)));
            }
        }
        // A header past its bound is not even read.
        let (mut send, _recv) = connection.open_bi().await.unwrap();
        send.write_all(&2000u32.to_be_bytes()).await.unwrap();
        let code = soon(5000, send.stopped()).await.unwrap();
        assert_eq!(code, Some(codes::STREAM_TOO_LARGE));
        // A stream that says nothing is not waited for for ever.
        let (mut send, recv) = connection.open_bi().await.unwrap();
        send.write_all(&[0]).await.unwrap();
        soon(5000, send.stopped()).await.unwrap();
        drop(recv);
        assert!(connection.close_reason().is_none());
    }
    assert_eq!(echo(&a, 2).await.unwrap(), "hello");
}

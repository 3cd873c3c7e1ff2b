//! Data keys wrapped anew on a whole site.

use std::time::Duration;

use mucura_metadata::WriteCondition;
use mucura_store::SealWith;
use mucura_store::encryption::{KeyId, KeyRing};
use tokio::time::timeout;

use crate::harness::{MemoryBody, Site, bytes, deadline, wait_for};

const BOTH_FIRST_ACTIVE: &str = "1:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE= active\n\
                                 2:AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=\n";
const BOTH_SECOND_ACTIVE: &str = "1:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n\
                                  2:AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI= active\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_with_another_active_key_wraps_nothing_and_does_not_call_that_the_end() {
    let site = Site::start(3, 1).await;
    let bucket = site.bucket("sealed").await;
    for node in 0..3 {
        site.store(node).use_keys(KeyRing::parse(BOTH_FIRST_ACTIVE).unwrap()).unwrap();
    }
    let mut body = MemoryBody::whole(&bytes(1, 100));
    let seal = Some(SealWith::Site);
    site.put_sealed(0, bucket, "k", &mut body, WriteCondition::default(), seal).await.unwrap();

    let leader = site.leader().await;
    let other = (leader + 1) % 3;
    site.store(other).use_keys(KeyRing::parse(BOTH_SECOND_ACTIVE).unwrap()).unwrap();
    let begun = site.store(other).rewrap(None, deadline()).await.unwrap();
    assert_eq!((begun.to.number, begun.finished), (2, false));
    let finished = || async {
        site.store(other).rewrap_status(deadline()).await.unwrap().is_some_and(|status| status.finished)
    };
    let ended = timeout(Duration::from_secs(4), wait_for("the end", Duration::from_secs(60), finished)).await;
    assert!(ended.is_err(), "it is over though nothing was wrapped");

    site.store(leader).use_keys(KeyRing::parse(BOTH_SECOND_ACTIVE).unwrap()).unwrap();
    wait_for("the leader has the key and does it", Duration::from_secs(30), finished).await;
    let done = site.store(other).rewrap_status(deadline()).await.unwrap().unwrap();
    assert_eq!((done.seen, done.rewrapped, done.left), (1, 1, 0));
    site.store(leader).use_keys(KeyRing::new(KeyId(2), &[2; 32]).unwrap()).unwrap();
    let (_, read) = site.get(leader, bucket, "k", 0..100).await.unwrap();
    assert_eq!(read, bytes(1, 100));
}

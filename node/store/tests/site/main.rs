//! A whole site in one process: real drives, real logs, real QUIC on loopback.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // A test fails by panicking.

mod harness;
mod lifecycle;
mod rewrap;

use std::time::Duration;

use futures_util::StreamExt;
use harness::{MemoryBody, Site, bytes, deadline, wait_for};
use mucura_metadata::{ListQuery, Rejection, WriteCondition};
use mucura_store::{BodySize, CompleteRequest, DriveServiceState, PutPartRequest, StoreError};
use mucura_types::DriveId;

const MIB: usize = 1 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn what_one_node_stored_every_node_gives_back() {
    let site = Site::start(3, 2).await;
    let bucket = site.bucket("data").await;
    for (number, size) in
        [0, 1, 100, 8 * 1024, 8 * 1024 + 1, 300_000, 5 * MIB + 7, 67 * MIB].into_iter().enumerate()
    {
        let (key, body) = (format!("k{number}"), bytes(number as u64, size));
        let stored = site.put(number % 3, bucket, &key, &body).await.unwrap();
        for node in 0..3 {
            let (info, read) = site.get(node, bucket, &key, 0..u64::MAX).await.unwrap();
            assert_eq!(info.record.summary.etag, stored.etag);
            assert!(read == body, "{size} bytes through node {node}");
        }
        let (from, to) = (size / 3, size - size / 4);
        let (_, part) = site.get(0, bucket, &key, from as u64..to as u64).await.unwrap();
        assert!(part == body[from..to], "range of {size} bytes");
    }
    let listed =
        site.fresh(1).await.list_objects(bucket, ListQuery { max: 100, ..Default::default() }).await.unwrap();
    assert_eq!(listed.objects.len(), 8);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_of_unknown_size_is_stored_as_it_came() {
    let site = Site::start(3, 2).await;
    let bucket = site.bucket("data").await;
    for (number, size) in
        [0, 1, 8 * 1024, 8 * 1024 + 1, 3 * MIB, 4 * MIB, 4 * MIB + 1, 13 * MIB + 7, 67 * MIB]
            .into_iter()
            .enumerate()
    {
        let (key, body) = (format!("k{number}"), bytes(number as u64, size));
        let mut sent = MemoryBody::whole(&body).unmeasured(70 * MIB);
        site.put_body(number % 3, bucket, &key, &mut sent).await.unwrap();
        let (info, read) = site.get(0, bucket, &key, 0..u64::MAX).await.unwrap();
        assert_eq!(info.record.summary.size, size as u64);
        assert!(read == body, "{size} bytes");
        let (from, to) = (size / 3, size - size / 4);
        let (_, part) = site.get(1, bucket, &key, from as u64..to as u64).await.unwrap();
        assert!(part == body[from..to], "range of {size} bytes");
    }
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_of_unknown_size_that_fails_leaves_nothing() {
    let site = Site::start(3, 2).await;
    let bucket = site.bucket("data").await;
    let body = bytes(1, 9 * MIB);
    for len in [0, 100, 5 * MIB, 8 * MIB, 9 * MIB] {
        let mut cut = MemoryBody::cut(&body, len).unmeasured(20 * MIB);
        let error = site.put_body(0, bucket, "cut", &mut cut).await.unwrap_err();
        assert!(matches!(error, StoreError::Body), "{error}");
    }
    for most in [100, 8 * MIB, 9 * MIB - 1] {
        let mut long = MemoryBody::whole(&body).unmeasured(most);
        let error = site.put_body(0, bucket, "long", &mut long).await.unwrap_err();
        assert!(matches!(error, StoreError::Body), "{error}");
    }
    assert!(site.fresh(1).await.object(bucket, "cut", None).await.unwrap().is_none());
    wait_for("all shards are gone", Duration::from_secs(20), || async { site.shard_files() == 0 }).await;
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_ends_early_leaves_nothing() {
    let site = Site::start(3, 2).await;
    let bucket = site.bucket("data").await;
    let body = bytes(1, 9 * MIB);
    let error = site.put_body(0, bucket, "cut", &mut MemoryBody::cut(&body, 5 * MIB)).await.unwrap_err();
    assert!(matches!(error, StoreError::Body), "{error}");
    // More than was declared: within a piece, and a piece more.
    for declared in [4 * MIB, 4_000_000] {
        let mut long = MemoryBody::declared(&body, declared);
        let error = site.put_body(0, bucket, "long", &mut long).await.unwrap_err();
        assert!(matches!(error, StoreError::Body), "{error}");
    }
    let wrong = WriteCondition { if_match: Some(vec![]), if_none_match: None };
    let error = site.put_if(0, bucket, "refused", &body, wrong).await.unwrap_err();
    assert!(matches!(error, StoreError::Rejected(Rejection::NoSuchKey)), "{error}");
    assert!(site.fresh(1).await.object(bucket, "cut", None).await.unwrap().is_none());
    wait_for("all shards are gone", Duration::from_secs(20), || async { site.shard_files() == 0 }).await;
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shard_that_rots_or_vanishes_is_never_served_and_is_rebuilt() {
    let site = Site::start(3, 2).await;
    let bucket = site.bucket("data").await;
    let body = bytes(2, 6 * MIB);
    site.put(0, bucket, "k", &body).await.unwrap();
    let files = site.shard_paths();
    assert_eq!(files.len(), 3);
    // One rots, later another vanishes; the code survives one at a time.
    site.flip(&files[0], 5000);
    for node in 0..3 {
        assert!(site.get(node, bucket, "k", 0..u64::MAX).await.unwrap().1 == body);
    }
    site.scrub().await;
    wait_for("the rotten shard is rebuilt", Duration::from_secs(30), || async {
        site.shard_paths() == files && site.at_risk().await == 0 && !site.is_flipped(&files[0])
    })
    .await;
    std::fs::remove_file(&files[1]).unwrap();
    site.scrub().await;
    for node in 0..3 {
        assert!(site.get(node, bucket, "k", 0..u64::MAX).await.unwrap().1 == body);
    }
    wait_for("the lost shard is rebuilt", Duration::from_secs(30), || async {
        site.shard_paths() == files && site.at_risk().await == 0
    })
    .await;
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_missed_writes_becomes_whole_again() {
    let mut site = Site::start(3, 2).await;
    let bucket = site.bucket("data").await;
    site.kill(2).await;
    let bodies: Vec<_> = (0..6).map(|n| bytes(n, MIB + 17)).collect();
    for (n, body) in bodies.iter().enumerate() {
        wait_for("a write succeeds", Duration::from_secs(20), || async {
            site.put(n % 2, bucket, &format!("k{n}"), body).await.is_ok()
        })
        .await;
    }
    assert!(site.at_risk().await > 0);
    site.restart(2).await;
    wait_for("nothing is at risk", Duration::from_secs(60), || async { site.at_risk().await == 0 }).await;
    wait_for("no hand-off is left", Duration::from_secs(60), || async { site.shard_files() == 18 }).await;
    for down in 0..3 {
        site.kill(down).await;
        for (n, body) in bodies.iter().enumerate() {
            let through = (down + 1) % 3;
            wait_for("a read succeeds", Duration::from_secs(20), || async {
                site.try_get(through, bucket, &format!("k{n}")).await.is_some_and(|read| &read == body)
            })
            .await;
        }
        site.restart(down).await;
        wait_for("nothing is at risk", Duration::from_secs(60), || async { site.at_risk().await == 0 }).await;
    }
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_takes_writes_as_soon_as_its_drives_are_back() {
    let mut site = Site::start(3, 1).await;
    let bucket = site.bucket("data").await;
    for node in 0..3 {
        site.kill(node).await;
    }
    for node in 0..3 {
        site.restart(node).await;
    }
    for node in 0..3 {
        wait_for("its drives are in service", Duration::from_secs(30), || async {
            let store = site.store(node);
            let drives = store.own_drives().await;
            store.fresh(deadline()).await.is_ok()
                && drives.iter().any(|drive| drive.state == DriveServiceState::Online)
        })
        .await;
    }
    for node in 0..3 {
        site.put(node, bucket, "k", &bytes(1, MIB)).await.unwrap();
    }
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replaced_drive_is_filled_again() {
    let site = Site::start(3, 2).await;
    let bucket = site.bucket("data").await;
    for n in 0..8 {
        site.put(0, bucket, &format!("k{n}"), &bytes(n, 100_000)).await.unwrap();
    }
    let before = site.shard_paths();
    let dir = site.drive_dir(DriveId(1)).await;
    std::fs::remove_dir_all(&dir).unwrap();
    wait_for("the loss is noticed", Duration::from_secs(20), || async { site.at_risk().await > 0 }).await;
    site.store(0).replace_drive(DriveId(1), None).await.unwrap();
    wait_for("the drive is filled", Duration::from_secs(30), || async {
        site.shard_paths() == before && site.at_risk().await == 0
    })
    .await;
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_become_an_object_and_deleted_bytes_come_back() {
    let site = Site::start(3, 1).await;
    let bucket = site.bucket("data").await;
    let store = site.store(0);
    let upload = store.create_upload(harness::upload(bucket, "big"), harness::deadline()).await.unwrap();
    let bodies = [bytes(1, 5 * MIB), bytes(2, 5 * MIB + 3), bytes(3, 11)];
    let mut parts = Vec::new();
    for (number, body) in (1u16..).zip(&bodies) {
        let request = PutPartRequest {
            bucket,
            key: "big".into(),
            owner: harness::OWNER,
            upload,
            number,
            size: BodySize::Exact(body.len() as u64),
            encryption: None,
            customer_key: None,
        };
        let mut body = MemoryBody::whole(body);
        let part =
            site.store(usize::from(number) % 3).put_part(request, &mut body, harness::deadline()).await;
        parts.push((number, part.unwrap().etag.md5));
    }
    let request = CompleteRequest {
        bucket,
        key: "big".into(),
        upload,
        parts,
        etag: mucura_metadata::ETag { md5: [1; 16], parts: Some(3) },
        checksum: None,
        condition: WriteCondition::default(),
        origin: None,
    };
    let done = store.complete_upload(request.clone()).await.unwrap();
    assert_eq!(site.store(1).complete_upload(request).await.unwrap(), done);
    let whole = bodies.concat();
    assert!(site.get(2, bucket, "big", 0..u64::MAX).await.unwrap().1 == whole);
    let (from, to) = (5 * MIB - 10, 10 * MIB + 5);
    assert!(site.get(1, bucket, "big", from as u64..to as u64).await.unwrap().1 == whole[from..to]);
    store.delete_object(harness::deletion(bucket, "big"), None, harness::deadline()).await.unwrap();
    wait_for("the bytes come back", Duration::from_secs(30), || async { site.shard_files() == 0 }).await;
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deleted_bytes_come_back_from_every_drive_that_answers() {
    let mut site = Site::start(3, 2).await;
    let bucket = site.bucket("data").await;
    for n in 0..6 {
        site.put(0, bucket, &format!("k{n}"), &bytes(n, 100_000)).await.unwrap();
    }
    site.kill(2).await;
    let store = site.store(0);
    for n in 0..6 {
        wait_for("a delete succeeds", Duration::from_secs(20), || async {
            store
                .delete_object(harness::deletion(bucket, &format!("k{n}")), None, harness::deadline())
                .await
                .is_ok()
        })
        .await;
    }
    let held = site.shard_paths_of(2).len();
    assert!(held > 0);
    wait_for("the nodes that run hold nothing", Duration::from_secs(30), || async {
        site.shard_files() == held
    })
    .await;
    site.restart(2).await;
    wait_for("the last bytes come back", Duration::from_secs(60), || async { site.shard_files() == 0 }).await;
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_pauses_longer_than_a_drive_may_is_served() {
    let site = Site::of_short_sessions(3, 1).await;
    let bucket = site.bucket("data").await;
    // Six seconds between stripes of the second chunk, while sessions come and
    // go and drives are compared: the first chunk is nobody's yet, and stays.
    let body = bytes(1, 67 * MIB);
    let mut slow = MemoryBody::pausing(&body, Duration::from_secs(6));
    site.put_body(0, bucket, "k", &mut slow).await.unwrap();
    assert!(site.get(1, bucket, "k", 0..u64::MAX).await.unwrap().1 == body);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_repaired_is_told_at_once_and_keeps_nothing_else_from_repair() {
    let site = Site::start(3, 1).await;
    let bucket = site.bucket("data").await;
    // More than are tried at once.
    for n in 0..12 {
        site.put(0, bucket, &format!("lost{n}"), &bytes(n, 100_000)).await.unwrap();
    }
    let lost = site.shard_paths();
    site.put(0, bucket, "hurt", &bytes(99, 100_000)).await.unwrap();
    let hurt: Vec<_> = site.shard_paths().into_iter().filter(|path| !lost.contains(path)).collect();
    assert_eq!((lost.len(), hurt.len()), (24, 2), "1+1 on three drives");
    for path in lost.iter().chain(&hurt[..1]) {
        std::fs::remove_file(path).unwrap();
    }
    // Not an answer that breaks off: an error in place of one.
    let fresh = site.fresh(0).await;
    let info = fresh.object(bucket, "lost0", None).await.unwrap().unwrap();
    let reader = fresh.reader(bucket, "lost0", &info, None).unwrap();
    let error = reader.open(0..u64::MAX).await.err().expect("nothing can be read");
    assert!(matches!(error, StoreError::NotEnoughShards { .. }), "{error}");
    site.scrub().await;
    wait_for("the other is rebuilt", Duration::from_secs(60), || async { hurt[0].exists() }).await;
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_goes_on_while_its_shards_are_brought_home() {
    let mut site = Site::start(3, 2).await;
    let bucket = site.bucket("data").await;
    let body = bytes(1, 40 * MIB);
    site.kill(2).await;
    wait_for("a write succeeds", Duration::from_secs(20), || async {
        site.put(0, bucket, "k", &body).await.is_ok()
    })
    .await;
    let fresh = site.fresh(1).await;
    let info = fresh.object(bucket, "k", None).await.unwrap().unwrap();
    let reader = fresh.reader(bucket, "k", &info, None).unwrap();
    let mut stream = reader.open(0..u64::MAX).await.unwrap();
    let mut read = stream.next().await.unwrap().unwrap().to_vec();
    site.restart(2).await;
    wait_for("no hand-off is left", Duration::from_secs(60), || async {
        site.at_risk().await == 0 && site.shard_files() == 3
    })
    .await;
    while let Some(piece) = stream.next().await {
        read.extend_from_slice(&piece.unwrap());
    }
    assert!(read == body);
    drop(stream);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_gateway_left_behind_goes_when_its_session_ends() {
    let mut site = Site::of_short_sessions(3, 1).await;
    let bucket = site.bucket("data").await;
    let body = bytes(1, 100_000);
    site.put(0, bucket, "k", &body).await.unwrap();
    let stored = site.shard_paths();
    // A shard of another write of the same session, which nobody committed, on
    // a drive of another node, which finds it when it starts.
    let (node, shard) = (1..3).find_map(|n| Some((n, site.shard_paths_of(n).pop()?))).unwrap();
    let left = harness::sibling(&shard);
    std::fs::copy(&shard, &left).unwrap();
    site.kill(node).await;
    site.restart(node).await;
    wait_for("it is gone", Duration::from_secs(60), || async { !left.exists() }).await;
    assert_eq!(site.shard_paths(), stored);
    assert!(site.try_get(0, bucket, "k").await.is_some_and(|read| read == body));
    site.stop().await;
}

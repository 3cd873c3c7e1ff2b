use std::sync::{Arc, Mutex};

use mucura_runtime::{Runtime, SimFault};

use super::super::core::State;
use super::super::group::Location;
use super::super::record::Change;
use super::*;

#[tokio::test]
async fn acknowledged_entries_and_votes_survive_a_power_cut() {
    let machine = Runtime::simulated(1, 0);
    let wal = open(&machine).await;
    append(&wal, 0..10, 5000).await.unwrap();
    wal.save_vote(GROUP, Bytes::from_static(b"vote")).await.unwrap();
    append(&wal, 10..40, 5000).await.unwrap();
    wal.truncate_after(GROUP, Some(35)).await.unwrap();
    let wal = power_cut(&machine, wal).await;
    assert_eq!(read_all(&wal).await, entries(0..36, 5000));
    assert_eq!(wal.vote(GROUP).unwrap(), "vote");
    append(&wal, 36..37, 10).await.unwrap();
    assert_eq!(wal.last(GROUP).await.unwrap(), Some((36, entry(36, 10))));
}

#[tokio::test]
async fn an_orderly_stop_keeps_the_committed_id() {
    let machine = Runtime::simulated(1, 0);
    let wal = open(&machine).await;
    append(&wal, 0..3, 10).await.unwrap();
    wal.save_committed(GROUP, Bytes::from_static(b"2")).unwrap();
    wal.shutdown().await.unwrap();
    assert!(matches!(append(&wal, 3..4, 10).await, Err(WalError::Closed)));
    let wal = power_cut(&machine, wal).await;
    assert_eq!(wal.committed(GROUP).unwrap(), "2");
}

#[tokio::test]
async fn entries_are_readable_before_they_are_on_the_disk() {
    let machine = Runtime::simulated(1, 0);
    let wal = open(&machine).await;
    let operations = machine.disk.operations();
    let waits = submit(&wal, entries(5..8, 10)).await.unwrap();
    assert_eq!(machine.disk.operations(), operations, "the writer has not run yet");
    assert_eq!(read_all(&wal).await, entries(5..8, 10));
    assert_eq!(wal.state(GROUP).last, Some(7));
    waits.await.unwrap().unwrap();
}

#[tokio::test]
async fn callbacks_fire_in_the_order_of_submission_and_group_into_few_writes() {
    let machine = Runtime::simulated(1, 0);
    let wal = open(&machine).await;
    append(&wal, 0..1, 10).await.unwrap();
    let order = Arc::new(Mutex::new(Vec::new()));
    let operations = machine.disk.operations();
    for index in 1..50 {
        let order = order.clone();
        let done = Box::new(move |result: Result<(), WalError>| {
            result.unwrap();
            order.lock().unwrap().push(index);
        });
        wal.append(GROUP, vec![(index, entry(index, 10))], done).await.unwrap();
    }
    wal.save_vote(GROUP, Bytes::from_static(b"v")).await.unwrap();
    assert_eq!(*order.lock().unwrap(), (1..50).collect::<Vec<u64>>(), "before the vote that came last");
    assert_eq!(machine.disk.operations() - operations, 2, "one write, one sync");
}

#[tokio::test]
async fn a_read_is_bounded_but_gives_one_entry() {
    let machine = Runtime::simulated(1, 0);
    let wal = open(&machine).await;
    append(&wal, 0..10, 1000).await.unwrap();
    assert_eq!(wal.read(GROUP, 2..10, 3500).await.unwrap(), entries(2..5, 1000));
    assert_eq!(wal.read(GROUP, 2..10, 1).await.unwrap(), entries(2..3, 1000));
    assert_eq!(wal.read(GROUP, 10..20, 1).await.unwrap(), []);
    assert_eq!(wal.read(GroupId(9), 0..20, 1).await.unwrap(), []);
}

#[tokio::test]
async fn a_hole_and_a_repetition_are_refused_and_leave_nothing() {
    let machine = Runtime::simulated(1, 0);
    let wal = open(&machine).await;
    append(&wal, 3..5, 10).await.unwrap();
    for bad in [4, 6] {
        let error = append(&wal, bad..bad + 1, 10).await.unwrap_err();
        assert!(matches!(error, WalError::OutOfOrder { expected: 5, .. }), "{error}");
    }
    let mixed = vec![(5, entry(5, 10)), (7, entry(7, 10))];
    assert!(matches!(submit(&wal, mixed).await, Err(WalError::OutOfOrder { index: 7, .. })));
    assert!(matches!(append(&wal, 5..6, 1 << 20).await, Err(WalError::TooLarge { .. })));
    assert_eq!(read_all(&wal).await, entries(3..5, 10));
    append(&wal, 5..6, 10).await.unwrap();
}

#[tokio::test]
async fn purging_past_the_end_lets_the_log_go_on_there() {
    let machine = Runtime::simulated(1, 0);
    let wal = open(&machine).await;
    append(&wal, 0..5, 10).await.unwrap();
    wal.purge(GROUP, 99, Bytes::from_static(b"99")).await.unwrap();
    assert!(matches!(append(&wal, 5..6, 10).await, Err(WalError::OutOfOrder { expected: 100, .. })));
    append(&wal, 100..102, 10).await.unwrap();
    let wal = power_cut(&machine, wal).await;
    let state = wal.state(GROUP);
    assert_eq!(state.purged, Some((99, Bytes::from_static(b"99"))));
    assert_eq!((state.first, state.last), (Some(100), Some(101)));
    assert_eq!(read_all(&wal).await, entries(100..102, 10));
}

#[tokio::test]
async fn purged_segments_are_recycled_and_their_old_frames_stay_dead() {
    let machine = Runtime::simulated(1, 0);
    let mut wal = open(&machine).await;
    wal.save_vote(GROUP, Bytes::from_static(b"vote")).await.unwrap();
    wal.save_vote(GroupId(7), Bytes::from_static(b"other")).await.unwrap();
    let mut next = 0;
    for round in 0..12u64 {
        append(&wal, next..next + 10, 3000).await.unwrap();
        for index in next + 10..next + 20 {
            append(&wal, index..index + 1, 3000).await.unwrap();
        }
        next += 20;
        wal.purge(GROUP, next - 3, Bytes::from(round.to_string())).await.unwrap();
        assert!(files(&machine, ".wal").len() <= 3 && files(&machine, ".free").len() <= 1);
        if round % 3 == 2 {
            wal = power_cut(&machine, wal).await;
            assert_eq!(read_all(&wal).await, entries(next - 2..next, 3000));
            assert_eq!(wal.vote(GROUP).unwrap(), "vote");
            assert_eq!(wal.vote(GroupId(7)).unwrap(), "other");
        }
    }
    assert!(!files(&machine, ".wal").contains(&"00000000000000000001.wal".to_owned()));
    assert!(wal.state(GROUP).bytes_on_disk < 3 * (64 << 10));
}

#[tokio::test]
async fn a_failed_sync_poisons_the_log_for_good() {
    let machine = Runtime::simulated(1, 0);
    let wal = open(&machine).await;
    append(&wal, 0..3, 10).await.unwrap();
    machine.disk.fail(DIR, SimFault::Sync);
    let first = submit(&wal, entries(3..4, 10)).await.unwrap();
    let error = append(&wal, 4..5, 10).await.unwrap_err();
    assert!(matches!(error, WalError::Poisoned { .. }), "{error}");
    assert!(matches!(first.await.unwrap(), Err(WalError::Poisoned { .. })));
    machine.disk.clear_faults();
    assert!(wal.poisoned().await.to_string().contains("sync"));
    assert!(matches!(append(&wal, 5..6, 10).await, Err(WalError::Poisoned { .. })));
    assert!(matches!(wal.save_vote(GROUP, Bytes::new()).await, Err(WalError::Poisoned { .. })));
    assert!(matches!(wal.shutdown().await, Err(WalError::Poisoned { .. })));
}

#[tokio::test]
async fn what_a_new_start_gives_survives_even_if_its_sync_had_failed_before() {
    let machine = Runtime::simulated(1, 0);
    let wal = open(&machine).await;
    append(&wal, 0..3, 10).await.unwrap();
    machine.disk.fail(DIR, SimFault::Sync);
    append(&wal, 3..5, 10).await.unwrap_err();
    machine.disk.clear_faults();
    machine.disk.kill();
    drop(wal);
    // The machine went on, so the unsynced frame reads well: it counts now.
    let wal = open(&machine).await;
    let found = read_all(&wal).await;
    assert_eq!(found, entries(0..5, 10));
    let wal = power_cut(&machine, wal).await;
    assert_eq!(read_all(&wal).await, found);
}

#[tokio::test]
async fn a_full_disk_poisons_and_loses_nothing_acknowledged() {
    let machine = Runtime::simulated(1, 0);
    let wal = open(&machine).await;
    machine.disk.set_capacity(100 << 10);
    let mut next = 0;
    let error = loop {
        match append(&wal, next..next + 1, 3000).await {
            Ok(()) => next += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, WalError::Poisoned { .. }), "{error}");
    assert!(next > 10);
    machine.disk.set_capacity(u64::MAX);
    let wal = power_cut(&machine, wal).await;
    assert_eq!(read_all(&wal).await, entries(0..next, 3000));
    append(&wal, next..next + 20, 3000).await.unwrap();
}

#[tokio::test]
async fn two_owners_are_refused() {
    let machine = Runtime::simulated(1, 0);
    let wal = open(&machine).await;
    assert!(matches!(try_open(&machine).await, Err(WalError::Io { op: "lock", .. })));
    wal.shutdown().await.unwrap();
    open(&machine).await;
}

#[tokio::test]
async fn a_log_that_is_dropped_tells_those_who_wait() {
    let machine = Runtime::simulated(1, 0);
    let wal = open(&machine).await;
    let wait = submit(&wal, entries(0..1, 10)).await.unwrap();
    drop(wal);
    assert!(matches!(wait.await.unwrap(), Err(WalError::Closed)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_writers_on_a_real_disk_find_all_they_wrote() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("wal");
    let options = WalOptions { segment_bytes: 1 << 20, cache_bytes: 10_000, ..small() };
    let (wal, _) = Wal::open(Runtime::real(2), &path, options.clone()).await.unwrap();
    let writers = (0..4).map(|group| {
        let wal = wal.clone();
        tokio::spawn(async move {
            for index in 0..100 {
                let (done, wait) = oneshot::channel();
                let done = Box::new(move |result| done.send(result).unwrap_or(()));
                wal.append(GroupId(group), entries(index..index + 1, 2000), done).await.unwrap();
                wait.await.unwrap().unwrap();
                let upto = index.saturating_sub(1)..index + 1;
                assert_eq!(
                    wal.read(GroupId(group), upto.clone(), usize::MAX).await.unwrap(),
                    entries(upto, 2000)
                );
                if index == 60 {
                    wal.purge(GroupId(group), 50, Bytes::new()).await.unwrap();
                }
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    wal.shutdown().await.unwrap();
    drop(wal);
    let (wal, _) = Wal::open(Runtime::real(2), &path, options).await.unwrap();
    for group in 0..4 {
        let found = wal.read(GroupId(group), 0..u64::MAX, usize::MAX).await.unwrap();
        assert_eq!(found, entries(51..100, 2000));
    }
}

#[test]
fn an_entry_written_late_never_stands_for_the_one_that_took_its_index() {
    let mut state = State::default();
    let append = |byte: u8| Change::Append { index: 0, bytes: Bytes::from(vec![byte; 9]), at: 0 };
    let location = Location { segment: 1, epoch: 1, sequence: 1, frame: 4096, frame_len: 100, at: 17 };
    state.apply(GROUP, &[append(1)]).unwrap();
    state.apply(GROUP, &[Change::Truncate { next: 0 }]).unwrap();
    state.apply(GROUP, &[append(2)]).unwrap();
    // The first one reaches the disk only now.
    state.settle(GROUP, 0, 1, location);
    state.evict(0);
    let slot = state.groups[&GROUP].slot(0).unwrap();
    assert_eq!((slot.location, slot.bytes.as_deref()), (None, Some(&[2; 9][..])));
}

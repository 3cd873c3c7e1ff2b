//! What a drive promises, seen from outside, on a simulated disk.
#![allow(clippy::unwrap_used, clippy::panic, clippy::cast_possible_truncation)]

mod machine;

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use machine::{DIR, Machine, cells, header, name, soon};
use mucura_chunks::{BufferPool, ChunkError, Drive, DriveOptions, DriveState, ReportKind};
use mucura_runtime::{Disk, OpenMode, RealDisk, Runtime, SimFault, Space, Unsynced, read_file};
use mucura_types::{DriveId, SiteId, StoreId};

const LEN: u64 = 300_000;

#[tokio::test]
async fn what_was_written_reads_back_in_any_range() {
    let machine = Machine::new(1).await;
    let drive = machine.open().await;
    machine.write(&drive, name(1, 0), LEN).await.unwrap();
    let all = cells(name(1, 0), LEN);
    let len = all.len() as u64;
    for range in [0..len, 0..0, 5..6, 65_535..65_537, 70_000..len, len..len] {
        let read = drive.read(name(1, 0), range.clone(), soon()).await.unwrap();
        assert_eq!(read, all[range.start as usize..range.end as usize]);
    }
    drive.verify(name(1, 0)).await.unwrap();
    assert_eq!(drive.header(name(1, 0)).await.unwrap(), header(name(1, 0), LEN));
    for range in [0..len + 1, len + 1..len + 2, 0..u64::MAX] {
        assert!(matches!(drive.read(name(1, 0), range, soon()).await, Err(ChunkError::Invalid { .. })));
    }
    assert!(matches!(drive.read(name(2, 0), 0..1, soon()).await, Err(ChunkError::NotFound { .. })));
}

#[tokio::test]
async fn a_whole_shard_is_never_written_over() {
    let machine = Machine::new(2).await;
    let drive = machine.open().await;
    machine.write(&drive, name(1, 0), LEN).await.unwrap();
    assert!(matches!(machine.write(&drive, name(1, 0), LEN).await, Err(ChunkError::Exists { .. })));
    assert!(matches!(machine.write(&drive, name(1, 0), LEN + 1).await, Err(ChunkError::Invalid { .. })));
    drive.verify(name(1, 0)).await.unwrap();
}

#[tokio::test]
async fn an_unfinished_write_is_invisible_and_leaves_nothing() {
    let machine = Machine::new(3).await;
    let drive = machine.open().await;
    let shard = name(1, 0);
    let all = cells(shard, LEN);
    let begun = || async {
        let mut write = drive.begin_write(header(shard, LEN)).await.unwrap();
        write.write(all.slice(..1000)).await.unwrap();
        write
    };
    let write = begun().await;
    assert!(!drive.contains(shard).await.unwrap());
    assert!(matches!(drive.begin_write(header(shard, LEN)).await, Err(ChunkError::Busy { .. })));
    assert!(matches!(drive.remove(shard).await, Err(ChunkError::Busy { .. })));
    write.abort().await;
    assert_eq!(machine.files(), 0);

    drop(begun().await);
    drive.stats().await;
    assert_eq!(machine.files(), 0);

    assert!(matches!(begun().await.finish().await, Err(ChunkError::Invalid { .. })));
    assert_eq!(machine.files(), 0);

    let mut write = begun().await;
    assert!(matches!(write.write(all.clone()).await, Err(ChunkError::Invalid { .. })));
    assert!(matches!(write.write(all.slice(..1)).await, Err(ChunkError::Invalid { .. })));
    assert_eq!(machine.files(), 0);

    // The name is free again.
    machine.write(&drive, shard, LEN).await.unwrap();
    drive.verify(shard).await.unwrap();
}

#[tokio::test]
async fn a_rotten_shard_goes_into_quarantine_and_is_reported_and_can_be_written_anew() {
    let machine = Machine::new(4).await;
    let drive = machine.open().await;
    // In a cell, in the header, in the hash table, in the trailer.
    for (counter, from_end) in [(1, 70_000), (2, 150_000 + 300), (3, 100), (4, 10)] {
        let shard = name(counter, 1);
        machine.write(&drive, shard, LEN).await.unwrap();
        let path = machine.path_of(shard);
        let len = machine.sim.disk.open(&path, OpenMode::Read).unwrap().len().unwrap();
        machine.sim.disk.flip(&path, len - from_end, 0x10).unwrap();
        match drive.verify(shard).await {
            Err(ChunkError::Corrupt { shard: bad, .. }) => assert_eq!(bad, shard),
            other => panic!("{other:?}"),
        }
        let reports = drive.take_reports().reports;
        assert_eq!(reports.len(), 1);
        assert_eq!((reports[0].shard, reports[0].kind), (shard, ReportKind::Corrupt));
        assert!(!drive.contains(shard).await.unwrap());
        assert!(matches!(drive.read(shard, 0..1, soon()).await, Err(ChunkError::NotFound { .. })));
        machine.write(&drive, shard, LEN).await.unwrap();
        drive.verify(shard).await.unwrap();
    }
    assert_eq!(drive.stats().await.quarantined, 4);
    assert_eq!(drive.state(), DriveState::Online);
}

#[tokio::test]
async fn rot_under_an_open_shard_is_found_by_the_read_that_touches_it() {
    let machine = Machine::new(5).await;
    let drive = machine.open().await;
    let shard = name(1, 0);
    machine.write(&drive, shard, LEN).await.unwrap();
    drive.read(shard, 0..1, soon()).await.unwrap();
    machine.sim.disk.flip(&machine.path_of(shard), 100_000, 1).unwrap();
    drive.read(shard, 0..1, soon()).await.unwrap();
    assert!(matches!(drive.read(shard, 99_000..100_000, soon()).await, Err(ChunkError::Corrupt { .. })));
    assert!(matches!(drive.read(shard, 0..1, soon()).await, Err(ChunkError::NotFound { .. })));
}

#[tokio::test]
async fn a_shard_in_the_place_of_another_is_not_served_as_that() {
    let machine = Machine::new(6).await;
    let drive = machine.open().await;
    for position in [0, 1] {
        machine.write(&drive, name(1, position), LEN).await.unwrap();
    }
    machine.sim.disk.rename(&machine.path_of(name(1, 1)), &machine.path_of(name(1, 0))).unwrap();
    assert!(matches!(drive.read(name(1, 0), 0..1, soon()).await, Err(ChunkError::Corrupt { .. })));
    assert!(matches!(drive.read(name(1, 1), 0..1, soon()).await, Err(ChunkError::NotFound { .. })));
    let kinds: Vec<ReportKind> = drive.take_reports().reports.iter().map(|report| report.kind).collect();
    assert_eq!(kinds, [ReportKind::Corrupt, ReportKind::Missing]);
}

#[tokio::test]
async fn a_full_drive_takes_no_shards_but_reads_and_removes() {
    let machine = Machine::new(7).await;
    let drive = machine.open().await;
    machine.write(&drive, name(1, 0), LEN).await.unwrap();
    machine.sim.disk.set_capacity(250_000);
    assert!(matches!(machine.write(&drive, name(2, 0), LEN).await, Err(ChunkError::NoSpace { .. })));
    assert_eq!(drive.state(), DriveState::Full);
    assert_eq!(machine.files(), 1);
    drive.verify(name(1, 0)).await.unwrap();
    drive.remove(name(1, 0)).await.unwrap();
    machine.write(&drive, name(2, 0), LEN).await.unwrap();
    assert_eq!(drive.state(), DriveState::Online);
}

#[tokio::test]
async fn no_shard_goes_into_the_reserve() {
    let machine = Machine::new(20).await;
    let used = |space: Space| space.total - space.free;
    let before = used(machine.sim.disk.space(Path::new(DIR)).unwrap());
    // Room for the shard, and for the reserve, but not for both.
    machine.sim.disk.set_capacity(before + 250_000);
    let options = DriveOptions { reserve_bytes: Some(200_000), ..machine.options() };
    let drive = Drive::open(&machine.sim.runtime, Path::new(DIR), machine.store, options).await.unwrap();
    assert!(matches!(machine.write(&drive, name(1, 0), LEN).await, Err(ChunkError::NoSpace { .. })));
    assert_eq!((drive.state(), machine.files()), (DriveState::Full, 0));
    drop(drive);
    // It was the reserve that stood in the way, not the disk.
    machine.write(&machine.open().await, name(1, 0), LEN).await.unwrap();
}

#[tokio::test]
async fn a_write_that_meets_the_end_of_the_space_leaves_nothing() {
    let machine = Machine::new(8).await;
    let drive = machine.open().await;
    let mut write = drive.begin_write(header(name(1, 0), LEN)).await.unwrap();
    // Somebody else takes the space meanwhile.
    machine.sim.disk.set_capacity(100_000);
    let result = write.write(cells(name(1, 0), LEN)).await;
    assert!(matches!(result, Err(ChunkError::NoSpace { .. })));
    assert_eq!(machine.files(), 0);
    assert_eq!(drive.state(), DriveState::Full);
}

#[tokio::test]
async fn an_io_error_takes_the_drive_out_of_service_and_opening_it_again_brings_it_back() {
    let machine = Machine::new(9).await;
    for fault in [SimFault::Read, SimFault::Write, SimFault::Sync] {
        let drive = machine.open().await;
        let (old, new) = (name(1, 0), name(2, 0));
        let there = drive.contains(old).await.unwrap();
        if !there {
            machine.write(&drive, old, LEN).await.unwrap();
        }
        machine.sim.disk.fail(Path::new(DIR).join("shards"), fault);
        let result = match fault {
            SimFault::Read => drive.verify(old).await,
            _ => machine.write(&drive, new, LEN).await,
        };
        assert!(matches!(result, Err(ChunkError::Failed { .. })), "{result:?}");
        assert!(matches!(drive.state(), DriveState::Failed { .. }));
        machine.sim.disk.clear_faults();
        for result in [
            drive.verify(old).await,
            drive.remove(old).await,
            machine.write(&drive, new, LEN).await,
            drive.contains(old).await.map(drop),
            drive.list(None, 1).await.map(drop),
        ] {
            assert!(matches!(result, Err(ChunkError::Failed { .. })));
        }
        drop(drive);
        let drive = machine.open().await;
        assert!(!drive.contains(new).await.unwrap(), "{fault:?}");
        drive.verify(old).await.unwrap();
    }
}

#[tokio::test]
async fn a_directory_that_is_not_the_expected_drive_is_refused() {
    let machine = Machine::new(10).await;
    let runtime = &machine.sim.runtime;
    let open = |dir: &'static str, store| Drive::open(runtime, Path::new(dir), store, machine.options());
    let other = StoreId([9; 16]);
    assert!(matches!(open("/nothing", machine.store).await.err(), Some(ChunkError::NotFormatted { .. })));
    assert!(matches!(open(DIR, other).await.err(), Some(ChunkError::WrongDrive { .. })));
    let held = machine.open().await;
    assert!(matches!(open(DIR, machine.store).await.err(), Some(ChunkError::InUse { .. })));
    drop(held);
    open(DIR, machine.store).await.unwrap();
}

#[tokio::test]
async fn a_drive_whose_directory_is_gone_has_failed_and_is_not_empty() {
    let gone = |seed| async move {
        let machine = Machine::new(seed).await;
        let drive = machine.open().await;
        machine.write(&drive, name(1, 0), LEN).await.unwrap();
        machine.sim.disk.remove_dir_all(Path::new(DIR)).unwrap();
        (machine, drive)
    };
    let (_, drive) = gone(11).await;
    assert!(matches!(drive.read(name(1, 0), 0..1, soon()).await, Err(ChunkError::Failed { .. })));
    let (machine, drive) = gone(12).await;
    assert!(matches!(machine.write(&drive, name(2, 0), LEN).await, Err(ChunkError::Failed { .. })));
    let (_, drive) = gone(13).await;
    assert!(matches!(drive.stats().await.state, DriveState::Failed { .. }));
    let (_, drive) = gone(14).await;
    assert!(matches!(drive.remove(name(1, 0)).await, Err(ChunkError::Failed { .. })));
}

#[tokio::test]
async fn pages_list_every_shard_once() {
    let machine = Machine::new(15).await;
    let drive = machine.open().await;
    for counter in 0..10 {
        machine.write(&drive, name(counter, (counter % 3) as u8), 100).await.unwrap();
    }
    let drive = machine.reopen(drive).await;
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = drive.list(after, 3).await.unwrap();
        all.extend(page.shards);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(all, (0..10).map(|counter| name(counter, (counter % 3) as u8)).collect::<Vec<_>>());
    assert_eq!(drive.stats().await.shards, 10);
}

#[tokio::test]
async fn after_a_kill_only_whole_shards_are_listed_and_these_then_survive_a_power_cut() {
    let machine = Machine::new(16).await;
    let drive = machine.open().await;
    let (whole, torn) = (name(1, 0), name(2, 0));
    machine.write(&drive, whole, LEN).await.unwrap();
    let mut write = drive.begin_write(header(torn, LEN)).await.unwrap();
    write.write(cells(torn, LEN)).await.unwrap();
    machine.sim.disk.kill();
    drop((write, drive));

    // As if the process had been killed between the trailer and the sync.
    let unsynced = name(3, 0);
    let bytes = {
        let other = Machine::new(17).await;
        let drive = other.open().await;
        other.write(&drive, unsynced, LEN).await.unwrap();
        read_file(&other.sim.disk, &other.path_of(unsynced), 1 << 20).unwrap()
    };
    machine
        .sim
        .disk
        .open(&machine.path_of(unsynced), OpenMode::CreateNew)
        .unwrap()
        .write_at(&bytes, 0)
        .unwrap();

    let drive = machine.open().await;
    assert_eq!(drive.list(None, 10).await.unwrap().shards, [whole, unsynced]);
    assert_eq!(drive.take_reports().reports[0].kind, ReportKind::Torn);
    machine.sim.disk.crash(Unsynced::Lost);
    machine.sim.disk.restart();
    drop(drive);
    let drive = machine.open().await;
    drive.verify(whole).await.unwrap();
    drive.verify(unsynced).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_read_waits_for_memory_no_longer_than_its_deadline() {
    let machine = Machine::new(18).await;
    let drive = machine.open().await;
    machine.write(&drive, name(1, 0), LEN).await.unwrap();
    let held = machine.pool.acquire(machine.pool.budget(), soon()).await.unwrap();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(1);
    assert!(matches!(drive.read(name(1, 0), 0..1, deadline).await, Err(ChunkError::Busy { .. })));
    drop(held);
    drive.read(name(1, 0), 0..1, soon()).await.unwrap();
}

/// Many writers at once on a real disk, on threads: names, syncs and the
/// inventory agree at the end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_writers_and_readers_do_not_disturb_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let runtime = Runtime::real(4);
    let identity = Drive::format(&runtime, dir.path(), SiteId(1), DriveId(1), 0).await.unwrap();
    let options = DriveOptions { pool: BufferPool::new(16 << 20), reserve_bytes: Some(0) };
    let drive = Drive::open(&runtime, dir.path(), identity.store, options).await.unwrap();
    let tasks: Vec<_> = (0..12)
        .map(|counter| {
            let drive = drive.clone();
            tokio::spawn(async move {
                // Every name is tried by two: one wins, the other is told so.
                let shard = name(counter / 2, 0);
                let result = drive.write_whole(header(shard, LEN), vec![cells(shard, LEN)]).await;
                match result {
                    Ok(()) => drive.read(shard, 0..LEN / 2, soon()).await.map(|_| 1),
                    Err(ChunkError::Busy { .. } | ChunkError::Exists { .. }) => Ok(0),
                    Err(error) => Err(error),
                }
            })
        })
        .collect();
    let mut won = 0;
    for task in tasks {
        won += task.await.unwrap().unwrap();
    }
    assert_eq!(won, 6);
    assert_eq!(drive.list(None, 100).await.unwrap().shards.len(), 6);
    drive.close().await.unwrap();
    assert_eq!(RealDisk.list(&dir.path().join("shards")).unwrap().len(), 6);
}

/// The disk format: `docs/formats/shard.md`.
#[tokio::test]
async fn golden_shard_file() {
    let machine = Machine::new(19).await;
    let drive = machine.open().await;
    let shard = name(0x2b, 1);
    let body: Vec<u8> = (0..70_016u32).map(|i| (i % 251) as u8).collect();
    let header = header(shard, 140_001);
    assert_eq!(header.layout.shard_len(), body.len() as u64);
    drive.write_whole(header.clone(), vec![Bytes::from(body.clone())]).await.unwrap();
    let written = read_file(&machine.sim.disk, &machine.path_of(shard), 1 << 20).unwrap();

    // The cells are left out of the fixture: it is head, then tail.
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/shard-v1.bin");
    let head = written.windows(body.len()).position(|window| window == body).unwrap();
    let without_cells = [&written[..head], &written[head + body.len()..]].concat();
    if std::env::var_os("MUCURA_WRITE_GOLDEN").is_some() {
        RealDisk.open(&golden, OpenMode::Truncate).unwrap().write_at(&without_cells, 0).unwrap();
    }
    assert_eq!(without_cells, read_file(&RealDisk, &golden, 1 << 20).unwrap());
    assert_eq!(drive.header(shard).await.unwrap(), header);
}

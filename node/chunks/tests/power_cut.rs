//! A drive against a small model, with the power cut at every operation of its
//! disk in turn.
#![allow(clippy::unwrap_used, clippy::panic)]

mod machine;

use std::collections::BTreeMap;
use std::path::Path;

use machine::{DIR, Machine, cells, header, name, soon};
use mucura_chunks::{ChunkError, Drive, ShardName, ShardWrite};
use mucura_runtime::{Runtime, Unsynced};
use mucura_types::{DriveId, SiteId};
use proptest::prelude::*;

#[derive(Clone, Copy, Debug)]
enum Step {
    /// A whole write, acknowledged.
    Write(u64),
    /// A write that is begun and gets half of its bytes.
    Begin(u64),
    /// All begun writes are dropped.
    DropBegun,
    Remove(u64),
    /// A byte rots and a scrub comes by.
    Rot(u64),
    /// An orderly stop and a start.
    Restart,
    /// The process is killed and starts again.
    Kill,
}

/// What may be said of a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It was acknowledged: it must be there.
    Stored,
    /// There or not, but whole if there.
    Open,
    /// Once rotten: there or not, and never served wrong.
    Rotten,
}

const NAMES: u64 = 4;

/// Some shards fill a few sectors, one is long enough to be synced twice.
fn len(counter: u64) -> u64 {
    if counter == 0 { 600_000 } else { 900 * counter }
}

fn shard(counter: u64) -> ShardName {
    name(counter, u8::try_from(counter % 3).unwrap())
}

/// Runs the steps until they are done or the power is gone.
async fn play(machine: &Machine, steps: &[Step], fates: &mut BTreeMap<u64, Fate>) -> Result<(), ChunkError> {
    let mut drive = machine.try_open().await?;
    let mut begun: Vec<ShardWrite> = Vec::new();
    for step in steps {
        match *step {
            Step::Write(n) => {
                fates.entry(n).or_insert(Fate::Open);
                match machine.write(&drive, shard(n), len(n)).await {
                    Ok(()) | Err(ChunkError::Exists { .. }) => {
                        if fates[&n] != Fate::Rotten {
                            fates.insert(n, Fate::Stored);
                        }
                    }
                    Err(ChunkError::Busy { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
            Step::Begin(n) => match drive.begin_write(header(shard(n), len(n))).await {
                Ok(mut write) => {
                    fates.entry(n).or_insert(Fate::Open);
                    let all = cells(shard(n), len(n));
                    write.write(all.slice(..all.len() / 2)).await?;
                    begun.push(write);
                }
                Err(ChunkError::Busy { .. } | ChunkError::Exists { .. }) => {}
                Err(error) => return Err(error),
            },
            Step::DropBegun => begun.clear(),
            Step::Remove(n) => {
                let fate = fates.get(&n).copied();
                if fate == Some(Fate::Stored) {
                    fates.insert(n, Fate::Open);
                }
                match drive.remove(shard(n)).await {
                    Ok(()) | Err(ChunkError::NotFound { .. } | ChunkError::Busy { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
            Step::Rot(n) => {
                if drive.contains(shard(n)).await? {
                    fates.insert(n, Fate::Rotten);
                    machine.sim.disk.flip(&machine.path_of(shard(n)), 200, 1).unwrap();
                    match drive.verify(shard(n)).await {
                        Err(ChunkError::Corrupt { .. }) => {}
                        Err(error) => return Err(error),
                        Ok(()) => panic!("rot was not found"),
                    }
                }
            }
            Step::Restart => {
                drive.close().await?;
                begun.clear();
                drop(drive);
                drive = machine.try_open().await?;
            }
            Step::Kill => {
                machine.sim.disk.kill();
                begun.clear();
                drop(drive);
                drive = machine.try_open().await?;
            }
        }
    }
    Ok(())
}

/// What is on the drive agrees with what was promised.
async fn check(drive: &Drive, fates: &BTreeMap<u64, Fate>) {
    for (&n, &fate) in fates {
        let there = drive.contains(shard(n)).await.unwrap();
        assert!(there || fate != Fate::Stored, "acknowledged shard {n} is gone");
        if !there {
            continue;
        }
        match drive.verify(shard(n)).await {
            Ok(()) => {
                let all = cells(shard(n), len(n));
                let read = drive.read(shard(n), 0..all.len() as u64, soon()).await.unwrap();
                assert!(read == all, "shard {n} has other bytes");
            }
            Err(ChunkError::Corrupt { .. }) if fate == Fate::Rotten => {}
            Err(error) => panic!("shard {n}, {fate:?}: {error}"),
        }
    }
    for listed in drive.list(None, 100).await.unwrap().shards {
        assert!(drive.contains(listed).await.unwrap());
    }
}

async fn cut_everywhere(seed: u64, steps: &[Step], unsynced: Unsynced) {
    for at in 1.. {
        let machine = Machine::new(seed.wrapping_add(at)).await;
        let mut fates = BTreeMap::new();
        machine.sim.disk.crash_at(at, unsynced);
        let result = play(&machine, steps, &mut fates).await;
        let finished = !machine.sim.disk.is_down();
        if finished {
            result.unwrap();
            machine.sim.disk.crash(unsynced);
        }
        machine.sim.disk.restart();
        let drive = machine.open().await;
        check(&drive, &fates).await;

        // Life goes on: every name can be written, and then survives the worst.
        for n in 0..NAMES {
            match machine.write(&drive, shard(n), len(n)).await {
                Ok(()) | Err(ChunkError::Exists { .. }) => {}
                Err(error) => panic!("shard {n} cannot be written: {error}"),
            }
            fates.entry(n).or_insert(Fate::Stored);
        }
        machine.sim.disk.crash(Unsynced::Lost);
        machine.sim.disk.restart();
        check(&machine.open().await, &fates).await;
        if finished {
            break;
        }
    }
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..NAMES).prop_map(Step::Write),
        3 => (0..NAMES).prop_map(Step::Begin),
        2 => Just(Step::DropBegun),
        2 => (0..NAMES).prop_map(Step::Remove),
        1 => (0..NAMES).prop_map(Step::Rot),
        1 => Just(Step::Restart),
        1 => Just(Step::Kill),
    ]
}

fn block_on(work: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
        .block_on(work);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn finished_shards_survive_a_power_cut_and_unfinished_ones_are_never_seen(
        seed: u64, steps in proptest::collection::vec(step(), 1..12), partly: bool
    ) {
        let unsynced = if partly { Unsynced::Partly } else { Unsynced::Lost };
        block_on(cut_everywhere(seed, &steps, unsynced));
    }
}

/// What a random walk finds seldom: a torn file whose name was made durable by
/// another's directory sync, removed, with a clean mark set after.
#[test]
fn a_removed_torn_file_does_not_come_back_as_a_shard_after_a_clean_stop() {
    let steps = [Step::Begin(0), Step::Write(1), Step::DropBegun, Step::Restart, Step::Write(2)];
    for unsynced in [Unsynced::Lost, Unsynced::Partly] {
        block_on(cut_everywhere(7, &steps, unsynced));
    }
}

/// The system writes what is not synced in any order: the trailer may survive a
/// power cut that the cells do not.
#[test]
fn a_trailer_that_overtook_its_cells_makes_no_shard() {
    block_on(async {
        for seed in 0..150 {
            let machine = Machine::new(seed).await;
            let drive = machine.open().await;
            // An equal shard tells how many operations it takes.
            let n = seed % 2;
            let before = machine.sim.disk.operations();
            machine.write(&drive, name(77, 0), len(n)).await.unwrap();
            let operations = machine.sim.disk.operations() - before;
            drive.remove(name(77, 0)).await.unwrap();
            // The last syncs the directory, the one before it the file.
            machine.sim.disk.crash_at(operations - 1, Unsynced::Partly);
            machine.write(&drive, shard(n), len(n)).await.unwrap_err();
            machine.sim.disk.restart();
            check(&machine.open().await, &BTreeMap::from([(n, Fate::Open)])).await;
        }
    });
}

#[test]
fn a_power_cut_during_formatting_leaves_a_drive_or_none() {
    block_on(async {
        for at in 1.. {
            let sim = Runtime::simulated(at, 0);
            let format = || Drive::format(&sim.runtime, Path::new(DIR), SiteId(1), DriveId(4), 1);
            sim.disk.crash_at(at, Unsynced::Partly);
            let finished = format().await.is_ok();
            sim.disk.crash(Unsynced::Partly);
            sim.disk.restart();
            match Drive::identify(&sim.runtime, Path::new(DIR)).await {
                Ok(identity) => assert_eq!(identity.drive, DriveId(4)),
                Err(ChunkError::NotFormatted { .. }) => {
                    assert!(!finished);
                    format().await.unwrap();
                }
                Err(error) => panic!("{error}"),
            }
            let store = Drive::identify(&sim.runtime, Path::new(DIR)).await.unwrap().store;
            let options = mucura_chunks::DriveOptions {
                pool: mucura_chunks::BufferPool::new(1 << 20),
                reserve_bytes: Some(0),
            };
            Drive::open(&sim.runtime, Path::new(DIR), store, options).await.unwrap();
            if finished {
                break;
            }
        }
    });
}

//! A drive against a small model, with the power cut, or the process killed, at
//! every operation of its disk in turn.
#![allow(clippy::unwrap_used, clippy::panic)]

mod machine;

use std::collections::{BTreeMap, BTreeSet};
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
    /// All begun writes get the rest and are acknowledged.
    Finish,
    /// The oldest begun write is given up.
    Abort,
    /// All begun writes are dropped.
    DropBegun,
    Remove(u64),
    /// All is listed and read; what is found is durable from then on.
    Look,
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
    /// No write of it ever came to its end: it must not be there.
    Begun,
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

/// It was acknowledged, or found to be there and durable.
fn promise(fates: &mut BTreeMap<u64, Fate>, n: u64) {
    // A file that rotted may be taken for the shard as long as nobody reads it.
    if fates.get(&n) != Some(&Fate::Rotten) {
        fates.insert(n, Fate::Stored);
    }
}

/// A write of it may come to its end from now on.
fn attempt(fates: &mut BTreeMap<u64, Fate>, n: u64) {
    let fate = fates.entry(n).or_insert(Fate::Open);
    if *fate == Fate::Begun {
        *fate = Fate::Open;
    }
}

/// Runs the steps until they are done or the power is gone.
async fn play(machine: &Machine, steps: &[Step], fates: &mut BTreeMap<u64, Fate>) -> Result<(), ChunkError> {
    let mut drive = machine.try_open().await?;
    let mut begun: Vec<(u64, ShardWrite)> = Vec::new();
    for step in steps {
        match *step {
            Step::Write(n) => {
                attempt(fates, n);
                match write(machine, &drive, n).await {
                    // A new file, whatever became of the ones before.
                    Ok(()) => drop(fates.insert(n, Fate::Stored)),
                    Err(ChunkError::Exists { .. }) => promise(fates, n),
                    Err(ChunkError::Busy { .. }) => assert!(is_begun(&begun, n)),
                    Err(error) => return Err(error),
                }
            }
            Step::Begin(n) => match drive.begin_write(header(shard(n), len(n))).await {
                Ok(mut write) => {
                    fates.entry(n).or_insert(Fate::Begun);
                    let all = cells(shard(n), len(n));
                    write.write(all.slice(..all.len() / 2)).await?;
                    begun.push((n, write));
                }
                Err(ChunkError::Exists { .. }) => promise(fates, n),
                Err(ChunkError::Busy { .. }) => assert!(is_begun(&begun, n)),
                Err(error) => return Err(error),
            },
            Step::Finish => {
                for (n, mut write) in begun.drain(..) {
                    attempt(fates, n);
                    let all = cells(shard(n), len(n));
                    write.write(all.slice(all.len() / 2..)).await?;
                    write.finish().await?;
                    fates.insert(n, Fate::Stored);
                }
            }
            Step::Abort if begun.is_empty() => {}
            Step::Abort => begun.remove(0).1.abort().await,
            Step::DropBegun => begun.clear(),
            Step::Remove(n) => {
                let fate = fates.get(&n).copied();
                if fate == Some(Fate::Stored) {
                    fates.insert(n, Fate::Open);
                }
                match drive.remove(shard(n)).await {
                    Ok(()) => assert!(!drive.contains(shard(n)).await?, "shard {n} was removed"),
                    Err(ChunkError::NotFound { .. }) => assert_ne!(fate, Some(Fate::Stored), "shard {n}"),
                    Err(ChunkError::Busy { .. }) => assert!(is_begun(&begun, n)),
                    Err(error) => return Err(error),
                }
            }
            Step::Look => look(&drive, fates).await?,
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

fn is_begun(begun: &[(u64, ShardWrite)], n: u64) -> bool {
    begun.iter().any(|(other, _)| *other == n)
}

/// Odd shards in one go, even ones in pieces.
async fn write(machine: &Machine, drive: &Drive, n: u64) -> Result<(), ChunkError> {
    match n % 2 {
        1 => drive.write_whole(header(shard(n), len(n)), vec![cells(shard(n), len(n))]).await,
        _ => machine.write(drive, shard(n), len(n)).await,
    }
}

/// What is on the drive agrees with what was promised; and what it says now is
/// a promise again. An error is that of the disk.
async fn look(drive: &Drive, fates: &mut BTreeMap<u64, Fate>) -> Result<(), ChunkError> {
    drive.stats().await;
    let mut whole = BTreeSet::new();
    for n in 0..NAMES {
        let fate = fates.get(&n).copied();
        let there = drive.contains(shard(n)).await?;
        assert!(there || fate != Some(Fate::Stored), "acknowledged shard {n} is gone");
        assert!(!there || !matches!(fate, None | Some(Fate::Begun)), "shard {n} was never finished");
        if there {
            promise(fates, n);
        }
        let all = cells(shard(n), len(n));
        match drive.read(shard(n), 0..all.len() as u64, soon()).await {
            Ok(read) => assert!(there && read == all, "shard {n} has other bytes"),
            Err(ChunkError::NotFound { .. }) => assert!(!there, "shard {n} cannot be read"),
            Err(ChunkError::Corrupt { .. }) if fate == Some(Fate::Rotten) => continue,
            Err(error @ ChunkError::Corrupt { .. }) => panic!("shard {n}, {fate:?}: {error}"),
            Err(error) => return Err(error),
        }
        if there {
            whole.insert(shard(n));
            drive.verify(shard(n)).await?;
        }
    }
    let mut listed = BTreeSet::new();
    let mut after = None;
    loop {
        let page = drive.list(after, 3).await?;
        listed.extend(page.shards);
        let Some(next) = page.next else { break };
        after = Some(next);
    }
    // A rotten one that was found now is in quarantine.
    assert_eq!(listed, whole);
    Ok(())
}

/// Ends the steps at every operation, and what follows a little later once more.
async fn cut_everywhere(seed: u64, steps: &[Step], first: Unsynced, second: Unsynced) {
    for at in 1.. {
        let machine = Machine::new(seed.wrapping_add(at)).await;
        let mut fates = BTreeMap::new();
        machine.sim.disk.crash_at(at, first);
        let result = Box::pin(play(&machine, steps, &mut fates)).await;
        let finished = !machine.sim.disk.is_down();
        if finished {
            result.unwrap();
            machine.sim.disk.crash(first);
        }
        machine.sim.disk.restart();
        // The power goes again, while the drive is opened or looked through.
        machine.sim.disk.crash_at(1 + at % 9, second);
        let again = Box::pin(play(&machine, &[Step::Look], &mut fates)).await;
        assert!(again.is_ok() || machine.sim.disk.is_down(), "{again:?}");
        machine.sim.disk.crash(second);
        machine.sim.disk.restart();
        let drive = machine.open().await;
        look(&drive, &mut fates).await.unwrap();

        // Life goes on: every name can be written, and then survives the worst.
        for n in 0..NAMES {
            match write(&machine, &drive, n).await {
                Ok(()) => drop(fates.insert(n, Fate::Stored)),
                Err(ChunkError::Exists { .. }) => promise(&mut fates, n),
                Err(error) => panic!("shard {n} cannot be written: {error}"),
            }
        }
        machine.sim.disk.crash(Unsynced::Lost);
        machine.sim.disk.restart();
        look(&machine.open().await, &mut fates).await.unwrap();
        if finished {
            break;
        }
    }
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..NAMES).prop_map(Step::Write),
        3 => (0..NAMES).prop_map(Step::Begin),
        2 => Just(Step::Finish),
        1 => Just(Step::Abort),
        1 => Just(Step::DropBegun),
        2 => (0..NAMES).prop_map(Step::Remove),
        1 => Just(Step::Look),
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
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(12) })]

    #[test]
    fn finished_shards_survive_a_power_cut_and_unfinished_ones_are_never_seen(
        seed: u64, steps in proptest::collection::vec(step(), 1..14), first in 0usize..3, partly: bool
    ) {
        let first = [Unsynced::Lost, Unsynced::Partly, Unsynced::Kept][first];
        let second = if partly { Unsynced::Partly } else { Unsynced::Lost };
        block_on(cut_everywhere(seed, &steps, first, second));
    }
}

/// What a random walk finds seldom.
#[test]
fn what_is_torn_given_up_or_rotten_is_never_taken_for_a_shard() {
    use Step::{Abort, Begin, DropBegun, Finish, Kill, Look, Remove, Restart, Rot, Write};
    let histories: [&[Step]; 7] = [
        // A torn file whose name was made durable by another's directory sync,
        // removed, with a clean mark set after.
        &[Begin(0), Write(1), DropBegun, Restart, Write(2)],
        // A clean stop with a file that nobody has looked at.
        &[Begin(1), Kill, Restart, Look],
        &[Begin(1), Kill, Write(1), Look],
        &[Begin(1), Look, Abort, Look, Write(1), Remove(1), Write(1)],
        &[Begin(1), DropBegun, Begin(1), Finish, Look],
        &[Write(1), Rot(1), Look, Write(1), Look],
        // Long and short, whole when the process ends.
        &[Begin(0), Begin(1), Begin(2), Finish, Kill, Look],
    ];
    for steps in histories {
        for first in [Unsynced::Partly, Unsynced::Kept] {
            block_on(cut_everywhere(7, steps, first, Unsynced::Lost));
        }
    }
}

/// The system writes what is not synced in any order: the trailer may survive a
/// power cut that the cells do not.
#[test]
fn a_trailer_that_overtook_its_cells_makes_no_shard() {
    block_on(async {
        for seed in 0..150 {
            // Another machine tells how many operations it takes.
            let n = seed % 2;
            let machine = Machine::new(seed).await;
            let drive = machine.open().await;
            let before = machine.sim.disk.operations();
            machine.write(&drive, shard(n), len(n)).await.unwrap();
            let operations = machine.sim.disk.operations() - before;
            let machine = Machine::new(seed).await;
            let drive = machine.open().await;
            // The last syncs the directory, the one before it the file.
            machine.sim.disk.crash_at(operations - 1, Unsynced::Partly);
            machine.write(&drive, shard(n), len(n)).await.unwrap_err();
            machine.sim.disk.restart();
            let mut fates = BTreeMap::from([(n, Fate::Open)]);
            look(&machine.open().await, &mut fates).await.unwrap();
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

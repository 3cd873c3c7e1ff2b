use mucura_runtime::{Disk, OpenMode, Runtime};
use proptest::prelude::*;

use super::super::frame::BLOCK;
use super::*;

fn segment(number: u64) -> std::path::PathBuf {
    Path::new(DIR).join(format!("{number:020}.wal"))
}

/// A log of `groups` frames of one entry each, stopped in order.
async fn log_of(frames: u64) -> Simulated {
    let machine = Runtime::simulated(3, 0);
    let wal = open(&machine).await;
    for index in 0..frames {
        append(&wal, index..index + 1, 3000).await.unwrap();
    }
    wal.shutdown().await.unwrap();
    machine
}

#[tokio::test]
async fn a_damaged_frame_with_good_ones_behind_it_is_refused_and_says_what_to_do() {
    // The third frame of the first segment, while it is the last, and later.
    for frames in [5, 30] {
        let machine = log_of(frames).await;
        let offset = 4 * BLOCK as u64;
        machine.disk.flip(&segment(1), offset + 1000, 4).unwrap();
        let error = try_open(&machine).await.err().unwrap();
        let WalError::Corrupt { path, offset: at, .. } = &error else { panic!("{error}") };
        assert_eq!((path, *at), (&segment(1), offset));
        assert!(error.to_string().contains("join under a new id"), "{error}");
    }
}

#[tokio::test]
async fn a_damaged_last_frame_is_cut_and_never_comes_back() {
    let machine = log_of(5).await;
    let offset = 6 * BLOCK as u64;
    machine.disk.flip(&segment(1), offset + 1000, 4).unwrap();
    let (wal, recovered) = try_open(&machine).await.unwrap();
    assert_eq!(recovered.cut, Some((segment(1), offset)));
    assert_eq!(read_all(&wal).await, entries(0..4, 3000));
    drop(wal);
    tokio::task::yield_now().await;
    machine.disk.kill();
    // The bit flips back: it was cut, on the platter too.
    machine.disk.flip(&segment(1), offset + 1000, 4).unwrap();
    machine.disk.crash(Unsynced::Lost);
    machine.disk.restart();
    let wal = open(&machine).await;
    assert_eq!(read_all(&wal).await, entries(0..4, 3000));
}

#[tokio::test]
async fn a_frame_that_vanished_before_good_ones_is_refused() {
    let machine = log_of(5).await;
    let file = machine.runtime.disk.open(&segment(1), OpenMode::ReadWrite).unwrap();
    file.write_at(&vec![0; BLOCK], 4 * BLOCK as u64).unwrap();
    assert!(matches!(try_open(&machine).await, Err(WalError::Corrupt { .. })));
}

#[tokio::test]
async fn damaged_headers_and_missing_segments_are_refused() {
    let last = files(&log_of(50).await, ".wal").len() as u64;
    assert!(last > 3);
    for number in [1, 2, last] {
        for offset in [0, 8, 20, 40, 79, BLOCK as u64 + 50] {
            let machine = log_of(50).await;
            machine.disk.flip(&segment(number), offset, 1).unwrap();
            let error = try_open(&machine).await.err().unwrap();
            assert!(matches!(error, WalError::Corrupt { .. }), "{number} {offset}: {error}");
        }
    }
    for number in [1, 2] {
        let machine = log_of(50).await;
        machine.runtime.disk.remove_file(&segment(number)).unwrap();
        let error = try_open(&machine).await.err().unwrap();
        assert!(error.to_string().contains("missing"), "{error}");
    }
}

#[tokio::test]
async fn a_segment_of_another_log_is_refused() {
    let (one, other) = (log_of(50).await, Runtime::simulated(4, 0));
    let wal = open(&other).await;
    for index in 0..50 {
        append(&wal, index..index + 1, 3000).await.unwrap();
    }
    let bytes = mucura_runtime::read_file(&other.disk, &segment(2), 1 << 20).unwrap();
    let file = one.runtime.disk.open(&segment(2), OpenMode::Truncate).unwrap();
    file.write_at(&bytes, 0).unwrap();
    assert!(matches!(try_open(&one).await, Err(WalError::Corrupt { .. })));
}

#[tokio::test]
async fn a_frame_of_another_history_never_joins() {
    let machine = log_of(3).await;
    let block = |number: u64| number * BLOCK as u64;
    let mut stale = vec![0; BLOCK];
    let file = machine.disk.open(&segment(1), OpenMode::ReadWrite).unwrap();
    file.read_at(&mut stale, block(4)).unwrap();
    // The last two frames are cut, and the first of them written anew.
    for last in [4, 3] {
        machine.disk.flip(&segment(1), block(last) + 500, 1).unwrap();
        open(&machine).await.shutdown().await.unwrap();
    }
    let wal = open(&machine).await;
    submit(&wal, vec![(1, entry(77, 3000))]).await.unwrap().await.unwrap().unwrap();
    wal.shutdown().await.unwrap();
    drop(wal);
    // What was cut comes back behind it, with the right epoch and number.
    file.write_at(&stale, block(4)).unwrap();
    assert!(matches!(try_open(&machine).await, Err(WalError::Corrupt { .. })));
}

#[tokio::test]
async fn an_entry_that_rots_while_the_log_is_open_is_not_served() {
    let machine = Runtime::simulated(3, 0);
    let wal = open(&machine).await;
    append(&wal, 0..1, 3000).await.unwrap();
    append(&wal, 1..2, 3000).await.unwrap();
    machine.disk.flip(&segment(1), 2 * BLOCK as u64 + 500, 1).unwrap();
    let error = wal.read(GROUP, 0..1, usize::MAX).await.unwrap_err();
    assert!(matches!(error, WalError::Corrupt { .. }), "{error}");
    assert_eq!(wal.read(GROUP, 1..2, usize::MAX).await.unwrap(), entries(1..2, 3000));
}

#[tokio::test]
async fn any_flipped_bit_is_refused_or_cuts_the_last_frame_alone() {
    let whole = entries(0..4, 300);
    for offset in (0..7 * BLOCK as u64).step_by(37) {
        let machine = Runtime::simulated(3, 0);
        let wal = open(&machine).await;
        for index in 0..4 {
            append(&wal, index..index + 1, 300).await.unwrap();
        }
        wal.shutdown().await.unwrap();
        machine.disk.flip(&segment(1), offset, 1 << (offset % 8)).unwrap();
        if let Ok((wal, _)) = try_open(&machine).await {
            let found = read_all(&wal).await;
            assert!(found == whole || found == whole[..3], "offset {offset}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn arbitrary_files_never_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..20_000),
        at in 0..30_000u64,
        number in 1..4u64,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let machine = Runtime::simulated(5, 0);
            machine.runtime.disk.create_dir_all(Path::new(DIR)).unwrap();
            let file = machine.disk.open(&segment(number), OpenMode::CreateNew).unwrap();
            file.write_at(&bytes, 0).unwrap();
            prop_assert!(try_open(&machine).await.is_err());
            // And random bytes over a log that was good.
            let machine = log_of(25).await;
            let file = machine.disk.open(&segment(number.min(2)), OpenMode::ReadWrite).unwrap();
            file.write_at(&bytes, at).unwrap();
            if let Ok((wal, _)) = try_open(&machine).await {
                let found = read_all(&wal).await;
                prop_assert_eq!(&found[..], &entries(0..25, 3000)[..found.len()]);
            }
            Ok(())
        })?;
    }
}

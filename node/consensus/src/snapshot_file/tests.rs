use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use mucura_runtime::{Disk, OpenMode, SimDisk, Unsynced, read_file};
use mucura_types::GroupId;
use proptest::prelude::*;

use super::writer::SnapshotSummary;
use super::*;

const GROUP: GroupId = GroupId(3);
const DIR: &str = "/snap";

fn disk() -> SimDisk {
    let disk = SimDisk::new(1);
    disk.create_dir_all(Path::new(DIR)).unwrap();
    disk.sync_dir(Path::new("/")).unwrap();
    disk
}

fn path(index: u64) -> std::path::PathBuf {
    snapshot_path(Path::new(DIR), GROUP, index)
}

fn write(disk: &SimDisk, index: u64, items: &[SnapshotItem]) -> Result<SnapshotSummary, SnapshotError> {
    let meta = Bytes::from_static(b"begun");
    let mut writer = SnapshotWriter::create(Arc::new(disk.clone()), &path(index), GROUP, meta)?;
    for item in items {
        match item {
            SnapshotItem::Row { key, value } => writer.row(key, value)?,
            SnapshotItem::Redo(redo) => writer.redo(redo)?,
        }
    }
    writer.finish(Bytes::from_static(b"done"))
}

fn row(key: &str, value: &str) -> SnapshotItem {
    SnapshotItem::Row { key: key.to_owned().into(), value: value.to_owned().into() }
}

fn put(key: &str, value: &str) -> SnapshotItem {
    SnapshotItem::Redo(Redo::Put { key: key.to_owned().into(), value: value.to_owned().into() })
}

fn delete(key: &str) -> SnapshotItem {
    SnapshotItem::Redo(Redo::Delete { key: key.to_owned().into() })
}

fn example() -> Vec<SnapshotItem> {
    vec![row("a", "1"), row("b", ""), row("c", "3"), put("b", "2"), delete("a"), put("d", "4"), delete("d")]
}

fn items(disk: &SimDisk, index: u64) -> Result<Vec<SnapshotItem>, SnapshotError> {
    SnapshotReader::open(disk, &path(index))?.items().collect()
}

/// A file with these bytes.
fn plant(disk: &SimDisk, index: u64, bytes: &[u8]) {
    disk.open(&path(index), OpenMode::Truncate).unwrap().write_at(bytes, 0).unwrap();
}

#[test]
fn rows_and_redo_come_back_in_order_with_both_metas() {
    let disk = disk();
    let summary = write(&disk, 7, &example()).unwrap();
    assert_eq!((summary.rows, summary.redo), (3, 4));
    let reader = SnapshotReader::open(&disk, &path(7)).unwrap();
    assert_eq!(
        (reader.group(), &reader.header_meta()[..], &reader.meta()[..]),
        (GROUP, &b"begun"[..], &b"done"[..])
    );
    assert_eq!(reader.verify().unwrap(), summary);
    assert_eq!(items(&disk, 7).unwrap(), example());
    assert_eq!(disk.list(Path::new(DIR)).unwrap().len(), 1);
}

#[test]
fn an_empty_snapshot_is_whole() {
    let disk = disk();
    write(&disk, 7, &[]).unwrap();
    assert_eq!(items(&disk, 7).unwrap(), []);
}

#[test]
fn rows_out_of_order_are_refused() {
    let disk = disk();
    for bad in [[row("b", ""), row("a", "")], [row("a", ""), row("a", "")], [put("a", ""), row("b", "")]] {
        assert!(matches!(write(&disk, 7, &bad), Err(SnapshotError::OutOfOrder { .. })));
    }
    assert_eq!(list_snapshots(&disk, Path::new(DIR), GROUP).unwrap(), []);
}

#[test]
fn many_frames_read_back_and_a_lost_or_moved_frame_is_seen() {
    let disk = disk();
    let big = "x".repeat(200_000);
    let rows: Vec<_> = (0..20).map(|n| row(&format!("{n:02}"), &big)).collect();
    write(&disk, 7, &rows).unwrap();
    assert_eq!(items(&disk, 7).unwrap(), rows);
    // Frames of three rows each: the second and the third change places.
    let bytes = read_file(&disk, &path(7), 1 << 30).unwrap();
    let start = 20 + 5 + 32;
    let frame = 80 + 3 * (8 + 2 + 200_000);
    let (one, two, three) = (start + frame, start + 2 * frame, start + 3 * frame);
    let swapped = [&bytes[..one], &bytes[two..three], &bytes[one..two], &bytes[three..]].concat();
    plant(&disk, 8, &swapped);
    let error = items(&disk, 8).unwrap_err();
    assert!(matches!(error, SnapshotError::Damaged { offset, .. } if offset == one as u64), "{error}");
}

#[test]
fn every_flipped_bit_and_every_cut_is_detected() {
    let disk = disk();
    write(&disk, 7, &example()).unwrap();
    let whole = read_file(&disk, &path(7), 1 << 20).unwrap();
    for at in 0..whole.len() {
        for bit in 0..8 {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << bit;
            plant(&disk, 8, &bytes);
            let error = items(&disk, 8).expect_err(&format!("byte {at}, bit {bit}"));
            assert!(
                matches!(error, SnapshotError::Damaged { .. } | SnapshotError::UnknownFormat { .. }),
                "byte {at}, bit {bit}: {error}"
            );
        }
        plant(&disk, 8, &whole[..at]);
        assert!(matches!(items(&disk, 8), Err(SnapshotError::Damaged { .. })), "cut at {at}");
    }
    plant(&disk, 8, &[&whole[..], b"x"].concat());
    assert!(items(&disk, 8).is_err());
}

#[test]
fn a_snapshot_with_its_name_is_whole_whenever_the_power_went() {
    for unsynced in [Unsynced::Lost, Unsynced::Partly] {
        for n in 1.. {
            let disk = disk();
            disk.crash_at(n, unsynced);
            let done = write(&disk, 7, &example()).is_ok();
            disk.crash(unsynced);
            disk.restart();
            let listed = list_snapshots(&disk, Path::new(DIR), GROUP).unwrap();
            assert!(!done || listed.len() == 1, "a finished snapshot is gone");
            for entry in listed {
                assert_eq!(items(&disk, entry.index).unwrap(), example());
            }
            remove_unfinished_snapshots(&disk, Path::new(DIR)).unwrap();
            assert!(disk.list(Path::new(DIR)).unwrap().iter().all(|entry| entry.name.ends_with(".snap")));
            if done {
                assert!(n > 5);
                break;
            }
        }
    }
}

#[test]
fn the_newest_are_kept_and_other_groups_left_alone() {
    let disk = disk();
    for index in [5, 100, 20, 3] {
        write(&disk, index, &example()).unwrap();
    }
    let other = snapshot_path(Path::new(DIR), GroupId(30), 1);
    SnapshotWriter::create(Arc::new(disk.clone()), &other, GroupId(30), Bytes::new())
        .unwrap()
        .finish(Bytes::new())
        .unwrap();
    let kept = prune_snapshots(&disk, Path::new(DIR), GROUP, 2).unwrap();
    assert_eq!(kept.iter().map(|entry| entry.index).collect::<Vec<_>>(), [100, 20]);
    assert_eq!(list_snapshots(&disk, Path::new(DIR), GROUP).unwrap(), kept);
    assert_eq!(list_snapshots(&disk, Path::new(DIR), GroupId(30)).unwrap().len(), 1);
    assert_eq!(list_snapshots(&disk, Path::new("/elsewhere"), GROUP).unwrap(), []);
}

#[test]
fn a_received_snapshot_gets_its_name_only_if_it_is_whole() {
    let disk = disk();
    let summary = write(&disk, 7, &example()).unwrap();
    let whole = read_file(&disk, &path(7), 1 << 20).unwrap();
    for (index, damage) in [(8, false), (9, true)] {
        let mut receiver = SnapshotReceiver::create(Arc::new(disk.clone()), &path(index)).unwrap();
        loop {
            let offset = receiver.received();
            let rest = &whole[usize::try_from(offset).unwrap()..];
            let mut bytes = rest[..rest.len().min(50)].to_vec();
            if bytes.is_empty() {
                break;
            }
            if damage && offset == 100 {
                bytes[9] ^= 1;
            }
            assert!(matches!(receiver.write(offset + 1, &bytes), Err(SnapshotError::OutOfOrder { .. })));
            receiver.write(offset, &bytes).unwrap();
        }
        match receiver.finish() {
            Ok(received) => assert_eq!(received, summary),
            Err(error) => assert!(damage && matches!(error, SnapshotError::Damaged { .. }), "{error}"),
        }
    }
    disk.crash(Unsynced::Lost);
    disk.restart();
    let listed = list_snapshots(&disk, Path::new(DIR), GROUP).unwrap();
    assert_eq!(listed.iter().map(|entry| entry.index).collect::<Vec<_>>(), [8, 7]);
    assert_eq!(items(&disk, 8).unwrap(), example());
}

/// The file of [`example`], as the first format writes it.
const FIXTURE: &str = concat!(
    "4d554355534e4150010000000300000005000000626567756e0b1e4aebcd2df68068d5ee0565aa4a596a13c6bb96c9e9",
    "3815ce8a8b5592a879010000001d00000000000000000000000b1e4aebcd2df68068d5ee0565aa4a596a13c6bb96c9e9",
    "3815ce8a8b5592a87938c8277328881e85a03424534b782ac687e204c6183a0d4fd59098cf42fe43c101000000610100",
    "000031010000006200000000010000006301000000330200000022000000010000000000000038c8277328881e85a034",
    "24534b782ac687e204c6183a0d4fd59098cf42fe43c164e0171205892cd316ea51ef285915b71dc0381c4a5e4d168dfd",
    "1f6db8168294010100000062010000003202010000006101010000006401000000340201000000640300000018000000",
    "020000000000000064e0171205892cd316ea51ef285915b71dc0381c4a5e4d168dfd1f6db816829445bc52c01f381998",
    "47ea0b3a8b6803dd2e04550a5cc131ca41a411a7224a28770300000000000000040000000000000004000000646f6e65",
    "18010000000000004d55435553454e44",
);

#[test]
fn the_first_format_stays_as_it_is() {
    let disk = disk();
    write(&disk, 7, &example()).unwrap();
    let bytes = read_file(&disk, &path(7), 1 << 20).unwrap();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, FIXTURE);
}

#[derive(Clone, Debug)]
enum Write {
    Put(u8, u8),
    Delete(u8),
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Rows are dumped one by one while writes go on: the dump sees some of
    /// them, and the redo repeats them all.
    #[test]
    fn a_dump_under_writes_is_the_state_at_its_end(
        start in proptest::collection::btree_map(any::<u8>(), any::<u8>(), 0..40),
        writes in proptest::collection::vec(
            prop_oneof![
                (any::<u8>(), any::<u8>()).prop_map(|(key, value)| Write::Put(key, value)),
                any::<u8>().prop_map(Write::Delete),
            ],
            0..60,
        ),
    ) {
        let disk = disk();
        let mut state = start;
        let mut redo = Vec::new();
        let mut writer =
            SnapshotWriter::create(Arc::new(disk.clone()), &path(1), GROUP, Bytes::new()).unwrap();
        let mut writes = writes.into_iter();
        let mut next = Some(0u8);
        while let Some(from) = next {
            let found = state.range(from..).next().map(|(key, value)| (*key, *value));
            if let Some((key, value)) = found {
                writer.row(&[key], &[value]).unwrap();
            }
            next = found.and_then(|(key, _)| key.checked_add(1));
            for write in writes.by_ref().take(if next.is_some() { 2 } else { usize::MAX }) {
                redo.push(match write {
                    Write::Put(key, value) => {
                        state.insert(key, value);
                        Redo::Put { key: vec![key].into(), value: vec![value].into() }
                    }
                    Write::Delete(key) => {
                        state.remove(&key);
                        Redo::Delete { key: vec![key].into() }
                    }
                });
            }
        }
        for redo in &redo {
            writer.redo(redo).unwrap();
        }
        writer.finish(Bytes::new()).unwrap();
        let mut restored = BTreeMap::new();
        for item in items(&disk, 1).unwrap() {
            match item {
                SnapshotItem::Row { key, value } | SnapshotItem::Redo(Redo::Put { key, value }) => {
                    restored.insert(key[0], value[0]);
                }
                SnapshotItem::Redo(Redo::Delete { key }) => {
                    restored.remove(&key[0]);
                }
            }
        }
        prop_assert_eq!(restored, state);
    }

    #[test]
    fn arbitrary_files_never_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..2000),
        at in 0..600usize,
        len in 0..100usize,
    ) {
        let disk = disk();
        plant(&disk, 1, &bytes);
        prop_assert!(items(&disk, 1).is_err());
        // Arbitrary bytes in the middle of a good one.
        write(&disk, 7, &example()).unwrap();
        let mut whole = read_file(&disk, &path(7), 1 << 20).unwrap();
        let at = at.min(whole.len());
        whole.splice(at..(at + len).min(whole.len()), bytes);
        plant(&disk, 2, &whole);
        if let Ok(found) = items(&disk, 2) {
            prop_assert_eq!(found, example());
        }
    }
}

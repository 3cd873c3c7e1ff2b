use std::io::ErrorKind;
use std::path::Path;

use super::*;
use crate::{Disk, OpenMode, read_file, replace_file};

fn disk() -> SimDisk {
    let disk = SimDisk::new(1);
    disk.create_dir_all(Path::new("/d/e")).unwrap();
    disk.sync_dir(Path::new("/")).unwrap();
    disk.sync_dir(Path::new("/d")).unwrap();
    disk
}

fn write(disk: &SimDisk, path: &str, bytes: &[u8], sync: bool) {
    let file = disk.open(Path::new(path), OpenMode::Truncate).unwrap();
    file.write_at(bytes, 0).unwrap();
    if sync {
        file.sync().unwrap();
    }
}

fn read(disk: &SimDisk, path: &str) -> Option<Vec<u8>> {
    match read_file(disk, Path::new(path), 1 << 20) {
        Ok(bytes) => Some(bytes),
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::NotFound);
            None
        }
    }
}

fn power_cut(disk: &SimDisk) {
    disk.crash(Unsynced::Lost);
    disk.restart();
}

#[test]
fn contents_survive_if_the_file_and_its_directory_were_synced() {
    let disk = disk();
    write(&disk, "/d/both", b"kept", true);
    disk.sync_dir(Path::new("/d")).unwrap();
    write(&disk, "/d/file only", b"gone", true);
    write(&disk, "/d/both", b"newer", false);
    assert_eq!(read(&disk, "/d/both").unwrap(), b"newer");
    power_cut(&disk);
    assert_eq!(read(&disk, "/d/both").unwrap(), b"kept");
    assert_eq!(read(&disk, "/d/file only"), None);
}

#[test]
fn a_synced_name_of_an_unsynced_file_has_no_contents() {
    let disk = disk();
    write(&disk, "/d/f", b"gone", false);
    disk.sync_dir(Path::new("/d")).unwrap();
    power_cut(&disk);
    assert_eq!(read(&disk, "/d/f").unwrap(), b"");
}

#[test]
fn renames_and_removals_come_undone_until_the_directory_is_synced() {
    let disk = disk();
    for name in ["/d/old", "/d/target", "/d/removed"] {
        write(&disk, name, name.as_bytes(), true);
    }
    disk.sync_dir(Path::new("/d")).unwrap();
    let change = || {
        disk.rename(Path::new("/d/old"), Path::new("/d/target")).unwrap();
        disk.remove_file(Path::new("/d/removed")).unwrap();
        assert_eq!(read(&disk, "/d/target").unwrap(), b"/d/old");
    };
    change();
    power_cut(&disk);
    for name in ["/d/old", "/d/target", "/d/removed"] {
        assert_eq!(read(&disk, name).unwrap(), name.as_bytes());
    }
    change();
    disk.sync_dir(Path::new("/d")).unwrap();
    power_cut(&disk);
    assert_eq!(read(&disk, "/d/target").unwrap(), b"/d/old");
    assert_eq!((read(&disk, "/d/old"), read(&disk, "/d/removed")), (None, None));
}

#[test]
fn a_move_between_directories_never_loses_the_file() {
    for synced in ["/d", "/d/e"] {
        let disk = disk();
        write(&disk, "/d/f", b"bytes", true);
        disk.sync_dir(Path::new("/d")).unwrap();
        disk.rename(Path::new("/d/f"), Path::new("/d/e/f")).unwrap();
        disk.sync_dir(Path::new(synced)).unwrap();
        power_cut(&disk);
        assert_eq!(read(&disk, "/d/e/f").unwrap(), b"bytes");
        assert_eq!(
            read(&disk, "/d/f").is_some(),
            synced == "/d/e",
            "the old name goes when its directory is synced"
        );
    }
}

#[test]
fn a_new_directory_is_gone_with_all_in_it_until_the_one_above_is_synced() {
    let disk = disk();
    disk.create_dir_all(Path::new("/d/new/deep")).unwrap();
    write(&disk, "/d/new/deep/f", b"bytes", true);
    disk.sync_dir(Path::new("/d/new/deep")).unwrap();
    disk.sync_dir(Path::new("/d/new")).unwrap();
    power_cut(&disk);
    assert!(!disk.exists(Path::new("/d/new")).unwrap());
    assert_eq!(disk.list(Path::new("/d/new")).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn a_crash_kills_handles_and_locks_and_is_another_boot_but_a_kill_is_not() {
    let disk = disk();
    let boot = disk.boot_id().unwrap();
    for kill in [true, false] {
        write(&disk, "/d/f", b"bytes", false);
        let file = disk.open(Path::new("/d/f"), OpenMode::ReadWrite).unwrap();
        let lock = disk.lock(Path::new("/d/lock")).unwrap();
        assert_eq!(disk.lock(Path::new("/d/lock")).err().unwrap().kind(), ErrorKind::WouldBlock);
        if kill {
            disk.kill();
        } else {
            disk.crash(Unsynced::Lost);
            disk.boot_id().unwrap_err();
            disk.exists(Path::new("/d")).unwrap_err();
            disk.restart();
        }
        file.write_at(b"x", 0).unwrap_err();
        file.sync().unwrap_err();
        file.len().unwrap_err();
        assert_eq!(disk.boot_id().unwrap() == boot, kill);
        assert_eq!(read(&disk, "/d/f").is_some(), kill);
        let newer = disk.lock(Path::new("/d/lock")).unwrap();
        drop(lock);
        assert!(disk.lock(Path::new("/d/lock")).is_err(), "a dead lock must not release a newer one");
        drop(newer);
    }
}

#[test]
fn a_planned_crash_meets_each_operation_and_a_replaced_file_is_old_or_new() {
    for unsynced in [Unsynced::Lost, Unsynced::Partly] {
        let mut seen = Vec::new();
        for n in 1.. {
            let disk = SimDisk::new(n);
            write(&disk, "/id", b"old", true);
            disk.sync_dir(Path::new("/")).unwrap();
            disk.crash_at(n, unsynced);
            let done = replace_file(&disk, Path::new("/id"), b"new").is_ok();
            assert_eq!(done, !disk.is_down());
            if done {
                assert_eq!(n, 6, "make, write, sync, rename, sync the directory");
                break;
            }
            disk.restart();
            seen.push(read(&disk, "/id").unwrap());
        }
        assert!(seen.iter().all(|bytes| bytes == b"old" || bytes == b"new"), "{seen:?}");
    }
}

#[test]
fn a_crash_planned_for_a_sync_waits_for_one_below_its_path() {
    let disk = disk();
    disk.crash_at_sync("/d/e", Unsynced::Lost);
    write(&disk, "/d/f", b"kept", true);
    disk.sync_dir(Path::new("/d")).unwrap();
    let file = disk.open(Path::new("/d/e/f"), OpenMode::CreateNew).unwrap();
    file.write_at(b"kept", 0).unwrap();
    file.sync().unwrap();
    file.write_at(&[1; 600], 4).unwrap();
    assert!(!disk.is_down());
    file.sync().unwrap_err();
    assert!(disk.is_down());
    disk.restart();
    assert_eq!(
        (read(&disk, "/d/f").unwrap(), read(&disk, "/d/e/f")),
        (b"kept".to_vec(), None),
        "its name was not synced"
    );
}

#[test]
fn a_full_volume_takes_nothing_that_needs_room() {
    let disk = disk();
    write(&disk, "/d/e/f", b"bytes", true);
    disk.fail("/d/e", SimFault::Full);
    let file = disk.open(Path::new("/d/e/f"), OpenMode::ReadWrite).unwrap();
    assert_eq!(file.write_at(b"more bytes", 0).unwrap_err().kind(), ErrorKind::StorageFull);
    file.write_at(b"BYTES", 0).unwrap();
    assert_eq!(disk.space(Path::new("/d/e")).unwrap().free, 0);
    assert_ne!(disk.space(Path::new("/d")).unwrap().free, 0);
    write(&disk, "/d/f", b"elsewhere", true);
}

#[test]
fn partly_kept_writes_are_torn_at_sectors_and_follow_from_the_seed() {
    let torn = |seed: u64| {
        let disk = SimDisk::new(seed);
        write(&disk, "/f", &[1; 4096], true);
        disk.sync_dir(Path::new("/")).unwrap();
        disk.open(Path::new("/f"), OpenMode::ReadWrite).unwrap().write_at(&[2; 4000], 96).unwrap();
        disk.crash(Unsynced::Partly);
        disk.restart();
        read(&disk, "/f").unwrap()
    };
    let mut kinds = std::collections::BTreeSet::new();
    for seed in 0..40 {
        let bytes = torn(seed);
        assert_eq!(bytes, torn(seed));
        assert_eq!(bytes[..96], [1; 96]);
        assert!(bytes[96..512].iter().all(|byte| *byte == bytes[96]));
        assert!(bytes[512..].chunks(512).all(|sector| sector.iter().all(|byte| *byte == sector[0])));
        kinds.insert(bytes.iter().filter(|byte| **byte == 2).count());
    }
    assert!(kinds.contains(&0) && kinds.contains(&4000) && kinds.len() > 4, "{kinds:?}");
}

#[test]
fn a_full_disk_takes_what_fits_and_room_comes_back_with_removal() {
    let disk = disk();
    disk.set_capacity(1000);
    let file = disk.open(Path::new("/d/f"), OpenMode::CreateNew).unwrap();
    assert_eq!(file.write_at(&[1; 1200], 0).unwrap_err().kind(), ErrorKind::StorageFull);
    assert_eq!(file.len().unwrap(), 1000);
    assert_eq!(disk.space(Path::new("/")).unwrap().free, 0);
    file.write_at(&[2; 1000], 0).unwrap();
    file.set_len(600).unwrap();
    assert_eq!(disk.space(Path::new("/")).unwrap().free, 400);
    assert_eq!(file.set_len(1001).unwrap_err().kind(), ErrorKind::StorageFull);
    disk.remove_dir_all(Path::new("/d")).unwrap();
    assert_eq!(disk.space(Path::new("/")).unwrap().free, 1000);
}

#[test]
fn planted_faults_hit_their_path_and_a_failed_sync_is_never_made_good() {
    let disk = disk();
    write(&disk, "/d/f", b"old", true);
    disk.sync_dir(Path::new("/d")).unwrap();
    let file = disk.open(Path::new("/d/f"), OpenMode::ReadWrite).unwrap();
    file.write_at(b"new", 0).unwrap();
    disk.fail("/d/f", SimFault::Sync);
    file.sync().unwrap_err();
    disk.clear_faults();
    file.sync().unwrap();
    assert_eq!(read(&disk, "/d/f").unwrap(), b"new");
    power_cut(&disk);
    assert_eq!(read(&disk, "/d/f").unwrap(), b"old");
    disk.fail("/d", SimFault::Read);
    assert!(read_file(&disk, Path::new("/d/f"), 9).is_err());
    disk.clear_faults();
    disk.flip(Path::new("/d/f"), 1, 0x20).unwrap();
    power_cut(&disk);
    assert_eq!(read(&disk, "/d/f").unwrap(), b"oLd");
}

#[test]
fn what_nothing_names_is_forgotten_but_an_open_file_lives() {
    let disk = disk();
    let held = disk.open(Path::new("/d/held"), OpenMode::CreateNew).unwrap();
    held.write_at(b"bytes", 0).unwrap();
    disk.remove_file(Path::new("/d/held")).unwrap();
    for _ in 0..100 {
        write(&disk, "/d/f", b"x", false);
        disk.remove_file(Path::new("/d/f")).unwrap();
        disk.sync_dir(Path::new("/d")).unwrap();
    }
    let mut bytes = [0; 5];
    assert_eq!(held.read_at(&mut bytes, 0).unwrap(), 5);
    assert_eq!(&bytes, b"bytes");
    assert!(disk.inodes() < 50, "{} inodes", disk.inodes());
}

#[test]
fn clock_and_randomness_follow_from_what_was_given() {
    let (one, same) = (Runtime::simulated(7, 1000), Runtime::simulated(7, 1000));
    assert_eq!(one.runtime.entropy.number().unwrap(), same.runtime.entropy.number().unwrap());
    assert_ne!(
        one.runtime.entropy.number().unwrap(),
        Runtime::simulated(8, 0).runtime.entropy.number().unwrap()
    );
    one.clock.advance_ms(5);
    assert_eq!(one.runtime.clock.now_ms(), 1005);
    one.clock.set_ms(3);
    assert_eq!(one.runtime.clock.now_ms(), 3);
}

use bytes::Bytes;
use mucura_runtime::{Runtime, Simulated, Unsynced};
use mucura_types::GroupId;
use std::path::Path;
use tokio::sync::oneshot;

use super::{Wal, WalError, WalOptions};

const GROUP: GroupId = GroupId(0);
const DIR: &str = "/wal";

fn small() -> WalOptions {
    WalOptions { segment_bytes: 64 << 10, spares_max: 1, queue_bytes: 1 << 16, cache_bytes: 0 }
}

async fn open(machine: &Simulated) -> Result<Wal, WalError> {
    Ok(Wal::open(machine.runtime.clone(), Path::new(DIR), small()).await?.0)
}

fn entry(index: u64, size: usize) -> Bytes {
    let mut bytes = index.to_be_bytes().to_vec();
    bytes.resize(size.max(8), index.to_be_bytes()[7]);
    bytes.into()
}

async fn append(wal: &Wal, indexes: std::ops::Range<u64>, size: usize) -> Result<(), WalError> {
    let (done, wait) = oneshot::channel();
    let entries = indexes.map(|index| (index, entry(index, size))).collect();
    wal.append(GROUP, entries, Box::new(move |result| done.send(result).unwrap_or(()))).await?;
    wait.await.unwrap()
}

async fn read_all(wal: &Wal) -> Vec<(u64, Bytes)> {
    wal.read(GROUP, 0..u64::MAX, usize::MAX).await.unwrap()
}

#[tokio::test]
async fn acknowledged_entries_and_votes_survive_a_power_cut() {
    let machine = Runtime::simulated(1, 0);
    let wal = open(&machine).await.unwrap();
    append(&wal, 0..10, 5000).await.unwrap();
    wal.save_vote(GROUP, Bytes::from_static(b"vote")).await.unwrap();
    append(&wal, 10..40, 5000).await.unwrap();
    wal.truncate_after(GROUP, Some(35)).await.unwrap();
    machine.disk.crash(Unsynced::Lost);
    drop(wal);
    machine.disk.restart();
    let wal = open(&machine).await.unwrap();
    let expected: Vec<_> = (0..36).map(|index| (index, entry(index, 5000))).collect();
    assert_eq!(read_all(&wal).await, expected);
    assert_eq!(wal.vote(GROUP).unwrap(), "vote");
    wal.purge(GROUP, 33, Bytes::from_static(b"33")).await.unwrap();
    wal.save_committed(GROUP, Bytes::from_static(b"35")).unwrap();
    wal.shutdown().await.unwrap();
    drop(wal);
    let wal = open(&machine).await.unwrap();
    assert_eq!(read_all(&wal).await, expected[34..]);
    assert_eq!(wal.vote(GROUP).unwrap(), "vote");
    assert_eq!(wal.committed(GROUP).unwrap(), "35");
    append(&wal, 36..37, 10).await.unwrap();
}

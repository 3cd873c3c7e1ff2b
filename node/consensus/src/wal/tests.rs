mod crash;
mod damage;
mod format;
mod log;

use std::ops::Range;
use std::path::Path;

use bytes::Bytes;
use mucura_runtime::{Simulated, Unsynced};
use mucura_types::GroupId;
use tokio::sync::oneshot;

use super::handle::Recovered;
use super::{Wal, WalError, WalOptions};

const GROUP: GroupId = GroupId(0);
const DIR: &str = "/wal";

/// Small segments, and nothing cached: every read goes to the disk.
fn small() -> WalOptions {
    WalOptions { segment_bytes: 64 << 10, spares_max: 1, queue_bytes: 1 << 16, cache_bytes: 0 }
}

async fn try_open(machine: &Simulated) -> Result<(Wal, Recovered), WalError> {
    Wal::open(machine.runtime.clone(), Path::new(DIR), small()).await
}

async fn open(machine: &Simulated) -> Wal {
    try_open(machine).await.unwrap().0
}

/// Cuts the power and opens the log again.
async fn power_cut(machine: &Simulated, wal: Wal) -> Wal {
    machine.disk.crash(Unsynced::Lost);
    drop(wal);
    machine.disk.restart();
    open(machine).await
}

fn entry(index: u64, size: usize) -> Bytes {
    let number = index.to_be_bytes();
    let mut bytes = vec![number[7]; size.max(8)];
    bytes[..8].copy_from_slice(&number);
    bytes.into()
}

fn entries(indexes: Range<u64>, size: usize) -> Vec<(u64, Bytes)> {
    indexes.map(|index| (index, entry(index, size))).collect()
}

async fn append(wal: &Wal, indexes: Range<u64>, size: usize) -> Result<(), WalError> {
    submit(wal, entries(indexes, size)).await?.await.unwrap()
}

async fn submit(
    wal: &Wal,
    entries: Vec<(u64, Bytes)>,
) -> Result<oneshot::Receiver<Result<(), WalError>>, WalError> {
    let (done, wait) = oneshot::channel();
    wal.append(GROUP, entries, Box::new(move |result| done.send(result).unwrap_or(()))).await?;
    Ok(wait)
}

async fn read_all(wal: &Wal) -> Vec<(u64, Bytes)> {
    wal.read(GROUP, 0..u64::MAX, usize::MAX).await.unwrap()
}

fn files(machine: &Simulated, kind: &str) -> Vec<String> {
    let names = machine.runtime.disk.list(Path::new(DIR)).unwrap().into_iter().map(|entry| entry.name);
    names.filter(|name| name.ends_with(kind)).collect()
}

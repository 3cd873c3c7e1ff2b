//! A simulated machine with one drive, and shards to put on it.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use mucura_chunks::{BufferPool, ChunkError, ChunkLayout, Drive, DriveOptions, ShardHeader, ShardName};
use mucura_runtime::{Disk, Runtime, Simulated};
use mucura_types::{BucketId, ChunkId, DriveId, Profile, SessionId, SiteId, StoreId, UserId, WriteId};
use tokio::time::Instant;

pub const DIR: &str = "/drive";

pub struct Machine {
    pub sim: Simulated,
    pub pool: BufferPool,
    pub store: StoreId,
}

impl Machine {
    /// With a formatted drive, all shards in one directory.
    pub async fn new(seed: u64) -> Self {
        let sim = Runtime::simulated(seed, 1_700_000_000_000);
        let identity = Drive::format(&sim.runtime, Path::new(DIR), SiteId(1), DriveId(4), 0).await.unwrap();
        Self { sim, pool: BufferPool::new(4 << 20), store: identity.store }
    }

    pub fn options(&self) -> DriveOptions {
        DriveOptions { pool: self.pool.clone(), reserve_bytes: Some(0) }
    }

    pub async fn try_open(&self) -> Result<Drive, ChunkError> {
        Drive::open(&self.sim.runtime, Path::new(DIR), self.store, self.options()).await
    }

    pub async fn open(&self) -> Drive {
        self.try_open().await.unwrap()
    }

    /// An orderly stop and start.
    pub async fn reopen(&self, drive: Drive) -> Drive {
        drive.close().await.unwrap();
        drop(drive);
        self.open().await
    }

    /// Begins, writes in two pieces, finishes.
    pub async fn write(&self, drive: &Drive, shard: ShardName, chunk_len: u64) -> Result<(), ChunkError> {
        let mut write = drive.begin_write(header(shard, chunk_len)).await?;
        let all = cells(shard, chunk_len);
        write.write(all.slice(..all.len() / 3)).await?;
        write.write(all.slice(all.len() / 3..)).await?;
        write.finish().await
    }

    pub fn path_of(&self, shard: ShardName) -> PathBuf {
        Path::new(DIR).join("shards").join(shard.to_string())
    }

    /// Files among the shards.
    pub fn files(&self) -> usize {
        self.sim.disk.list(&Path::new(DIR).join("shards")).unwrap().len()
    }
}

pub fn name(counter: u64, position: u8) -> ShardName {
    let write = WriteId { session: SessionId(0x1a), counter };
    ShardName { chunk: ChunkId { write, number: 0 }, position }
}

pub fn header(shard: ShardName, chunk_len: u64) -> ShardHeader {
    ShardHeader {
        shard,
        layout: ChunkLayout::new(chunk_len, Profile::new(2, 1)).unwrap(),
        bucket: BucketId(7),
        owner: UserId(0xfeed),
        key: "a/key".to_owned(),
    }
}

/// What shard `shard` holds in these tests: different for each.
pub fn cells(shard: ShardName, chunk_len: u64) -> Bytes {
    let len = usize::try_from(header(shard, chunk_len).layout.shard_len()).unwrap();
    let mut bytes = vec![0; len];
    blake3::Hasher::new().update(shard.to_string().as_bytes()).finalize_xof().fill(&mut bytes);
    bytes.into()
}

pub fn soon() -> Instant {
    Instant::now() + Duration::from_secs(10)
}

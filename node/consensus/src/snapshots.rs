use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use mucura_runtime::Runtime;

use crate::raft_types::SnapshotMeta;
use crate::state::State;

#[derive(Clone, Debug)]
pub(crate) struct StoredSnapshot {
    path: PathBuf,
    meta: SnapshotMeta,
}

impl StoredSnapshot {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn meta(&self) -> &SnapshotMeta {
        &self.meta
    }
}

pub(crate) struct Snapshots {
    runtime: Runtime,
    dir: PathBuf,
    kept: Mutex<Vec<StoredSnapshot>>,
    applied_bytes: AtomicU64,
}

impl Snapshots {
    pub(crate) fn open(runtime: Runtime, dir: PathBuf) -> io::Result<Self> {
        Ok(Self { runtime, dir, kept: Mutex::default(), applied_bytes: AtomicU64::new(0) })
    }
    pub(crate) fn newest(&self) -> Option<StoredSnapshot> {
        None
    }
    pub(crate) fn note_applied(&self, bytes: usize) {
        self.applied_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }
    pub(crate) async fn make(&self, state: &Arc<State>) -> io::Result<StoredSnapshot> {
        Err(io::Error::other("later"))
    }
    pub(crate) fn load(
        &self,
        snapshot: &StoredSnapshot,
        meta: &SnapshotMeta,
        state: &State,
    ) -> io::Result<()> {
        Err(io::Error::other("later"))
    }
    pub(crate) fn keep(&self, snapshot: StoredSnapshot) -> io::Result<()> {
        Ok(())
    }
}

//! openraft's own conformance suite, over our log and each of our stores.

use std::sync::Arc;

use mucura_runtime::{Runtime, SimFault};
use mucura_types::GroupId;
use openraft::StorageError;
use openraft::storage::{IOFlushed, RaftLogStorage};
use openraft::testing::log::{StoreBuilder, Suite};
use openraft::type_config::TypeConfigExt;
use tokio::sync::watch;

use crate::config::StoreKind;
use crate::log_store::LogStore;
use crate::machine::Machine;
use crate::raft_types::{Entry, LeaderId, LogId, Types};
use crate::snapshots::Snapshots;
use crate::state_dir::StateDir;
use crate::wal::{Wal, WalOptions};

struct Builder {
    store: StoreKind,
}

impl StoreBuilder<Types, LogStore, Machine, tempfile::TempDir> for Builder {
    async fn build(&self) -> Result<(tempfile::TempDir, LogStore, Machine), StorageError<Types>> {
        // Real disks: the suite carries snapshots from one store to another.
        let guard = tempfile::tempdir().unwrap();
        let (dir, runtime) = (guard.path().to_owned(), Runtime::real(2));
        let group = GroupId(0);
        for part in ["wal", "snapshots", "state"] {
            runtime.disk.create_dir_all(&dir.join(part)).unwrap();
        }
        let options = WalOptions { segment_bytes: 1 << 18, ..WalOptions::default() };
        let (wal, _) = Wal::open(runtime.clone(), &dir.join("wal"), options).await.unwrap();
        let state_dir = StateDir {
            runtime: runtime.clone(),
            dir: dir.join("state"),
            group,
            kind: self.store,
            boot: "boot".into(),
        };
        let machine = Machine {
            runtime: runtime.clone(),
            state: Arc::new(state_dir.open(false).unwrap()),
            snapshots: Arc::new(Snapshots::open(runtime, dir.join("snapshots"), group).unwrap()),
            cannot_go_on: watch::channel(None).0,
        };
        Ok((guard, LogStore { wal, group }, machine))
    }
}

#[tokio::test]
async fn the_log_with_state_in_memory_conforms() {
    Suite::test_all(Builder { store: StoreKind::Memory }).await.unwrap();
}

#[tokio::test]
async fn the_log_with_state_in_sled_conforms() {
    Suite::test_all(Builder { store: StoreKind::Sled { cache_bytes: 1 << 20 } }).await.unwrap();
}

#[tokio::test]
async fn an_append_is_reported_only_when_it_is_on_the_disk() {
    let machine = Runtime::simulated(1, 0);
    let dir = std::path::Path::new("/wal");
    machine.runtime.disk.create_dir_all(dir).unwrap();
    let (wal, _) = Wal::open(machine.runtime.clone(), dir, WalOptions::default()).await.unwrap();
    let mut log = LogStore { wal, group: GroupId(0) };
    let blank = |index| Entry {
        log_id: LogId::new(LeaderId { term: 1, node_id: 1 }, index),
        payload: openraft::EntryPayload::Blank,
    };
    let (done, reported) = Types::oneshot();
    log.append([blank(0)], IOFlushed::signal(done)).await.unwrap();
    reported.await.unwrap().unwrap();
    machine.disk.fail(dir, SimFault::Sync);
    let (done, reported) = Types::oneshot();
    log.append([blank(1)], IOFlushed::signal(done)).await.unwrap();
    reported.await.unwrap().unwrap_err();
}

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use mucura_chunks::BufferPool;
use mucura_consensus::Consensus;
use mucura_mesh::{BoxFuture, BulkRecv, BulkSend, Mesh, Refusal, Service};
use mucura_metadata::{ExecuteError, View};
use mucura_runtime::Runtime;
use mucura_types::{NodeId, SiteId};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::background::Background;
use crate::cleanup::{Cleanup, cleanup};
use crate::error::StoreError;
use crate::gateway::Gateway;
use crate::health::HealthBoard;
use crate::key_keeper::KeyKeeper;
use crate::lifecycle::{LifecycleConfig, LifecycleCounts};
use crate::poll::PollRounds;
use crate::pools::Pools;
use crate::sealed::SiteKey;
use crate::shards::{Keeper, METHODS, Method, ShardClient, decode, encode};
use crate::status::AtRisk;
use crate::topology::{Topology, TopologyCache};

/// How long a peer may take over a range of a shard.
const SERVE_READ_TIMEOUT: Duration = Duration::from_secs(30);

/// How a node's part of the store is run.
#[derive(Clone, Debug)]
pub struct StoreConfig {
    /// The site.
    pub site: SiteId,
    /// This node.
    pub node: NodeId,
    /// The directories of its drives, formatted.
    pub drives: Vec<PathBuf>,
    /// Bytes that stay free on a drive; none: a hundredth of it, within bounds.
    pub drive_reserve_bytes: Option<u64>,
    /// The access key of the operator.
    pub root_access_key: String,
    /// Its secret.
    pub root_secret_key: String,
    /// Memory for bodies that pass through this gateway, bytes.
    pub gateway_buffer_bytes: usize,
    /// Memory for shards that come in from peers, bytes.
    pub keeper_buffer_bytes: usize,
    /// How long the bytes of a deleted version are kept, so that running
    /// reads finish.
    pub grace: Duration,
    /// How long the gateway keeps a session: what it wrote under it and neither
    /// committed nor removed can be collected only after its end.
    pub session_life: Duration,
    /// In which time every shard is read and verified once.
    pub scrub_period: Duration,
    /// The smallest part of an upload before the last, bytes; S3's is
    /// [`crate::PART_BYTES_MIN`].
    pub part_bytes_min: u64,
    /// How the lifecycle rules of buckets are carried out.
    pub lifecycle: LifecycleConfig,
}

/// One node's part of the store. Clones are the same part.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) config: StoreConfig,
    pub(crate) runtime: Runtime,
    pub(crate) consensus: Consensus,
    pub(crate) mesh: Mesh,
    pub(crate) site_key: SiteKey,
    pub(crate) keys: KeyKeeper,
    pub(crate) gateway: Gateway,
    pub(crate) pools: Pools,
    /// The last count of chunks at risk.
    pub(crate) at_risk: tokio::sync::Mutex<Option<AtRisk>>,
    pub(crate) keeper: Arc<Keeper>,
    pub(crate) shards: ShardClient,
    pub(crate) health: HealthBoard,
    pub(crate) polls: PollRounds,
    pub(crate) topology: Arc<TopologyCache>,
    pub(crate) cleanup: Cleanup,
    /// Rung when there is garbage that may go at once.
    pub(crate) garbage_found: Notify,
    /// What lifecycle rules did.
    pub(crate) lifecycle: LifecycleCounts,
    /// Rung when all shards are to be verified now.
    pub(crate) scrub_now: Notify,
    pub(crate) background: Background,
}

impl Store {
    /// Starts this node's part: serves its drives and runs its background
    /// work. The mesh must hand calls of [`Store::handles`] to it.
    ///
    /// # Errors
    /// `Internal`.
    pub fn start(
        config: StoreConfig,
        runtime: Runtime,
        consensus: Consensus,
        mesh: Mesh,
        site_key: SiteKey,
    ) -> Result<Self, StoreError> {
        // Three pools, so that nobody waits for memory that is held by those
        // who wait for him: an upload that copies waits for reads, a read waits
        // for recovery, recovery waits for nobody.
        let pools = Pools::new(config.gateway_buffer_bytes);
        let keeper = Arc::new(Keeper::new(BufferPool::new(config.keeper_buffer_bytes)));
        let shards = ShardClient::new(config.node, keeper.clone(), mesh.clone());
        let (cleanup, cleanup_task) = cleanup();
        let inner = Arc::new(Inner {
            gateway: Gateway::new(config.node, consensus.clone(), runtime.entropy.clone()),
            config,
            runtime,
            consensus,
            mesh,
            keys: KeyKeeper::new(&site_key)?,
            site_key,
            pools,
            at_risk: tokio::sync::Mutex::default(),
            keeper,
            shards,
            health: HealthBoard::default(),
            polls: PollRounds::default(),
            topology: Arc::default(),
            cleanup,
            garbage_found: Notify::new(),
            lifecycle: LifecycleCounts::default(),
            scrub_now: Notify::new(),
            background: Background::default(),
        });
        inner.spawn("serve drives", Inner::serve_drives);
        inner.spawn("poll drives", Inner::poll_drives);
        inner.spawn("keep session", Inner::keep_session);
        inner.spawn("plan placement", Inner::plan_placement);
        inner.spawn("repair", Inner::repair_drives);
        inner.spawn("scrub", Inner::scrub_drives);
        inner.spawn("collect garbage", Inner::collect_garbage);
        inner.spawn("lifecycle", Inner::run_lifecycle);
        inner.spawn("wrap keys anew", Inner::rewrap_keys);
        let (task, shards) = (Arc::new(cleanup_task), inner.shards.clone());
        inner.background.spawn("clean up", move || {
            let (task, shards) = (task.clone(), shards.clone());
            async move { task.run(shards).await }
        });
        Ok(Self(inner))
    }

    /// Whether a method of the mesh is the store's.
    pub fn handles(method: u16) -> bool {
        METHODS.contains(&method)
    }

    /// Ends the background work and the gateway's session. What is under way
    /// at the deadline is given up.
    pub async fn shutdown(&self, deadline: Instant) {
        if !self.0.background.end(deadline).await {
            tracing::warn!("background work did not end in time");
        }
        if let Err(error) = self.0.gateway.close(deadline).await {
            tracing::info!(%error, "the session stays open; the next start ends it");
        }
        for drive in self.0.keeper.drives() {
            if let Err(error) = drive.close().await {
                tracing::warn!(%error, "close a drive");
            }
        }
    }

    pub(crate) fn inner(&self) -> &Arc<Inner> {
        &self.0
    }
}

impl Inner {
    fn spawn<F>(self: &Arc<Self>, name: &'static str, work: fn(Arc<Self>) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let inner = self.clone();
        self.background.spawn(name, move || work(inner.clone()));
    }

    /// Reads rows of this node.
    pub(crate) async fn read<T, R>(&self, read: R) -> Result<T, StoreError>
    where
        T: Send + 'static,
        R: FnOnce(&dyn View) -> Result<T, ExecuteError> + Send + 'static,
    {
        Ok(self.consensus.read(move |view, _| read(view)).await.map_err(StoreError::unavailable)??)
    }

    /// The topology as this node's rows have it.
    pub(crate) async fn topology(&self) -> Result<Arc<Topology>, StoreError> {
        let cache = self.topology.clone();
        self.read(move |view| cache.of(view)).await
    }
}

impl Service for Store {
    fn call(&self, _from: NodeId, method: u16, payload: Bytes) -> BoxFuture<'_, Result<Bytes, Refusal>> {
        Box::pin(async move {
            match Method::of(method) {
                Some(Method::Remove) => {
                    let request = decode(&payload).map_err(|_| Refusal::Malformed)?;
                    Ok(encode(&self.0.keeper.remove(&request).await).into())
                }
                Some(Method::Health) => Ok(encode(&self.0.keeper.health().await).into()),
                Some(Method::Header) => {
                    let (drive, shard) = decode(&payload).map_err(|_| Refusal::Malformed)?;
                    Ok(encode(&self.0.keeper.header(drive, shard).await).into())
                }
                Some(Method::Scrub) => {
                    self.0.scrub_now.notify_one();
                    Ok(Bytes::new())
                }
                Some(Method::NodeStatus) => Ok(encode(&self.0.own_raft_status().await).into()),
                Some(Method::Keys) => Ok(encode(&self.own_keys()).into()),
                Some(Method::ReplaceDrive) => {
                    let request = decode(&payload).map_err(|_| Refusal::Malformed)?;
                    let result = self.0.replace_own_drive(request).await.map_err(|e| e.to_string());
                    Ok(encode(&result).into())
                }
                Some(Method::Write | Method::Read) | None => Err(Refusal::UnknownMethod),
            }
        })
    }

    fn bulk(
        &self,
        _from: NodeId,
        method: u16,
        header: Bytes,
        send: BulkSend,
        recv: BulkRecv,
    ) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            match Method::of(method) {
                Some(Method::Write) => {
                    if let Ok(head) = decode(&header) {
                        self.0.keeper.serve_write(head, send, recv).await;
                    }
                }
                Some(Method::Read) => {
                    if let Ok(head) = decode(&header) {
                        self.0.keeper.serve_read(head, Instant::now() + SERVE_READ_TIMEOUT, send).await;
                    }
                }
                // Dropping the stream tells the peer.
                _ => {}
            }
        })
    }
}

use std::collections::BTreeMap;
use std::future::Future;
use std::net::{SocketAddr, UdpSocket};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use mucura_consensus::{Consensus, ConsensusConfig, Transport, TransportError};
use mucura_mesh::{
    BulkRecv, BulkSend, Limits, Mesh, MeshConfig, PeerInfo, Refusal, Service, SocketFactory, identity,
};
use mucura_metadata::{Checksum, Command, DeleteObject, Envelope, NodeRecord, SiteSeed, WriteCondition};
use mucura_runtime::Runtime;
use mucura_store::{
    Body, BodyFailed, BodyPlan, BodySize, Digests, Fresh, LifecycleConfig, NewUpload, ObjectInfo,
    PART_BYTES_MIN, PutObjectRequest, SealWith, SiteKey, Store, StoreConfig, StoreError, Stored,
};
use mucura_types::{BucketId, ChunkId, DriveId, NodeId, SiteId, StoreId, UserId, WriteId};
use tempfile::TempDir;
use tokio::time::Instant;

/// The operator, who needs no record.
pub(crate) const OWNER: UserId = UserId(1);
const SITE: SiteId = SiteId(1);
/// How long a session lives that is not meant to end.
const LONG: Duration = Duration::from_secs(3600);

pub(crate) fn deadline() -> Instant {
    Instant::now() + Duration::from_secs(10)
}

/// Bytes that tell which they are.
pub(crate) fn bytes(seed: u64, len: usize) -> Vec<u8> {
    let mut out = vec![0; len];
    blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut out);
    out
}

pub(crate) async fn wait_for<F: Future<Output = bool>>(
    what: &str,
    most: Duration,
    mut holds: impl FnMut() -> F,
) {
    let until = Instant::now() + most;
    while !holds().await {
        assert!(Instant::now() < until, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A body in memory, whole or cut short.
pub(crate) struct MemoryBody {
    pieces: Vec<Bytes>,
    fails: bool,
    size: BodySize,
    /// So long before the last piece.
    pause: Duration,
}

impl MemoryBody {
    pub(crate) fn whole(bytes: &[u8]) -> Self {
        Self::declared(bytes, bytes.len())
    }

    /// The client goes away after `len` bytes.
    pub(crate) fn cut(bytes: &[u8], len: usize) -> Self {
        Self { fails: true, size: BodySize::Exact(bytes.len() as u64), ..Self::whole(&bytes[..len]) }
    }

    /// The client sends nothing for a while before the last bytes.
    pub(crate) fn pausing(bytes: &[u8], pause: Duration) -> Self {
        Self { pause, ..Self::whole(bytes) }
    }

    /// The client sends more or less than it says.
    pub(crate) fn declared(bytes: &[u8], declared: usize) -> Self {
        let pieces = bytes.chunks(100_000).rev().map(Bytes::copy_from_slice).collect();
        let size = BodySize::Exact(declared as u64);
        Self { pieces, fails: false, size, pause: Duration::ZERO }
    }

    /// The client does not say how much it sends.
    pub(crate) fn unmeasured(self, most: usize) -> Self {
        Self { size: BodySize::AtMost(most as u64), ..self }
    }
}

impl Body for MemoryBody {
    fn next(&mut self) -> Pin<Box<dyn Future<Output = Result<Option<Bytes>, BodyFailed>> + Send + '_>> {
        Box::pin(async {
            // The fault itself: this client is slow.
            if self.pieces.len() == 1 {
                tokio::time::sleep(self.pause).await;
            }
            match self.pieces.pop() {
                None if self.fails => Err(BodyFailed),
                next => Ok(next),
            }
        })
    }

    fn plan(&self) -> BodyPlan {
        BodyPlan::default()
    }

    fn check(&mut self, _: &Digests) -> Result<Option<Checksum>, BodyFailed> {
        Ok(None)
    }
}

struct Node {
    mesh: Mesh,
    consensus: Consensus,
    store: Store,
}

struct Plan {
    dir: TempDir,
    nodes: usize,
    drives: usize,
    addrs: Vec<SocketAddr>,
    ca: identity::SiteCa,
    session_life: Duration,
    lifecycle: LifecycleConfig,
}

pub(crate) struct Site {
    plan: Plan,
    nodes: Vec<Option<Node>>,
}

struct OverMesh(Mesh);

impl Transport for OverMesh {
    fn call(
        &self,
        to: NodeId,
        method: u16,
        payload: Bytes,
        timeout: Duration,
    ) -> BoxFuture<'static, Result<Bytes, TransportError>> {
        let mesh = self.0.clone();
        Box::pin(async move {
            let answer = mesh.call(to, method, payload, Instant::now() + timeout).await;
            answer.map_err(|error| TransportError::Unreachable { node: to, reason: error.to_string() })
        })
    }
}

struct Both {
    consensus: Consensus,
    store: Store,
}

impl Service for Both {
    fn call(
        &self,
        from: NodeId,
        method: u16,
        payload: Bytes,
    ) -> mucura_mesh::BoxFuture<'_, Result<Bytes, Refusal>> {
        if Store::handles(method) {
            return self.store.call(from, method, payload);
        }
        Box::pin(async move {
            self.consensus.handle(from, method, payload).await.map_err(|e| Refusal::Failed(e.to_string()))
        })
    }

    fn bulk(
        &self,
        from: NodeId,
        method: u16,
        header: Bytes,
        send: BulkSend,
        recv: BulkRecv,
    ) -> mucura_mesh::BoxFuture<'_, ()> {
        self.store.bulk(from, method, header, send, recv)
    }
}

impl Plan {
    fn store_id(node: usize) -> StoreId {
        StoreId([u8::try_from(node).unwrap() + 1; 16])
    }

    fn record(&self, node: usize) -> NodeRecord {
        NodeRecord {
            name: format!("node{}", node + 1),
            mesh: self.addrs[node].to_string(),
            s3: String::new(),
            admin: String::new(),
            store: Some(Self::store_id(node)),
        }
    }

    fn drive_dirs(&self, node: usize) -> Vec<PathBuf> {
        (0..self.drives).map(|drive| self.dir.path().join(format!("node{node}/drive{drive}"))).collect()
    }

    async fn start(&self, node: usize) -> Node {
        let runtime = Runtime::real(16);
        let id = NodeId(node as u64 + 1);
        let now = runtime.clock.now_ms();
        let config = MeshConfig {
            site: SITE,
            node: id,
            store: Self::store_id(node),
            listen: self.addrs[node],
            identity: identity::issue(&self.ca, SITE, id, now, Duration::from_secs(86_400)).unwrap(),
            build: "test".into(),
            limits: Limits::default(),
        };
        let mesh = Mesh::start(config, &runtime, &SocketFactory::udp()).unwrap();
        let peers: BTreeMap<NodeId, PeerInfo> = (0..self.nodes)
            .map(|n| (NodeId(n as u64 + 1), PeerInfo { addr: self.addrs[n], store: Some(Self::store_id(n)) }))
            .collect();
        mesh.set_peers(peers);
        let dir = self.dir.path().join(format!("node{node}/meta"));
        let consensus =
            Consensus::open(ConsensusConfig::new(id, dir), runtime.clone(), Arc::new(OverMesh(mesh.clone())))
                .await;
        let consensus = consensus.unwrap();
        let config = StoreConfig {
            site: SITE,
            node: id,
            drives: self.drive_dirs(node),
            drive_reserve_bytes: Some(0),
            root_access_key: "root".into(),
            root_secret_key: "secret".into(),
            gateway_buffer_bytes: 64 << 20,
            keeper_buffer_bytes: 32 << 20,
            grace: Duration::ZERO,
            session_life: self.session_life,
            scrub_period: Duration::from_secs(86_400),
            part_bytes_min: PART_BYTES_MIN,
            lifecycle: self.lifecycle,
        };
        let site_key = SiteKey::new(&[7; 32]).unwrap();
        let store = Store::start(config, runtime, consensus.clone(), mesh.clone(), site_key).unwrap();
        mesh.serve(Arc::new(Both { consensus: consensus.clone(), store: store.clone() }));
        Node { mesh, consensus, store }
    }
}

impl Site {
    pub(crate) async fn start(nodes: usize, drives: usize) -> Self {
        Self::start_with(nodes, drives, LONG, LifecycleConfig::default()).await
    }

    /// A site whose gateways renew their sessions all the time.
    pub(crate) async fn of_short_sessions(nodes: usize, drives: usize) -> Self {
        Self::start_with(nodes, drives, Duration::from_secs(4), LifecycleConfig::default()).await
    }

    /// A site that carries out lifecycle rules in its own time.
    pub(crate) async fn of_lifecycle(nodes: usize, lifecycle: LifecycleConfig) -> Self {
        Self::start_with(nodes, 1, LONG, lifecycle).await
    }

    async fn start_with(
        nodes: usize,
        drives: usize,
        session_life: Duration,
        lifecycle: LifecycleConfig,
    ) -> Self {
        // RUST_LOG=info tells what the nodes do; a second call changes nothing.
        if let Some(level) = std::env::var("RUST_LOG").ok().and_then(|l| l.parse::<tracing::Level>().ok()) {
            tracing_subscriber::fmt().with_max_level(level).try_init().ok();
        }
        let sockets: Vec<UdpSocket> = (0..nodes).map(|_| UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
        let addrs = sockets.iter().map(|socket| socket.local_addr().unwrap()).collect();
        drop(sockets);
        let now = Runtime::real(1).clock.now_ms();
        let ca = identity::make_ca(SITE, now).unwrap();
        let plan =
            Plan { dir: tempfile::tempdir().unwrap(), nodes, drives, addrs, ca, session_life, lifecycle };
        let runtime = Runtime::real(1);
        let mut running = Vec::new();
        for node in 0..nodes {
            for dir in plan.drive_dirs(node) {
                Store::format_drive(&runtime, SITE, &dir).await.unwrap();
            }
            running.push(Some(plan.start(node).await));
        }
        let site = Self { plan, nodes: running };
        let members = (0..nodes).map(|n| (NodeId(n as u64 + 1), site.plan.addrs[n].to_string())).collect();
        site.node(0).consensus.initialize(members).await.unwrap();
        let seed = SiteSeed {
            site: SITE,
            name: "test".into(),
            ca_certificate: String::new(),
            sealed_secrets: Bytes::new(),
            nodes: (0..nodes).map(|n| site.plan.record(n)).collect(),
        };
        let init = vec![Envelope::repeatable(Command::InitSite(seed))];
        site.node(0)
            .consensus
            .propose(init, Duration::from_secs(10))
            .await
            .unwrap()
            .outcomes
            .remove(0)
            .unwrap();
        let placed = (nodes * drives) as u64;
        wait_for("all drives are laid out", Duration::from_secs(30), || async { site.settled(placed).await })
            .await;
        site
    }

    async fn settled(&self, placed: u64) -> bool {
        for node in self.nodes.iter().flatten() {
            match node.store.status().await {
                Ok(status) if status.placed_drives == placed && status.stripes_at_risk == 0 => {}
                _ => return false,
            }
            if status_unready(&node.store).await {
                return false;
            }
        }
        true
    }

    /// The node that leads, once one does.
    pub(crate) async fn leader(&self) -> usize {
        let leads = |node: &Option<Node>| {
            let node = node.as_ref()?;
            usize::try_from((*node.consensus.leader().borrow())?.0).ok()?.checked_sub(1)
        };
        let known = || self.nodes.iter().find_map(leads).filter(|leader| self.nodes[*leader].is_some());
        wait_for("a node leads", Duration::from_secs(20), || async { known().is_some() }).await;
        known().unwrap()
    }

    fn node(&self, node: usize) -> &Node {
        self.nodes[node].as_ref().unwrap()
    }

    pub(crate) fn store(&self, node: usize) -> &Store {
        &self.node(node).store
    }

    pub(crate) async fn fresh(&self, node: usize) -> Fresh {
        self.store(node).fresh(deadline()).await.unwrap()
    }

    pub(crate) async fn bucket(&self, name: &str) -> BucketId {
        self.store(0).create_bucket(name, OWNER, Default::default(), deadline()).await.unwrap()
    }

    pub(crate) async fn put(
        &self,
        node: usize,
        bucket: BucketId,
        key: &str,
        body: &[u8],
    ) -> Result<Stored, StoreError> {
        self.put_body(node, bucket, key, &mut MemoryBody::whole(body)).await
    }

    pub(crate) async fn put_body(
        &self,
        node: usize,
        bucket: BucketId,
        key: &str,
        body: &mut MemoryBody,
    ) -> Result<Stored, StoreError> {
        self.put_with(node, bucket, key, body, WriteCondition::default()).await
    }

    pub(crate) async fn put_if(
        &self,
        node: usize,
        bucket: BucketId,
        key: &str,
        body: &[u8],
        condition: WriteCondition,
    ) -> Result<Stored, StoreError> {
        self.put_with(node, bucket, key, &mut MemoryBody::whole(body), condition).await
    }

    async fn put_with(
        &self,
        node: usize,
        bucket: BucketId,
        key: &str,
        body: &mut MemoryBody,
        condition: WriteCondition,
    ) -> Result<Stored, StoreError> {
        self.put_sealed(node, bucket, key, body, condition, None).await
    }

    pub(crate) async fn put_sealed(
        &self,
        node: usize,
        bucket: BucketId,
        key: &str,
        body: &mut MemoryBody,
        condition: WriteCondition,
        seal: Option<SealWith>,
    ) -> Result<Stored, StoreError> {
        let size = body.size;
        let attributes = Default::default();
        let request = PutObjectRequest {
            bucket,
            key: key.into(),
            owner: OWNER,
            size,
            attributes,
            condition,
            origin: None,
            seal,
        };
        self.store(node).put_object(request, body, deadline()).await
    }

    pub(crate) async fn get(
        &self,
        node: usize,
        bucket: BucketId,
        key: &str,
        range: Range<u64>,
    ) -> Result<(ObjectInfo, Vec<u8>), StoreError> {
        let fresh = self.store(node).fresh(deadline()).await?;
        let info = fresh.object(bucket, key, None).await?.expect("the object is there");
        let mut stream = fresh.reader(bucket, key, &info, None)?.open(range).await?;
        let mut read = Vec::new();
        while let Some(piece) = stream.next().await {
            read.extend_from_slice(&piece?);
        }
        Ok((info, read))
    }

    pub(crate) async fn try_get(&self, node: usize, bucket: BucketId, key: &str) -> Option<Vec<u8>> {
        self.get(node, bucket, key, 0..u64::MAX).await.ok().map(|(_, read)| read)
    }

    /// Stops a node as a kill would, as far as one process can.
    pub(crate) async fn kill(&mut self, node: usize) {
        let Node { mesh, consensus, store } = self.nodes[node].take().unwrap();
        mesh.shutdown(Instant::now()).await;
        store.shutdown(Instant::now() + Duration::from_secs(1)).await;
        consensus.shutdown(Duration::from_secs(2)).await.ok();
    }

    pub(crate) async fn restart(&mut self, node: usize) {
        // The last task of the killed node lets its socket go.
        wait_for("the socket is free", Duration::from_secs(10), || async {
            UdpSocket::bind(self.plan.addrs[node]).is_ok()
        })
        .await;
        self.nodes[node] = Some(self.plan.start(node).await);
    }

    pub(crate) async fn stop(mut self) {
        for node in 0..self.nodes.len() {
            if self.nodes[node].is_some() {
                self.kill(node).await;
            }
        }
    }

    /// Chunks at risk, as the first node that runs sees it; many while it
    /// cannot tell.
    pub(crate) async fn at_risk(&self) -> u64 {
        let mut most = 0;
        for node in self.nodes.iter().flatten() {
            most = most.max(node.store.status().await.map_or(u64::MAX, |status| status.stripes_at_risk));
        }
        most
    }

    /// Through the first node, which asks the others.
    pub(crate) async fn scrub(&self) {
        assert_eq!(self.store(0).scrub_now(deadline()).await.unwrap().len(), self.plan.nodes);
    }

    pub(crate) async fn drive_dir(&self, drive: DriveId) -> PathBuf {
        let status = self.store(0).status().await.unwrap();
        PathBuf::from(&status.drives.iter().find(|d| d.id == drive).unwrap().path)
    }

    pub(crate) fn shard_files(&self) -> usize {
        self.shard_paths().len()
    }

    /// All files of shards, sorted.
    pub(crate) fn shard_paths(&self) -> Vec<PathBuf> {
        let mut files: Vec<_> = (0..self.plan.nodes).flat_map(|node| self.shard_paths_of(node)).collect();
        files.sort();
        files
    }

    pub(crate) fn shard_paths_of(&self, node: usize) -> Vec<PathBuf> {
        let mut files = Vec::new();
        for dir in self.plan.drive_dirs(node) {
            walk(&dir.join("shards"), &mut files);
        }
        files
    }

    pub(crate) fn flip(&self, path: &Path, at: usize) {
        let mut bytes = std::fs::read(path).unwrap();
        bytes[at] ^= 0x10;
        std::fs::write(path, &bytes).unwrap();
        std::fs::write(self.plan.dir.path().join("flipped"), &bytes).unwrap();
    }

    pub(crate) fn is_flipped(&self, path: &Path) -> bool {
        let damaged = std::fs::read(self.plan.dir.path().join("flipped")).unwrap();
        std::fs::read(path).is_ok_and(|now| now == damaged)
    }
}

async fn status_unready(store: &Store) -> bool {
    store.status().await.map_or(true, |status| status.drives.iter().any(|drive| drive.health.is_none()))
}

fn walk(dir: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        match entry.file_type().unwrap().is_dir() {
            true => walk(&entry.path(), files),
            false => files.push(entry.path()),
        }
    }
}

/// Where the drive would keep the shard of another write of the same session.
pub(crate) fn sibling(shard: &Path) -> PathBuf {
    let (chunk, position) = shard.file_name().unwrap().to_str().unwrap().rsplit_once('.').unwrap();
    let chunk: ChunkId = chunk.parse().unwrap();
    let leaf = |chunk: &ChunkId| blake3::hash(&chunk.to_bytes()).as_bytes()[8];
    let other = (1_000_000..)
        .map(|counter| ChunkId { write: WriteId { counter, ..chunk.write }, ..chunk })
        .find(|other| leaf(other) == leaf(&chunk));
    shard.with_file_name(format!("{}.{position}", other.unwrap()))
}

/// Deletes an object of a bucket that keeps no versions.
pub(crate) fn deletion(bucket: BucketId, key: &str) -> DeleteObject {
    let key = key.to_owned().into();
    DeleteObject { bucket, key, version: None, by: OWNER, bypass: false, condition: Default::default() }
}

/// What begins an upload.
pub(crate) fn upload(bucket: BucketId, key: &str) -> NewUpload {
    NewUpload {
        bucket,
        key: key.to_owned(),
        initiator: OWNER,
        owner: OWNER,
        attributes: Default::default(),
        checksum: None,
        seal: None,
    }
}

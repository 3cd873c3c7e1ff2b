use std::collections::BTreeMap;
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use mucura_runtime::Runtime;
use mucura_types::{NodeId, SiteId, StoreId};
use quinn::Runtime as _;
use ring::digest;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::identity::{self, SiteCa};
use crate::socket::datagrams::{AsyncUdpSocket, RecvMeta, Transmit, UdpPoller};
use crate::*;

/// Methods of the test service.
pub(crate) const ECHO: u16 = 300;
pub(crate) const HANG: u16 = 301;
pub(crate) const TRACE: u16 = 302;
pub(crate) const GROW: u16 = 303;
pub(crate) const FAIL: u16 = 304;
pub(crate) const URGENT_ECHO: u16 = 3;

pub(crate) const YEAR: Duration = Duration::from_secs(365 * 86_400);

/// A site of test nodes.
pub(crate) struct Site {
    pub(crate) id: SiteId,
    pub(crate) ca: SiteCa,
    pub(crate) runtime: Runtime,
}

impl Site {
    pub(crate) fn new(id: u16) -> Self {
        let runtime = Runtime::real(1);
        let ca = identity::make_ca(SiteId(id), runtime.clock.now_ms()).unwrap();
        Self { id: SiteId(id), ca, runtime }
    }

    pub(crate) fn identity(&self, node: u64) -> NodeIdentity {
        identity::issue(&self.ca, self.id, NodeId(node), self.runtime.clock.now_ms(), YEAR).unwrap()
    }

    pub(crate) fn config(&self, node: u64) -> MeshConfig {
        MeshConfig {
            site: self.id,
            node: NodeId(node),
            store: store(node),
            listen: "127.0.0.1:0".parse().unwrap(),
            identity: self.identity(node),
            build: "test".to_owned(),
            // Small buffers: many tests at once, and no warnings.
            limits: Limits { socket_buffer: 128 << 10, ..Limits::default() },
        }
    }

    pub(crate) fn start(&self, config: MeshConfig) -> Mesh {
        Mesh::start(config, &self.runtime, &SocketFactory::udp()).unwrap()
    }

    /// A node that serves, with these limits.
    pub(crate) fn node(&self, node: u64, change: impl FnOnce(&mut Limits)) -> (Mesh, Arc<TestService>) {
        let mut config = self.config(node);
        change(&mut config.limits);
        let mesh = self.start(config);
        let service = Arc::new(TestService::default());
        mesh.serve(service.clone());
        (mesh, service)
    }

    /// Nodes 1 and 2, which know each other.
    pub(crate) fn pair(&self) -> (Mesh, Mesh, Arc<TestService>) {
        let (a, _) = self.node(1, |_| {});
        let (b, service) = self.node(2, |_| {});
        know(&a, &[(2, &b)]);
        know(&b, &[(1, &a)]);
        (a, b, service)
    }
}

pub(crate) fn store(n: u64) -> StoreId {
    StoreId([u8::try_from(n).unwrap(); 16])
}

pub(crate) fn know(mesh: &Mesh, peers: &[(u64, &Mesh)]) {
    let info = |(node, peer): &(u64, &Mesh)| {
        let info = PeerInfo { addr: peer.local_addr().unwrap(), store: Some(store(*node)) };
        (NodeId(*node), info)
    };
    mesh.set_peers(peers.iter().map(info).collect());
}

pub(crate) fn know_at(mesh: &Mesh, node: u64, addr: SocketAddr, store: Option<StoreId>) {
    mesh.set_peers(BTreeMap::from([(NodeId(node), PeerInfo { addr, store })]));
}

pub(crate) fn within(ms: u64) -> Instant {
    Instant::now() + Duration::from_millis(ms)
}

pub(crate) async fn echo(mesh: &Mesh, to: u64) -> Result<Bytes, CallError> {
    mesh.call(NodeId(to), ECHO, Bytes::from_static(b"hello"), within(5000)).await
}

/// Fails the test if `work` takes longer.
pub(crate) async fn soon<T>(ms: u64, work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_millis(ms), work).await.expect("it should have happened by now")
}

/// Waits until `mesh` is, or is not, connected with `node`.
pub(crate) async fn until_reachable(mesh: &Mesh, node: u64, reachable: bool) {
    let mut watch = mesh.watch_reachable();
    watch.wait_for(|nodes| nodes.contains(&NodeId(node)) == reachable).await.unwrap();
}

pub(crate) fn pattern(len: usize, seed: u32) -> Bytes {
    let mut state = seed.max(1);
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[0]
    };
    (0..len).map(next).collect::<Vec<_>>().into()
}

pub(crate) fn hash(bytes: &[u8]) -> Vec<u8> {
    digest::digest(&digest::SHA256, bytes).as_ref().to_vec()
}

/// Does what the tests ask of it.
#[derive(Default)]
pub(crate) struct TestService {
    /// A hanging handler began.
    pub(crate) began: Notify,
    /// A hanging handler was dropped.
    pub(crate) dropped: Arc<Notify>,
}

struct OnDrop(Arc<Notify>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

impl Service for TestService {
    fn call(&self, from: NodeId, method: u16, payload: Bytes) -> BoxFuture<'_, Result<Bytes, Refusal>> {
        Box::pin(async move {
            match method {
                ECHO | URGENT_ECHO => Ok(payload),
                HANG => {
                    let _notice = OnDrop(self.dropped.clone());
                    self.began.notify_one();
                    std::future::pending().await
                }
                TRACE => Ok(format!("{from} {}", current_trace()).into()),
                GROW => Ok(pattern(payload.len() * 4, 1)),
                FAIL => Err(Refusal::Failed("é".repeat(1000))),
                _ => Err(Refusal::UnknownMethod),
            }
        })
    }

    fn bulk(
        &self,
        _from: NodeId,
        method: u16,
        header: Bytes,
        mut send: BulkSend,
        mut recv: BulkRecv,
    ) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            match method {
                // Sends all back, after the header.
                ECHO => {
                    send.send_message(&header).await.unwrap();
                    while let Some(bytes) = recv.recv().await.unwrap() {
                        send.send(bytes).await.unwrap();
                    }
                    send.finish().unwrap();
                }
                HANG => {
                    let _notice = OnDrop(self.dropped.clone());
                    self.began.notify_one();
                    std::future::pending().await
                }
                // Says how the stream ended; with no header, only that it ended well.
                _ => {
                    send.send_message(b"began").await.unwrap();
                    let outcome = loop {
                        match recv.recv().await {
                            Ok(Some(_)) => {}
                            Ok(None) => break "whole".to_owned(),
                            Err(error) => break format!("{error:?}"),
                        }
                    };
                    if outcome == "whole" || !header.is_empty() {
                        send.send_message(outcome.as_bytes()).await.unwrap();
                        send.finish().unwrap();
                    }
                }
            }
        })
    }
}

/// A real socket whose wire can be cut, as if the process had been killed.
#[derive(Debug)]
struct CutSocket {
    inner: Arc<dyn AsyncUdpSocket>,
    cut: Arc<AtomicBool>,
}

pub(crate) fn cuttable() -> (SocketFactory, Arc<AtomicBool>) {
    let cut = Arc::new(AtomicBool::new(false));
    let wire = cut.clone();
    let factory = SocketFactory::given(move |addr| {
        let inner = quinn::TokioRuntime.wrap_udp_socket(std::net::UdpSocket::bind(addr)?)?;
        Ok(Arc::new(CutSocket { inner, cut: wire.clone() }))
    });
    (factory, cut)
}

impl AsyncUdpSocket for CutSocket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        self.inner.clone().create_io_poller()
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        if self.cut.load(Ordering::SeqCst) { Ok(()) } else { self.inner.try_send(transmit) }
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        loop {
            match self.inner.poll_recv(cx, bufs, meta) {
                Poll::Ready(Ok(_)) if self.cut.load(Ordering::SeqCst) => {}
                other => return other,
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }

    fn max_receive_segments(&self) -> usize {
        self.inner.max_receive_segments()
    }

    fn may_fragment(&self) -> bool {
        self.inner.may_fragment()
    }
}

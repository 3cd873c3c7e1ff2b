//! Nodes in one process, and the links between them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use mucura_types::NodeId;
use tokio::time::{sleep, timeout};

use crate::{Consensus, Transport, TransportError};

const LATENCY: Duration = Duration::from_millis(1);

/// Links between nodes; all are whole until cut.
#[derive(Clone, Default)]
pub(super) struct Network(Arc<Mutex<Links>>);

#[derive(Default)]
struct Links {
    nodes: BTreeMap<u64, Consensus>,
    cut: BTreeSet<(u64, u64)>,
    /// Calls of a method whose answers are lost from now on.
    deaf: BTreeSet<u16>,
    calls: BTreeMap<u16, u64>,
    /// Nodes that no answer reaches.
    hears_nothing: BTreeSet<u64>,
    /// How long a node takes over calls that carry something.
    slow: Duration,
}

/// A call with less is a sign of life only.
const CARRIES_BYTES: usize = 64;

impl Network {
    pub(super) fn port(&self, node: u64) -> Arc<dyn Transport> {
        Arc::new(Port { node, network: self.clone() })
    }

    pub(super) fn plug(&self, node: u64, consensus: Consensus) {
        self.0.lock().unwrap().nodes.insert(node, consensus);
    }

    pub(super) fn unplug(&self, node: u64) {
        self.0.lock().unwrap().nodes.remove(&node);
    }

    /// Cuts `some` off from all others.
    pub(super) fn isolate(&self, some: &[u64]) {
        let mut links = self.0.lock().unwrap();
        for a in 1..=9 {
            for b in 1..=9 {
                if some.contains(&a) != some.contains(&b) {
                    links.cut.insert((a, b));
                }
            }
        }
    }

    pub(super) fn heal(&self) {
        let mut links = self.0.lock().unwrap();
        links.cut.clear();
        links.deaf.clear();
        links.hears_nothing.clear();
    }

    /// Calls of `method` arrive and are carried out, but not answered.
    pub(super) fn lose_answers(&self, method: u16) {
        self.0.lock().unwrap().deaf.insert(method);
    }

    /// What a node says arrives, but no answer comes back to it.
    pub(super) fn deafen(&self, node: u64) {
        self.0.lock().unwrap().hears_nothing.insert(node);
    }

    /// Nodes take so long over calls that carry something, as if their disks did.
    pub(super) fn slow_down(&self, by: Duration) {
        self.0.lock().unwrap().slow = by;
    }

    pub(super) fn calls(&self, method: u16) -> u64 {
        self.0.lock().unwrap().calls.get(&method).copied().unwrap_or(0)
    }

    fn whole(&self, from: u64, to: u64) -> Option<Consensus> {
        let links = self.0.lock().unwrap();
        if links.cut.contains(&(from, to)) { None } else { links.nodes.get(&to).cloned() }
    }
}

struct Port {
    node: u64,
    network: Network,
}

impl Transport for Port {
    fn call(
        &self,
        to: NodeId,
        method: u16,
        payload: Bytes,
        limit: Duration,
    ) -> BoxFuture<'static, Result<Bytes, TransportError>> {
        let (network, from) = (self.network.clone(), self.node);
        let unreachable = move || TransportError::Unreachable { node: to, reason: "the link is cut".into() };
        let call = async move {
            *network.0.lock().unwrap().calls.entry(method).or_default() += 1;
            sleep(LATENCY).await;
            let node = network.whole(from, to.0).ok_or_else(unreachable)?;
            if payload.len() > CARRIES_BYTES {
                let slow = network.0.lock().unwrap().slow;
                sleep(slow).await;
            }
            // On the other side a call goes on when its caller is gone.
            let handled = tokio::spawn(async move { node.handle(NodeId(from), method, payload).await });
            let answer = handled.await.map_err(|_| unreachable())?;
            sleep(LATENCY).await;
            let deaf = {
                let links = network.0.lock().unwrap();
                links.deaf.contains(&method) || links.hears_nothing.contains(&from)
            };
            if deaf || network.whole(from, to.0).is_none() {
                return std::future::pending().await;
            }
            answer.map_err(|e| TransportError::Refused { node: to, reason: e.to_string() })
        };
        async move { timeout(limit, call).await.unwrap_or(Err(TransportError::Timeout { node: to })) }.boxed()
    }
}

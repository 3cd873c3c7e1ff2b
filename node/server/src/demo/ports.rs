use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};

/// Where a demo begins to look when nobody says where.
pub(super) const FIRST_PORT: u16 = 9000;
/// From one attempt to the next.
const STEP: u16 = 20;
/// How long the nodes of a demo that was killed may take to end.
const SETTLE: Duration = Duration::from_secs(15);
const LOOK: Duration = Duration::from_secs(1);

/// Where the nodes of a demo listen, in order of their numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ports {
    /// TCP, S3.
    pub(super) s3: Vec<u16>,
    /// TCP, admin.
    pub(super) admin: Vec<u16>,
    /// UDP, mesh.
    pub(super) mesh: Vec<u16>,
}

impl Ports {
    /// Ports in a row from `first`: S3, then admin, then mesh.
    fn from(first: u16, nodes: u16) -> Option<Self> {
        first.checked_add(nodes.checked_mul(3)?)?;
        let run = |part: u16| (0..nodes).map(|node| first + part * nodes + node).collect();
        Some(Self { s3: run(0), admin: run(1), mesh: run(2) })
    }

    /// Free ports for so many nodes: from `first` if it is given, else from the
    /// first place where all are free.
    pub(super) async fn choose(first: Option<u16>, nodes: u16) -> anyhow::Result<Self> {
        if let Some(first) = first {
            let ports =
                Self::from(first, nodes).ok_or_else(|| anyhow::anyhow!("there are no ports past 65535"))?;
            let taken = ports.taken_for_good().await;
            anyhow::ensure!(taken.is_empty(), "these ports are in use: {taken:?}; choose another --s3-port");
            return Ok(ports);
        }
        let mut first = FIRST_PORT;
        while let Some(ports) = Self::from(first, nodes) {
            if ports.taken().is_empty() {
                return Ok(ports);
            }
            let Some(next) = first.checked_add(STEP) else { break };
            first = next;
        }
        anyhow::bail!("no free ports for {nodes} nodes")
    }

    /// Those that somebody else listens on, and goes on to: the nodes of a demo
    /// that was killed take a moment to end.
    pub(super) async fn taken_for_good(&self) -> Vec<u16> {
        let end = Instant::now() + SETTLE;
        loop {
            let taken = self.taken();
            if taken.is_empty() || Instant::now() >= end {
                return taken;
            }
            tracing::info!(?taken, "ports are in use; waiting for them");
            sleep(LOOK).await;
        }
    }

    /// Those that somebody else listens on now.
    fn taken(&self) -> Vec<u16> {
        let tcp = self
            .s3
            .iter()
            .chain(&self.admin)
            .filter(|p| TcpListener::bind((Ipv4Addr::LOCALHOST, **p)).is_err());
        let udp = self.mesh.iter().filter(|p| UdpSocket::bind((Ipv4Addr::LOCALHOST, **p)).is_err());
        tcp.chain(udp).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The clock runs ahead whenever everybody waits.
    #[tokio::test(start_paused = true)]
    async fn a_port_in_use_is_waited_for_told_or_passed_over() {
        let held = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = held.local_addr().unwrap().port();
        let error = Ports::choose(Some(port), 1).await.unwrap_err().to_string();
        assert!(error.contains(&port.to_string()), "{error}");
        let free = Ports::choose(None, 3).await.unwrap();
        assert_eq!((free.s3.len(), free.admin.len(), free.mesh.len()), (3, 3, 3));
        assert!(!free.s3.contains(&port));
        assert!(Ports::choose(Some(65_535), 3).await.is_err());
        let soon = tokio::spawn(async move {
            sleep(SETTLE / 2).await;
            drop(held);
        });
        assert!(Ports::choose(Some(port), 1).await.is_ok());
        soon.await.unwrap();
    }
}

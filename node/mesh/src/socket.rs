use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;

use quinn::{AsyncUdpSocket, Runtime as _};
use rustix::net::sockopt;
use tracing::warn;

/// What a simulated socket is written against.
pub mod datagrams {
    pub use quinn::udp::{RecvMeta, Transmit};
    pub use quinn::{AsyncUdpSocket, UdpPoller};
}

/// Makes a simulated socket.
type Make = dyn Fn(SocketAddr) -> io::Result<Arc<dyn AsyncUdpSocket>> + Send + Sync;

/// Where datagram sockets come from: the system, or a simulation.
#[derive(Clone)]
pub struct SocketFactory(Kind);

#[derive(Clone)]
enum Kind {
    Udp,
    Given(Arc<Make>),
}

impl SocketFactory {
    /// UDP sockets of the operating system.
    pub fn udp() -> Self {
        Self(Kind::Udp)
    }

    /// Sockets made by `make` for the address to bind. Over them the mesh uses
    /// no segmentation offload, no MTU discovery, and randomness of the
    /// runtime alone.
    pub fn given<F>(make: F) -> Self
    where
        F: Fn(SocketAddr) -> io::Result<Arc<dyn AsyncUdpSocket>> + Send + Sync + 'static,
    {
        Self(Kind::Given(Arc::new(make)))
    }

    pub(crate) fn is_simulated(&self) -> bool {
        matches!(self.0, Kind::Given(_))
    }

    pub(crate) fn bind(&self, addr: SocketAddr, buffer: usize) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        match &self.0 {
            Kind::Given(make) => make(addr),
            Kind::Udp => {
                let socket = UdpSocket::bind(addr)?;
                size_buffers(&socket, buffer)?;
                quinn::TokioRuntime.wrap_udp_socket(socket)
            }
        }
    }
}

/// Buffers that overflow cost as much CPU as the transfer itself, so they are
/// set past the system's limit where we may.
fn size_buffers(socket: &UdpSocket, bytes: usize) -> io::Result<()> {
    if sockopt::set_socket_recv_buffer_size_force(socket, bytes).is_err() {
        sockopt::set_socket_recv_buffer_size(socket, bytes)?;
    }
    if sockopt::set_socket_send_buffer_size_force(socket, bytes).is_err() {
        sockopt::set_socket_send_buffer_size(socket, bytes)?;
    }
    // Linux reports twice what was asked for, its own book-keeping included.
    let received = sockopt::socket_recv_buffer_size(socket)? / 2;
    let sent = sockopt::socket_send_buffer_size(socket)? / 2;
    if received < bytes {
        warn!(
            wanted = bytes,
            got = received,
            "UDP receive buffer is small: set sysctl net.core.rmem_max={bytes}"
        );
    }
    if sent < bytes {
        warn!(wanted = bytes, got = sent, "UDP send buffer is small: set sysctl net.core.wmem_max={bytes}");
    }
    Ok(())
}

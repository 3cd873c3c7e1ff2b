//! The nodes' one way to talk: a QUIC endpoint with mutual TLS, calls with
//! deadlines, and bulk streams.
//!
//! [`Mesh`] owns one UDP port, which serves and dials. Towards each peer it
//! keeps one *control* connection (calls) and a few *bulk* ones, so that bytes
//! in volume never delay a heartbeat. The dialler of a connection makes the
//! calls, the acceptor serves them; two nodes that call each other have
//! connections both ways. [`identity`] is the site's CA and the certificates
//! that name nodes; [`JoinToken`] and [`join`] let a machine in that has none.
//! The byte forms are in `docs/formats/mesh.md`.
//!
//! Invariants:
//! - Nothing is served to, or believed from, a peer whose certificate the
//!   site's CA did not sign for the very node that it says it is.
//! - Every wait ends: calls at their deadline, streams at theirs or when they
//!   stall, connections when nothing is heard. Every queue has a bound, and
//!   what exceeds it is answered [`CallError::Busy`].
//! - [`CallError::Unreachable`] and [`CallError::Busy`] mean that the request
//!   was not carried out; [`CallError::Timeout`] and
//!   [`CallError::PeerClosed`] that the outcome is unknown.
//! - This crate alone names quinn.
//!
//! It must not know what a message means: methods are numbers and payloads are
//! bytes. Nor does it read files: keys come and go as text.

mod admission;
mod book;
mod bulk;
mod call;
mod codes;
mod config;
mod connections;
mod dial;
mod endpoint;
mod error;
mod frame;
mod hello;
pub mod identity;
mod join;
mod join_token;
mod link;
mod mesh;
mod serve;
mod service;
mod shared;
mod socket;
#[cfg(test)]
mod tests;
mod tls;
mod trace;

pub use book::PeerInfo;
pub use bulk::{BulkRecv, BulkSend};
pub use config::{Limits, MTU_MAX, MeshConfig, URGENT_METHODS};
pub use connections::PeerState;
pub use error::{CallError, IdentityError, Refused, StartError};
pub use identity::NodeIdentity;
pub use join::join;
pub use join_token::JoinToken;
pub use mesh::Mesh;
pub use service::{BoxFuture, JoinHandler, Refusal, Service};
pub use socket::{SocketFactory, datagrams};
pub use trace::{current_trace, with_trace};

use std::io;
use std::net::SocketAddr;

use mucura_types::{NodeId, SiteId};

use crate::service::Refusal;

/// A call or a stream came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// There is no connection, and none came about in time. The request was
    /// not sent: it was certainly not carried out.
    #[error("reach the node: {reason}")]
    Unreachable {
        /// What stood in the way.
        reason: String,
    },
    /// The deadline passed, or the stream stalled. The outcome is unknown.
    #[error("the deadline passed; the outcome is unknown")]
    Timeout,
    /// The peer will not do this, and would not if asked again.
    #[error("refused: {0}")]
    Refused(#[from] Refused),
    /// The message exceeds what this side or the peer takes.
    #[error("the message is too large")]
    TooLarge,
    /// Too much is under way with this peer, or it is still starting. The
    /// request was not carried out; it may be tried again, later or elsewhere.
    #[error("the peer has too much to do")]
    Busy,
    /// The connection or the stream broke. The outcome is unknown.
    #[error("the peer went away; the outcome is unknown")]
    PeerClosed,
}

/// Why a peer will have nothing to do with us, or with what we asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The certificate of one side was not accepted: another CA, another
    /// name, or expired.
    #[error("certificate not accepted: {reason}")]
    Certificate {
        /// What TLS said.
        reason: String,
    },
    /// The node belongs to another site.
    #[error("the node belongs to another site")]
    WrongSite,
    /// The node is not the one that its certificate names.
    #[error("the node is not the one that its certificate names")]
    WrongNode,
    /// The node came back with another metadata store: it was wiped.
    #[error("the node has another metadata store than the one it is known by")]
    WrongStore,
    /// The two sides have no protocol version in common.
    #[error("no protocol version in common")]
    Version,
    /// The service knows no such method.
    #[error("no such method")]
    UnknownMethod,
    /// The bytes are not what they should be.
    #[error("malformed")]
    Malformed,
    /// The service gave up, for the reason given.
    #[error("{0}")]
    Failed(String),
}

impl From<Refusal> for CallError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Busy | Refusal::Starting => Self::Busy,
            Refusal::TooLarge => Self::TooLarge,
            Refusal::TimedOut => Self::Timeout,
            Refusal::UnknownMethod => Self::Refused(Refused::UnknownMethod),
            Refusal::Malformed => Self::Refused(Refused::Malformed),
            Refusal::Failed(reason) => Self::Refused(Refused::Failed(reason)),
        }
    }
}

/// A certificate, a key or a join token is not what it should be.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The text is not a certificate, key, request or token.
    #[error("read {what}: {reason}")]
    Malformed {
        /// What it should have been.
        what: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// It is in order but names another node.
    #[error("the certificate is of node {node} of site {site}")]
    OtherNode {
        /// The site it names.
        site: SiteId,
        /// The node it names.
        node: NodeId,
    },
    /// Its time is over.
    #[error("expired")]
    Expired,
    /// The secret of this site did not make it, or it was altered.
    #[error("not made by this site")]
    Forged,
    /// Keys or signatures could not be made.
    #[error("{what}: {reason}")]
    Crypto {
        /// What was being done.
        what: &'static str,
        /// Why it did not work.
        reason: String,
    },
}

/// The mesh cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The identity does not fit.
    #[error("node identity: {0}")]
    Identity(#[from] IdentityError),
    /// The port cannot be had.
    #[error("bind UDP {addr}: {source}")]
    Socket {
        /// Where.
        addr: SocketAddr,
        /// The operating system's error.
        source: io::Error,
    },
    /// A limit is out of bounds.
    #[error("mesh limits: {0}")]
    Limits(&'static str),
    /// The machine has no randomness to give.
    #[error("randomness: {0}")]
    Entropy(io::Error),
}

//! Joining: how a machine that holds a token becomes a node of a site. The
//! exchange runs over TLS that the joiner holds against the fingerprint in its
//! token; the node that let the token out checks it, has a number given, signs
//! the joiner's key, and hands over what nodes share.

mod doorkeeper;
mod joiner;
#[cfg(test)]
mod tests;
mod tokens;

use mucura_types::NodeId;
use serde::{Deserialize, Serialize};

pub(crate) use doorkeeper::{Doorkeeper, mint};
pub(crate) use joiner::join;
use tokens::UsedTokens;

use crate::node_dir::KnownNode;

/// What a joiner says. The first byte of its encoding is the version.
#[derive(Debug, Serialize, Deserialize)]
struct JoinRequest {
    token: String,
    /// A request to certify the joiner's own key, PEM.
    csr_pem: String,
    node: KnownNode,
}

/// What it is answered.
#[derive(Debug, Serialize, Deserialize)]
struct JoinAnswer {
    node: NodeId,
    site_name: String,
    ca_cert_pem: String,
    cert_pem: String,
    site_key: [u8; 32],
    root_access_key: String,
    root_secret_key: String,
    region: String,
    nodes: Vec<(NodeId, KnownNode)>,
}

/// The version of the exchange.
const VERSION: u8 = 1;

fn encode(message: &impl Serialize) -> anyhow::Result<Vec<u8>> {
    let mut bytes = vec![VERSION];
    serde_json::to_writer(&mut bytes, message)?;
    Ok(bytes)
}

fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> anyhow::Result<T> {
    match bytes.split_first() {
        Some((&VERSION, body)) => Ok(serde_json::from_slice(body)?),
        _ => anyhow::bail!("the other side speaks another version"),
    }
}

/// What joining gave.
pub(crate) struct Joined {
    /// The number of this node.
    pub(crate) node: NodeId,
    /// The site's name.
    pub(crate) site_name: String,
}

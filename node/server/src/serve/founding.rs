use std::time::Duration;

use mucura_consensus::{Consensus, ConsensusError};
use mucura_metadata::{Command, Envelope, Rejection, SiteSeed};
use mucura_runtime::Runtime;
use tokio::time::sleep;

use crate::node_dir::{Membership, NodeDir};

const RETRY: Duration = Duration::from_millis(200);
const PROPOSE: Duration = Duration::from_secs(10);

/// Sets up the site that this node was made to set up: first the group of
/// voters, then the first rows. Safe to do again after it broke off.
pub(crate) async fn found(
    runtime: Runtime,
    dir: NodeDir,
    membership: Membership,
    ca_certificate: String,
    consensus: Consensus,
    sealed_secrets: Vec<u8>,
) {
    let members: Vec<_> = membership.nodes.iter().map(|(id, known)| (*id, known.mesh.clone())).collect();
    let seed = SiteSeed {
        site: membership.site,
        name: membership.site_name.clone(),
        ca_certificate,
        sealed_secrets: sealed_secrets.into(),
        nodes: membership.nodes.values().cloned().collect(),
    };
    loop {
        match consensus.initialize(members.clone()).await {
            // The group was set up before.
            Ok(()) | Err(ConsensusError::CannotInitialise(_)) => break,
            Err(error) => tracing::debug!(%error, "the group is not set up yet"),
        }
        sleep(RETRY).await;
    }
    loop {
        let envelope = Envelope::repeatable(Command::InitSite(seed.clone()));
        match consensus.propose(vec![envelope], PROPOSE).await.map(|proposed| proposed.outcomes) {
            Ok(outcomes) => match outcomes.as_slice() {
                [Ok(_) | Err(Rejection::AlreadyInitialised)] => break,
                other => tracing::error!(?other, "the site could not be set up"),
            },
            Err(error) => tracing::debug!(%error, "the site is not set up yet"),
        }
        sleep(RETRY).await;
    }
    let disk = runtime.disk.clone();
    let cleared = runtime.blocking.run(move || dir.clear_founding(&*disk)).await;
    match cleared.map_err(anyhow::Error::from).and_then(|done| done.map_err(anyhow::Error::from)) {
        Ok(()) => tracing::info!(site = membership.site_name, "site is set up"),
        // The next start does it again, which changes nothing.
        Err(error) => {
            tracing::warn!(error = format!("{error:#}"), "the site is set up, but not noted as such")
        }
    }
}

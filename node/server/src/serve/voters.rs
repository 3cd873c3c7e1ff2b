use std::collections::BTreeSet;
use std::time::Duration;

use mucura_consensus::{Consensus, Role};
use mucura_mesh::Mesh;
use mucura_metadata::nodes;
use tokio::time::sleep;

/// More do not make the metadata safer, only slower to write.
const VOTERS_MAX: usize = 9;
const LOOK: Duration = Duration::from_secs(1);
/// A new voter first gets a copy of the state.
const CATCH_UP: Duration = Duration::from_secs(120);
/// A node that is alone for so many looks is no site that is being set up.
const ALONE: u32 = 10;

/// While this node leads, it makes nodes that joined into voters.
pub(crate) async fn keep_voters(consensus: Consensus, mesh: Mesh) {
    let mut alone = 0u32;
    loop {
        sleep(LOOK).await;
        let status = consensus.status().await;
        if status.role != Role::Leader {
            continue;
        }
        let voters: BTreeSet<_> = status.members.iter().filter(|m| m.voter).map(|m| m.node).collect();
        let Ok(Ok(known)) = consensus.read(|view, _| nodes(view)).await else { continue };
        alone = if known.len() == 1 { alone.saturating_add(1) } else { 0 };
        if alone == ALONE {
            tracing::warn!("the metadata has one copy: this node is the only one of its site");
        }
        let waiting = known.into_iter().find(|(id, _)| !voters.contains(id) && mesh.is_reachable(*id));
        let Some((node, record)) = waiting.filter(|_| voters.len() < VOTERS_MAX) else { continue };
        match consensus.add_voter(node, record.mesh, CATCH_UP).await {
            Ok(()) => tracing::info!(%node, "node votes from now on"),
            Err(error) => tracing::warn!(%node, %error, "node could not be made a voter"),
        }
    }
}

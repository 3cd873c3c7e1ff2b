use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::header;
use mucura_consensus::Role;
use mucura_store::{DriveServiceState, LifecycleStatus};
use mucura_telemetry::{DriveSample, LifecycleSample, Metrics, NodeSample, RaftSample};

use crate::admin::answer::AdminError;
use crate::admin::health::obstacles;
use crate::serve::{Node, Shown};

/// All metrics, as text.
pub(super) async fn metrics(State(shown): State<Shown>) -> Response {
    let Some(node) = shown.get() else {
        return AdminError::Unavailable("the node is starting".to_owned()).into_response();
    };
    match node.metrics.render(&sample(node).await) {
        Ok(text) => ([(header::CONTENT_TYPE, Metrics::CONTENT_TYPE)], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "metrics could not be rendered");
            AdminError::Internal.into_response()
        }
    }
}

async fn sample(node: &Node) -> NodeSample {
    let status = node.consensus.status().await;
    let index = |index: Option<mucura_consensus::LogIndex>| index.map_or(0, |index| index.0);
    let raft = RaftSample {
        leads: status.role == Role::Leader,
        term: status.term.0,
        last_log: index(status.last_log),
        committed: index(status.committed),
        applied: index(status.applied),
        snapshot: index(status.snapshot),
    };
    let drives = node.store.own_drives().await;
    let drives = drives.iter().map(|drive| DriveSample {
        drive: drive.drive.to_string(),
        online: drive.state != DriveServiceState::Failed,
        total_bytes: drive.bytes_total,
        free_bytes: drive.bytes_free,
    });
    let (used, all) = node.store.buffers();
    let peers = node.store.peers();
    let bytes = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    NodeSample {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ready: obstacles(node).await.is_empty(),
        raft: (status.role != Role::Stopped).then_some(raft),
        drives: drives.collect(),
        buffers_used_bytes: bytes(used),
        buffers_bytes: bytes(all),
        peers_known: bytes(peers.len()),
        peers_connected: bytes(peers.iter().filter(|peer| peer.connected).count()),
        site: node.counted(),
        lifecycle: lifecycle(&node.store.lifecycle()),
    }
}

fn lifecycle(did: &LifecycleStatus) -> LifecycleSample {
    LifecycleSample {
        objects_expired: did.objects_expired,
        versions_expired: did.versions_expired,
        markers_removed: did.markers_removed,
        uploads_aborted: did.uploads_aborted,
        transitions: did.transitions,
        pass_age_s: did.pass_age.map(|age| age.as_secs()),
    }
}

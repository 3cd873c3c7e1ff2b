use mucura_store::{DriveServiceState, DriveStatus, KeyStatus, KeysStatus, NodeStatus, SiteStatus};
use serde_json::{Value, json};

/// The status of a site as the API gives it.
pub(super) fn site_status(status: &SiteStatus) -> Value {
    json!({
        "site": status.site,
        "leader": status.leader,
        "stripes_at_risk": status.stripes_at_risk,
        "placement": {
            "profile": status.profile,
            "epoch": status.epoch,
            "groups": status.placement_groups,
            "drives": status.placed_drives,
        },
        "events": { "waiting": status.events_waiting, "lost": status.events_lost },
        "nodes": status.nodes.iter().map(node).collect::<Vec<_>>(),
        "drives": status.drives.iter().map(drive).collect::<Vec<_>>(),
    })
}

fn node(node: &NodeStatus) -> Value {
    let raft = node.raft.as_ref();
    json!({
        "id": node.id,
        "name": node.name,
        "state": if node.up { "up" } else { "down" },
        "role": raft.map(|raft| &raft.role),
        "voter": raft.map(|raft| raft.voter),
        "term": raft.map(|raft| raft.term),
        "last_log": raft.map(|raft| raft.last_log),
        "committed": raft.map(|raft| raft.committed),
        "applied": raft.map(|raft| raft.applied),
        "snapshot": raft.map(|raft| raft.snapshot),
        "log_bytes": raft.map(|raft| raft.log_bytes),
        "mesh": node.mesh,
        "s3": node.s3,
        "admin": node.admin,
        "encryption": node.keys.as_ref().map(keys),
    })
}

fn keys(keys: &KeysStatus) -> Value {
    let key = |key: &KeyStatus| json!({ "number": key.number, "fingerprint": key.fingerprint });
    json!({ "active": keys.active, "keys": keys.keys.iter().map(key).collect::<Vec<_>>() })
}

/// One drive as the API gives it.
pub(super) fn drive(drive: &DriveStatus) -> Value {
    let health = drive.health.as_ref();
    let state = match health.map(|health| health.state) {
        None => "unknown",
        Some(DriveServiceState::Online) => "online",
        Some(DriveServiceState::Full) => "full",
        Some(DriveServiceState::Failed) => "failed",
    };
    json!({
        "id": drive.id,
        "node": drive.node,
        "path": drive.path,
        "state": state,
        "bytes_total": health.map(|health| health.bytes_total),
        "bytes_free": health.map(|health| health.bytes_free),
        "shards": health.map(|health| health.shards),
        "missing_shards": health.map(|health| health.missing),
    })
}

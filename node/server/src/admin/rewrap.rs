use mucura_store::RewrapStatus;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::admin::routes::Answered;
use crate::serve::Node;

/// Which data keys are to be wrapped anew.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RewrapWanted {
    from: Option<u32>,
}

/// Begins, unless it is under way.
pub(super) async fn begin(node: &Node, wanted: &RewrapWanted, deadline: Instant) -> Answered {
    Ok(shown(&node.store.rewrap(wanted.from, deadline).await?))
}

/// How the last one stands.
pub(super) async fn status(node: &Node, deadline: Instant) -> Answered {
    Ok(node.store.rewrap_status(deadline).await?.as_ref().map_or_else(|| json!({ "finished": true }), shown))
}

fn shown(status: &RewrapStatus) -> Value {
    json!({
        "from": status.from,
        "to": status.to,
        "seen": status.seen,
        "rewrapped": status.rewrapped,
        "left": status.left,
        "finished": status.finished,
    })
}

use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use mucura_store::DriveServiceState;
use serde_json::json;
use tokio::time::Instant;

use crate::admin::answer::json_answer;
use crate::serve::{Node, Shown};

const PATIENCE: Duration = Duration::from_secs(2);

/// The process answers.
pub(super) async fn live() -> Response {
    json_answer(StatusCode::OK, &json!({ "live": true }))
}

/// Whether the node takes part; if not, why.
pub(super) async fn ready(State(shown): State<Shown>) -> Response {
    let reasons = match shown.get() {
        Some(node) => obstacles(node).await,
        None => vec!["the node is starting".to_owned()],
    };
    let status = if reasons.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    json_answer(status, &json!({ "ready": reasons.is_empty(), "reasons": reasons }))
}

/// What keeps a node from taking part.
pub(super) async fn obstacles(node: &Node) -> Vec<String> {
    let mut reasons = Vec::new();
    if node.is_ending() {
        reasons.push("the node ends".to_owned());
        return reasons;
    }
    if let Err(error) = node.store.fresh(Instant::now() + PATIENCE).await {
        reasons.push(format!("metadata: {error}"));
    }
    let drives = node.store.own_drives().await;
    if drives.iter().all(|drive| drive.state == DriveServiceState::Failed) && node.has_drives {
        reasons.push("none of its drives is in service".to_owned());
    }
    reasons
}

use std::path::{Path, PathBuf};

use mucura_types::DriveId;
use serde::Deserialize;
use serde_json::json;

use crate::admin::answer::AdminError;
use crate::admin::routes::Answered;
use crate::admin::site_status;
use crate::serve::Node;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DriveWanted {
    path: PathBuf,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReplacementWanted {
    #[serde(default)]
    path: Option<PathBuf>,
}

pub(super) async fn list(node: &Node) -> Answered {
    let status = node.store.status().await?;
    Ok(json!({ "drives": status.drives.iter().map(site_status::drive).collect::<Vec<_>>() }))
}

pub(super) async fn add(node: &Node, wanted: DriveWanted) -> Answered {
    check(&wanted.path)?;
    let drive = node.store.add_drive(&wanted.path).await?;
    Ok(json!({ "drive": drive, "node": node.membership.node, "path": wanted.path }))
}

pub(super) async fn replace(node: &Node, drive: &str, wanted: ReplacementWanted) -> Answered {
    let drive: DriveId = drive.parse().map_err(|e| AdminError::Malformed(format!("{e}")))?;
    wanted.path.as_deref().map_or(Ok(()), check)?;
    node.store.replace_drive(drive, wanted.path.clone()).await?;
    Ok(json!({ "drive": drive, "path": wanted.path }))
}

/// A relative path would depend on where the node was started.
fn check(path: &Path) -> Result<(), AdminError> {
    match path.is_absolute() {
        true => Ok(()),
        false => Err(AdminError::Malformed(format!("{} is not an absolute path", path.display()))),
    }
}

use std::path::Path;

use mucura_runtime::Runtime;

use crate::config::{RootKey, Settings};
use crate::demo::state::DemoState;
use crate::found::{Founded, NodePlan, found_site};

/// Makes the directories of a demo's nodes.
pub(super) async fn make(runtime: &Runtime, dir: &Path, state: &DemoState) -> anyhow::Result<Founded> {
    let root = RootKey::new(&state.access_key, &state.secret_key).map_err(|e| anyhow::anyhow!("{e}"))?;
    let plans: Vec<NodePlan> =
        (0..usize::from(state.nodes)).filter_map(|index| plan(dir, state, index)).collect();
    found_site(runtime, "demo", &root, &plans).await
}

fn plan(dir: &Path, state: &DemoState, index: usize) -> Option<NodePlan> {
    let at = |ports: &[u16]| ports.get(index).map(|port| format!("127.0.0.1:{port}"));
    let mut settings = Settings::default();
    settings.mesh.listen = at(&state.ports.mesh)?;
    settings.s3.listen = at(&state.ports.s3)?;
    settings.admin.listen = at(&state.ports.admin)?;
    settings.storage.drives = (1..=state.drives).map(|drive| format!("drive{drive}").into()).collect();
    let number = index + 1;
    Some(NodePlan { name: format!("node{number}"), dir: DemoState::node_dir(dir, number), settings })
}

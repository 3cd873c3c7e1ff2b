use std::path::Path;

use anyhow::Context as _;
use mucura_runtime::{Runtime, replace_file};

use crate::config::{RootKey, Settings};
use crate::demo::authority::Authority;
use crate::demo::state::{CA_FILE, DemoState};
use crate::found::{Founded, NodePlan, found_site};

/// The S3 endpoint's certificate and its key, in a node's directory.
const CERTIFICATE_FILE: &str = "s3.pem";
const KEY_FILE: &str = "s3.key";

/// Makes the directories of a demo's nodes.
pub(super) async fn make(runtime: &Runtime, dir: &Path, state: &DemoState) -> anyhow::Result<Founded> {
    let root = RootKey::new(&state.access_key, &state.secret_key).map_err(|e| anyhow::anyhow!("{e}"))?;
    let plans: Vec<NodePlan> =
        (0..usize::from(state.nodes)).filter_map(|index| plan(dir, state, index)).collect();
    let founded = found_site(runtime, "demo", &root, &plans).await?;
    if state.tls {
        certify(runtime, dir, &plans)?;
    }
    Ok(founded)
}

/// Gives every node a certificate of one authority.
fn certify(runtime: &Runtime, dir: &Path, plans: &[NodePlan]) -> anyhow::Result<()> {
    let now_ms = runtime.clock.now_ms();
    let authority = Authority::make(now_ms)?;
    let write = |path: &Path, text: &str| {
        replace_file(&*runtime.disk, path, text.as_bytes())
            .with_context(|| format!("write {}", path.display()))
    };
    for plan in plans {
        let (certificate, key) = authority.issue(now_ms)?;
        write(&plan.dir.join(KEY_FILE), &key)?;
        write(&plan.dir.join(CERTIFICATE_FILE), &certificate)?;
    }
    write(&dir.join(CA_FILE), &authority.certificate_pem())
}

fn plan(dir: &Path, state: &DemoState, index: usize) -> Option<NodePlan> {
    let at = |ports: &[u16]| ports.get(index).map(|port| format!("127.0.0.1:{port}"));
    let mut settings = Settings::default();
    settings.mesh.listen = at(&state.ports.mesh)?;
    settings.s3.listen = at(&state.ports.s3)?;
    if state.tls {
        settings.s3.tls_certificate = CERTIFICATE_FILE.into();
        settings.s3.tls_key = KEY_FILE.into();
    }
    settings.admin.listen = at(&state.ports.admin)?;
    settings.storage.drives = (1..=state.drives).map(|drive| format!("drive{drive}").into()).collect();
    let number = index + 1;
    Some(NodePlan { name: format!("node{number}"), dir: DemoState::node_dir(dir, number), settings })
}

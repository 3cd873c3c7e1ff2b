use std::time::Duration;

use anyhow::Context as _;
use mucura_consensus::Consensus;
use mucura_mesh::{Mesh, NodeIdentity, identity};
use mucura_metadata::site;
use mucura_runtime::Runtime;
use mucura_store::SiteKey;
use tokio::time::sleep;

use crate::found::CERTIFICATE_LIFE;
use crate::node_dir::{Membership, NodeDir, SITE_SECRETS_PURPOSE, SiteKeyBytes, SiteSecrets};

const LOOK: Duration = Duration::from_secs(3600);

/// Renews this node's certificate at two thirds of its life: every node can
/// open the authority's key.
pub(crate) async fn keep_certificate(
    runtime: Runtime,
    dir: NodeDir,
    membership: Membership,
    site_key: SiteKeyBytes,
    consensus: Consensus,
    mesh: Mesh,
    mut current: NodeIdentity,
) {
    loop {
        let due = current.renew_at_ms().map_or(true, |at_ms| runtime.clock.now_ms() >= at_ms);
        if due {
            match renew(&runtime, &dir, &membership, &site_key, &consensus, &mesh).await {
                Ok(renewed) => {
                    tracing::info!("certificate renewed");
                    current = renewed;
                }
                Err(error) => tracing::warn!(error = format!("{error:#}"), "certificate not renewed yet"),
            }
        }
        sleep(LOOK).await;
    }
}

async fn renew(
    runtime: &Runtime,
    dir: &NodeDir,
    membership: &Membership,
    site_key: &SiteKeyBytes,
    consensus: &Consensus,
    mesh: &Mesh,
) -> anyhow::Result<NodeIdentity> {
    let record = consensus.read(|view, _| site(view)).await??.context("the site is not set up")?;
    let secrets = open_secrets(site_key, &record.sealed_secrets)?;
    let ca = secrets.ca(&record.ca_certificate);
    let now_ms = runtime.clock.now_ms();
    let renewed = identity::issue(&ca, membership.site, membership.node, now_ms, CERTIFICATE_LIFE)?;
    let (disk, files, papers) = (runtime.disk.clone(), dir.clone(), renewed.clone());
    runtime.blocking.run(move || files.set_identity(&*disk, &papers)).await??;
    mesh.set_identity(&renewed)?;
    Ok(renewed)
}

/// The site's secrets, as they stand sealed in its metadata.
pub(crate) fn open_secrets(site_key: &SiteKeyBytes, sealed: &[u8]) -> anyhow::Result<SiteSecrets> {
    let opened = SiteKey::new(&site_key.0)?.open(SITE_SECRETS_PURPOSE, sealed)?;
    SiteSecrets::from_bytes(&opened).map_err(|e| anyhow::anyhow!("site secrets: {e}"))
}

//! Founding a site: the directories of its first nodes, with keys,
//! certificates, configurations and formatted drives.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};
use mucura_mesh::identity::{self, SiteCa};
use mucura_runtime::Runtime;
use mucura_store::{SiteKey, Store};
use mucura_types::{NodeId, SiteId, StoreId};

use crate::config::{ConfigError, Environment, RootKey, Settings};
use crate::node_dir::{KnownNode, Membership, NodeDir, SITE_SECRETS_PURPOSE, SiteKeyBytes, SiteSecrets};

/// How long a node's certificate is good for; it is renewed long before.
pub const CERTIFICATE_LIFE: Duration = Duration::from_secs(365 * 86_400);
/// A site's number while there are no others that it speaks with.
const FIRST_SITE: SiteId = SiteId(1);

/// A node that is to be.
#[derive(Clone, Debug)]
pub struct NodePlan {
    /// For people.
    pub name: String,
    /// Its directory.
    pub dir: PathBuf,
    /// Its settings; the directory in them is ignored.
    pub settings: Settings,
}

/// What an operator must keep in a safe place.
#[derive(Debug)]
pub struct Founded {
    /// Files of the first node that together rebuild the site's secrets.
    pub keep: Vec<PathBuf>,
}

/// Makes a site of these nodes, the first of which sets it up when it starts.
/// Their order gives them their numbers, from 1.
///
/// # Errors
/// A directory is a node's already, a drive is not empty, or the system fails.
pub async fn found_site(
    runtime: &Runtime,
    site_name: &str,
    root: &RootKey,
    plans: &[NodePlan],
) -> anyhow::Result<Founded> {
    let Some(first) = plans.first() else { bail!("a site has at least one node") };
    let now_ms = runtime.clock.now_ms();
    let ca = identity::make_ca(FIRST_SITE, now_ms).context("make the site's certificate authority")?;
    let site_key = SiteKeyBytes::random(&*runtime.entropy).context("make the site key")?;
    let mut join_secret = [0; 32];
    runtime.entropy.fill(&mut join_secret).context("make the join secret")?;
    let secrets = SiteSecrets { ca_key_pem: ca.key_pem.clone(), join_secret };
    let sealed =
        SiteKey::new(&site_key.0)?.seal(SITE_SECRETS_PURPOSE, &secrets.to_bytes(), &*runtime.entropy)?;

    let mut nodes = BTreeMap::new();
    for (plan, number) in plans.iter().zip(1..) {
        nodes.insert(NodeId(number), known(plan, Some(random_store(runtime)?)));
    }
    for (plan, number) in plans.iter().zip(1..) {
        let node = NodeId(number);
        let Some(store) = nodes.get(&node).and_then(|known| known.store) else { continue };
        let membership = Membership {
            site: FIRST_SITE,
            site_name: site_name.to_owned(),
            node,
            store,
            nodes: nodes.clone(),
            drives: Vec::new(),
        };
        let papers = Papers {
            identity: identity::issue(&ca, FIRST_SITE, node, now_ms, CERTIFICATE_LIFE)
                .context("issue certificate")?,
            site_key: site_key.clone(),
            root: root.clone(),
            founding: (number == 1).then(|| sealed.clone()),
        };
        settle(runtime, plan, membership, papers).await?;
    }
    keep_ca(runtime, &NodeDir::at(&first.dir), &ca).await
}

/// What a new node gets from its site.
pub(crate) struct Papers {
    pub(crate) identity: mucura_mesh::NodeIdentity,
    pub(crate) site_key: SiteKeyBytes,
    pub(crate) root: RootKey,
    pub(crate) founding: Option<Vec<u8>>,
}

/// A node as others will know it.
pub(crate) fn known(plan: &NodePlan, store: Option<StoreId>) -> KnownNode {
    let or = |given: &str, otherwise: String| if given.is_empty() { otherwise } else { given.to_owned() };
    let settings = &plan.settings;
    KnownNode {
        name: plan.name.clone(),
        mesh: or(&settings.mesh.advertise, settings.mesh.listen.clone()),
        s3: or(&settings.s3.url, settings.s3.usual_url()),
        admin: or(&settings.admin.url, format!("http://{}", settings.admin.listen)),
        store,
    }
}

/// A number that tells one metadata store from another.
pub(crate) fn random_store(runtime: &Runtime) -> anyhow::Result<StoreId> {
    let mut store = [0; 16];
    runtime.entropy.fill(&mut store).context("make the node's store id")?;
    Ok(StoreId(store))
}

/// Checks the plan of a node: its settings as the file will be read, and that
/// its directory is free.
pub(crate) async fn check_plan(runtime: &Runtime, plan: &NodePlan) -> anyhow::Result<()> {
    let dir = NodeDir::at(&plan.dir);
    checked(plan, &dir)?;
    let disk = runtime.disk.clone();
    runtime.blocking.run(move || dir.create(&*disk)).await??;
    Ok(())
}

fn checked(plan: &NodePlan, dir: &NodeDir) -> Result<Settings, ConfigError> {
    Settings::read(&plan.settings.to_toml(), &dir.config(), &Environment::default())
}

/// Writes a node's directory and formats its drives. What says whose the
/// directory is comes last, so that it is a node's as a whole or not at all.
pub(crate) async fn settle(
    runtime: &Runtime,
    plan: &NodePlan,
    membership: Membership,
    papers: Papers,
) -> anyhow::Result<()> {
    let dir = NodeDir::at(&plan.dir);
    let settings = checked(plan, &dir)?;
    let (disk, files, text) = (runtime.disk.clone(), dir.clone(), plan.settings.to_file());
    let written = move || {
        files.create(&*disk)?;
        files.write(&*disk, &files.config(), text.as_bytes())?;
        files.write(&*disk, &files.root_key(), papers.root.to_file().as_bytes())?;
        files.set_site_key(&*disk, &papers.site_key)?;
        files.set_identity(&*disk, &papers.identity)?;
        papers.founding.map_or(Ok(()), |sealed| files.set_founding(&*disk, &sealed))
    };
    runtime.blocking.run(written).await??;
    for drive in &settings.storage.drives {
        let formatted = Store::format_drive(runtime, membership.site, drive).await;
        formatted.with_context(|| format!("format drive {}", drive.display()))?;
    }
    let disk = runtime.disk.clone();
    runtime.blocking.run(move || dir.set_membership(&*disk, &membership)).await??;
    Ok(())
}

/// Keeps the authority's key beside the site key: together they are what a
/// site is rebuilt with when all its metadata is lost.
async fn keep_ca(runtime: &Runtime, dir: &NodeDir, ca: &SiteCa) -> anyhow::Result<Founded> {
    let bundle = dir.path().join("recovery.pem");
    let (disk, files, path) = (runtime.disk.clone(), dir.clone(), bundle.clone());
    let text = format!("{}{}", ca.cert_pem, ca.key_pem);
    runtime.blocking.run(move || files.write(&*disk, &path, text.as_bytes())).await??;
    Ok(Founded { keep: vec![bundle, dir.path().join("site.key"), dir.root_key()] })
}

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context as _;
use mucura_mesh::{JoinToken, NodeIdentity, SocketFactory, identity};
use mucura_runtime::Runtime;
use tokio::time::Instant;

use crate::config::RootKey;
use crate::found::{NodePlan, Papers, check_plan, known, random_store, settle};
use crate::join::{JoinAnswer, JoinRequest, Joined, decode, encode};
use crate::node_dir::{KnownNode, Membership, SiteKeyBytes};

const PATIENCE: Duration = Duration::from_secs(30);

/// Makes this machine a node of the site that the token is of.
pub(crate) async fn join(runtime: &Runtime, token: &str, plan: &NodePlan) -> anyhow::Result<Joined> {
    let parsed = JoinToken::parse(token).context("join token")?;
    check_plan(runtime, plan).await?;
    let store = random_store(runtime)?;
    let key = identity::request().context("make the node's key")?;
    let own = known(plan, Some(store));
    let request = JoinRequest { token: token.trim().to_owned(), csr_pem: key.csr_pem, node: own.clone() };
    let deadline = Instant::now() + PATIENCE;
    let answer =
        mucura_mesh::join(&parsed, encode(&request)?.into(), runtime, &SocketFactory::udp(), deadline).await;
    let answer: JoinAnswer =
        decode(&answer.map_err(|error| anyhow::anyhow!("the site did not let this machine in: {error}"))?)?;

    let identity =
        NodeIdentity::parse(&answer.ca_cert_pem, &answer.cert_pem, &key.key_pem).context("certificate")?;
    anyhow::ensure!(
        identity::fingerprint(&answer.ca_cert_pem)? == parsed.ca_fingerprint(),
        "the site sent the certificate of another authority"
    );
    let root = RootKey::new(&answer.root_access_key, &answer.root_secret_key)
        .map_err(|e| anyhow::anyhow!("root key: {e}"))?;
    let mut nodes: BTreeMap<_, KnownNode> = answer.nodes.into_iter().collect();
    nodes.insert(answer.node, own);
    let membership = Membership {
        site: parsed.site(),
        site_name: answer.site_name.clone(),
        node: answer.node,
        store,
        nodes,
        drives: Vec::new(),
    };
    let papers = Papers { identity, site_key: SiteKeyBytes(answer.site_key), root, founding: None };
    let mut plan = plan.clone();
    plan.settings.s3.region = answer.region;
    settle(runtime, &plan, membership, papers).await?;
    Ok(Joined { node: answer.node, site_name: answer.site_name })
}

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use bytes::Bytes;
use mucura_mesh::{BoxFuture, JoinHandler, JoinToken, Refusal, identity};
use mucura_metadata::{Command, Envelope, Reply, SiteRecord, nodes, site};
use tokio::sync::Mutex;

use crate::found::CERTIFICATE_LIFE;
use crate::join::{JoinAnswer, JoinRequest, UsedTokens, decode, encode};
use crate::node_dir::{KnownNode, SiteSecrets};
use crate::serve::{Node, address_of, open_secrets};

const PROPOSE: Duration = Duration::from_secs(8);
/// The longest text that a joiner may give of itself.
const TEXT_BYTES_MAX: usize = 256;

/// Lets machines in that hold a token of this node.
pub(crate) struct Doorkeeper {
    node: Arc<Node>,
    /// One machine at a time, so that one token is used once.
    one: Mutex<()>,
}

impl Doorkeeper {
    pub(crate) fn new(node: Arc<Node>) -> Self {
        Self { node, one: Mutex::default() }
    }

    async fn let_in(&self, request: &[u8]) -> anyhow::Result<Vec<u8>> {
        let request: JoinRequest = decode(request)?;
        let node = &*self.node;
        let (record, secrets) = site_and_secrets(node).await?;
        let now_ms = node.runtime.clock.now_ms();
        let token = JoinToken::parse(&request.token)?;
        token.verify(&secrets.join_secret, node.membership.site, now_ms)?;
        ensure!(
            Some(token.contact()?) == own_contact(node).await,
            "the token was made by another node: ask that one"
        );
        check(&request.node)?;
        let Some(store) = request.node.store else { bail!("the request names no store") };

        let _one = self.one.lock().await;
        let (disk, dir) = (node.runtime.disk.clone(), node.dir.clone());
        let (id, expires_ms) = (token.id(), token.expires_ms());
        let take = move || {
            let mut used = UsedTokens::load(&*disk, &dir)?;
            used.take(id, expires_ms, store, now_ms)?;
            used.save(&*disk, &dir)?;
            anyhow::Ok(())
        };
        node.runtime.blocking.run(take).await??;

        let command = Command::AddNode { node: request.node.clone() };
        let proposed = node.consensus.propose(vec![Envelope::repeatable(command)], PROPOSE).await?;
        let outcome = proposed.outcomes.into_iter().next().context("the command was not answered")?;
        let Reply::Node(number) = outcome? else { bail!("the command was answered oddly") };
        let ca = secrets.ca(&record.ca_certificate);
        let cert_pem = identity::sign_request(
            &ca,
            &request.csr_pem,
            node.membership.site,
            number,
            now_ms,
            CERTIFICATE_LIFE,
        )?;
        node.consensus.wait_applied(proposed.index, PROPOSE).await?;
        let known = node.consensus.read(|view, _| nodes(view)).await??;
        tracing::info!(node = %number, name = request.node.name, mesh = request.node.mesh, "a machine joined");
        encode(&JoinAnswer {
            node: number,
            site_name: record.name,
            ca_cert_pem: record.ca_certificate,
            cert_pem,
            site_key: node.site_key.0,
            root_access_key: node.root.access_key.clone(),
            root_secret_key: node.root.secret_key.clone(),
            region: node.region.clone(),
            nodes: known.into_iter().collect(),
        })
    }
}

impl JoinHandler for Doorkeeper {
    fn join(&self, from: SocketAddr, request: Bytes) -> BoxFuture<'_, Result<Bytes, Refusal>> {
        Box::pin(async move {
            match self.let_in(&request).await {
                Ok(answer) => Ok(answer.into()),
                Err(error) => {
                    let reason = format!("{error:#}");
                    tracing::warn!(%from, reason, "a machine was not let in");
                    Err(Refusal::Failed(reason))
                }
            }
        })
    }
}

/// A token that lets one machine in through this node.
pub(crate) async fn mint(node: &Node, life: Duration) -> anyhow::Result<(JoinToken, u64)> {
    let (record, secrets) = site_and_secrets(node).await?;
    let mut id = [0; 16];
    node.runtime.entropy.fill(&mut id)?;
    let contact = own_contact(node).await.context("this node's mesh address does not resolve")?;
    let life_ms = u64::try_from(life.as_millis()).unwrap_or(u64::MAX);
    let expires_ms = node.runtime.clock.now_ms().saturating_add(life_ms);
    let fingerprint = identity::fingerprint(&record.ca_certificate)?;
    let site = node.membership.site;
    Ok((JoinToken::mint(&secrets.join_secret, site, id, fingerprint, contact, expires_ms), expires_ms))
}

async fn own_contact(node: &Node) -> Option<SocketAddr> {
    address_of(&node.advertise).await
}

async fn site_and_secrets(node: &Node) -> anyhow::Result<(SiteRecord, SiteSecrets)> {
    node.consensus.linearize(PROPOSE).await?;
    let record = node.consensus.read(|view, _| site(view)).await??.context("the site is not set up yet")?;
    let secrets = open_secrets(&node.site_key, &record.sealed_secrets)?;
    Ok((record, secrets))
}

fn check(node: &KnownNode) -> anyhow::Result<()> {
    for text in [&node.name, &node.mesh, &node.s3, &node.admin] {
        ensure!((1..=TEXT_BYTES_MAX).contains(&text.len()), "a name or address is empty or too long");
    }
    ensure!(crate::config::is_host_and_port(&node.mesh), "{:?} is not HOST:PORT", node.mesh);
    Ok(())
}

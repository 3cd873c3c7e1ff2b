use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use anyhow::{Context as _, bail};
use mucura_consensus::{Consensus, ConsensusConfig, StoreKind};
use mucura_mesh::{Limits, Mesh, MeshConfig, NodeIdentity, SocketFactory};
use mucura_runtime::Runtime;
use mucura_s3::{S3, S3Config, operation_names};
use mucura_store::{LifecycleConfig, PART_BYTES_MIN, SiteKey, Store, StoreConfig};
use mucura_telemetry::{Metrics, SiteSample};
use mucura_types::MIB;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::admin;
use crate::config::{Environment, RootKey, Settings};
use crate::http_server::HttpServer;
use crate::join::Doorkeeper;
use crate::node_dir::{KnownNode, Membership, NodeDir, NodeDirError, SiteKeyBytes};
use crate::notify::{HttpCourier, trusted_authorities};
use crate::serve::certificate::keep_certificate;
use crate::serve::dispatch::Dispatch;
use crate::serve::founding::found;
use crate::serve::gate::Gate;
use crate::serve::membership_keeper::MembershipKeeper;
use crate::serve::stdin_end::stdin_end;
use crate::serve::transport::MeshTransport;
use crate::serve::voters::keep_voters;
use crate::signals::{Hangup, Signals};
use crate::site_keys::{KeySource, SiteKeys};
use crate::tls::{CertificateFiles, CertificateKeeper};

/// What closing the layers below the listeners may take, each.
const CLOSE: Duration = Duration::from_secs(10);
/// How long a gateway keeps a session.
const SESSION_LIFE: Duration = Duration::from_secs(3600);
/// Between two counts of what is at risk: a count may read every chunk record.
const COUNT: Duration = Duration::from_secs(30);

/// A node that runs, as the admin API sees it.
pub(crate) struct Node {
    pub(crate) runtime: Runtime,
    pub(crate) dir: NodeDir,
    pub(crate) membership: Membership,
    pub(crate) site_key: SiteKeyBytes,
    pub(crate) root: RootKey,
    /// Where the other nodes reach it, `HOST:PORT`.
    pub(crate) advertise: String,
    /// Whether it is to have drives of its own.
    pub(crate) has_drives: bool,
    /// The region that S3 requests are signed for.
    pub(crate) region: String,
    pub(crate) consensus: Consensus,
    pub(crate) store: Store,
    pub(crate) s3: S3,
    pub(crate) metrics: Arc<Metrics>,
    /// How the site was when it was last counted.
    counted: RwLock<Option<SiteSample>>,
    ending: AtomicBool,
}

/// What the admin listener shows: the node once it is there.
pub(crate) type Shown = Arc<std::sync::OnceLock<Arc<Node>>>;

/// What is read from a node's directory before anything is opened.
struct Papers {
    membership: Membership,
    identity: NodeIdentity,
    site_key: SiteKeyBytes,
    founding: Option<Vec<u8>>,
    _lock: Box<dyn Send + Sync>,
}

impl Node {
    /// How the site was when it was last counted; none if that could not be
    /// done.
    pub(crate) fn counted(&self) -> Option<SiteSample> {
        *self.counted.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the node was told to end.
    pub(crate) fn is_ending(&self) -> bool {
        self.ending.load(Ordering::Relaxed)
    }

    async fn keep_counting(self: Arc<Self>) {
        loop {
            let counted = match self.store.status().await {
                Ok(status) => Some(SiteSample {
                    stripes_at_risk: status.stripes_at_risk,
                    events_waiting: status.events_waiting,
                    events_lost: status.events_lost,
                }),
                Err(error) => {
                    tracing::debug!(%error, "how the site is, is not known now");
                    None
                }
            };
            *self.counted.write().unwrap_or_else(PoisonError::into_inner) = counted;
            sleep(COUNT).await;
        }
    }
}

/// Runs a node until it is told to end.
///
/// # Errors
/// It cannot start, or cannot go on; the text says what to do.
pub async fn serve(
    settings: Settings,
    runtime: Runtime,
    environment: &Environment,
    until_stdin_ends: bool,
) -> anyhow::Result<()> {
    if !mucura_chunks::cpu_supported() {
        bail!(
            "this processor has no AVX2, which the erasure code is built for: run Mucura on a newer machine"
        );
    }
    let mut signals = Signals::listen()?;
    let (hangup, hangup_for_keys) = (Hangup::listen()?, Hangup::listen()?);
    let dir = NodeDir::at(&settings.node.dir);
    let papers = read_papers(&runtime, &dir).await?;
    let root = RootKey::load(&runtime, &settings.root.key_file, environment).await?;
    let site_keys = match KeySource::of(&settings.encryption) {
        // A command may take its time.
        Some(source) => tokio::select! {
            loaded = SiteKeys::load(runtime.clone(), source) => Some(loaded?),
            () = told_to_end(&mut signals, until_stdin_ends) => return Ok(()),
        },
        None => None,
    };
    let certificate = match CertificateFiles::of(&settings.s3) {
        Some(files) => Some(CertificateKeeper::load(runtime.clone(), files).await?),
        None => None,
    };

    let (gate, shown) = (Gate::default(), Shown::default());
    let s3_listener = HttpServer::bind(address(&settings.s3.listen)?).await?;
    let admin_listener = HttpServer::bind(address(&settings.admin.listen)?).await?;
    let s3_server =
        HttpServer::start(s3_listener, gate.router(), certificate.as_ref().map(CertificateKeeper::tls));
    let admin_server = HttpServer::start(admin_listener, admin::router(shown.clone()), None);

    let started = tokio::select! {
        started = Started::open(&settings, &runtime, &dir, papers, root) => started?,
        () = told_to_end(&mut signals, until_stdin_ends) => return Ok(()),
    };
    if let Some((keeper, keys)) = site_keys {
        started.node.store.use_keys(keys).context("take the encryption keys into use")?;
        started.spawn(keeper.run(started.node.store.clone(), hangup_for_keys));
    }
    gate.open(started.s3.router());
    if let Some(certificate) = certificate {
        started.spawn(certificate.run(hangup));
    }
    // Set once, here.
    shown.set(started.node.clone()).ok();
    tracing::info!(
        node = %started.node.membership.node,
        site = started.node.membership.site_name,
        s3 = settings.s3.listen,
        admin = settings.admin.listen,
        mesh = settings.mesh.listen,
        "node runs"
    );

    let fatal = started.node.consensus.fatal();
    let failed = tokio::select! {
        error = fatal => Some(anyhow::Error::new(error).context("the metadata log cannot go on")),
        () = started.mesh.stopped() => Some(anyhow::anyhow!("the mesh stopped: its socket failed")),
        () = told_to_end(&mut signals, until_stdin_ends) => None,
    };
    tracing::info!("node ends");
    started.node.ending.store(true, Ordering::Relaxed);
    let drain = Instant::now() + Duration::from_secs(u64::from(settings.node.drain_s));
    if failed.is_none() && !s3_server.stop(drain).await {
        tracing::warn!("requests were still under way when their time was over");
    }
    started.close().await;
    admin_server.stop(Instant::now() + Duration::from_secs(1)).await;
    failed.map_or(Ok(()), Err)
}

async fn told_to_end(signals: &mut Signals, until_stdin_ends: bool) {
    if !until_stdin_ends {
        return signals.stop().await;
    }
    tokio::select! {
        () = signals.stop() => {}
        ended = stdin_end() => {
            if let Err(error) = ended {
                tracing::error!(error = format!("{error:#}"), "standard input cannot be watched");
            }
        }
    }
}

fn address(text: &str) -> anyhow::Result<SocketAddr> {
    text.parse().with_context(|| format!("address {text:?}"))
}

async fn read_papers(runtime: &Runtime, dir: &NodeDir) -> anyhow::Result<Papers> {
    let (disk, dir) = (runtime.disk.clone(), dir.clone());
    let read = move || {
        let (membership, lock) = (dir.membership(&*disk)?, dir.lock(&*disk)?);
        dir.check_metadata(&*disk, membership.store)?;
        Ok::<_, NodeDirError>(Papers {
            membership,
            _lock: lock,
            identity: dir.identity(&*disk)?,
            site_key: dir.site_key(&*disk)?,
            founding: dir.founding(&*disk)?,
        })
    };
    runtime.blocking.run(read).await?.map_err(|error| {
        let context = match &error {
            NodeDirError::MetadataLost { .. } => "the node does not start",
            _ => "this is not the directory of a node; `mucura init` or `mucura join` makes one",
        };
        anyhow::Error::new(error).context(context)
    })
}

/// Everything of a node that is open.
struct Started {
    node: Arc<Node>,
    mesh: Mesh,
    s3: S3,
    cancel: CancellationToken,
    tasks: TaskTracker,
    _lock: Box<dyn Send + Sync>,
}

impl Started {
    async fn open(
        settings: &Settings,
        runtime: &Runtime,
        dir: &NodeDir,
        papers: Papers,
        root: RootKey,
    ) -> anyhow::Result<Self> {
        let Papers { membership, identity, site_key, founding, _lock } = papers;
        let mesh = start_mesh(settings, runtime, &membership, &identity)?;
        let consensus = Consensus::open(
            ConsensusConfig {
                store: StoreKind::Sled { cache_bytes: mebibytes(settings.metadata.cache_mib) },
                snapshot_log_bytes: mebibytes(settings.metadata.snapshot_log_mib),
                ..ConsensusConfig::new(membership.node, dir.meta())
            },
            runtime.clone(),
            Arc::new(MeshTransport(mesh.clone())),
        )
        .await
        .context("open the metadata log")?;
        let (disk, marked, store) = (runtime.disk.clone(), dir.clone(), membership.store);
        runtime.blocking.run(move || marked.mark_metadata(&*disk, store)).await??;
        let config = store_config(settings, &membership, &root);
        let has_drives = !config.drives.is_empty();
        let store = Store::start(
            config,
            runtime.clone(),
            consensus.clone(),
            mesh.clone(),
            SiteKey::new(&site_key.0)?,
        )?;
        let authorities = runtime.blocking.run(trusted_authorities).await?;
        store.deliver_events(Arc::new(HttpCourier::new(settings.s3.region.clone(), authorities)?));
        mesh.serve(Arc::new(Dispatch { consensus: consensus.clone(), store: store.clone() }));
        let metrics = Arc::new(Metrics::new(&operation_names())?);
        let host_id = format!("node-{}", membership.node);
        let s3_config = S3Config {
            website_domains: settings.s3.website_domains.clone(),
            storage_classes: settings.s3.storage_classes.clone(),
            kms_keys: settings.encryption.kms_keys.clone(),
            ..S3Config::new(settings.s3.region.clone(), settings.s3.domains.clone(), host_id)
        };
        let s3 = S3::new(s3_config, store.clone(), runtime.clone(), metrics.clone())
            .context("start the S3 front end")?;
        let node = Arc::new(Node {
            runtime: runtime.clone(),
            dir: dir.clone(),
            membership,
            site_key,
            root,
            advertise: settings.mesh.advertise.clone(),
            has_drives,
            region: settings.s3.region.clone(),
            consensus,
            store,
            s3: s3.clone(),
            metrics,
            counted: RwLock::default(),
            ending: AtomicBool::new(false),
        });
        mesh.serve_joins(Arc::new(Doorkeeper::new(node.clone())));
        let started =
            Self { node, mesh, s3, cancel: CancellationToken::new(), tasks: TaskTracker::new(), _lock };
        started.spawn_keepers(settings, identity, founding);
        Ok(started)
    }

    fn spawn_keepers(&self, settings: &Settings, identity: NodeIdentity, founding: Option<Vec<u8>>) {
        let Node { runtime, dir, membership, site_key, consensus, .. } = &*self.node;
        self.spawn(
            MembershipKeeper {
                runtime: runtime.clone(),
                dir: dir.clone(),
                consensus: consensus.clone(),
                mesh: self.mesh.clone(),
                own: own_record(settings, membership),
                membership: membership.clone(),
            }
            .run(),
        );
        self.spawn(keep_voters(consensus.clone(), self.mesh.clone()));
        self.spawn(self.node.clone().keep_counting());
        if let Some(sealed) = founding {
            let ca = identity.ca_cert_pem.clone();
            self.spawn(found(
                runtime.clone(),
                dir.clone(),
                membership.clone(),
                ca,
                consensus.clone(),
                sealed,
            ));
        }
        self.spawn(keep_certificate(
            runtime.clone(),
            dir.clone(),
            membership.clone(),
            site_key.clone(),
            consensus.clone(),
            self.mesh.clone(),
            identity,
        ));
    }

    /// Runs a task until the node ends; a panic in it ends the node's process
    /// no more than that of a request, but is told.
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let guarded = tokio::spawn(self.cancel.clone().run_until_cancelled_owned(task));
        self.tasks.spawn(async move {
            if let Err(error) = guarded.await {
                tracing::error!(%error, "a task of the node ended by a fault of the program");
            }
        });
    }

    /// Closes everything, from the top down.
    async fn close(self) {
        self.s3.shutdown(Instant::now() + CLOSE).await;
        self.cancel.cancel();
        self.tasks.close();
        if tokio::time::timeout(CLOSE, self.tasks.wait()).await.is_err() {
            tracing::warn!("tasks of the node did not end in time");
        }
        self.node.store.shutdown(Instant::now() + CLOSE).await;
        if let Err(error) = self.node.consensus.shutdown(CLOSE).await {
            tracing::warn!(%error, "the metadata log was not closed in order");
        }
        self.mesh.shutdown(Instant::now() + Duration::from_secs(2)).await;
    }
}

fn start_mesh(
    settings: &Settings,
    runtime: &Runtime,
    membership: &Membership,
    identity: &NodeIdentity,
) -> anyhow::Result<Mesh> {
    let config = MeshConfig {
        site: membership.site,
        node: membership.node,
        store: membership.store,
        listen: address(&settings.mesh.listen)?,
        identity: identity.clone(),
        build: env!("CARGO_PKG_VERSION").to_owned(),
        limits: Limits::default(),
    };
    Mesh::start(config, runtime, &SocketFactory::udp()).context("start the mesh")
}

fn store_config(settings: &Settings, membership: &Membership, root: &RootKey) -> StoreConfig {
    let buffers = usize::try_from(settings.storage.buffers_mib).unwrap_or(usize::MAX).saturating_mul(MIB);
    let drives: std::collections::BTreeSet<PathBuf> =
        settings.storage.drives.iter().chain(&membership.drives).cloned().collect();
    StoreConfig {
        site: membership.site,
        node: membership.node,
        drives: drives.into_iter().collect(),
        drive_reserve_bytes: None,
        root_access_key: root.access_key.clone(),
        root_secret_key: root.secret_key.clone(),
        // Bodies of clients pass through the one, shards of peers through the
        // other, so that neither starves the other.
        gateway_buffer_bytes: buffers / 2,
        keeper_buffer_bytes: buffers / 2,
        grace: Duration::from_secs(u64::from(settings.storage.gc_grace_s)),
        session_life: SESSION_LIFE,
        scrub_period: Duration::from_secs(u64::from(settings.storage.scrub_days) * 86_400),
        part_bytes_min: PART_BYTES_MIN,
        lifecycle: LifecycleConfig {
            enabled: settings.lifecycle.enabled == 1,
            day: Duration::from_secs(u64::from(settings.lifecycle.day_s)),
            looks_per_s: settings.lifecycle.looks_per_s,
            changes_per_s: settings.lifecycle.changes_per_s,
        },
    }
}

fn own_record(settings: &Settings, membership: &Membership) -> KnownNode {
    KnownNode {
        name: membership.own().map_or_else(|| format!("node{}", membership.node), |own| own.name.clone()),
        mesh: settings.mesh.advertise.clone(),
        s3: settings.s3.url.clone(),
        admin: settings.admin.url.clone(),
        store: Some(membership.store),
    }
}

fn mebibytes(count: u32) -> u64 {
    u64::from(count) << 20
}

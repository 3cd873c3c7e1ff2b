use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use mucura_runtime::Runtime;
use serde::Serialize;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use crate::admin_client::AdminClient;
use crate::config::{RootKey, Settings};
use crate::demo::control::{Answer, Control, NodeAction, Request};
use crate::demo::lines;
use crate::demo::ports::Ports;
use crate::demo::process::NodeProcess;
use crate::demo::state::{DemoState, Wanted};
use crate::demo::{hints, site};
use crate::signals::Signals;

/// How long a site may take to be ready.
const READY_PATIENCE: Duration = Duration::from_secs(120);
/// How long a killed process may take to be gone.
const SETTLE: Duration = Duration::from_secs(2);
const POLL: Duration = Duration::from_millis(100);
const DEFAULT_NODES: u16 = 3;
const DEFAULT_DRIVES: u16 = 2;

/// What `mucura demo` was asked for.
#[derive(Clone, Debug, Default)]
pub struct DemoOptions {
    /// Where the demo lives.
    pub dir: PathBuf,
    /// How many nodes.
    pub nodes: Option<u16>,
    /// Drives of each.
    pub drives: Option<u16>,
    /// Whether the S3 endpoints are to speak HTTPS.
    pub tls: bool,
    /// The first port.
    pub s3_port: Option<u16>,
    /// The root user's access key.
    pub access_key: Option<String>,
    /// Its secret.
    pub secret_key: Option<String>,
    /// Whether a program reads what is printed.
    pub json: bool,
}

/// What a program reads on the first line.
#[derive(Serialize)]
struct Described {
    endpoints: Vec<String>,
    admin: Vec<String>,
    pids: Vec<Option<u32>>,
    access_key: String,
    secret_key: String,
    region: String,
    dir: PathBuf,
    #[serde(skip_serializing_if = "Option::is_none")]
    ca_certificate: Option<PathBuf>,
}

/// Runs a demo until it is told to end.
///
/// # Errors
/// It cannot be made or started, or its nodes do not become ready.
pub async fn run(runtime: &Runtime, options: DemoOptions) -> anyhow::Result<()> {
    let mut signals = Signals::listen()?;
    let disk = runtime.disk.clone();
    disk.create_dir_all(&options.dir).with_context(|| format!("make {}", options.dir.display()))?;
    let dir = absolute(&options.dir)?;
    let _lock = disk
        .lock(&dir.join("demo.lock"))
        .with_context(|| format!("a demo runs in {} already", dir.display()))?;
    let state = load_or_make(runtime, &dir, &options).await?;
    let control = Control::listen(&dir)?;
    let mut demo = Demo::new(dir, state)?;
    let run = async {
        for number in 1..=demo.nodes.len() {
            demo.start(number, &BTreeMap::new())?;
        }
        tokio::select! {
            ready = demo.wait_until_ready() => ready?,
            () = signals.stop() => return Ok(()),
        }
        demo.announce(options.json)?;
        demo.serve(&control, &mut signals).await
    };
    let result = run.await;
    demo.stop().await;
    result
}

fn absolute(dir: &Path) -> anyhow::Result<PathBuf> {
    std::path::absolute(dir).context("find the demo's directory")
}

async fn load_or_make(runtime: &Runtime, dir: &Path, options: &DemoOptions) -> anyhow::Result<DemoState> {
    let wanted = Wanted {
        nodes: options.nodes,
        drives: options.drives,
        tls: options.tls,
        s3_port: options.s3_port,
        access_key: options.access_key.clone(),
        secret_key: options.secret_key.clone(),
    };
    let disk = &*runtime.disk;
    if let Some(state) = DemoState::load(disk, dir)? {
        let differences = state.differences(&wanted);
        if !differences.is_empty() {
            bail!(
                "the demo in {} is another: {}; choose another --dir",
                dir.display(),
                differences.join(", ")
            );
        }
        let taken = state.ports.taken_for_good().await;
        if !taken.is_empty() {
            bail!("ports of the demo in {} are in use: {taken:?}", dir.display());
        }
        return Ok(state);
    }
    let nodes = options.nodes.unwrap_or(DEFAULT_NODES);
    let random = RootKey::random(runtime).context("make keys")?;
    let state = DemoState {
        nodes,
        drives: options.drives.unwrap_or(DEFAULT_DRIVES),
        tls: options.tls,
        ports: Ports::choose(options.s3_port, nodes).await?,
        access_key: options.access_key.clone().unwrap_or(random.access_key),
        secret_key: options.secret_key.clone().unwrap_or(random.secret_key),
    };
    // A demo that was not made to its end: none of it was ever used.
    for number in 1..=usize::from(state.nodes) {
        let leftover = DemoState::node_dir(dir, number);
        if disk.exists(&leftover)? {
            bail!("{} is there, but {} holds no demo: remove it", leftover.display(), dir.display());
        }
    }
    site::make(runtime, dir, &state).await?;
    state.save(disk, dir)?;
    Ok(state)
}

struct Demo {
    dir: PathBuf,
    state: DemoState,
    program: PathBuf,
    nodes: Vec<NodeProcess>,
}

impl Demo {
    fn new(dir: PathBuf, state: DemoState) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("find this program")?;
        let process = |number| NodeProcess::at(DemoState::node_dir(&dir, number));
        let nodes = (1..=usize::from(state.nodes)).map(process).collect();
        Ok(Self { dir, state, program, nodes })
    }

    fn node(&mut self, number: usize) -> anyhow::Result<&mut NodeProcess> {
        let count = self.nodes.len();
        let node = number.checked_sub(1).and_then(|index| self.nodes.get_mut(index));
        node.with_context(|| format!("there is no node {number}: the demo has nodes 1 to {count}"))
    }

    fn start(&mut self, number: usize, environment: &BTreeMap<String, String>) -> anyhow::Result<u32> {
        let program = self.program.clone();
        let node = self.node(number)?;
        node.ended();
        if let Some(pid) = node.pid() {
            bail!("node {number} runs already, as process {pid}");
        }
        let pid = node.start(&program, environment)?;
        tracing::info!(node = number, pid, "node started");
        Ok(pid)
    }

    /// Gives a node that was just killed from outside the moment it takes to end.
    async fn settle(&mut self, number: usize) -> anyhow::Result<()> {
        let end = Instant::now() + SETTLE;
        while Instant::now() < end {
            let node = self.node(number)?;
            node.ended();
            if node.pid().is_none() {
                break;
            }
            sleep(POLL).await;
        }
        Ok(())
    }

    /// Waits until every node takes part and every drive has its place.
    async fn wait_until_ready(&mut self) -> anyhow::Result<()> {
        let root = RootKey::new(&self.state.access_key, &self.state.secret_key)
            .map_err(|e| anyhow::anyhow!("{e}"))?;
        let urls = self.state.admin_urls();
        let clients = urls.iter().map(|url| AdminClient::new(url, Some(root.clone())));
        let clients = clients.collect::<anyhow::Result<Vec<_>>>()?;
        let drives = usize::from(self.state.nodes) * usize::from(self.state.drives);
        let end = Instant::now() + READY_PATIENCE;
        loop {
            self.check_all_run()?;
            let mut waiting = None;
            for (number, client) in (1..).zip(&clients) {
                if !client.is_ready().await {
                    waiting = Some(format!("node {number} is not ready"));
                    break;
                }
            }
            if waiting.is_none()
                && let Some(first) = clients.first()
            {
                match first.placed_drives().await {
                    Ok(placed) if placed >= drives => return Ok(()),
                    Ok(placed) => waiting = Some(format!("{placed} of {drives} drives have their place")),
                    Err(error) => waiting = Some(format!("{error:#}")),
                }
            }
            if Instant::now() >= end {
                let why = waiting.unwrap_or_default();
                bail!(
                    "the site is not ready after {} s: {why}; logs: {}",
                    READY_PATIENCE.as_secs(),
                    self.logs()
                );
            }
            sleep(POLL).await;
        }
    }

    fn check_all_run(&mut self) -> anyhow::Result<()> {
        for (number, node) in (1..).zip(&mut self.nodes) {
            if let Some(status) = node.ended() {
                bail!("node {number} ended with {status} instead of starting; see {}", node.log().display());
            }
        }
        Ok(())
    }

    fn logs(&self) -> String {
        let logs: Vec<String> = self.nodes.iter().map(|node| node.log().display().to_string()).collect();
        logs.join(" ")
    }

    fn announce(&self, json: bool) -> anyhow::Result<()> {
        let region = Settings::default().s3.region;
        let text = if json {
            let described = Described {
                endpoints: self.state.endpoints(),
                admin: self.state.admin_urls(),
                pids: self.nodes.iter().map(NodeProcess::pid).collect(),
                access_key: self.state.access_key.clone(),
                secret_key: self.state.secret_key.clone(),
                region,
                dir: self.dir.clone(),
                ca_certificate: self.state.ca_certificate(&self.dir),
            };
            format!("{}\n", serde_json::to_string(&described)?)
        } else {
            hints::welcome(&self.state, &region, &self.dir)
        };
        let mut out = std::io::stdout().lock();
        out.write_all(text.as_bytes())?;
        Ok(out.flush()?)
    }

    /// Carries out what `demo-node` asks for, until the demo is told to end.
    async fn serve(&mut self, control: &Control, signals: &mut Signals) -> anyhow::Result<()> {
        let mut look = interval(Duration::from_millis(500));
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = signals.stop() => return Ok(()),
                _ = look.tick() => {
                    for (number, node) in (1..).zip(&mut self.nodes) {
                        if let Some(status) = node.ended() {
                            tracing::warn!(node = number, %status, "node ended; `mucura demo-node` starts it again");
                        }
                    }
                }
                (request, mut stream) = control.next() => {
                    let answer = self.answer(&request).await;
                    if let Err(error) = lines::send(&mut stream, &answer).await {
                        tracing::debug!(%error, "who asked did not wait for the answer");
                    }
                }
            }
        }
    }

    async fn answer(&mut self, request: &Request) -> Answer {
        let number = request.node;
        let done = self.carry_out(request).await;
        let admin = number.checked_sub(1).and_then(|index| self.state.admin_urls().get(index).cloned());
        let pid = self.node(number).ok().and_then(|node| node.pid());
        match done {
            Ok(message) => Answer { done: true, message, pid, admin },
            Err(error) => Answer { done: false, message: format!("{error:#}"), pid, admin },
        }
    }

    async fn carry_out(&mut self, request: &Request) -> anyhow::Result<String> {
        let number = request.node;
        match request.action {
            NodeAction::Start => {
                self.settle(number).await?;
                let pid = self.start(number, &request.environment)?;
                Ok(format!("node {number} runs as process {pid}"))
            }
            NodeAction::Stop => {
                let status = self.node(number)?.stop().await?;
                Ok(match status {
                    Some(status) => format!("node {number} stopped with {status}"),
                    None => format!("node {number} did not run"),
                })
            }
            NodeAction::Kill => {
                self.node(number)?.kill().await?;
                Ok(format!("node {number} is killed"))
            }
            NodeAction::Status => {
                let node = self.node(number)?;
                node.ended();
                Ok(match node.pid() {
                    Some(pid) => format!("node {number} runs as process {pid}"),
                    None => format!("node {number} does not run"),
                })
            }
        }
    }

    /// Ends all nodes: first all are told, then each is waited for.
    async fn stop(&mut self) {
        self.nodes.iter_mut().for_each(NodeProcess::tell_to_stop);
        for (number, node) in (1..).zip(&mut self.nodes) {
            if let Err(error) = node.stop().await {
                tracing::error!(node = number, %error, "node could not be stopped");
            }
        }
    }
}

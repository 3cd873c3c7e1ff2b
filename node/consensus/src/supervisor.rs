use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mucura_runtime::{Disk, Runtime};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep, timeout};

use crate::config::ConsensusConfig;
use crate::consensus::{Inner, Phase};
use crate::error::{ConsensusError, FatalError};
use crate::network::flatten;
use crate::running::{Ended, Parts, Running, Started};
use crate::snapshot_policy::SnapshotPolicy;
use crate::snapshots::Snapshots;
use crate::state_dir::StateDir;
use crate::transport::Transport;
use crate::wal::{Wal, WalOptions};

/// Rebuilds without one good stretch between them before the node gives up.
const REBUILDS_MAX: u32 = 5;
/// A store that served for so long was good.
const GOOD_STRETCH: Duration = Duration::from_secs(600);
/// How long the log may take to write what waits at the end.
const WAL_TIMEOUT: Duration = Duration::from_secs(30);
/// Threads for reads, applies and snapshots, and for the log.
const THREADS: usize = 8;
const WAL_THREADS: usize = 2;

/// Keeps other processes away for as long as it lives.
type Lock = Box<dyn Send + Sync>;

/// Owns everything that runs: restarts openraft over a rebuilt state when the
/// store is bad, and ends it in order.
pub(crate) struct Supervisor {
    stop: watch::Sender<bool>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        if let Some(task) = self.task.get_mut().unwrap_or_else(PoisonError::into_inner).take() {
            task.abort();
        }
    }
}

impl Supervisor {
    pub(crate) fn spawn(
        inner: Arc<Inner>,
        started: Started,
        reading: impl Future<Output = ()> + Send + 'static,
        lock: Lock,
    ) -> Self {
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(supervise(inner, started, Box::pin(reading), lock, stopped));
        Self { stop, task: Mutex::new(Some(task)) }
    }

    /// Ends everything at once, as the death of the process would.
    #[cfg(test)]
    pub(crate) fn kill(&self) {
        if let Some(task) = self.task.lock().unwrap_or_else(PoisonError::into_inner).take() {
            task.abort();
        }
    }

    /// Ends everything in order.
    pub(crate) async fn stop(&self) -> Result<(), ConsensusError> {
        self.stop.send_replace(true);
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        match task {
            Some(task) => task.await.map_err(|error| {
                tracing::error!(%error, "the metadata log ended badly");
                ConsensusError::Stopped
            }),
            None => Ok(()),
        }
    }
}

/// Opens what outlives a rebuild.
pub(crate) async fn open_parts(
    config: ConsensusConfig,
    runtime: Runtime,
    transport: Arc<dyn Transport>,
) -> Result<(Parts, Lock), FatalError> {
    let io = |e: std::io::Error| FatalError::Io(e.to_string());
    let blocking = runtime.blocking.separate(THREADS);
    let wal_runtime = Runtime { blocking: runtime.blocking.separate(WAL_THREADS), ..runtime.clone() };
    let runtime = Runtime { blocking, ..runtime };
    let (disk, dir, boot) = (runtime.disk.clone(), config.dir.clone(), config.boot_id.clone());
    let prepared = runtime.blocking.run(move || {
        make_dir(&*disk, &dir)?;
        for part in ["wal", "snapshots", "state"] {
            disk.create_dir_all(&dir.join(part))?;
        }
        disk.sync_dir(&dir)?;
        let lock = disk.lock(&dir.join("lock"))?;
        let boot = boot.map_or_else(|| disk.boot_id(), Ok)?;
        Ok((lock, boot))
    });
    let (lock, boot) = flatten(prepared.await).map_err(|e| match e.kind() {
        std::io::ErrorKind::WouldBlock => FatalError::InUse(config.dir.display().to_string()),
        _ => io(e),
    })?;
    let options = WalOptions { segment_bytes: config.log_segment_bytes, ..WalOptions::default() };
    let opened = Wal::open(wal_runtime, &config.dir.join("wal"), options).await;
    let (wal, recovered) = opened.map_err(|e| FatalError::Log(e.to_string()))?;
    tracing::info!(?recovered, "write-ahead log is open");
    let snapshots = {
        let (runtime, dir, group) = (runtime.clone(), config.dir.join("snapshots"), config.group);
        let blocking = runtime.blocking.clone();
        let opened =
            blocking.run(move || Snapshots::open(runtime, dir, group).map_err(std::io::Error::other));
        Arc::new(flatten(opened.await).map_err(io)?)
    };
    let state_dir = StateDir {
        runtime: runtime.clone(),
        dir: config.dir.join("state"),
        group: config.group,
        kind: config.store,
        boot,
    };
    let leader = watch::Sender::new(None);
    Ok((Parts { config, runtime, transport, wal, snapshots, state_dir, leader }, lock))
}

/// Makes a directory and those above it, for good: a log in a directory whose
/// name a power cut takes away is lost, however well it was synced.
fn make_dir(disk: &dyn Disk, dir: &Path) -> std::io::Result<()> {
    let named = |path: &Path| if path.as_os_str().is_empty() { PathBuf::from(".") } else { path.to_owned() };
    let mut holders = Vec::new();
    for (dir, holder) in dir.ancestors().zip(dir.ancestors().skip(1)) {
        if disk.exists(&named(dir))? {
            break;
        }
        holders.push(named(holder));
    }
    disk.create_dir_all(dir)?;
    holders.iter().try_for_each(|holder| disk.sync_dir(holder))
}

async fn supervise(
    inner: Arc<Inner>,
    mut started: Started,
    reading: impl Future<Output = ()> + Send + 'static,
    lock: Lock,
    mut stop: watch::Receiver<bool>,
) {
    let mut shared = JoinSet::new();
    shared.spawn(reading);
    let mut rebuilds = 0;
    loop {
        let since = Instant::now();
        let running = started.running.clone();
        started.tasks.spawn(recover(inner.clone(), running.clone()));
        started.tasks.spawn(SnapshotPolicy::new(inner.clone()).run(running.clone()));
        let ended = tokio::select! {
            _ = stop.wait_for(|stop| *stop) => None,
            ended = running.ended(&mut started.tasks, &inner.parts.wal) => Some(ended),
        };
        inner.phase.send_replace(match &ended {
            None => Phase::Stopped,
            Some(Ended::Fatal(error)) => Phase::Fatal(error.clone()),
            Some(Ended::StoreBad(why)) => Phase::Rebuilding(why.clone()),
        });
        inner.parts.leader.send_replace(None);
        running.stop(&mut started.tasks).await;
        let why = match ended {
            None => {
                close(&inner, &running).await;
                break;
            }
            Some(Ended::Fatal(error)) => {
                tracing::error!(%error, "the metadata log cannot go on");
                break;
            }
            Some(Ended::StoreBad(why)) => why,
        };
        tracing::error!(%why, "state store is bad; it is thrown away and rebuilt");
        drop((running, started));
        rebuilds = if since.elapsed() > GOOD_STRETCH { 1 } else { rebuilds + 1 };
        let restarted = if rebuilds > REBUILDS_MAX {
            Err(FatalError::Io(format!("the state store went bad {rebuilds} times: {why}")))
        } else {
            Running::start(&inner.parts, true).await
        };
        match restarted {
            Ok(again) => {
                inner.phase.send_replace(Phase::Running(again.running.clone()));
                started = again;
            }
            Err(error) => {
                tracing::error!(%error, "state cannot be rebuilt");
                inner.phase.send_replace(Phase::Fatal(error));
                break;
            }
        }
    }
    shared.shutdown().await;
    drop(lock);
}

/// Asks where reads must stand until somebody answers: from then on the rows
/// are no older than before the start.
async fn recover(inner: Arc<Inner>, running: Arc<Running>) {
    const ROUND: Duration = Duration::from_secs(5);
    while !*running.recovered.borrow() {
        let deadline = Instant::now() + ROUND;
        if let Ok(index) = inner.read_index(deadline).await
            && let Ok(caught_up) = inner.applied(index, deadline).await
        {
            caught_up.recovered.send_replace(true);
        } else {
            sleep(Duration::from_millis(100)).await;
        }
    }
    // The tasks of a running log end with it alone.
    std::future::pending().await
}

/// The end of a log that ran well.
async fn close(inner: &Inner, running: &Arc<Running>) {
    let (state, dir) = (running.state.clone(), inner.parts.state_dir.clone());
    match inner.parts.runtime.blocking.run(move || dir.close(&state)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "state store did not close; it will be rebuilt"),
        Err(error) => tracing::warn!(%error, "state store did not close; it will be rebuilt"),
    }
    match timeout(WAL_TIMEOUT, inner.parts.wal.shutdown()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::error!(%error, "write-ahead log did not end well"),
        Err(_) => tracing::error!("write-ahead log does not end"),
    }
}

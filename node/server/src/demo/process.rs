use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use rustix::fs::{Mode, OFlags};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// What a node gets to stop in order before it is killed.
const STOP_PATIENCE: Duration = Duration::from_secs(40);

/// One node of the demo: its process, if it runs.
pub(super) struct NodeProcess {
    dir: PathBuf,
    child: Option<Child>,
}

impl NodeProcess {
    pub(super) fn at(dir: PathBuf) -> Self {
        Self { dir, child: None }
    }

    /// Where its log lines go.
    pub(super) fn log(&self) -> PathBuf {
        self.dir.join("log").join("node.log")
    }

    /// Its process, if it runs.
    pub(super) fn pid(&self) -> Option<u32> {
        self.child.as_ref().and_then(Child::id)
    }

    /// How its process ended, if it did since this was last asked.
    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        let status = self.child.as_mut()?.try_wait().ok()??;
        self.child = None;
        Some(status)
    }

    /// Starts `program serve` on its directory.
    pub(super) fn start(
        &mut self,
        program: &Path,
        environment: &BTreeMap<String, String>,
    ) -> anyhow::Result<u32> {
        let log = self.open_log().with_context(|| format!("open {}", self.log().display()))?;
        let child = Command::new(program)
            .arg("serve")
            .arg("--config")
            .arg(self.dir.join(crate::config::CONFIG_FILE))
            .arg("--until-stdin-ends")
            .envs(environment)
            // The node ends when the demo's end of this pipe closes, however
            // the demo ends.
            .stdin(Stdio::piped())
            .stdout(Stdio::from(log.try_clone()?))
            .stderr(Stdio::from(log))
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("start {}", program.display()))?;
        let pid = child.id().context("the node ended at once")?;
        self.child = Some(child);
        Ok(pid)
    }

    fn open_log(&self) -> anyhow::Result<std::os::fd::OwnedFd> {
        let path = self.log();
        if let Some(dir) = path.parent() {
            match rustix::fs::mkdir(dir, Mode::RWXU) {
                Ok(()) | Err(rustix::io::Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::APPEND | OFlags::CLOEXEC;
        Ok(rustix::fs::open(&path, flags, Mode::RUSR | Mode::WUSR)?)
    }

    /// Tells it to stop, without waiting.
    pub(super) fn tell_to_stop(&mut self) {
        if let Some(child) = &mut self.child {
            drop(child.stdin.take());
        }
    }

    /// Stops it in order; after a while, by force.
    pub(super) async fn stop(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        self.tell_to_stop();
        let Some(child) = &mut self.child else { return Ok(None) };
        let status = match timeout(STOP_PATIENCE, child.wait()).await {
            Ok(status) => status?,
            Err(_) => {
                child.kill().await?;
                child.wait().await?
            }
        };
        self.child = None;
        Ok(Some(status))
    }

    /// Kills it, as a crash would.
    pub(super) async fn kill(&mut self) -> anyhow::Result<()> {
        if let Some(child) = &mut self.child {
            child.kill().await?;
        }
        self.child = None;
        Ok(())
    }
}

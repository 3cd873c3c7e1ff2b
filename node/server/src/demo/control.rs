//! How `mucura demo-node` talks to a demo that runs: one line of JSON each way
//! over a Unix socket in the demo's directory.

use std::collections::BTreeMap;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use rustix::fs::{Mode, OFlags};
use serde::{Deserialize, Serialize};
use tokio::net::{UnixListener, UnixStream};
use tokio::time::timeout;

use crate::demo::lines;

const SOCKET: &str = "demo.sock";
/// The longest that either side waits for the other; stopping a node takes a
/// while.
const PATIENCE: Duration = Duration::from_secs(60);

/// What to do with a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum NodeAction {
    /// Start its process.
    Start,
    /// Tell it to stop, in order, and wait for that.
    Stop,
    /// Kill it, as a crash would.
    Kill,
    /// Say whether it runs.
    Status,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Request {
    /// From 1.
    pub(super) node: usize,
    pub(super) action: NodeAction,
    /// `MUCURA_` variables for a node that is started.
    pub(super) environment: BTreeMap<String, String>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Answer {
    /// Whether it was done.
    pub(super) done: bool,
    /// For people.
    pub(super) message: String,
    /// The node's process, if it runs now.
    pub(super) pid: Option<u32>,
    /// The node's admin URL.
    pub(super) admin: Option<String>,
}

/// A directory held open, so that its socket has a short name: the names of
/// sockets are limited to about a hundred bytes.
struct ShortName {
    dir: OwnedFd,
}

impl ShortName {
    fn of(dir: &Path) -> anyhow::Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let dir =
            rustix::fs::open(dir, flags, Mode::empty()).with_context(|| format!("open {}", dir.display()))?;
        Ok(Self { dir })
    }

    fn socket(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}/{SOCKET}", self.dir.as_raw_fd()))
    }
}

/// The demo's end.
pub(super) struct Control {
    listener: UnixListener,
}

impl Control {
    /// Listens in `dir`, which the caller holds the lock of.
    pub(super) fn listen(dir: &Path) -> anyhow::Result<Self> {
        let name = ShortName::of(dir)?;
        // Left behind by a demo that was killed.
        match rustix::fs::unlink(name.socket()) {
            Ok(()) | Err(rustix::io::Errno::NOENT) => {}
            Err(error) => return Err(error).context("remove the old control socket"),
        }
        Ok(Self { listener: UnixListener::bind(name.socket()).context("listen on the control socket")? })
    }

    /// The next request, and the way to answer it. Callers that say nothing
    /// sensible are passed over.
    pub(super) async fn next(&self) -> (Request, UnixStream) {
        loop {
            match self.listener.accept().await {
                Ok((mut stream, _)) => {
                    let request = timeout(Duration::from_secs(2), lines::receive(&mut stream)).await;
                    if let Ok(Ok(request)) = request {
                        return (request, stream);
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "a call to the demo was not taken");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }
}

/// Asks the demo in `dir`.
pub(super) async fn ask(dir: &Path, request: &Request) -> anyhow::Result<Answer> {
    let nobody = || format!("no demo runs in {0}: start it with `mucura demo --dir {0}`", dir.display());
    let name = ShortName::of(dir).with_context(nobody)?;
    let mut stream = UnixStream::connect(name.socket()).await.map_err(|_| anyhow::anyhow!(nobody()))?;
    lines::send(&mut stream, request).await?;
    let answer = timeout(PATIENCE, lines::receive(&mut stream)).await;
    answer.context("the demo did not answer")?.context("the demo went away")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_demo_hears_and_answers_however_deep_its_directory_is() {
        let top = tempfile::tempdir().unwrap();
        let dir = top.path().join("d".repeat(120));
        std::fs::create_dir(&dir).unwrap();
        let request = || Request { node: 2, action: NodeAction::Kill, environment: BTreeMap::new() };
        let refused = ask(&dir, &request()).await.unwrap_err().to_string();
        assert!(refused.contains("no demo runs"), "{refused}");
        let control = Control::listen(&dir).unwrap();
        let answer = || Answer { done: true, message: "killed".to_owned(), pid: None, admin: None };
        let demo = async {
            let (heard, mut stream) = control.next().await;
            assert_eq!((heard.node, heard.action), (2, NodeAction::Kill));
            lines::send(&mut stream, &answer()).await.unwrap();
        };
        let asked = request();
        let (told, ()) = tokio::join!(ask(&dir, &asked), demo);
        assert_eq!(told.unwrap(), answer());
        drop(control);
        Control::listen(&dir).unwrap();
    }
}

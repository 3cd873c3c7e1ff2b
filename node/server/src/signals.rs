use anyhow::Context as _;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signal that tells a process to look at its files anew.
pub(crate) struct Hangup(Signal);

/// The signals that tell a process to end in order.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// From now on these signals do not kill the process.
    ///
    /// # Errors
    /// The system refuses.
    pub(crate) fn listen() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("listen for signals");
        Ok(Self { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
    }

    /// Returns when the process is told to end.
    pub(crate) async fn stop(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

impl Hangup {
    /// From now on this signal does not kill the process.
    ///
    /// # Errors
    /// The system refuses.
    pub(crate) fn listen() -> anyhow::Result<Self> {
        signal(SignalKind::hangup()).map(Self).context("listen for signals")
    }

    /// Returns when the process is told to look at its files.
    pub(crate) async fn next(&mut self) {
        self.0.recv().await;
    }
}

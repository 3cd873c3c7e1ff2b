use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::store::Inner;

/// Between two tries to open or end a session.
const RETRY: Duration = Duration::from_secs(1);
const TIMEOUT: Duration = Duration::from_secs(10);

impl Inner {
    /// Keeps a session open from the start, which ends those that the node had
    /// before, and renews it from time to time.
    pub(crate) async fn keep_session(self: Arc<Self>) {
        loop {
            let session = loop {
                match self.gateway.session(Instant::now() + TIMEOUT).await {
                    Ok(session) => break session,
                    Err(error) => tracing::debug!(%error, "open a session"),
                }
                sleep(RETRY).await;
            };
            sleep(self.config.session_life).await;
            self.gateway.retire(&session);
            // Writes under way still count on it.
            while Arc::strong_count(&session) > 1 {
                sleep(RETRY).await;
            }
            while let Err(error) = self.gateway.end(&session, Instant::now() + TIMEOUT).await {
                tracing::debug!(%error, "end a session");
                sleep(RETRY).await;
            }
        }
    }
}

use std::path::Path;
use std::time::Duration;

use anyhow::bail;
use tokio::time::{Instant, sleep};

pub use crate::demo::control::NodeAction;

use crate::admin_client::AdminClient;
use crate::config::Environment;
use crate::demo::control::{Request, ask};

/// How long a node that was started may take until it takes part.
const READY_PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(100);

/// Carries out `mucura demo-node`; gives what to say.
///
/// # Errors
/// No demo runs there, or it could not do it.
pub async fn node_command(dir: &Path, node: usize, action: NodeAction, wait: bool) -> anyhow::Result<String> {
    let environment = match action {
        NodeAction::Start => {
            Environment::of_process().iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
        }
        _ => Default::default(),
    };
    let answer = ask(dir, &Request { node, action, environment }).await?;
    if !answer.done {
        bail!("{}", answer.message);
    }
    if let (NodeAction::Start, true, Some(admin)) = (action, wait, &answer.admin) {
        let client = AdminClient::new(admin, None)?;
        let end = Instant::now() + READY_PATIENCE;
        while !client.is_ready().await {
            if Instant::now() >= end {
                bail!("node {node} was started, but is not ready after {} s", READY_PATIENCE.as_secs());
            }
            sleep(POLL).await;
        }
        return Ok(format!("{}; it is ready", answer.message));
    }
    Ok(answer.message)
}

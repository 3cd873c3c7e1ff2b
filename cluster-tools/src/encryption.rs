use std::io::Write as _;
use std::time::Duration;

use anyhow::bail;
use http::Method;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::cli::EncryptionCommand;
use crate::client::Client;
use crate::commands::{Output, list, text};
use crate::table::Table;

/// Between two looks at how it stands.
const LOOK: Duration = Duration::from_secs(1);
/// What is said when nodes have different keys.
const DISAGREEMENT: &str =
    "The nodes do not have the same encryption keys: give all of them the same key file.";

pub(crate) async fn encryption(
    client: &Client,
    command: EncryptionCommand,
    out: &Output,
) -> anyhow::Result<()> {
    match command {
        EncryptionCommand::Status => {
            let status = client.get("status").await?;
            out.show(&status["nodes"], |nodes| table(nodes.as_array().map_or(&[], Vec::as_slice)))
        }
        EncryptionCommand::Rewrap { from } => rewrap(client, from, out).await,
    }
}

/// Begins it, or finds it under way, and waits for its end.
async fn rewrap(client: &Client, from: Option<u32>, out: &Output) -> anyhow::Result<()> {
    let nodes = client.get("status").await?;
    if let Some(told) = disagreement(nodes["nodes"].as_array().map_or(&[], Vec::as_slice)) {
        bail!("{told}");
    }
    let mut status = client.ask(Method::POST, "encryption/rewrap", &json!({ "from": from })).await?;
    if status["from"] != json!(from) {
        bail!("it is under way with --from {}: wait for its end", text(&status, "from"));
    }
    let to = status["to"].clone();
    while status["finished"] != true {
        sleep(LOOK).await;
        status = client.get("encryption/rewrap").await?;
        if status["to"] != to {
            bail!("another key became active meanwhile: begin again");
        }
        if !out.json {
            let told = format!("{} seen, {} rewrapped", text(&status, "seen"), text(&status, "rewrapped"));
            // Whoever closed it does not want to know.
            writeln!(std::io::stderr(), "{told}").ok();
        }
    }
    out.show(&status, rewrapped)?;
    match status["left"].as_u64() {
        Some(0) => Ok(()),
        _ => bail!("data keys are left: the log of the leader says why. Do not remove a key yet"),
    }
}

fn rewrapped(status: &Value) -> String {
    let [seen, rewrapped, left] = ["seen", "rewrapped", "left"].map(|field| text(status, field));
    format!(
        "Of {seen} versions and uploads that the site seals {rewrapped} were rewrapped; {left} could not be.\n"
    )
}

/// The keys of each node for people.
fn table(nodes: &[Value]) -> String {
    let mut keys = Table::new(&["NODE", "NAME", "KEY", "FINGERPRINT", "USE"]);
    for node in nodes {
        let (id, name, ring) = (text(node, "id"), text(node, "name"), &node["encryption"]);
        if ring.is_null() {
            keys.row([id, name, "-".to_owned(), "-".to_owned(), "not known now".to_owned()]);
            continue;
        }
        for key in list(ring, "keys") {
            let used = if key["number"] == ring["active"] { "seals" } else { "opens" };
            keys.row([
                id.clone(),
                name.clone(),
                text(key, "number"),
                text(key, "fingerprint"),
                used.to_owned(),
            ]);
        }
    }
    format!("{keys}{}", disagreement(nodes).map_or(String::new(), |told| format!("\n{told}\n")))
}

/// What to say of nodes that have other keys than the rest; those that do not
/// answer do not count.
pub(crate) fn disagreement(nodes: &[Value]) -> Option<&'static str> {
    let mut rings = nodes.iter().filter_map(|node| node.get("encryption")).filter(|ring| !ring.is_null());
    let first = rings.next()?;
    rings.any(|ring| ring != first).then_some(DISAGREEMENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(id: u64, active: u64, fingerprint: &str) -> Value {
        let keys = json!([
            { "number": 0, "fingerprint": "aa" },
            { "number": 1, "fingerprint": fingerprint },
        ]);
        json!({ "id": id, "name": format!("node{id}"), "encryption": { "active": active, "keys": keys } })
    }

    #[test]
    fn keys_are_shown_by_node_and_what_differs_is_told() {
        let down = json!({ "id": 3, "name": "node3", "encryption": null });
        let alike = [node(1, 1, "bb"), node(2, 1, "bb"), down];
        let shown = table(&alike);
        for part in ["bb", "seals", "opens", "not known now"] {
            assert!(shown.contains(part), "{part:?} is not in\n{shown}");
        }
        assert!(!shown.contains(DISAGREEMENT));
        assert!(table(&[node(1, 1, "bb"), node(2, 1, "cc")]).contains(DISAGREEMENT));
        assert!(disagreement(&[node(1, 1, "bb"), node(2, 0, "bb")]).is_some());
        assert_eq!(disagreement(&[]), None);
    }
}

use std::path::Path;

use anyhow::{Context as _, bail};
use http::Method;
use serde_json::{Value, json};

use crate::cli::DriveCommand;
use crate::client::Client;
use crate::commands::{Output, list, text};
use crate::site_status;

pub(crate) async fn drive(client: &Client, command: DriveCommand, out: &Output) -> anyhow::Result<()> {
    match command {
        DriveCommand::List => {
            let status = client.get("status").await?;
            let drives = json!({ "drives": list(&status, "drives") });
            out.show(&drives, site_status::drive_table)
        }
        DriveCommand::Add { path, node } => {
            let body = json!({ "path": utf8(&path)? });
            let answer = match node {
                None => client.ask(Method::POST, "drives", &body).await?,
                Some(node) => {
                    let status = client.get("status").await?;
                    let admin = admin_of(&status, &node)?;
                    client.at(&admin).ask(Method::POST, "drives", &body).await?
                }
            };
            out.show(&answer, |answer| {
                format!(
                    "Drive {} is {} on node {}.\n",
                    text(answer, "drive"),
                    path.display(),
                    text(answer, "node")
                )
            })
        }
        DriveCommand::Replace { drive, path } => {
            let body = match &path {
                Some(path) => json!({ "path": utf8(path)? }),
                None => json!({}),
            };
            // Any node passes it on to the drive's own.
            let answer = client.ask(Method::PUT, &format!("drives/{drive}"), &body).await?;
            let place = path.map_or_else(|| "a new directory".to_owned(), |path| path.display().to_string());
            out.show(&answer, |_| format!("Drive {drive} is now {place}; its data is being rebuilt there.\n"))
        }
    }
}

fn utf8(path: &Path) -> anyhow::Result<&str> {
    path.to_str().context("the path is not UTF-8")
}

/// The admin URL of a node, which is named by number or name.
fn admin_of(status: &Value, node: &str) -> anyhow::Result<String> {
    let found =
        list(status, "nodes").iter().find(|known| text(known, "id") == node || text(known, "name") == node);
    match found {
        Some(found) => Ok(text(found, "admin")),
        None => bail!("there is no node {node}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_found_by_number_and_by_name() {
        let status = json!({ "nodes": [
            { "id": 1, "name": "a", "admin": "http://a" },
            { "id": 2, "name": "b", "admin": "http://b" },
        ] });
        assert_eq!(admin_of(&status, "2").unwrap(), "http://b");
        assert_eq!(admin_of(&status, "a").unwrap(), "http://a");
        assert!(admin_of(&status, "3").is_err());
    }
}

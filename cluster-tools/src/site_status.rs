use serde_json::Value;

use crate::commands::{list, text};
use crate::encryption::disagreement;
use crate::table::Table;
use crate::units::bytes;

/// The status of a site for people.
pub(crate) fn table(status: &Value) -> String {
    let at_risk = match status.get("stripes_at_risk").and_then(Value::as_u64) {
        Some(0) => "none".to_owned(),
        Some(count) => count.to_string(),
        None => "not known now".to_owned(),
    };
    let placement = status.get("placement").unwrap_or(&Value::Null);
    let mut nodes = Table::new(&["NODE", "NAME", "STATE", "ROLE", "APPLIED", "LAST LOG", "S3", "ADMIN"]);
    for node in list(status, "nodes") {
        nodes.row(
            ["id", "name", "state", "role", "applied", "last_log", "s3", "admin"]
                .map(|field| text(node, field)),
        );
    }
    let nodes_told = disagreement(list(status, "nodes")).map_or(String::new(), |told| format!("{told}\n"));
    let events = status.get("events").unwrap_or(&Value::Null);
    let lost = events.get("lost").and_then(Value::as_u64).filter(|lost| *lost > 0);
    let lost = lost.map_or_else(String::new, |lost| format!(", {lost} LOST"));
    format!(
        "Site {site}   leader: node {leader}   stripes at risk: {at_risk}\n\
         Placement {profile} on {count} drives, epoch {epoch}\n\
         Events waiting: {waiting}{lost}\n{nodes_told}\n{nodes}\n{drives}",
        waiting = text(events, "waiting"),
        site = text(status, "site"),
        leader = text(status, "leader"),
        profile = text(placement, "profile"),
        count = text(placement, "drives"),
        epoch = text(placement, "epoch"),
        drives = drive_table(status),
    )
}

/// The drives of a status for people.
pub(crate) fn drive_table(status: &Value) -> String {
    let mut drives = Table::new(&["DRIVE", "NODE", "STATE", "FREE", "SIZE", "SHARDS", "PATH"]);
    for drive in list(status, "drives") {
        let size = |field: &str| drive.get(field).and_then(Value::as_u64).map_or("-".to_owned(), bytes);
        drives.row([
            text(drive, "id"),
            text(drive, "node"),
            text(drive, "state"),
            size("bytes_free"),
            size("bytes_total"),
            text(drive, "shards"),
            text(drive, "path"),
        ]);
    }
    drives.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_status_is_shown_with_units_and_without_what_is_not_known() {
        let status = json!({
            "site": "demo", "leader": 2, "stripes_at_risk": 0,
            "events": { "waiting": 5, "lost": 2 },
            "placement": { "profile": "2+1", "drives": 6, "epoch": 8 },
            "nodes": [{ "id": 1, "name": "node1", "state": "up", "role": "follower", "applied": 7, "last_log": 7 }],
            "drives": [{ "id": 1, "node": 1, "state": "online", "bytes_free": 1u64 << 30, "bytes_total": 2u64 << 30, "path": "/d" }],
        });
        let shown = table(&status);
        for part in [
            "leader: node 2",
            "stripes at risk: none",
            "Placement 2+1 on 6 drives",
            "1.00 GiB",
            "follower",
            "Events waiting: 5, 2 LOST",
        ] {
            assert!(shown.contains(part), "{part:?} is not in\n{shown}");
        }
        assert!(table(&json!({})).contains("not known now"));
    }
}

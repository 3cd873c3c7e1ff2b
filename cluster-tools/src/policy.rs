use anyhow::Context as _;
use http::Method;
use serde_json::{Map, Value, json};

use crate::cli::ExplainArguments;
use crate::client::Client;
use crate::commands::{Outcome, Output, list, text};
use crate::table::Table;

pub(crate) async fn explain(
    client: &Client,
    arguments: &ExplainArguments,
    out: &Output,
) -> anyhow::Result<Outcome> {
    let answer = client.ask(Method::POST, "policy/explain", &question(arguments)).await?;
    let allowed = answer.get("allowed").and_then(Value::as_bool).context("the answer says no verdict")?;
    out.show(&answer, table)?;
    Ok(if allowed { Outcome::Done } else { Outcome::Denied })
}

fn question(arguments: &ExplainArguments) -> Value {
    let headers: Map<String, Value> =
        arguments.headers.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
    json!({
        "user": arguments.user,
        "action": arguments.action,
        "resource": arguments.resource,
        "source_ip": arguments.source_ip,
        "secure": arguments.secure,
        "headers": headers,
        "prefix": arguments.prefix,
    })
}

/// The verdict, why, and what counted, for people.
fn table(answer: &Value) -> String {
    let allowed = answer.get("allowed").and_then(Value::as_bool) == Some(true);
    let mut table = Table::new(&["SETTING", "VALUE"]);
    let mut row = |setting: &str, value: String| table.row([setting.to_owned(), value]);
    row("user", person(answer, "user"));
    row("action", text(answer, "action"));
    row("resource", text(answer, "resource"));
    row("bucket owner", person(answer, "bucket_owner"));
    row("object", object(answer));
    row("object ownership", text(answer, "object_ownership"));
    row("public access block", all(answer, "public_access_block", ", "));
    row("ACL grants", all(answer, "acl_grants", "; "));
    row("bucket policy", text(answer, "policy"));
    let verdict = if allowed { "ALLOWED" } else { "DENIED" };
    format!("{verdict}: {}\n\n{table}", text(answer, "reason"))
}

fn person(answer: &Value, field: &str) -> String {
    let person = answer.get(field).unwrap_or(&Value::Null);
    format!("{} ({})", text(person, "name"), text(person, "id"))
}

fn object(answer: &Value) -> String {
    match answer.get("object").and_then(Value::as_str) {
        Some("found") => format!("owned by {}", person(answer, "object_owner")),
        Some("missing") => "there is none; only who may list the bucket is told so".to_owned(),
        _ => "does not count".to_owned(),
    }
}

fn all(answer: &Value, field: &str, between: &str) -> String {
    let items: Vec<&str> = list(answer, field).iter().filter_map(Value::as_str).collect();
    if items.is_empty() { "none".to_owned() } else { items.join(between) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(allowed: bool) -> Value {
        json!({
            "allowed": allowed, "reason": "the caller owns the bucket",
            "user": { "id": "01", "name": "ann" }, "action": "s3:GetObject",
            "resource": "arn:aws:s3:::b/k", "bucket_owner": { "id": "01", "name": "ann" },
            "object": "found", "object_owner": { "id": "02", "name": "bob" },
            "object_ownership": "ObjectWriter", "public_access_block": ["IgnorePublicAcls"],
            "acl_grants": ["the bucket's ACL grants READ to all users"], "policy": "none",
        })
    }

    #[test]
    fn the_verdict_stands_first_and_what_counted_below() {
        let shown = table(&answer(true));
        assert!(shown.starts_with("ALLOWED: the caller owns the bucket\n\n"), "{shown}");
        for part in ["owned by bob (02)", "IgnorePublicAcls", "grants READ to all users", "ObjectWriter"] {
            assert!(shown.contains(part), "{part:?} is not in\n{shown}");
        }
        assert!(table(&answer(false)).starts_with("DENIED: "));
        assert!(table(&json!({})).starts_with("DENIED: "), "what is not said is not allowed");
    }

    #[test]
    fn a_question_carries_every_argument() {
        let arguments = ExplainArguments {
            user: "ann".into(),
            action: "s3:ListBucket".into(),
            resource: "b".into(),
            source_ip: Some("192.0.2.7".parse().unwrap()),
            secure: true,
            headers: vec![("referer".into(), "http://a/?b=c".into())],
            prefix: Some("p/".into()),
        };
        let expected = json!({
            "user": "ann", "action": "s3:ListBucket", "resource": "b", "source_ip": "192.0.2.7",
            "secure": true, "headers": { "referer": "http://a/?b=c" }, "prefix": "p/",
        });
        assert_eq!(question(&arguments), expected);
    }
}

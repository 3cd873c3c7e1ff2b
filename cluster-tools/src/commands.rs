use std::io::Write as _;

use anyhow::Context as _;
use http::Method;
use serde_json::{Value, json};

use crate::access::Access;
use crate::cli::{Arguments, Command, NodeCommand, PolicyCommand};
use crate::client::Client;
use crate::{bench, drives, encryption, events, people, policy, site_status};

/// How a command ended that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// What was asked for is done.
    Done,
    /// It was asked whether something is allowed, and it is not.
    Denied,
}

/// Carries out a command line.
pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<Outcome> {
    let out = Output { json: arguments.json };
    let client = Client::new(Access::find(&arguments.access)?);
    match arguments.command {
        Command::Status => {
            let status = client.get("status").await?;
            out.show(&status, site_status::table)
        }
        Command::User(command) => people::user(&client, command, &out).await,
        Command::Key(command) => people::key(&client, command, &out).await,
        Command::Drive(command) => drives::drive(&client, command, &out).await,
        Command::Node(command) => node(&client, command, &out).await,
        Command::Events(arguments) => events::events(&client, arguments, &out).await,
        Command::Webhook(command) => events::webhook(&client, command, &out).await,
        Command::Encryption(command) => encryption::encryption(&client, command, &out).await,
        Command::Scrub => {
            let answer = client.ask(Method::POST, "scrub", &json!({})).await?;
            out.show(&answer, |answer| {
                let nodes = answer["nodes"].as_array().map_or(0, Vec::len);
                format!("{nodes} nodes are verifying every shard they hold.\n")
            })
        }
        Command::Policy(PolicyCommand::Explain(arguments)) => {
            return policy::explain(&client, &arguments, &out).await;
        }
        Command::Bench(arguments) => bench::run(&client, arguments, &out).await,
    }?;
    Ok(Outcome::Done)
}

async fn node(client: &Client, command: NodeCommand, out: &Output) -> anyhow::Result<()> {
    match command {
        NodeCommand::Token { minutes } => {
            let body = json!({ "minutes": minutes });
            let answer = client.ask(Method::POST, "join-tokens", &body).await?;
            out.show(&answer, |answer| format!("{}\n", text(answer, "token")))
        }
        NodeCommand::TransferLeader { to } => {
            let answer = client.ask(Method::POST, "leader", &json!({ "to": to })).await?;
            out.show(&answer, |answer| format!("Node {} leads.\n", text(answer, "leader")))
        }
    }
}

/// Where answers go: standard output, as a table or as JSON.
pub(crate) struct Output {
    pub(crate) json: bool,
}

impl Output {
    /// Shows an answer, `table` being its form for people.
    pub(crate) fn show(&self, answer: &Value, table: impl FnOnce(&Value) -> String) -> anyhow::Result<()> {
        let shown = if self.json { format!("{answer}\n") } else { table(answer) };
        std::io::stdout().write_all(shown.as_bytes()).context("write the answer")
    }
}

/// A field of an answer as text; a hyphen if it is not there.
pub(crate) fn text(value: &Value, field: &str) -> String {
    match value.get(field) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => "-".to_owned(),
        Some(Value::Bool(yes)) => if *yes { "yes" } else { "no" }.to_owned(),
        Some(other) => other.to_string(),
    }
}

/// The items of a list in an answer.
pub(crate) fn list<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    value.get(field).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

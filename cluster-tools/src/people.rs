use http::Method;
use serde_json::{Value, json};

use crate::cli::{KeyCommand, UserCommand};
use crate::client::{Client, segment};
use crate::commands::{Output, list, text};
use crate::table::Table;

pub(crate) async fn user(client: &Client, command: UserCommand, out: &Output) -> anyhow::Result<()> {
    match command {
        UserCommand::Create { name, email } => {
            let body = json!({ "name": name, "email": email });
            let made = client.ask(Method::POST, "users", &body).await?;
            out.show(&made, |made| {
                format!("User {} has the id {}.\n{}", text(made, "name"), text(made, "id"), keys(made))
            })
        }
        UserCommand::List => {
            let users = client.get("users").await?;
            out.show(&users, |users| {
                let mut table = Table::new(&["ID", "NAME", "EMAIL", "CREATED"]);
                for user in list(users, "users") {
                    table.row(["id", "name", "email", "created"].map(|field| text(user, field)));
                }
                table.to_string()
            })
        }
        UserCommand::Delete { user } => {
            let answer =
                client.ask(Method::DELETE, &format!("users/{}", segment(&user)), &Value::Null).await?;
            out.show(&answer, |_| format!("User {user} is removed.\n"))
        }
    }
}

pub(crate) async fn key(client: &Client, command: KeyCommand, out: &Output) -> anyhow::Result<()> {
    match command {
        KeyCommand::Create { user } => {
            let made =
                client.ask(Method::POST, &format!("users/{}/keys", segment(&user)), &json!({})).await?;
            out.show(&made, keys)
        }
        KeyCommand::List { user } => {
            let answer = client.get(&format!("users/{}/keys", segment(&user))).await?;
            out.show(&answer, |answer| {
                let mut table = Table::new(&["ACCESS KEY", "ENABLED", "CREATED"]);
                for key in list(answer, "keys") {
                    table.row(["access_key", "enabled", "created"].map(|field| text(key, field)));
                }
                table.to_string()
            })
        }
        KeyCommand::Delete { access_key } => {
            let answer =
                client.ask(Method::DELETE, &format!("keys/{}", segment(&access_key)), &Value::Null).await?;
            out.show(&answer, |_| format!("Key {access_key} is removed.\n"))
        }
        KeyCommand::Disable { access_key } => set_enabled(client, &access_key, false, out).await,
        KeyCommand::Enable { access_key } => set_enabled(client, &access_key, true, out).await,
    }
}

async fn set_enabled(client: &Client, access_key: &str, enabled: bool, out: &Output) -> anyhow::Result<()> {
    let path = format!("keys/{}", segment(access_key));
    let answer = client.ask(Method::PATCH, &path, &json!({ "enabled": enabled })).await?;
    let state = if enabled { "may be used again" } else { "can no longer be used" };
    out.show(&answer, |_| format!("Key {access_key} {state}.\n"))
}

fn keys(made: &Value) -> String {
    format!(
        "access key  {}\nsecret key  {}\nThe secret is not shown again.\n",
        text(made, "access_key"),
        text(made, "secret_key")
    )
}

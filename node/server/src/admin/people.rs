use mucura_s3_wire::time::iso8601;
use mucura_types::UserId;
use serde::Deserialize;
use serde_json::json;
use tokio::time::Instant;

use crate::admin::answer::AdminError;
use crate::admin::routes::Answered;
use crate::serve::Node;

const TEXT_BYTES_MAX: usize = 128;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UserWanted {
    name: String,
    #[serde(default)]
    email: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeyWanted {
    enabled: bool,
}

pub(super) async fn users(node: &Node, deadline: Instant) -> Answered {
    let users = node.store.fresh(deadline).await?.users().await?;
    let user = |(id, user): &(UserId, mucura_metadata::UserRecord)| {
        json!({
            "id": id.to_string(),
            "name": user.name,
            "email": user.email,
            "created": iso8601(user.created.0),
        })
    };
    Ok(json!({ "users": users.iter().map(user).collect::<Vec<_>>() }))
}

pub(super) async fn create_user(node: &Node, wanted: UserWanted, deadline: Instant) -> Answered {
    check_name(&wanted.name)?;
    if wanted.email.len() > TEXT_BYTES_MAX || wanted.email.chars().any(char::is_control) {
        return Err(AdminError::Malformed("the email is too long, or not plain text".to_owned()));
    }
    let made = node.store.create_user(&wanted.name, &wanted.email, deadline).await?;
    Ok(json!({
        "id": made.id.to_string(),
        "name": wanted.name,
        "email": wanted.email,
        "access_key": made.access_key,
        "secret_key": made.secret_key,
    }))
}

pub(super) async fn delete_user(node: &Node, user: &str, deadline: Instant) -> Answered {
    let id = find(node, user, deadline).await?;
    node.store.delete_user(id, deadline).await?;
    Ok(json!({ "deleted": id.to_string() }))
}

pub(super) async fn keys(node: &Node, user: &str, deadline: Instant) -> Answered {
    let id = find(node, user, deadline).await?;
    let keys = node.store.fresh(deadline).await?.keys(id).await?;
    let key = |(access_key, key): &(String, mucura_metadata::AccessKeyRecord)| json!({ "access_key": access_key, "enabled": key.enabled, "created": iso8601(key.created.0) });
    Ok(json!({ "keys": keys.iter().map(key).collect::<Vec<_>>() }))
}

pub(super) async fn create_key(node: &Node, user: &str, deadline: Instant) -> Answered {
    let id = find(node, user, deadline).await?;
    let made = node.store.create_key(id, deadline).await?;
    Ok(json!({ "id": id.to_string(), "access_key": made.access_key, "secret_key": made.secret_key }))
}

pub(super) async fn set_key(
    node: &Node,
    access_key: &str,
    wanted: &KeyWanted,
    deadline: Instant,
) -> Answered {
    node.store.set_key_enabled(access_key, wanted.enabled, deadline).await?;
    Ok(json!({ "access_key": access_key, "enabled": wanted.enabled }))
}

pub(super) async fn delete_key(node: &Node, access_key: &str, deadline: Instant) -> Answered {
    node.store.delete_key(access_key, deadline).await?;
    Ok(json!({ "deleted": access_key }))
}

/// The user of a name or an id.
pub(super) async fn find(node: &Node, user: &str, deadline: Instant) -> Result<UserId, AdminError> {
    let users = node.store.fresh(deadline).await?.users().await?;
    let found = users.iter().find(|(id, record)| record.name == user || id.to_string() == user);
    found.map(|(id, _)| *id).ok_or_else(|| AdminError::NotFound(format!("there is no user {user}")))
}

/// Names are told apart by people and stand in paths.
fn check_name(name: &str) -> Result<(), AdminError> {
    let plain =
        |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.' | b'@');
    let fits = (1..=64).contains(&name.len()) && name.bytes().all(plain);
    // It must not look like an id.
    if !fits || name.parse::<UserId>().is_ok() {
        let rule = "a name has 1 to 64 lower-case letters, digits and - _ . @, and is not an id";
        return Err(AdminError::Malformed(rule.to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_can_stand_in_a_path_and_is_no_id() {
        for name in ["alice", "a.b-c_d@e", "0"] {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
        for name in ["", "Alice", "a/b", "a b", "0123456789abcdef", &"a".repeat(65)] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }
}

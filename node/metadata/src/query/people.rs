use std::collections::BTreeMap;
use std::ops::ControlFlow;

use mucura_types::UserId;

use super::{Found, each, get, number};
use crate::codec::decode;
use crate::execute::ExecuteError;
use crate::keys;
use crate::record::{AccessKeyRecord, UserRecord};
use crate::view::View;

/// A user.
///
/// # Errors
/// Rows cannot be read.
pub fn user(view: &dyn View, id: UserId) -> Found<Option<UserRecord>> {
    get(view, "user", &keys::user(id))
}

/// The user of a name.
///
/// # Errors
/// Rows cannot be read.
pub fn user_by_name(view: &dyn View, name: &str) -> Found<Option<UserId>> {
    get(view, "user name", &keys::user_name(name))
}

/// An access key.
///
/// # Errors
/// Rows cannot be read.
pub fn user_by_key(view: &dyn View, access_key: &str) -> Found<Option<AccessKeyRecord>> {
    get(view, "access key", &keys::access_key(access_key))
}

/// All users.
///
/// # Errors
/// Rows cannot be read.
pub fn users(view: &dyn View) -> Found<BTreeMap<UserId, UserRecord>> {
    let mut all = BTreeMap::new();
    each(view, keys::all(keys::ALL_USERS), |key, value| {
        all.insert(UserId(u64::from_be_bytes(number("user", key)?)), decode("user", value)?);
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(all)
}

/// The access keys of a user.
///
/// # Errors
/// Rows cannot be read.
pub fn keys_of_user(view: &dyn View, id: UserId) -> Found<Vec<(String, AccessKeyRecord)>> {
    let prefix = keys::key_of_user(id, "");
    let mut names = Vec::new();
    each(view, keys::all(&prefix), |key, _| {
        let name = std::str::from_utf8(&key[prefix.len()..])
            .map_err(|_| ExecuteError::Key { what: "access key" })?;
        names.push(name.to_owned());
        Ok(ControlFlow::Continue(()))
    })?;
    let mut found = Vec::with_capacity(names.len());
    for name in names {
        if let Some(record) = user_by_key(view, &name)? {
            found.push((name, record));
        }
    }
    Ok(found)
}

use mucura_types::{Timestamp, UserId};

use crate::codec::encode;
use crate::command::{CreateUser, NewKey};
use crate::decide::{Decided, TEXT_MAX, accept, check_text, next_number};
use crate::keys;
use crate::overlay::Overlay;
use crate::query;
use crate::record::{AccessKeyRecord, UserRecord};
use crate::reply::{MalformedCommand, Rejection, Reply};

/// The first number of a user that is made; those below are built in.
pub(super) const FIRST_USER: u64 = 1000;

fn check_key(key: &NewKey) -> Result<(), Rejection> {
    check_text(&key.access_key)?;
    match key.sealed_secret.len() <= TEXT_MAX {
        true => Ok(()),
        false => Err(Rejection::Malformed(MalformedCommand::TextLength)),
    }
}

pub(super) fn create_user(create: &CreateUser, now: Timestamp, rows: &Overlay<'_>) -> Decided {
    accept!(check_text(&create.name));
    accept!(check_key(&create.key));
    if create.email.len() > TEXT_MAX {
        return Ok(Err(Rejection::Malformed(MalformedCommand::TextLength)));
    }
    if query::user_by_name(rows, &create.name)?.is_some() {
        return Ok(Err(Rejection::UserExists));
    }
    if query::user_by_key(rows, &create.key.access_key)?.is_some() {
        return Ok(Err(Rejection::AccessKeyExists));
    }
    let id = UserId(next_number(rows, |c| {
        c.user = (c.user + 1).max(FIRST_USER);
        c.user
    })?);
    let record = UserRecord { name: create.name.clone(), email: create.email.clone(), created: now };
    rows.put(keys::user(id), encode(&record));
    rows.put(keys::user_name(&create.name), encode(&id));
    put_key(id, &create.key, now, rows);
    Ok(Ok(Reply::User(id)))
}

pub(super) fn delete_user(id: UserId, rows: &Overlay<'_>) -> Decided {
    let Some(user) = query::user(rows, id)? else {
        return Ok(Err(Rejection::NoSuchUser));
    };
    if !query::buckets_of(rows, id, 1)?.is_empty() {
        return Ok(Err(Rejection::UserOwnsBuckets));
    }
    for (access_key, _) in query::keys_of_user(rows, id)? {
        rows.delete(keys::key_of_user(id, &access_key));
        rows.delete(keys::access_key(&access_key));
    }
    rows.delete(keys::user_name(&user.name));
    rows.delete(keys::user(id));
    Ok(Ok(Reply::Done))
}

pub(super) fn create_key(user: UserId, key: &NewKey, now: Timestamp, rows: &Overlay<'_>) -> Decided {
    accept!(check_key(key));
    if query::user(rows, user)?.is_none() {
        return Ok(Err(Rejection::NoSuchUser));
    }
    if query::user_by_key(rows, &key.access_key)?.is_some() {
        return Ok(Err(Rejection::AccessKeyExists));
    }
    put_key(user, key, now, rows);
    Ok(Ok(Reply::Done))
}

fn put_key(user: UserId, key: &NewKey, now: Timestamp, rows: &Overlay<'_>) {
    let record =
        AccessKeyRecord { user, sealed_secret: key.sealed_secret.clone(), enabled: true, created: now };
    rows.put(keys::access_key(&key.access_key), encode(&record));
    rows.put(keys::key_of_user(user, &key.access_key), Vec::new());
}

pub(super) fn delete_key(access_key: &str, rows: &Overlay<'_>) -> Decided {
    let Some(record) = query::user_by_key(rows, access_key)? else {
        return Ok(Err(Rejection::NoSuchAccessKey));
    };
    rows.delete(keys::access_key(access_key));
    rows.delete(keys::key_of_user(record.user, access_key));
    Ok(Ok(Reply::Done))
}

pub(super) fn set_key_enabled(access_key: &str, enabled: bool, rows: &Overlay<'_>) -> Decided {
    let Some(record) = query::user_by_key(rows, access_key)? else {
        return Ok(Err(Rejection::NoSuchAccessKey));
    };
    rows.put(keys::access_key(access_key), encode(&AccessKeyRecord { enabled, ..record }));
    Ok(Ok(Reply::Done))
}

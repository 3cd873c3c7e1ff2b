//! What each command does. A command that is rejected must not have written:
//! check everything, then write.

mod bucket;
mod garbage;
mod notification;
mod object;
mod people;
mod session;
mod topology;
mod upload;
mod version;
mod webhook;

use bytes::Bytes;

use crate::codec::{decode, encode};
use crate::command::{Command, ObjectChange};
use crate::execute::{ExecuteError, Stamps};
use crate::keys;
use crate::overlay::Overlay;
use crate::record::{CounterRecord, Origin};
use crate::reply::{MalformedCommand, Outcome, Rejection, Reply};
use crate::view::View;

type Decided = Result<Outcome, ExecuteError>;

/// The most characters of a name, an address or a path that a record keeps.
const TEXT_MAX: usize = 1024;

/// Goes on with a value, or answers with the rejection at once.
macro_rules! accept {
    ($value:expr) => {
        match $value {
            Ok(value) => value,
            Err(rejection) => return Ok(Err(rejection)),
        }
    };
}
use accept;

pub(crate) fn decide(command: &Command, stamps: &mut Stamps, rows: &Overlay<'_>) -> Decided {
    match command {
        Command::InitSite(seed) => topology::init_site(seed, stamps, rows),
        Command::AddNode { node } => topology::add_node(node, rows),
        Command::ReportNode { id, node } => topology::report_node(*id, node, rows),
        Command::AddDrive { node, store, weight, path } => {
            topology::add_drive(*node, *store, *weight, path, rows)
        }
        Command::ReplaceDrive { drive, replaces, store, path } => {
            topology::replace_drive(*drive, *replaces, *store, path, rows)
        }
        Command::SetTable { table, replaces } => topology::set_table(table, *replaces, rows),
        Command::OpenSession { node, nonce, takes_over } => {
            session::open(*node, *nonce, *takes_over, stamps.timestamp(), rows)
        }
        Command::EndSession { session } => session::end(*session, rows),
        Command::CreateUser(user) => people::create_user(user, stamps.timestamp(), rows),
        Command::DeleteUser { user } => people::delete_user(*user, rows),
        Command::CreateKey { user, key } => people::create_key(*user, key, stamps.timestamp(), rows),
        Command::DeleteKey { access_key } => people::delete_key(access_key, rows),
        Command::SetKeyEnabled { access_key, enabled } => people::set_key_enabled(access_key, *enabled, rows),
        Command::CreateBucket { name, owner, limit, settings } => {
            bucket::create(name, *owner, *limit, settings, stamps.timestamp(), rows)
        }
        Command::DeleteBucket { name, id } => bucket::delete(name, *id, stamps, rows),
        Command::PutObject(put) => object::put(put, None, stamps, rows),
        Command::DeleteObject(delete) => object::delete(delete, None, stamps, rows),
        Command::CreateUpload(create) => upload::create(create, stamps.timestamp(), rows),
        Command::PutPart(part) => upload::put_part(part, stamps, rows),
        Command::CompleteUpload(complete) => upload::complete(complete, None, stamps, rows),
        Command::AbortUpload { bucket, key, upload } => upload::abort(*bucket, key, *upload, stamps, rows),
        Command::ShardHome { chunk, position, drive, store } => {
            garbage::shard_home(*chunk, *position, *drive, *store, rows)
        }
        Command::ForgetGarbage { item } => garbage::forget(*item, stamps, rows),
        Command::ChangeBucket { bucket, change } => bucket::change(*bucket, change, stamps, rows),
        Command::ChangeVersion(change) => object::change(change, None, stamps, rows),
        Command::NoteProgress { work, place } => note_progress(work, place, rows),
        Command::Told { origin, change } => told(origin, change, stamps, rows),
        Command::AddWebhook { name, url, sealed_secret } => {
            webhook::add(name, url, sealed_secret.as_ref(), stamps.timestamp(), stamps, rows)
        }
        Command::RemoveWebhook { name } => webhook::remove(name, rows),
        Command::DropEvents { target, through } => notification::drop_events(target, *through, rows),
        Command::RewrapUpload { bucket, key, upload, rewrap } => {
            upload::rewrap(*bucket, key, *upload, rewrap, rows)
        }
    }
}

/// A change that others are told of.
fn told(origin: &Origin, change: &ObjectChange, stamps: &mut Stamps, rows: &Overlay<'_>) -> Decided {
    accept!(notification::check_request(&origin.request));
    match change {
        ObjectChange::Put(put) => object::put(put, Some(origin), stamps, rows),
        ObjectChange::Delete(delete) => object::delete(delete, Some(origin), stamps, rows),
        ObjectChange::Complete(complete) => upload::complete(complete, Some(origin), stamps, rows),
        ObjectChange::Change(change) => object::change(change, Some(origin), stamps, rows),
    }
}

/// The next number of a kind, by the field that counts it.
fn next_number<T>(
    rows: &Overlay<'_>,
    count: impl FnOnce(&mut CounterRecord) -> T,
) -> Result<T, ExecuteError> {
    let mut counters = match rows.get(keys::COUNTERS)? {
        Some(bytes) => decode("counters", &bytes)?,
        None => CounterRecord::default(),
    };
    let number = count(&mut counters);
    rows.put(keys::COUNTERS, encode(&counters));
    Ok(number)
}

fn note_progress(work: &str, place: &Bytes, rows: &Overlay<'_>) -> Decided {
    accept!(check_text(work));
    if place.len() > 2 * TEXT_MAX {
        return Ok(Err(Rejection::Malformed(MalformedCommand::TextLength)));
    }
    match place.is_empty() {
        true => rows.delete(keys::progress(work)),
        false => rows.put(keys::progress(work), place.clone()),
    }
    Ok(Ok(Reply::Done))
}

fn check_text(text: &str) -> Result<(), Rejection> {
    match text.len() {
        1..=TEXT_MAX => Ok(()),
        _ => Err(Rejection::Malformed(MalformedCommand::TextLength)),
    }
}

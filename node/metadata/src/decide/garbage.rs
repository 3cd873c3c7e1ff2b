use mucura_types::{ChunkId, DriveId, StoreId, WriteId};

use crate::codec::encode;
use crate::decide::Decided;
use crate::execute::Stamps;
use crate::keys;
use crate::overlay::Overlay;
use crate::query;
use crate::record::{Body, Garbage, GarbageClass, GarbageItem};
use crate::reply::{Rejection, Reply};
use crate::view::View;

/// Rows that one step of forgetting an upload takes.
const STEP: usize = 256;

/// Lists the bytes of a body as garbage. Inline ones go with their row.
pub(super) fn discard_body(body: &Body, class: GarbageClass, stamps: &mut Stamps, rows: &Overlay<'_>) {
    match body {
        Body::Inline(_) => {}
        Body::Chunks(write) => discard(class, Garbage::Write(*write), stamps, rows),
        Body::Parts(upload) => discard(class, Garbage::Upload(*upload), stamps, rows),
    }
}

/// Lists the parts of an upload that nobody ever saw as garbage.
pub(super) fn discard_upload(upload: WriteId, stamps: &mut Stamps, rows: &Overlay<'_>) {
    discard(GarbageClass::AtOnce, Garbage::Upload(upload), stamps, rows);
}

pub(super) fn discard(class: GarbageClass, garbage: Garbage, stamps: &mut Stamps, rows: &Overlay<'_>) {
    let item = GarbageItem { class, since: stamps.time(), garbage };
    let row = encode(&item);
    if let Garbage::Write(write) = garbage {
        rows.put(keys::garbage_of_write(write), row.clone());
    }
    rows.put(keys::garbage(item.class, item.since, garbage.id()), row);
}

pub(super) fn forget(item: GarbageItem, stamps: &mut Stamps, rows: &Overlay<'_>) -> Decided {
    let row = keys::garbage(item.class, item.since, item.garbage.id());
    if rows.get(&row)?.is_none() {
        return Ok(Ok(Reply::Done));
    }
    match item.garbage {
        Garbage::Write(write) => {
            rows.delete(keys::garbage_of_write(write));
            for (chunk, record) in query::chunks_of_write(rows, write)? {
                rows.delete(keys::chunk(chunk));
                if !record.exceptions.is_empty() {
                    rows.delete(keys::chunk_at_risk(chunk));
                }
            }
        }
        Garbage::Upload(upload) => {
            let parts = query::parts_of_upload(rows, upload, 0, STEP)?;
            for (number, part) in &parts {
                rows.delete(keys::part(upload, *number));
                // The upload has had its time of grace.
                discard_body(&part.body, GarbageClass::AtOnce, stamps, rows);
            }
            if parts.len() == STEP {
                return Ok(Ok(Reply::More));
            }
        }
        Garbage::Completed(upload) => rows.delete(keys::completed(upload)),
    }
    rows.delete(row);
    Ok(Ok(Reply::Done))
}

pub(super) fn shard_home(
    chunk: ChunkId,
    position: u8,
    drive: DriveId,
    store: StoreId,
    rows: &Overlay<'_>,
) -> Decided {
    let Some(mut record) = query::chunk(rows, chunk)? else {
        return Ok(Err(Rejection::NoSuchChunk));
    };
    if query::drives(rows)?.get(&drive).is_none_or(|d| d.store != store) {
        return Ok(Err(Rejection::NoSuchDrive));
    }
    let mapped =
        query::table(rows, record.table)?.and_then(|t| t.drives(chunk).get(usize::from(position)).copied());
    if mapped != Some(drive) {
        return Ok(Err(Rejection::NoSuchDrive));
    }
    let before = record.exceptions.len();
    record.exceptions.retain(|e| e.position != position);
    if record.exceptions.len() != before {
        rows.put(keys::chunk(chunk), encode(&record));
        if record.exceptions.is_empty() {
            rows.delete(keys::chunk_at_risk(chunk));
        }
    }
    Ok(Ok(Reply::Done))
}

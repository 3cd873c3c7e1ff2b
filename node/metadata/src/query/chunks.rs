use std::ops::ControlFlow;

use mucura_types::{ChunkId, HybridTime, WriteId};

use super::{Found, each, get};
use crate::codec::decode;
use crate::execute::ExecuteError;
use crate::keys;
use crate::record::{ChunkRecord, GarbageClass, GarbageItem};
use crate::view::View;

/// A chunk.
///
/// # Errors
/// Rows cannot be read.
pub fn chunk(view: &dyn View, id: ChunkId) -> Found<Option<ChunkRecord>> {
    get(view, "chunk", &keys::chunk(id))
}

/// The chunks of a write, in order.
///
/// # Errors
/// Rows cannot be read.
pub fn chunks_of_write(view: &dyn View, write: WriteId) -> Found<Vec<(ChunkId, ChunkRecord)>> {
    collect(view, keys::all(&keys::chunks_of(write)), usize::MAX)
}

/// Up to `max` chunks behind `after`, in order of id: one page of all.
///
/// # Errors
/// Rows cannot be read.
pub fn chunks_from(
    view: &dyn View,
    after: Option<ChunkId>,
    max: usize,
) -> Found<Vec<(ChunkId, ChunkRecord)>> {
    let (start, end) = keys::all(keys::ALL_CHUNKS);
    collect(view, (after.map_or(start, |id| keys::after(&keys::chunk(id))), end), max)
}

fn collect(view: &dyn View, range: (Vec<u8>, Vec<u8>), max: usize) -> Found<Vec<(ChunkId, ChunkRecord)>> {
    let mut found = Vec::new();
    if max == 0 {
        return Ok(found);
    }
    each(view, range, |key, value| {
        let id = keys::parse_chunk(key).ok_or(ExecuteError::Key { what: "chunk" })?;
        found.push((id, decode("chunk", value)?));
        Ok(if found.len() < max { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    })?;
    Ok(found)
}

/// Up to `max` chunks behind `after` whose records list exceptions.
///
/// # Errors
/// Rows cannot be read.
pub fn chunks_at_risk(view: &dyn View, after: Option<ChunkId>, max: usize) -> Found<Vec<ChunkId>> {
    let (start, end) = keys::all(keys::ALL_CHUNKS_AT_RISK);
    let from = after.map_or(start, |id| keys::after(&keys::chunk_at_risk(id)));
    let mut found = Vec::new();
    if max == 0 {
        return Ok(found);
    }
    each(view, (from, end), |key, _| {
        found.push(keys::parse_chunk(key).ok_or(ExecuteError::Key { what: "chunk at risk" })?);
        Ok(if found.len() < max { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    })?;
    Ok(found)
}

/// The item of garbage that a write is, if it is one.
///
/// # Errors
/// Rows cannot be read.
pub fn garbage_of_write(view: &dyn View, write: WriteId) -> Found<Option<GarbageItem>> {
    get(view, "garbage of a write", &keys::garbage_of_write(write))
}

/// Up to `max` items of garbage of a class behind `after`, oldest first, that
/// became garbage before `before`.
///
/// # Errors
/// Rows cannot be read.
pub fn garbage(
    view: &dyn View,
    class: GarbageClass,
    after: Option<GarbageItem>,
    before: HybridTime,
    max: usize,
) -> Found<Vec<GarbageItem>> {
    let mut found = Vec::new();
    if max == 0 {
        return Ok(found);
    }
    let from = match after {
        Some(item) => keys::after(&keys::garbage(class, item.since, item.garbage.id())),
        None => keys::garbage_of(class),
    };
    let range = (from, keys::garbage(class, before, WriteId::default()));
    each(view, range, |key, value| {
        keys::parse_garbage(key).ok_or(ExecuteError::Key { what: "garbage" })?;
        found.push(decode("garbage", value)?);
        Ok(if found.len() < max { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    })?;
    Ok(found)
}

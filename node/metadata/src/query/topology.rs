use std::collections::BTreeMap;
use std::ops::ControlFlow;

use mucura_types::{DriveId, NodeId, PlacementTable, SessionId, TableId};

use super::{Found, each, get, number};
use crate::codec::decode;
use crate::keys;
use crate::record::{DriveRecord, NodeRecord, SessionRecord, SiteRecord};
use crate::view::View;

/// The site; none before it is set up.
///
/// # Errors
/// Rows cannot be read.
pub fn site(view: &dyn View) -> Found<Option<SiteRecord>> {
    get(view, "site", keys::SITE)
}

/// A node.
///
/// # Errors
/// Rows cannot be read.
pub fn node(view: &dyn View, id: NodeId) -> Found<Option<NodeRecord>> {
    get(view, "node", &keys::node(id))
}

/// All nodes.
///
/// # Errors
/// Rows cannot be read.
pub fn nodes(view: &dyn View) -> Found<BTreeMap<NodeId, NodeRecord>> {
    let mut all = BTreeMap::new();
    each(view, keys::all(keys::ALL_NODES), |key, value| {
        all.insert(NodeId(u64::from_be_bytes(number("node", key)?)), decode("node", value)?);
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(all)
}

/// All drives.
///
/// # Errors
/// Rows cannot be read.
pub fn drives(view: &dyn View) -> Found<BTreeMap<DriveId, DriveRecord>> {
    let mut all = BTreeMap::new();
    each(view, keys::all(keys::ALL_DRIVES), |key, value| {
        all.insert(DriveId(u32::from_be_bytes(number("drive", key)?)), decode("drive", value)?);
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(all)
}

/// A placement table.
///
/// # Errors
/// Rows cannot be read.
pub fn table(view: &dyn View, id: TableId) -> Found<Option<PlacementTable>> {
    get(view, "table", &keys::table(id))
}

/// All placement tables.
///
/// # Errors
/// Rows cannot be read.
pub fn tables(view: &dyn View) -> Found<BTreeMap<TableId, PlacementTable>> {
    let mut all = BTreeMap::new();
    each(view, keys::all(keys::ALL_TABLES), |key, value| {
        all.insert(TableId(u32::from_be_bytes(number("table", key)?)), decode("table", value)?);
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(all)
}

/// A session that has not been ended.
///
/// # Errors
/// Rows cannot be read.
pub fn session(view: &dyn View, id: SessionId) -> Found<Option<SessionRecord>> {
    get(view, "session", &keys::session(id))
}

/// All sessions that have not been ended.
///
/// # Errors
/// Rows cannot be read.
pub fn sessions(view: &dyn View) -> Found<BTreeMap<SessionId, SessionRecord>> {
    let mut all = BTreeMap::new();
    each(view, keys::all(keys::ALL_SESSIONS), |key, value| {
        all.insert(SessionId(u64::from_be_bytes(number("session", key)?)), decode("session", value)?);
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(all)
}

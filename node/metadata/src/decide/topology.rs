use std::collections::BTreeSet;

use mucura_types::{DriveId, NodeId, PlacementTable, StoreId, TableId};

use crate::codec::encode;
use crate::command::SiteSeed;
use crate::decide::{Decided, TEXT_MAX, accept, check_text, next_number};
use crate::execute::{ExecuteError, Stamps};
use crate::keys;
use crate::overlay::Overlay;
use crate::query;
use crate::record::{DriveRecord, NodeRecord, SiteRecord};
use crate::reply::{MalformedCommand, Rejection, Reply};

/// The most bytes of the certificate and the secrets of a site: a row stays
/// well under 32 KiB.
const SECRETS_MAX: usize = 16 << 10;

/// Bounds what a node says of itself. Addresses may be empty.
fn check_node(node: &NodeRecord) -> Result<(), Rejection> {
    check_text(&node.name)?;
    match [&node.mesh, &node.s3, &node.admin].into_iter().all(|text| text.len() <= TEXT_MAX) {
        true => Ok(()),
        false => Err(Rejection::Malformed(MalformedCommand::TextLength)),
    }
}

pub(super) fn init_site(seed: &SiteSeed, stamps: &mut Stamps, rows: &Overlay<'_>) -> Decided {
    accept!(check_text(&seed.name));
    if seed.ca_certificate.len() + seed.sealed_secrets.len() > SECRETS_MAX {
        return Ok(Err(Rejection::Malformed(MalformedCommand::TextLength)));
    }
    for node in &seed.nodes {
        accept!(check_node(node));
    }
    if query::site(rows)?.is_some() {
        return Ok(Err(Rejection::AlreadyInitialised));
    }
    for node in &seed.nodes {
        put_new_node(node, rows)?;
    }
    let record = SiteRecord {
        site: seed.site,
        name: seed.name.clone(),
        created: stamps.timestamp(),
        epoch: 1,
        table: None,
        ca_certificate: seed.ca_certificate.clone(),
        sealed_secrets: seed.sealed_secrets.clone(),
    };
    rows.put(keys::SITE, encode(&record));
    Ok(Ok(Reply::Done))
}

pub(super) fn add_node(node: &NodeRecord, rows: &Overlay<'_>) -> Decided {
    accept!(check_node(node));
    if query::site(rows)?.is_none() {
        return Ok(Err(Rejection::NotInitialised));
    }
    if node.store.is_none() {
        return Ok(Err(Rejection::WrongStore));
    }
    if let Some((id, _)) = query::nodes(rows)?.into_iter().find(|(_, n)| n.store == node.store) {
        return Ok(Ok(Reply::Node(id)));
    }
    Ok(Ok(Reply::Node(put_new_node(node, rows)?)))
}

fn put_new_node(node: &NodeRecord, rows: &Overlay<'_>) -> Result<NodeId, ExecuteError> {
    let id = NodeId(next_number(rows, |c| {
        c.node += 1;
        c.node
    })?);
    rows.put(keys::node(id), encode(node));
    Ok(id)
}

pub(super) fn report_node(id: NodeId, node: &NodeRecord, rows: &Overlay<'_>) -> Decided {
    accept!(check_node(node));
    let Some(known) = query::node(rows, id)? else {
        return Ok(Err(Rejection::NoSuchNode));
    };
    // A node that lost its metadata must not vote under its old number.
    if known.store.is_some() && known.store != node.store {
        return Ok(Err(Rejection::WrongStore));
    }
    rows.put(keys::node(id), encode(node));
    Ok(Ok(Reply::Done))
}

pub(super) fn add_drive(
    node: NodeId,
    store: StoreId,
    weight: u64,
    path: &str,
    rows: &Overlay<'_>,
) -> Decided {
    accept!(check_text(path));
    if query::node(rows, node)?.is_none() {
        return Ok(Err(Rejection::NoSuchNode));
    }
    if let Some((id, _)) = query::drives(rows)?.into_iter().find(|(_, d)| d.store == store) {
        return Ok(Ok(Reply::Drive(id)));
    }
    let Some(epoch) = next_epoch(rows)? else {
        return Ok(Err(Rejection::NotInitialised));
    };
    let id = DriveId(next_number(rows, |c| {
        c.drive += 1;
        c.drive
    })?);
    let record = DriveRecord { node, store, weight: weight.max(1), path: path.to_owned(), epoch };
    rows.put(keys::drive(id), encode(&record));
    Ok(Ok(Reply::Drive(id)))
}

pub(super) fn replace_drive(
    id: DriveId,
    replaces: StoreId,
    store: StoreId,
    path: &str,
    rows: &Overlay<'_>,
) -> Decided {
    accept!(check_text(path));
    let drives = query::drives(rows)?;
    let Some(drive) = drives.get(&id) else {
        return Ok(Err(Rejection::NoSuchDrive));
    };
    if drive.store == store {
        return Ok(Ok(Reply::Drive(id)));
    }
    // A command that comes late must not bring an older directory back.
    if drive.store != replaces {
        return Ok(Err(Rejection::NoSuchDrive));
    }
    let Some(epoch) = next_epoch(rows)? else {
        return Ok(Err(Rejection::NotInitialised));
    };
    let record = DriveRecord { store, path: path.to_owned(), epoch, ..drive.clone() };
    rows.put(keys::drive(id), encode(&record));
    Ok(Ok(Reply::Drive(id)))
}

pub(super) fn set_table(table: &PlacementTable, replaces: Option<TableId>, rows: &Overlay<'_>) -> Decided {
    let Some(site) = query::site(rows)? else {
        return Ok(Err(Rejection::NotInitialised));
    };
    if site.table == Some(table.id) && query::table(rows, table.id)?.as_ref() == Some(table) {
        return Ok(Ok(Reply::Table(table.id)));
    }
    let next = TableId(site.table.map_or(1, |t| t.0 + 1));
    if site.table != replaces || table.id != next {
        return Ok(Err(Rejection::StaleEpoch { current: site.epoch }));
    }
    let drives = query::drives(rows)?;
    let sound = table.profile.data > 0
        && table.groups.len() == usize::from(mucura_types::PLACEMENT_GROUPS)
        && table.groups.iter().all(|group| {
            group.len() == table.profile.shards()
                && group.iter().collect::<BTreeSet<_>>().len() == group.len()
                && group.iter().all(|drive| drives.contains_key(drive))
        });
    if !sound {
        return Ok(Err(Rejection::Malformed(MalformedCommand::TableDrives)));
    }
    rows.put(keys::table(table.id), encode(table));
    rows.put(keys::SITE, encode(&SiteRecord { table: Some(table.id), epoch: site.epoch + 1, ..site }));
    Ok(Ok(Reply::Table(table.id)))
}

/// Moves the site to the next epoch; none if there is no site.
fn next_epoch(rows: &Overlay<'_>) -> Result<Option<u64>, ExecuteError> {
    let Some(mut site) = query::site(rows)? else {
        return Ok(None);
    };
    site.epoch += 1;
    rows.put(keys::SITE, encode(&site));
    Ok(Some(site.epoch))
}

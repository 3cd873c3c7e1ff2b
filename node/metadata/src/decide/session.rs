use mucura_types::{NodeId, SessionId, Timestamp};

use crate::codec::encode;
use crate::decide::{Decided, next_number};
use crate::keys;
use crate::overlay::Overlay;
use crate::query;
use crate::record::SessionRecord;
use crate::reply::{Rejection, Reply};
use crate::view::View;

pub(super) fn open(
    node: NodeId,
    nonce: [u8; 16],
    takes_over: bool,
    now: Timestamp,
    rows: &Overlay<'_>,
) -> Decided {
    if query::node(rows, node)?.is_none() {
        return Ok(Err(Rejection::NoSuchNode));
    }
    let of_node: Vec<_> = query::sessions(rows)?.into_iter().filter(|(_, s)| s.node == node).collect();
    if let Some((id, _)) = of_node.iter().find(|(_, s)| s.nonce == nonce) {
        return Ok(Ok(Reply::Session(*id)));
    }
    if takes_over {
        for (id, _) in of_node {
            forget(id, rows)?;
        }
    }
    let id = SessionId(next_number(rows, |c| {
        c.session += 1;
        c.session
    })?);
    rows.put(keys::session(id), encode(&SessionRecord { node, nonce, opened: now }));
    Ok(Ok(Reply::Session(id)))
}

pub(super) fn end(id: SessionId, rows: &Overlay<'_>) -> Decided {
    forget(id, rows)?;
    Ok(Ok(Reply::Done))
}

/// Removes a session with the results it kept.
fn forget(id: SessionId, rows: &Overlay<'_>) -> Result<(), crate::execute::ExecuteError> {
    rows.delete(keys::session(id));
    let mut results = Vec::new();
    let from = keys::result(id, 0);
    let to = keys::result(id, crate::batch::SEQUENCE_WINDOW);
    rows.scan(&from, &to, &mut |key, _| {
        results.push(key.to_vec());
        std::ops::ControlFlow::Continue(())
    })?;
    results.into_iter().for_each(|key| rows.delete(key));
    Ok(())
}

use std::collections::BTreeMap;

use bytes::Bytes;
use mucura_types::{HybridTime, Order, SessionId, SiteId, Timestamp};

use crate::batch::{Batch, Envelope, SEQUENCE_WINDOW};
use crate::codec::{DecodeError, decode, encode};
use crate::decide::decide;
use crate::keys;
use crate::overlay::Overlay;
use crate::query;
use crate::record::{ClockRecord, ResultRecord};
use crate::reply::{Outcome, Rejection};
use crate::view::{View, ViewError};

/// Physical writes by key; `None` deletes the row.
pub type WriteSet = BTreeMap<Bytes, Option<Bytes>>;

/// What a batch comes to.
#[derive(Clone, Debug, PartialEq)]
pub struct Executed {
    /// To be applied as one.
    pub writes: WriteSet,
    /// One a command, in order.
    pub replies: Vec<Outcome>,
}

/// The batch cannot be executed here: the node must stop, for to go on would
/// be to differ from its peers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExecuteError {
    /// The rows cannot be read.
    #[error(transparent)]
    View(#[from] ViewError),
    /// A row is damaged, or of a later version.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// A key is damaged.
    #[error("a row of {what} has a key that does not parse")]
    Key {
        /// Of which table.
        what: &'static str,
    },
}

/// The clock of a batch: hands out orders.
pub(crate) struct Stamps {
    site: SiteId,
    wall: Timestamp,
    clock: ClockRecord,
}

impl Stamps {
    /// The place of the next version, above all before.
    pub(crate) fn order(&mut self) -> Order {
        self.clock.last = self.clock.last.next(self.wall);
        self.clock.sequence += 1;
        Order { time: self.clock.last, site: self.site, sequence: self.clock.sequence }
    }

    /// The time of the next event, above all before.
    pub(crate) fn time(&mut self) -> HybridTime {
        self.clock.last = self.clock.last.next(self.wall);
        self.clock.last
    }

    /// The leader's clock, which may have been ahead before: what a retention
    /// is held against, so that it lasts longer rather than ends early.
    pub(crate) fn wall(&self) -> Timestamp {
        self.wall
    }

    /// Never before a time given earlier.
    pub(crate) fn timestamp(&self) -> Timestamp {
        self.wall.max(self.clock.last.timestamp())
    }
}

/// Carries out a batch on the rows of `view`. A pure function.
///
/// # Errors
/// [`ExecuteError`]: the node must stop.
pub fn execute(batch: &Batch, view: &dyn View) -> Result<Executed, ExecuteError> {
    let rows = Overlay::new(view);
    let clock = match rows.get(keys::CLOCK)? {
        Some(bytes) => decode("clock", &bytes)?,
        None => ClockRecord::default(),
    };
    let site = query::site(&rows)?.map_or(SiteId(0), |site| site.site);
    let mut stamps = Stamps { site, wall: batch.wall, clock };
    let mut replies = Vec::with_capacity(batch.commands.len());
    for envelope in &batch.commands {
        replies.push(once(envelope, &mut stamps, &rows)?);
    }
    if stamps.clock != clock {
        rows.put(keys::CLOCK, encode(&stamps.clock));
    }
    Ok(Executed { writes: rows.into_writes(), replies })
}

/// Carries out a command unless its session had it carried out before.
fn once(envelope: &Envelope, stamps: &mut Stamps, rows: &Overlay<'_>) -> Result<Outcome, ExecuteError> {
    if envelope.session == SessionId(0) {
        return decide(&envelope.command, stamps, rows);
    }
    if query::session(rows, envelope.session)?.is_none() {
        return Ok(Err(Rejection::SessionEnded));
    }
    let slot = keys::result(envelope.session, envelope.sequence % SEQUENCE_WINDOW);
    if let Some(bytes) = rows.get(&slot)? {
        let last: ResultRecord = decode("result", &bytes)?;
        if last.sequence == envelope.sequence {
            return Ok(last.outcome);
        }
        if last.sequence > envelope.sequence {
            return Ok(Err(Rejection::SequenceForgotten));
        }
    }
    let outcome = decide(&envelope.command, stamps, rows)?;
    // A session that has just ended keeps no answers: nothing would remove them.
    if rows.get(&keys::session(envelope.session))?.is_some() {
        rows.put(slot, encode(&ResultRecord { sequence: envelope.sequence, outcome: outcome.clone() }));
    }
    Ok(outcome)
}

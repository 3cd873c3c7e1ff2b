use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use mucura_types::NodeId;
use openraft::type_config::alias::SnapshotOf;

use crate::encoding::WireSnapshotMeta;
use crate::message::{SnapshotPiece, SnapshotReply};
use crate::raft_types::{SnapshotMeta, Types};
use crate::running::Running;
use crate::snapshot_file::{SnapshotError, SnapshotReceiver};
use crate::snapshots::{Snapshots, StoredSnapshot};
use crate::transport::HandleError;

/// The most bytes of a snapshot that a node takes in.
const BYTES_MAX: u64 = 1 << 40;

/// A snapshot on its way from the leader to this node; one at a time.
#[derive(Default)]
pub(crate) struct Incoming(Mutex<Option<Receiving>>);

struct Receiving {
    from: NodeId,
    meta: WireSnapshotMeta,
    length: u64,
    file: SnapshotReceiver,
}

enum Taken {
    Reply(SnapshotReply),
    Whole(StoredSnapshot),
}

impl Incoming {
    /// Takes a piece; with the last one the snapshot is installed.
    pub(crate) async fn take(
        &self,
        running: &Running,
        snapshots: &Arc<Snapshots>,
        from: NodeId,
        piece: SnapshotPiece,
    ) -> Result<SnapshotReply, HandleError> {
        let meta = SnapshotMeta::try_from(piece.meta.clone())?;
        let vote = piece.vote.into();
        // Out of its place while it is written to: who comes meanwhile begins anew.
        let receiving = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (store, expected) = (snapshots.clone(), meta.clone());
        let work = move || take(&store, receiving, from, piece, &expected);
        let (receiving, taken) =
            snapshots.runtime.blocking.run(work).await.map_err(|_| HandleError::NotRunning)?;
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = receiving;
        let taken = taken.map_err(|error| {
            tracing::error!(%error, "a snapshot from the leader cannot be taken");
            HandleError::NotRunning
        })?;
        let snapshot = match taken {
            Taken::Reply(reply) => return Ok(reply),
            Taken::Whole(snapshot) => snapshot,
        };
        let snapshot = SnapshotOf::<Types, _> { meta, snapshot };
        let response = running.raft.install_full_snapshot(vote, snapshot).await;
        let response = response.map_err(|_| HandleError::NotRunning)?;
        Ok(SnapshotReply::Done { vote: (&response.vote).into() })
    }
}

/// The blocking part: what is being received afterwards, and what came of it.
fn take(
    snapshots: &Snapshots,
    receiving: Option<Receiving>,
    from: NodeId,
    piece: SnapshotPiece,
    meta: &SnapshotMeta,
) -> (Option<Receiving>, io::Result<Taken>) {
    let goes_on = |r: &Receiving| (r.from, &r.meta, r.length) == (from, &piece.meta, piece.length);
    let mut receiving = match receiving.filter(goes_on) {
        Some(receiving) => receiving,
        None if piece.offset != 0 => return (None, Ok(Taken::Reply(SnapshotReply::Continue { offset: 0 }))),
        None if piece.length > BYTES_MAX => return (None, Err(io::ErrorKind::FileTooLarge.into())),
        None => match SnapshotReceiver::create(snapshots.runtime.disk.clone(), &snapshots.incoming(meta)) {
            Ok(file) => Receiving { from, meta: piece.meta, length: piece.length, file },
            Err(error) => return (None, Err(io::Error::other(error))),
        },
    };
    if piece.offset == receiving.file.received()
        && let Err(error) = receiving.file.write(piece.offset, &piece.bytes)
    {
        return (None, Err(io::Error::other(error)));
    }
    let offset = receiving.file.received();
    if offset < receiving.length {
        return (Some(receiving), Ok(Taken::Reply(SnapshotReply::Continue { offset })));
    }
    let whole = match receiving.file.finish() {
        Ok(_) => StoredSnapshot::open(&snapshots.runtime, snapshots.incoming(meta), snapshots.group),
        Err(error @ SnapshotError::Damaged { .. }) => {
            tracing::warn!(%error, "a snapshot arrived damaged");
            return (None, Ok(Taken::Reply(SnapshotReply::Damaged)));
        }
        Err(error) => return (None, Err(io::Error::other(error))),
    };
    match whole {
        Ok(snapshot) if snapshot.meta() == meta => (None, Ok(Taken::Whole(snapshot))),
        Ok(_) => (None, Ok(Taken::Reply(SnapshotReply::Damaged))),
        Err(error) => (None, Err(io::Error::other(error))),
    }
}

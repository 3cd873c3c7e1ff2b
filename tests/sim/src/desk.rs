//! Where a node takes what clients ask of it, in place of its S3 front end.

use std::ops::Range;
use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use mucura_metadata::{Checksum, ETag, Rejection, WriteCondition};
use mucura_store::{Body, BodyFailed, BodyPlan, Digests, StoreError};
use mucura_types::{DriveId, WriteId};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep};

use crate::answer::Handler;
use crate::inventory::Inventory;
use crate::node::{Machine, Node};

/// Requests that wait at a node.
const WAITING_MAX: usize = 64;

/// What a client asks.
#[derive(Clone, Debug)]
pub(crate) enum Ask {
    /// Set the site up; of one node, once.
    Found,
    /// Make the bucket.
    Bucket,
    Put {
        key: String,
        body: Sent,
        condition: WriteCondition,
    },
    Get {
        key: String,
        range: Range<u64>,
    },
    Delete {
        key: String,
    },
    /// Copy what has this tag.
    Copy {
        from: String,
        tag: ETag,
        to: String,
    },
    /// A page of the keys behind one.
    List {
        after: String,
        max: usize,
    },
    /// Begin a multipart upload.
    Begin {
        key: String,
    },
    Part {
        key: String,
        upload: WriteId,
        number: u16,
        body: Sent,
    },
    Complete {
        key: String,
        upload: WriteId,
        parts: Vec<(u16, [u8; 16])>,
        tag: ETag,
    },
    Abort {
        key: String,
        upload: WriteId,
    },
    /// How the site is.
    Status,
    /// Where the rows of this node stand, and their digest, read anew.
    Rows,
    /// What there should be, by the rows of this node.
    Inventory,
    /// Have all nodes verify their shards.
    Scrub,
    /// Format a directory of the node and use it.
    AddDrive {
        dir: PathBuf,
    },
    /// Put a new directory in the place of a drive.
    Replace {
        drive: DriveId,
        dir: PathBuf,
    },
}

#[derive(Clone, Debug)]
pub(crate) enum Reply {
    Done,
    Got(Option<Got>),
    Deleted { existed: bool },
    Listed { objects: Vec<(String, ETag, u64)>, truncated: bool },
    Upload(WriteId),
    Part([u8; 16]),
    Status(SiteState),
    Rows { index: Option<u64>, digest: String },
    Inventory(Inventory),
}

/// What a read gave.
#[derive(Clone, Debug)]
pub(crate) struct Got {
    pub(crate) tag: ETag,
    pub(crate) size: u64,
    pub(crate) bytes: Bytes,
}

/// How a site is, as one node says.
#[derive(Clone, Debug)]
pub(crate) struct SiteState {
    pub(crate) placed_drives: usize,
    pub(crate) at_risk: u64,
    pub(crate) leader: Option<u64>,
    /// Drives that serve, and the shards on each.
    pub(crate) drives: Vec<(DriveId, u64)>,
}

/// Why an answer is not what was asked for.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    /// The state machine said no; nothing was changed.
    Rejected(Rejection),
    /// Nothing was changed.
    Refused(String),
    /// It may have been done, or be done yet.
    Unknown(String),
    /// What can only be a bug.
    Wrong(String),
}

/// What an error of the store says to a client.
pub(crate) fn told(error: StoreError) -> Failure {
    match error {
        // Answered so although an earlier attempt may have gone through.
        StoreError::TimedOut
        | StoreError::Rejected(
            Rejection::SessionEnded | Rejection::WriteSessionEnded | Rejection::SequenceForgotten,
        ) => Failure::Unknown(error.to_string()),
        StoreError::Rejected(rejection) => Failure::Rejected(rejection),
        StoreError::Internal { .. } | StoreError::WrongKey => Failure::Wrong(error.to_string()),
        StoreError::Unavailable { .. }
        | StoreError::NotEnoughDrives { .. }
        | StoreError::NotEnoughShards { .. }
        | StoreError::NoKey { .. }
        | StoreError::Body
        | StoreError::Busy => Failure::Refused(error.to_string()),
    }
}

/// A body as a client sends it.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) bytes: Bytes,
    /// Where the client pauses, and for how long: behind so many bytes.
    pub(crate) pause: Option<(usize, Duration)>,
}

impl Sent {
    pub(crate) fn at_once(bytes: Bytes) -> Self {
        Self { bytes, pause: None }
    }

    pub(crate) fn body(&self) -> Pieces {
        Pieces { bytes: self.bytes.clone(), sent: 0, pause: self.pause }
    }
}

/// A body in memory, in pieces.
pub(crate) struct Pieces {
    bytes: Bytes,
    sent: usize,
    pause: Option<(usize, Duration)>,
}

/// Bytes of a piece.
const PIECE: usize = 50_000;

impl Body for Pieces {
    fn next(&mut self) -> Pin<Box<dyn Future<Output = Result<Option<Bytes>, BodyFailed>> + Send + '_>> {
        Box::pin(async {
            if let Some((_, pause)) = self.pause.take_if(|(at, _)| *at <= self.sent) {
                sleep(pause).await;
            }
            let piece = self.bytes.split_to(PIECE.min(self.bytes.len()));
            self.sent += piece.len();
            Ok((!piece.is_empty()).then_some(piece))
        })
    }

    fn plan(&self) -> BodyPlan {
        BodyPlan::default()
    }

    fn check(&mut self, _: &Digests) -> Result<Option<Checksum>, BodyFailed> {
        Ok(None)
    }
}

struct Request {
    ask: Ask,
    limit: Duration,
    reply: oneshot::Sender<Result<Reply, Failure>>,
}

/// The clients' end of one node's desk.
#[derive(Clone)]
pub(crate) struct Desk(mpsc::Sender<Request>);

impl Desk {
    /// Asks, and waits for the answer a little longer than the node has for it.
    pub(crate) async fn ask(&self, ask: Ask, limit: Duration) -> Result<Reply, Failure> {
        let (reply, answer) = oneshot::channel();
        if self.0.try_send(Request { ask, limit, reply }).is_err() {
            return Err(Failure::Refused("the node is down".into()));
        }
        match tokio::time::timeout(limit + Duration::from_millis(500), answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(Failure::Unknown("the node went down".into())),
            Err(_) => Err(Failure::Unknown("no answer in time".into())),
        }
    }
}

/// The node's end; runs until the node ends.
pub(crate) struct Clerk(mpsc::Receiver<Request>);

pub(crate) fn desk() -> (Desk, Clerk) {
    let (sender, receiver) = mpsc::channel(WAITING_MAX);
    (Desk(sender), Clerk(receiver))
}

impl Clerk {
    pub(crate) async fn serve(mut self, machine: Machine, node: &Node) -> Result<(), String> {
        let fatal = node.consensus.fatal();
        tokio::pin!(fatal);
        loop {
            tokio::select! {
                biased;
                error = &mut fatal => return Err(format!("the metadata log cannot go on: {error}")),
                request = self.0.recv() => {
                    let Some(Request { ask, limit, reply }) = request else { return Ok(()) };
                    let handler = Handler {
                        machine: machine.clone(),
                        store: node.store.clone(),
                        consensus: node.consensus.clone(),
                        deadline: Instant::now() + limit,
                    };
                    tokio::spawn(async move { reply.send(Box::pin(handler.answer(ask)).await).ok() });
                }
            }
        }
    }
}

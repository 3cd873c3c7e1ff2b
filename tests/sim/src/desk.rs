//! Where a node takes what clients ask of it, in place of its S3 front end.

use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use mucura_metadata::{Checksum, Command, DeleteCondition, Envelope, SiteSeed, WriteCondition};
use mucura_store::{Body, BodyFailed, BodyPlan, Digests, PutObjectRequest, ROOT_USER, Store, StoreError};
use mucura_types::BucketId;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::node::{Machine, NODES, Node, SITE, node_id};

const BUCKET: &str = "bucket";
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
        body: Bytes,
    },
    Get {
        key: String,
    },
    Delete {
        key: String,
    },
    /// How the site is.
    Status,
    /// Where the rows of this node stand, and their digest, read anew.
    Rows,
}

#[derive(Clone, Debug)]
pub(crate) enum Reply {
    Done,
    Got(Option<Bytes>),
    Deleted { existed: bool },
    Status { placed_drives: usize, drives_up: usize, stripes_at_risk: u64, leader: Option<u64> },
    Rows { index: Option<u64>, digest: String },
}

/// Why an answer is not what was asked for.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    /// Nothing was changed.
    Refused(String),
    /// It may have been done, or be done yet.
    Unknown(String),
    /// What can only be a bug.
    Wrong(String),
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
                    tokio::spawn(async move { reply.send(handler.answer(ask).await).ok() });
                }
            }
        }
    }
}

struct Handler {
    machine: Machine,
    store: Store,
    consensus: mucura_consensus::Consensus,
    deadline: Instant,
}

impl Handler {
    async fn answer(self, ask: Ask) -> Result<Reply, Failure> {
        match ask {
            Ask::Found => self.found().await,
            Ask::Bucket => {
                self.store.create_bucket(BUCKET, ROOT_USER, self.deadline).await.map_err(told)?;
                Ok(Reply::Done)
            }
            Ask::Put { key, body } => {
                let request = PutObjectRequest {
                    bucket: self.bucket().await?,
                    key,
                    owner: ROOT_USER,
                    size: body.len() as u64,
                    attributes: Default::default(),
                    condition: WriteCondition::default(),
                };
                self.store.put_object(request, &mut Pieces(body), self.deadline).await.map_err(told)?;
                Ok(Reply::Done)
            }
            Ask::Get { key } => {
                let fresh = self.store.fresh(self.deadline).await.map_err(told)?;
                let bucket = self.bucket().await?;
                let Some(info) = fresh.object(bucket, &key).await.map_err(told)? else {
                    return Ok(Reply::Got(None));
                };
                let mut stream = fresh.open(&info, 0..u64::MAX).await.map_err(told)?;
                let mut bytes = Vec::new();
                let read = async {
                    while let Some(piece) = stream.next().await {
                        bytes.extend_from_slice(&piece?);
                    }
                    Ok(())
                };
                match tokio::time::timeout_at(self.deadline, read).await {
                    Ok(read) => read.map_err(told)?,
                    Err(_) => return Err(Failure::Refused("the body did not come in time".into())),
                }
                Ok(Reply::Got(Some(bytes.into())))
            }
            Ask::Delete { key } => {
                let bucket = self.bucket().await?;
                let condition = DeleteCondition::default();
                let existed = self.store.delete_object(bucket, &key, condition, self.deadline).await;
                Ok(Reply::Deleted { existed: existed.map_err(told)? })
            }
            Ask::Status => {
                let status = self.store.status().await.map_err(told)?;
                Ok(Reply::Status {
                    placed_drives: usize::try_from(status.placed_drives).unwrap(),
                    drives_up: status.drives.iter().filter(|drive| drive.health.is_some()).count(),
                    stripes_at_risk: status.stripes_at_risk,
                    leader: status.leader.map(|node| node.0),
                })
            }
            Ask::Rows => {
                let refused = |error: mucura_consensus::ConsensusError| Failure::Refused(error.to_string());
                let limit = self.deadline.saturating_duration_since(Instant::now());
                self.consensus.linearize(limit).await.map_err(refused)?;
                self.consensus.verify().await.map_err(|e| Failure::Wrong(format!("rows are bad: {e}")))?;
                let (index, digest) = self.consensus.digest().map_err(refused)?;
                Ok(Reply::Rows { index: index.map(|index| index.0), digest: hex::encode(&digest[..8]) })
            }
        }
    }

    async fn found(&self) -> Result<Reply, Failure> {
        let refused = |error: mucura_consensus::ConsensusError| Failure::Refused(error.to_string());
        let members = (0..NODES).map(|n| (node_id(n), self.machine.mesh_addr(n).to_string())).collect();
        self.consensus.initialize(members).await.map_err(refused)?;
        let seed = SiteSeed {
            site: SITE,
            name: "simulated".into(),
            ca_certificate: String::new(),
            sealed_secrets: Bytes::new(),
            nodes: (0..NODES).map(|n| self.machine.record(n)).collect(),
        };
        let init = vec![Envelope::repeatable(Command::InitSite(seed))];
        let limit = self.deadline.saturating_duration_since(Instant::now());
        let outcome = self.consensus.propose(init, limit).await.map_err(refused)?.outcomes.remove(0);
        outcome.map(|_| Reply::Done).map_err(|rejection| Failure::Wrong(rejection.to_string()))
    }

    /// Looked up for every request, as the front end does.
    async fn bucket(&self) -> Result<BucketId, Failure> {
        let fresh = self.store.fresh(self.deadline).await.map_err(refusal)?;
        let bucket = fresh.bucket(BUCKET).await.map_err(refusal)?;
        Ok(bucket.ok_or_else(|| Failure::Wrong("the bucket is gone".into()))?.id)
    }
}

/// An error of a step that changes nothing.
fn refusal(error: StoreError) -> Failure {
    match told(error) {
        Failure::Unknown(why) => Failure::Refused(why),
        other => other,
    }
}

/// What an error of the store says to a client.
fn told(error: StoreError) -> Failure {
    match error {
        StoreError::TimedOut => Failure::Unknown(error.to_string()),
        StoreError::Rejected(_) | StoreError::Internal { .. } | StoreError::Body => {
            Failure::Wrong(error.to_string())
        }
        StoreError::Unavailable { .. }
        | StoreError::NotEnoughDrives { .. }
        | StoreError::NotEnoughShards { .. }
        | StoreError::Busy => Failure::Refused(error.to_string()),
    }
}

/// A body in memory, in pieces.
struct Pieces(Bytes);

/// Bytes of a piece.
const PIECE: usize = 50_000;

impl Body for Pieces {
    fn next(&mut self) -> Pin<Box<dyn Future<Output = Result<Option<Bytes>, BodyFailed>> + Send + '_>> {
        let piece = self.0.split_to(PIECE.min(self.0.len()));
        Box::pin(std::future::ready(Ok((!piece.is_empty()).then_some(piece))))
    }

    fn plan(&self) -> BodyPlan {
        BodyPlan::default()
    }

    fn check(&mut self, _: &Digests) -> Result<Option<Checksum>, BodyFailed> {
        Ok(None)
    }
}

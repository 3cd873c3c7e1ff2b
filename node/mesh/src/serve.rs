use std::sync::Arc;

use bytes::Bytes;
use mucura_types::NodeId;
use quinn::{Connection, ConnectionError, RecvStream, SendStream, VarInt};
use tokio::sync::Semaphore;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, timeout, timeout_at};
use tracing::{Instrument as _, Span, debug, error, info_span};

use crate::bulk::{self, BULK_HEADER_BYTES_MAX, Time};
use crate::codes;
use crate::config::{Limits, URGENT_METHODS};
use crate::error::{CallError, Refused};
use crate::frame::{
    CallHeader, HEADER_BYTES_MAX, ReplyHeader, by, deadline, decode, header, read_exact_error, read_message,
    read_rest, write,
};
use crate::hello::Kind;
use crate::service::{BoxFuture, Refusal};
use crate::shared::Shared;
use crate::trace::with_trace;

/// The most bytes of the reason in [`Refusal::Failed`].
const REASON_BYTES_MAX: usize = 512;

/// What one peer may have under way on one connection.
struct Budget {
    calls: Arc<Semaphore>,
    urgent_calls: Arc<Semaphore>,
    bulk_streams: Arc<Semaphore>,
}

impl Budget {
    fn new(limits: &Limits) -> Self {
        Self {
            calls: Arc::new(Semaphore::new(limits.calls)),
            urgent_calls: Arc::new(Semaphore::new(limits.urgent_calls)),
            bulk_streams: Arc::new(Semaphore::new(limits.bulk_streams)),
        }
    }
}

/// Serves the streams of a connection until it ends, and says why it did.
/// Owns their tasks: what is under way ends with the connection.
pub(crate) async fn connection(
    shared: &Arc<Shared>,
    from: NodeId,
    kind: Kind,
    connection: &Connection,
) -> ConnectionError {
    let budget = Arc::new(Budget::new(&shared.limits));
    let mut tasks = JoinSet::new();
    loop {
        tokio::select! {
            stream = connection.accept_bi() => {
                let (send, recv) = match stream {
                    Ok(stream) => stream,
                    Err(reason) => return reason,
                };
                // The number of streams is bounded by the transport.
                let (shared, budget) = (shared.clone(), budget.clone());
                match kind {
                    Kind::Control => tasks.spawn(serve_call(shared, from, budget, send, recv)),
                    Kind::Bulk => tasks.spawn(serve_bulk(shared, from, budget, send, recv)),
                };
            }
            Some(ended) = tasks.join_next() => report(ended),
        }
    }
}

/// A task that panicked is a bug; its stream was dropped, so the peer knows.
pub(crate) fn report(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        error!(%error, "a handler panicked");
    }
}

async fn serve_call(
    shared: Arc<Shared>,
    from: NodeId,
    budget: Arc<Budget>,
    mut send: SendStream,
    mut recv: RecvStream,
) {
    let head = match read_header(&shared.limits, &mut recv).await {
        Ok(head) => head,
        Err(code) => return turn_away(&mut send, &mut recv, code),
    };
    let slots = if head.method < URGENT_METHODS { &budget.urgent_calls } else { &budget.calls };
    let Ok(_permit) = slots.clone().try_acquire_owned() else {
        recv.stop(codes::STREAM_BUSY).ok();
        return reply(&shared.limits, send, Err(Refusal::Busy)).await;
    };
    let Some(service) = shared.service() else {
        recv.stop(codes::STREAM_BUSY).ok();
        return reply(&shared.limits, send, Err(Refusal::Starting)).await;
    };
    let work = |payload| service.call(from, head.method, payload);
    answer(&shared.limits, &head, send, recv, shared.limits.message_bytes, work).await;
}

/// Reads a request, has `work` done on it, and answers; gives up when the
/// caller goes away.
pub(crate) async fn answer<'a>(
    limits: &Limits,
    head: &CallHeader,
    send: SendStream,
    mut recv: RecvStream,
    request_max: usize,
    work: impl FnOnce(Bytes) -> BoxFuture<'a, Result<Bytes, Refusal>>,
) {
    let deadline = deadline(head);
    let gone = send.stopped();
    let work = async {
        let len = usize::try_from(head.len).unwrap_or(usize::MAX);
        if len > request_max {
            recv.stop(codes::STREAM_TOO_LARGE).ok();
            return Err(Refusal::TooLarge);
        }
        let payload = by(deadline, read_rest(&mut recv, len)).await.map_err(|error| match error {
            CallError::Timeout => Refusal::TimedOut,
            _ => Refusal::Malformed,
        })?;
        let work = with_trace(head.trace, work(payload)).instrument(span(head));
        timeout_at(deadline, work).await.unwrap_or(Err(Refusal::TimedOut))
    };
    tokio::select! {
        outcome = work => reply(limits, send, outcome).await,
        _ = gone => debug!(method = head.method, "the caller went away"),
    }
}

async fn reply(limits: &Limits, mut send: SendStream, outcome: Result<Bytes, Refusal>) {
    let (head, body) = match outcome {
        Ok(body) => match u32::try_from(body.len()) {
            Ok(len) if body.len() <= limits.message_bytes => (ReplyHeader::Done(len), body),
            _ => (ReplyHeader::Refused(Refusal::TooLarge), Bytes::new()),
        },
        Err(refusal) => (ReplyHeader::Refused(cut(refusal)), Bytes::new()),
    };
    // If the caller does not take the answer, there is nobody to tell.
    match timeout(limits.stall_timeout, write(&mut send, header(&head), body)).await {
        Ok(Ok(())) => send.finish().ok(),
        _ => send.reset(codes::STREAM_CANCELLED).ok(),
    };
}

fn cut(refusal: Refusal) -> Refusal {
    match refusal {
        Refusal::Failed(mut reason) => {
            reason.truncate(reason.floor_char_boundary(REASON_BYTES_MAX));
            Refusal::Failed(reason)
        }
        other => other,
    }
}

async fn serve_bulk(
    shared: Arc<Shared>,
    from: NodeId,
    budget: Arc<Budget>,
    mut send: SendStream,
    mut recv: RecvStream,
) {
    let opened = async {
        let head = read_header(&shared.limits, &mut recv).await?;
        let permit = budget.bulk_streams.clone().try_acquire_owned().map_err(|_| codes::STREAM_BUSY)?;
        let service = shared.service().ok_or(codes::STREAM_BUSY)?;
        let len = usize::try_from(head.len).unwrap_or(usize::MAX);
        if len > BULK_HEADER_BYTES_MAX {
            return Err(codes::STREAM_TOO_LARGE);
        }
        let time = Time { deadline: deadline(&head), stall: shared.limits.stall_timeout };
        let mut body = vec![0; len];
        let read = async { recv.read_exact(&mut body).await.map_err(read_exact_error) };
        let read = by(time.deadline.min(Instant::now() + time.stall), read).await;
        read.map_err(|_| codes::STREAM_MALFORMED)?;
        Ok((head, permit, service, time, body))
    };
    let (head, permit, service, time, body) = match opened.await {
        Ok(opened) => opened,
        Err(code) => return turn_away(&mut send, &mut recv, code),
    };
    let (send, recv) = bulk::pair(send, recv, time, permit);
    let work = service.bulk(from, head.method, body.into(), send, recv);
    // At the deadline both halves are dropped, which the peer sees.
    let work = with_trace(head.trace, work).instrument(span(&head));
    if timeout_at(time.deadline, work).await.is_err() {
        debug!(method = head.method, %from, "bulk stream ended by its deadline");
    }
}

/// The header of a stream.
///
/// # Errors
/// The code to end the stream with, if there is no good one.
pub(crate) async fn read_header(limits: &Limits, recv: &mut RecvStream) -> Result<CallHeader, VarInt> {
    let head = by(Instant::now() + limits.stall_timeout, read_message(recv, HEADER_BYTES_MAX)).await;
    head.and_then(|bytes| decode(&bytes)).map_err(|error| match error {
        CallError::Timeout => codes::STREAM_TIMED_OUT,
        CallError::TooLarge => codes::STREAM_TOO_LARGE,
        CallError::Refused(Refused::Malformed) => codes::STREAM_MALFORMED,
        _ => codes::STREAM_CANCELLED,
    })
}

/// Ties the log of this node to that of the one that the request came to.
fn span(head: &CallHeader) -> Span {
    if head.trace == 0 { Span::none() } else { info_span!("serve", trace = head.trace, method = head.method) }
}

/// Ends a stream in both directions. Merely dropped, the answering half would
/// end as if it were whole.
pub(crate) fn turn_away(send: &mut SendStream, recv: &mut RecvStream, code: VarInt) {
    // Both fail only if the peer is gone.
    send.reset(code).ok();
    recv.stop(code).ok();
}

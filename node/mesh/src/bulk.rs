use std::collections::VecDeque;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes};
use mucura_types::NodeId;
use quinn::{RecvStream, SendStream, VarInt};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use crate::call::find;
use crate::codes::{self, connect_error};
use crate::dial;
use crate::error::CallError;
use crate::frame::{CallHeader, by, header, message, read_error, remaining_ms, write_error};
use crate::hello::Kind;
use crate::shared::Shared;
use crate::trace::current_trace;

/// The most bytes of the header that opens a bulk stream.
pub(crate) const BULK_HEADER_BYTES_MAX: usize = 64 << 10;
/// Pieces taken from a connection at once.
const PIECES: usize = 32;

pub(crate) async fn open(
    shared: &Arc<Shared>,
    to: NodeId,
    method: u16,
    head: Bytes,
    deadline: Instant,
) -> Result<(BulkSend, BulkRecv), CallError> {
    let len = match u32::try_from(head.len()) {
        Ok(len) if head.len() <= BULK_HEADER_BYTES_MAX => len,
        _ => return Err(CallError::TooLarge),
    };
    let peer = find(shared, to)?;
    let permit = peer.bulk_streams.clone().try_acquire_owned().map_err(|_| CallError::Busy)?;
    let connection = dial::connection(shared, &peer, Kind::Bulk, peer.next_lane(), deadline).await?;
    let opened = by(deadline, async { connection.open_bi().await.map_err(|e| connect_error(&e)) }).await?;
    let time = Time { deadline, stall: shared.limits.stall_timeout };
    let (mut send, recv) = pair(opened.0, opened.1, time, permit);
    let fields = CallHeader { method, deadline_ms: remaining_ms(deadline), trace: current_trace(), len };
    send.send_all(&mut [header(&fields), head]).await?;
    Ok((send, recv))
}

/// The two halves of a stream, which hold their place in the budget together.
pub(crate) fn pair(
    send: SendStream,
    recv: RecvStream,
    time: Time,
    permit: OwnedSemaphorePermit,
) -> (BulkSend, BulkRecv) {
    let permit = Arc::new(permit);
    let send = BulkSend { stream: send, time, ended: false, _permit: permit.clone() };
    (send, BulkRecv { stream: recv, time, pieces: VecDeque::new(), ended: false, _permit: permit })
}

/// How long a stream may last, and stand still.
#[derive(Clone, Copy)]
pub(crate) struct Time {
    pub(crate) deadline: Instant,
    pub(crate) stall: Duration,
}

impl Time {
    async fn bound<T>(self, work: impl Future<Output = Result<T, CallError>>) -> Result<T, CallError> {
        by(self.deadline.min(Instant::now() + self.stall), work).await
    }
}

/// The sending half of a bulk stream. Dropped before [`BulkSend::finish`], it
/// is reset, and the peer gets [`CallError::PeerClosed`] instead of an end.
pub struct BulkSend {
    stream: SendStream,
    time: Time,
    ended: bool,
    _permit: Arc<OwnedSemaphorePermit>,
}

/// The receiving half of a bulk stream. Dropped before the end, it tells the
/// peer to stop.
pub struct BulkRecv {
    stream: RecvStream,
    time: Time,
    pieces: VecDeque<Bytes>,
    ended: bool,
    _permit: Arc<OwnedSemaphorePermit>,
}

impl BulkSend {
    /// Sends bytes, without copying them; waits while the peer's window is
    /// full. They may be under way still when this returns.
    ///
    /// # Errors
    /// [`CallError::Timeout`] past the deadline or when nothing moves;
    /// [`CallError::Busy`] if the peer would not serve the stream;
    /// [`CallError::PeerClosed`] if the peer or the connection gave up.
    pub async fn send(&mut self, bytes: Bytes) -> Result<(), CallError> {
        self.send_all(&mut [bytes]).await
    }

    /// Sends one message for [`BulkRecv::recv_message`].
    ///
    /// # Errors
    /// As [`BulkSend::send`].
    pub async fn send_message(&mut self, body: &[u8]) -> Result<(), CallError> {
        if u32::try_from(body.len()).is_err() {
            return Err(CallError::TooLarge);
        }
        self.send_all(&mut [message(body)]).await
    }

    /// Ends the stream: the peer has it whole when it gets to the end. Whether
    /// it does, only an answer of the peer can tell.
    ///
    /// # Errors
    /// [`CallError::PeerClosed`] if the peer gave up already.
    pub fn finish(&mut self) -> Result<(), CallError> {
        self.ended = true;
        self.stream.finish().map_err(|_| CallError::PeerClosed)
    }

    /// Gives up: what is under way is discarded.
    pub fn reset(&mut self) {
        self.abort(codes::STREAM_CANCELLED);
    }

    pub(crate) fn abort(&mut self, code: VarInt) {
        self.ended = true;
        // Fails only if it has ended.
        self.stream.reset(code).ok();
    }

    pub(crate) async fn send_all(&mut self, pieces: &mut [Bytes]) -> Result<(), CallError> {
        // Each piece may take as long as a stall: a large one is many windows.
        for piece in pieces {
            while !piece.is_empty() {
                let part = piece.split_to(piece.len().min(SEND_STEP));
                let write = async { self.stream.write_chunk(part).await.map_err(write_error) };
                self.time.bound(write).await?;
            }
        }
        Ok(())
    }
}

/// What must have moved before a stall is called.
const SEND_STEP: usize = 1 << 20;

impl Drop for BulkSend {
    fn drop(&mut self) {
        if !self.ended {
            self.abort(codes::STREAM_CANCELLED);
        }
    }
}

impl BulkRecv {
    /// The next bytes, as many as came in one piece; none at the end. If it is
    /// dropped while waiting, nothing is lost. Pieces share receive buffers of
    /// up to 64 KiB: copy what is kept for long.
    ///
    /// # Errors
    /// As [`BulkSend::send`].
    pub async fn recv(&mut self) -> Result<Option<Bytes>, CallError> {
        if self.pieces.is_empty() && !self.ended {
            let mut bufs: [Bytes; PIECES] = Default::default();
            let read = async { self.stream.read_chunks(&mut bufs).await.map_err(read_error) };
            match self.time.bound(read).await? {
                None => self.ended = true,
                Some(count) => self.pieces.extend(bufs.into_iter().take(count)),
            }
        }
        Ok(self.pieces.pop_front())
    }

    /// Fills `bytes`.
    ///
    /// # Errors
    /// As [`BulkSend::send`]; [`CallError::PeerClosed`] if the stream ends first.
    pub async fn recv_into(&mut self, mut bytes: &mut [u8]) -> Result<(), CallError> {
        while !bytes.is_empty() {
            let mut piece = self.recv().await?.ok_or(CallError::PeerClosed)?;
            let count = piece.len().min(bytes.len());
            let (now, later) = bytes.split_at_mut(count);
            piece.copy_to_slice(now);
            if !piece.is_empty() {
                self.pieces.push_front(piece);
            }
            bytes = later;
        }
        Ok(())
    }

    /// One message of [`BulkSend::send_message`], of at most `max` bytes; none
    /// if the stream ended before it.
    ///
    /// # Errors
    /// As [`BulkRecv::recv_into`]; [`CallError::TooLarge`] past `max`.
    pub async fn recv_message(&mut self, max: usize) -> Result<Option<Vec<u8>>, CallError> {
        match self.recv().await? {
            None => return Ok(None),
            Some(piece) => self.pieces.push_front(piece),
        }
        let mut len = [0; 4];
        self.recv_into(&mut len).await?;
        let len = usize::try_from(u32::from_be_bytes(len)).unwrap_or(usize::MAX);
        if len > max {
            return Err(CallError::TooLarge);
        }
        let mut body = vec![0; len];
        self.recv_into(&mut body).await?;
        Ok(Some(body))
    }

    /// Tells the peer to stop sending.
    pub fn stop(&mut self) {
        self.abort(codes::STREAM_CANCELLED);
    }

    pub(crate) fn abort(&mut self, code: VarInt) {
        self.ended = true;
        // Fails only if it has ended.
        self.stream.stop(code).ok();
    }
}

impl Drop for BulkRecv {
    fn drop(&mut self) {
        if !self.ended {
            self.abort(codes::STREAM_CANCELLED);
        }
    }
}

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, header};
use http_body::Body as _;
use http_body_util::BodyExt;
use tokio::time::{Instant, timeout, timeout_at};

/// The most bytes read of a body that nobody wants, so that its client gets
/// to read the answer.
const DRAIN_BYTES_MAX: u64 = 16 << 20;
/// And for how long.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// Why no more of a body comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PayloadFault {
    /// The client sent nothing for too long.
    Stalled,
    /// The connection ended, or what came is no HTTP.
    Broken,
}

/// The body of a request as it comes from the connection.
pub(crate) struct Payload {
    body: Body,
    received: u64,
    /// The client waits for `100 Continue`, which the first poll sends; where
    /// there is no body, nothing does.
    held_back: bool,
    over: bool,
}

impl Payload {
    pub(crate) fn new(body: Body, headers: &HeaderMap) -> Self {
        let expected = headers.get(header::EXPECT);
        let held_back = expected.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"));
        let over = body.is_end_stream();
        Self { body, received: 0, held_back, over }
    }

    /// The next bytes, never empty; none at the end.
    pub(crate) async fn next(&mut self, idle: Duration) -> Result<Option<Bytes>, PayloadFault> {
        self.held_back &= self.over;
        while !self.over {
            let frame = match timeout(idle, self.body.frame()).await {
                Ok(Some(Ok(frame))) => frame,
                Ok(None) => {
                    self.over = true;
                    break;
                }
                Ok(Some(Err(error))) => {
                    tracing::debug!(%error, "read a body");
                    self.over = true;
                    return Err(PayloadFault::Broken);
                }
                Err(_) => return Err(PayloadFault::Stalled),
            };
            // Trailers of HTTP itself say nothing to S3.
            if let Ok(data) = frame.into_data()
                && !data.is_empty()
            {
                self.received = self.received.saturating_add(data.len() as u64);
                return Ok(Some(data));
            }
        }
        Ok(None)
    }

    /// Bytes received so far, framing of S3 included.
    pub(crate) fn received(&self) -> u64 {
        self.received
    }

    /// Whether the client may still be sending: if so, a connection that is
    /// closed now may lose the answer on its way.
    pub(crate) fn wants_drain(&self) -> bool {
        !self.over && !self.held_back
    }

    /// Whether the connection must end with the answer: bytes are left that
    /// must not be taken for the next request, or the client was never told to
    /// go on. botocore, answered without having been told, takes the head of
    /// its next answer on that connection for a body, and waits.
    pub(crate) fn ends_connection(&self) -> bool {
        !self.over || self.held_back
    }

    /// Reads on for a while and forgets it.
    pub(crate) async fn drain(mut self) {
        let (from, deadline) = (self.received, Instant::now() + DRAIN_TIMEOUT);
        while self.received - from < DRAIN_BYTES_MAX {
            match timeout_at(deadline, self.next(DRAIN_TIMEOUT)).await {
                Ok(Ok(Some(_))) => {}
                _ => return,
            }
        }
    }
}

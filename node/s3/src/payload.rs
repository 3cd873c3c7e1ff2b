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

/// Who is waited for so long in all must have sent so many bytes meanwhile: an
/// upload that goes on for ever keeps its place from others.
const PACE_WINDOW: Duration = Duration::from_secs(60);
const PACE_BYTES_MIN: u64 = 64 << 10;

/// Why no more of a body comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PayloadFault {
    /// The client sent nothing for too long, or next to nothing.
    Stalled,
    /// The connection ended, or what came is no HTTP.
    Broken,
}

/// The body of a request as it comes from the connection.
pub(crate) struct Payload {
    body: Body,
    received: u64,
    /// How long the client was waited for in this window, and what had come
    /// when it began.
    waited: Duration,
    received_before: u64,
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
        Self { body, received: 0, waited: Duration::ZERO, received_before: 0, held_back, over }
    }

    /// The next bytes, never empty; none at the end.
    pub(crate) async fn next(&mut self, idle: Duration) -> Result<Option<Bytes>, PayloadFault> {
        self.held_back &= self.over;
        while !self.over {
            if self.waited >= PACE_WINDOW {
                if self.received - self.received_before < PACE_BYTES_MIN {
                    return Err(PayloadFault::Stalled);
                }
                (self.waited, self.received_before) = (Duration::ZERO, self.received);
            }
            let began = Instant::now();
            let frame = timeout(idle, self.body.frame()).await;
            // Time in which nothing was asked for is ours.
            self.waited += began.elapsed();
            let frame = match frame {
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

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream;
    use std::convert::Infallible;
    use tokio::time::sleep;

    /// Pieces of `len` bytes, one every `pause`.
    fn pieces(len: usize, pause: Duration, count: usize) -> Payload {
        let stream = stream::unfold(count, move |left| async move {
            sleep(pause).await;
            (left > 0).then(|| (Ok::<_, Infallible>(Bytes::from(vec![0; len])), left - 1))
        });
        Payload::new(Body::from_stream(stream), &HeaderMap::new())
    }

    async fn read(mut payload: Payload) -> Result<u64, PayloadFault> {
        while payload.next(Duration::from_secs(30)).await?.is_some() {
            // What the site is busy with does not count.
            sleep(Duration::from_secs(100)).await;
        }
        Ok(payload.received())
    }

    #[tokio::test(start_paused = true)]
    async fn who_sends_next_to_nothing_is_given_up() {
        let pause = Duration::from_secs(10);
        assert_eq!(read(pieces(1, pause, 5)).await, Ok(5));
        assert_eq!(read(pieces(1, pause, 20)).await, Err(PayloadFault::Stalled));
        assert_eq!(read(pieces(11 << 10, pause, 20)).await, Ok(20 * (11 << 10)));
        assert_eq!(read(pieces(1, Duration::from_millis(100), 300)).await, Ok(300));
        assert_eq!(read(pieces(1, Duration::from_secs(31), 1)).await, Err(PayloadFault::Stalled));
    }
}

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use mucura_store::ObjectStream;

use crate::account::{Account, End};
use crate::answer::Content;

/// Why the connection of an answer is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the answer cannot be completed")]
pub(crate) struct Incomplete;

/// The body of an answer on its way: exactly the bytes that were announced,
/// or an error, on which the connection is ended.
pub(crate) struct AnswerBody {
    source: Source,
    left: u64,
    account: Account,
}

enum Source {
    Nothing,
    Whole(Bytes),
    Stream(ObjectStream),
    Failed,
}

impl AnswerBody {
    pub(crate) fn new(content: Content, mut account: Account) -> Self {
        let (source, left) = match content {
            Content::Nothing => (Source::Nothing, 0),
            Content::Whole(bytes) => {
                let left = bytes.len() as u64;
                (Source::Whole(bytes), left)
            }
            Content::Stream(stream, left) => (Source::Stream(stream), left),
        };
        if left == 0 {
            account.end(End::Whole);
        }
        Self { source, left, account }
    }

    fn fail(&mut self) -> Poll<Option<Result<Frame<Bytes>, Incomplete>>> {
        self.source = Source::Failed;
        self.account.end(End::Failed);
        Poll::Ready(Some(Err(Incomplete)))
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Incomplete;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Incomplete>>> {
        let this = &mut *self;
        if this.left == 0 {
            return Poll::Ready(None);
        }
        let piece = match &mut this.source {
            Source::Nothing | Source::Failed => return Poll::Ready(None),
            Source::Whole(bytes) => std::mem::take(bytes),
            Source::Stream(stream) => match ready!(stream.as_mut().poll_next(cx)) {
                Some(Ok(piece)) => piece,
                Some(Err(error)) => {
                    tracing::warn!(%error, "an answer is cut off: its bytes cannot be read");
                    return this.fail();
                }
                None => {
                    tracing::error!(left = this.left, "an object is shorter than its record says");
                    return this.fail();
                }
            },
        };
        let Some(left) = this.left.checked_sub(piece.len() as u64) else {
            tracing::error!("an object is longer than its record says");
            return this.fail();
        };
        this.left = left;
        this.account.sent(piece.len());
        if left == 0 {
            this.account.end(End::Whole);
        }
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        match self.source {
            // Not even a length of zero: it would be that of another answer.
            Source::Nothing => SizeHint::default(),
            _ => SizeHint::with_exact(self.left),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream;
    use http_body_util::BodyExt;
    use mucura_store::StoreError;
    use mucura_telemetry::{Metrics, NodeSample};
    use std::sync::Arc;

    type Sent = Vec<Result<&'static [u8], ()>>;

    /// Sends a stream of `announced` bytes; gives what the client got and what
    /// was counted.
    async fn send(pieces: Sent, announced: u64, read: bool) -> (Result<Vec<u8>, Incomplete>, String) {
        let metrics = Arc::new(Metrics::new(&["GetObject"]).unwrap());
        let mut account = Account::begin(metrics.clone(), tracing::Span::none());
        account.operation("GetObject");
        account.answered(200, 0);
        let stream = stream::iter(
            pieces.into_iter().map(|piece| piece.map(Bytes::from_static).map_err(|()| StoreError::Busy)),
        );
        let body = AnswerBody::new(Content::Stream(Box::pin(stream), announced), account);
        let got = match read {
            true => body.collect().await.map(|whole| whole.to_bytes().to_vec()),
            false => {
                drop(body);
                Ok(Vec::new())
            }
        };
        (got, metrics.render(&NodeSample::default()).unwrap())
    }

    fn counted(text: &str, status: &str) -> bool {
        let line = format!("mucura_s3_requests_total{{operation=\"GetObject\",status=\"{status}\"}} 1");
        text.lines().any(|l| l == line) && text.lines().any(|l| l == "mucura_s3_open_requests 0")
    }

    #[tokio::test]
    async fn a_whole_answer_is_sent_and_counted() {
        let (got, text) = send(vec![Ok(b"ab"), Ok(b"c")], 3, true).await;
        assert_eq!(got, Ok(b"abc".to_vec()));
        assert!(counted(&text, "2xx"), "{text}");
        assert!(text.contains("mucura_s3_sent_bytes_total{operation=\"GetObject\"} 3"), "{text}");
    }

    #[tokio::test]
    async fn an_answer_that_is_not_as_announced_ends_with_an_error() {
        for pieces in [vec![Ok(&b"ab"[..])], vec![Ok(b"ab"), Err(())], vec![Ok(b"ab"), Ok(b"cd")], vec![]] {
            let (got, text) = send(pieces, 3, true).await;
            assert_eq!(got, Err(Incomplete));
            assert!(counted(&text, "5xx"), "{text}");
        }
    }

    #[tokio::test]
    async fn a_client_that_goes_away_is_counted_as_such() {
        let (_, text) = send(vec![Ok(b"abc")], 3, false).await;
        assert!(counted(&text, "4xx"), "{text}");
    }
}

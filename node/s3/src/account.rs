use std::sync::Arc;

use mucura_telemetry::{Metrics, S3Request};
use tokio::time::Instant;
use tracing::Span;

/// The HTTP status that requests are counted under whose client went away.
const CLIENT_GONE: u16 = 499;

/// One request from its head to the last byte of its answer. However it ends,
/// dropping this counts it and writes its line in the access log.
pub(crate) struct Account {
    metrics: Arc<Metrics>,
    span: Span,
    began: Instant,
    operation: &'static str,
    /// The status of the answer; none before there is one.
    status: Option<u16>,
    bytes_in: u64,
    bytes_out: u64,
    end: End,
}

/// How far the answer got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Not to its last byte.
    Open,
    /// To its last byte.
    Whole,
    /// We could not go on.
    Failed,
}

impl Account {
    pub(crate) fn begin(metrics: Arc<Metrics>, span: Span) -> Self {
        metrics.s3.begun();
        Self {
            metrics,
            span,
            began: Instant::now(),
            operation: mucura_telemetry::OTHER_OPERATION,
            status: None,
            bytes_in: 0,
            bytes_out: 0,
            end: End::Open,
        }
    }

    pub(crate) fn operation(&mut self, operation: &'static str) {
        self.operation = operation;
    }

    pub(crate) fn answered(&mut self, status: u16, bytes_in: u64) {
        self.status = Some(status);
        self.bytes_in = bytes_in;
    }

    pub(crate) fn sent(&mut self, bytes: usize) {
        self.bytes_out += bytes as u64;
    }

    pub(crate) fn end(&mut self, end: End) {
        self.end = end;
    }

    fn counted_status(&self) -> u16 {
        match (self.end, self.status) {
            (End::Failed, _) => 500,
            (End::Whole, Some(status)) => status,
            (End::Open, _) | (End::Whole, None) => CLIENT_GONE,
        }
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        let status = self.counted_status();
        let duration = self.began.elapsed();
        self.metrics.s3.ended();
        self.metrics.s3.finished(&S3Request {
            operation: self.operation,
            status,
            duration,
            bytes_in: self.bytes_in,
            bytes_out: self.bytes_out,
        });
        let duration_us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let (bytes_in, bytes_out) = (self.bytes_in, self.bytes_out);
        tracing::debug!(parent: &self.span, status, duration_us, bytes_in, bytes_out, "request");
    }
}

use std::time::Duration;

use prometheus::{HistogramVec, IntCounterVec, IntGauge, Registry};

use crate::define;

/// What an operation that was not declared counts as.
pub const OTHER_OPERATION: &str = "other";

/// Seconds; from a small look-up to an object of several GiB.
const DURATIONS: [f64; 14] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0, 600.0];

/// What the S3 front end counts.
pub struct S3Metrics {
    operations: Vec<&'static str>,
    requests: IntCounterVec,
    durations: HistogramVec,
    received: IntCounterVec,
    sent: IntCounterVec,
    under_way: IntGauge,
}

/// One request that was answered, body included.
#[derive(Clone, Copy, Debug, Default)]
pub struct S3Request {
    /// One of the declared names.
    pub operation: &'static str,
    /// The HTTP status; 499 if the client went away.
    pub status: u16,
    /// From the head of the request to the last byte of the answer.
    pub duration: Duration,
    /// Bytes of body received.
    pub bytes_in: u64,
    /// Bytes of body sent.
    pub bytes_out: u64,
}

/// The first digit of an HTTP status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusClass {
    /// 1xx and 2xx.
    Success,
    /// 3xx.
    Redirect,
    /// 4xx.
    Client,
    /// 5xx, and whatever is no status.
    Server,
}

impl StatusClass {
    /// The class of a status.
    pub fn of(status: u16) -> Self {
        match status {
            100..=299 => Self::Success,
            300..=399 => Self::Redirect,
            400..=499 => Self::Client,
            _ => Self::Server,
        }
    }

    fn label(self) -> &'static str {
        match self {
            Self::Success => "2xx",
            Self::Redirect => "3xx",
            Self::Client => "4xx",
            Self::Server => "5xx",
        }
    }
}

impl S3Metrics {
    pub(crate) fn new(registry: &Registry, operations: &[&'static str]) -> Result<Self, prometheus::Error> {
        Ok(Self {
            operations: operations.to_vec(),
            requests: define::counters(
                registry,
                "mucura_s3_requests_total",
                "S3 requests answered.",
                &["operation", "status"],
            )?,
            durations: define::histograms(
                registry,
                "mucura_s3_request_duration_seconds",
                "From the head of an S3 request to the last byte of its answer.",
                &["operation"],
                &DURATIONS,
            )?,
            received: define::counters(
                registry,
                "mucura_s3_received_bytes_total",
                "Bytes of the bodies of S3 requests.",
                &["operation"],
            )?,
            sent: define::counters(
                registry,
                "mucura_s3_sent_bytes_total",
                "Bytes of the bodies of S3 answers.",
                &["operation"],
            )?,
            under_way: define::gauge(
                registry,
                "mucura_s3_open_requests",
                "S3 requests begun and not answered yet.",
            )?,
        })
    }

    /// A request begins. [`S3Metrics::finished`] must follow.
    pub fn begun(&self) {
        self.under_way.inc();
    }

    /// A request that was begun is over.
    pub fn ended(&self) {
        self.under_way.dec();
    }

    /// Counts a request that is over.
    pub fn finished(&self, request: &S3Request) {
        let known = self.operations.iter().find(|name| **name == request.operation);
        let operation = known.copied().unwrap_or(OTHER_OPERATION);
        self.requests.with_label_values(&[operation, StatusClass::of(request.status).label()]).inc();
        self.durations.with_label_values(&[operation]).observe(request.duration.as_secs_f64());
        self.received.with_label_values(&[operation]).inc_by(request.bytes_in);
        self.sent.with_label_values(&[operation]).inc_by(request.bytes_out);
    }
}

//! Metric definitions and tracing set-up.
//!
//! Every metric is defined once, here, as a field of a typed struct: its name
//! (`mucura_<part>_<what>_<unit>[_total]`), its help text and its labels, whose
//! values come from closed sets. [`Metrics`] owns them and renders the text
//! that a scraper reads; [`start_logging`] sends log lines to standard error.
//!
//! Invariants: no metric is global; whoever counts is handed the struct. This
//! crate alone names prometheus. It knows nothing of what is counted: figures
//! come in as plain numbers, and those that only a scrape needs are given with
//! it ([`NodeSample`]).

mod define;
mod logging;
mod metrics;
mod node;
mod s3;

pub use logging::{LogFormat, LoggingError, check_filter, start_logging};
pub use metrics::{Metrics, MetricsError};
pub use node::{DriveSample, LifecycleSample, NodeSample, RaftSample, SiteSample};
pub use s3::{OTHER_OPERATION, S3Metrics, S3Request, StatusClass};

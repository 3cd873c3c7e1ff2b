use prometheus::{Registry, TextEncoder};

use crate::node::{NodeGauges, NodeSample};
use crate::s3::S3Metrics;

/// All metrics of a node.
pub struct Metrics {
    registry: Registry,
    /// What the S3 front end counts.
    pub s3: S3Metrics,
    node: NodeGauges,
}

/// Metrics cannot be defined or rendered: a fault in this program.
#[derive(Debug, thiserror::Error)]
#[error("metrics: {0}")]
pub struct MetricsError(#[from] prometheus::Error);

impl Metrics {
    /// Defines every metric. `operations` are the names that S3 requests are
    /// counted under; any other name counts as `other`.
    ///
    /// # Errors
    /// Two metrics have one name: a fault in this crate.
    pub fn new(operations: &[&'static str]) -> Result<Self, MetricsError> {
        let registry = Registry::new();
        let s3 = S3Metrics::new(&registry, operations)?;
        let node = NodeGauges::new(&registry)?;
        Ok(Self { registry, s3, node })
    }

    /// The text that a scraper reads, with the figures of this moment.
    ///
    /// # Errors
    /// A metric cannot be written as text: a fault in this crate.
    pub fn render(&self, now: &NodeSample) -> Result<String, MetricsError> {
        self.node.set(now);
        Ok(TextEncoder::new().encode_to_string(&self.registry.gather())?)
    }

    /// The content type of what [`Metrics::render`] gives.
    pub const CONTENT_TYPE: &'static str = "text/plain; version=0.0.4; charset=utf-8";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::{DriveSample, RaftSample, SiteSample};
    use crate::s3::S3Request;
    use std::collections::BTreeSet;
    use std::time::Duration;

    fn metrics() -> Metrics {
        Metrics::new(&["GetObject", "PutObject"]).unwrap()
    }

    fn sample() -> NodeSample {
        NodeSample {
            ready: true,
            raft: Some(RaftSample {
                leads: true,
                term: 3,
                last_log: 12,
                applied: 11,
                ..RaftSample::default()
            }),
            drives: vec![DriveSample {
                drive: "7".to_owned(),
                online: true,
                total_bytes: 100,
                free_bytes: 40,
            }],
            buffers_used_bytes: 5,
            buffers_bytes: 9,
            site: Some(SiteSample { events_lost: 2, ..SiteSample::default() }),
            ..NodeSample::default()
        }
    }

    #[test]
    fn every_name_says_its_part_and_its_unit() {
        let metrics = metrics();
        metrics.s3.finished(&S3Request { operation: "GetObject", ..S3Request::default() });
        let text = metrics.render(&sample()).unwrap();
        let units = ["total", "bytes", "seconds", "count", "sum", "bucket", "info", "index", "term"];
        let names: BTreeSet<&str> =
            text.lines().filter_map(|l| l.strip_prefix("# HELP ")?.split(' ').next()).collect();
        assert!(names.len() > 15, "{names:?}");
        for name in names {
            assert!(name.starts_with("mucura_"), "{name}");
            let last = name.rsplit('_').next().unwrap();
            assert!(
                units.contains(&last) || ["state", "stripes", "events", "peers", "requests"].contains(&last),
                "{name}"
            );
        }
    }

    #[test]
    fn a_drive_that_is_gone_is_not_shown_any_more() {
        let metrics = metrics();
        assert!(metrics.render(&sample()).unwrap().contains("mucura_drive_free_bytes{drive=\"7\"} 40"));
        let text = metrics.render(&NodeSample::default()).unwrap();
        assert!(!text.contains("drive=\"7\""), "{text}");
    }

    #[test]
    fn requests_are_counted_by_operation_and_class_of_status() {
        let metrics = metrics();
        let request = |operation, status| S3Request {
            operation,
            status,
            duration: Duration::from_millis(3),
            bytes_in: 10,
            bytes_out: 20,
        };
        metrics.s3.finished(&request("PutObject", 200));
        metrics.s3.finished(&request("PutObject", 204));
        metrics.s3.finished(&request("PutObject", 503));
        metrics.s3.finished(&request("Whatever", 404));
        let text = metrics.render(&NodeSample::default()).unwrap();
        for line in [
            "mucura_s3_requests_total{operation=\"PutObject\",status=\"2xx\"} 2",
            "mucura_s3_requests_total{operation=\"PutObject\",status=\"5xx\"} 1",
            "mucura_s3_requests_total{operation=\"other\",status=\"4xx\"} 1",
            "mucura_s3_received_bytes_total{operation=\"PutObject\"} 30",
            "mucura_s3_sent_bytes_total{operation=\"other\"} 20",
            "mucura_s3_request_duration_seconds_count{operation=\"PutObject\"} 3",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
        }
    }
}

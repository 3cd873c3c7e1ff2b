use std::time::Duration;

use serde_json::{Value, json};

use crate::bench::meter::Figures;
use crate::table::Table;
use crate::units::{bytes, duration, to_f64};

/// What a run came to.
pub(super) struct Report {
    pub(super) figures: Figures,
    pub(super) took: Duration,
    /// CPU time of the processes named, if any were.
    pub(super) cpu: Option<Duration>,
    pub(super) size: u64,
    pub(super) concurrency: u32,
}

impl Report {
    pub(super) fn failures(&self) -> u64 {
        self.figures.failures.values().sum()
    }

    pub(super) fn to_json(&self) -> Value {
        let seconds = self.took.as_secs_f64().max(1e-6);
        let micros = |took: Duration| u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let operations: serde_json::Map<String, Value> = self
            .figures
            .by_operation
            .iter()
            .map(|(operation, figure)| {
                let latencies = &figure.latencies;
                let value = json!({
                    "requests": latencies.count(),
                    "requests_per_s": to_f64(latencies.count()) / seconds,
                    "bytes": figure.bytes,
                    "bytes_per_s": to_f64(figure.bytes) / seconds,
                    "latency_us": {
                        "p50": micros(latencies.quantile(500)),
                        "p90": micros(latencies.quantile(900)),
                        "p99": micros(latencies.quantile(990)),
                        "p999": micros(latencies.quantile(999)),
                        "max": micros(latencies.longest()),
                    },
                });
                (operation.name().to_owned(), value)
            })
            .collect();
        json!({
            "size": self.size,
            "concurrency": self.concurrency,
            "duration_s": seconds,
            "operations": operations,
            "failures": self.failures(),
            "failure_reasons": self.figures.failures,
            "cpu_s": self.cpu.map(|cpu| cpu.as_secs_f64()),
        })
    }

    pub(super) fn to_table(&self) -> String {
        let seconds = self.took.as_secs_f64().max(1e-6);
        let headings =
            ["OPERATION", "REQUESTS", "PER SECOND", "THROUGHPUT", "P50", "P90", "P99", "P99.9", "MAX"];
        let mut table = Table::new(&headings);
        for (operation, figure) in &self.figures.by_operation {
            let latencies = &figure.latencies;
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // For display.
            let rate = (to_f64(figure.bytes) / seconds) as u64;
            table.row([
                operation.name().to_owned(),
                latencies.count().to_string(),
                format!("{:.1}", to_f64(latencies.count()) / seconds),
                format!("{}/s", bytes(rate)),
                duration(latencies.quantile(500)),
                duration(latencies.quantile(900)),
                duration(latencies.quantile(990)),
                duration(latencies.quantile(999)),
                duration(latencies.longest()),
            ]);
        }
        let mut text = format!(
            "{} objects, {} clients, {:.1} s\n{table}",
            bytes(self.size),
            self.concurrency,
            self.took.as_secs_f64()
        );
        if let Some(cpu) = self.cpu {
            let requests: u64 =
                self.figures.by_operation.values().map(|figure| figure.latencies.count()).sum();
            let moved: u64 = self.figures.by_operation.values().map(|figure| figure.bytes).sum();
            text.push_str(&format!("CPU of the processes named: {:.1} s", cpu.as_secs_f64()));
            if requests > 0 {
                text.push_str(&format!(", {:.0} us a request", cpu.as_secs_f64() * 1e6 / to_f64(requests)));
            }
            if moved > 0 {
                text.push_str(&format!(", {:.2} s a GB", cpu.as_secs_f64() * 1e9 / to_f64(moved)));
            }
            text.push('\n');
        }
        for (reason, count) in &self.figures.failures {
            text.push_str(&format!("{count} failed: {reason}\n"));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::meter::{Meter, Operation};

    #[test]
    fn rates_percentiles_cpu_and_failures_are_told() {
        let meter = Meter::default();
        (0..10).for_each(|_| meter.done(Operation::Put, Duration::from_millis(5), 100_000_000));
        meter.failed("503 SlowDown".to_owned());
        let report = Report {
            figures: meter.figures(),
            took: Duration::from_secs(2),
            cpu: Some(Duration::from_secs(4)),
            size: 100_000_000,
            concurrency: 3,
        };
        let json = report.to_json();
        assert_eq!(json["operations"]["put"]["requests_per_s"], 5.0);
        assert_eq!(json["operations"]["put"]["latency_us"]["p50"], 5000);
        assert_eq!(json["failures"], 1);
        let table = report.to_table();
        for part in ["5.0", "477 MiB/s", "5.00 ms", "4.00 s a GB", "1 failed: 503 SlowDown"] {
            assert!(table.contains(part), "{part:?} is not in\n{table}");
        }
    }
}

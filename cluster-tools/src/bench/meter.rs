use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::bench::latency::Latencies;
use crate::units::{bytes, to_f64};

/// Failures that are told apart; the rest are counted.
const FAILURES_MAX: usize = 16;

/// What a request did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Operation {
    Put,
    Get,
    Head,
    List,
}

impl Operation {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Put => "put",
            Self::Get => "get",
            Self::Head => "head",
            Self::List => "list",
        }
    }
}

/// Counts what all clients do.
#[derive(Default)]
pub(super) struct Meter {
    started: AtomicU64,
    done: AtomicU64,
    bytes: AtomicU64,
    figures: Mutex<Figures>,
}

#[derive(Clone, Default)]
pub(super) struct Figures {
    pub(super) by_operation: BTreeMap<Operation, Figure>,
    /// Why requests failed, and how often.
    pub(super) failures: BTreeMap<String, u64>,
}

/// One kind of request.
#[derive(Clone)]
pub(super) struct Figure {
    pub(super) latencies: Latencies,
    pub(super) bytes: u64,
}

impl Meter {
    /// Whether another request may begin, of `count` in all.
    pub(super) fn begin(&self, count: Option<u64>) -> Option<u64> {
        let number = self.started.fetch_add(1, Ordering::Relaxed);
        count.is_none_or(|count| number < count).then_some(number)
    }

    /// How many requests were begun, at most.
    pub(super) fn begun(&self) -> u64 {
        self.started.load(Ordering::Relaxed)
    }

    pub(super) fn done(&self, operation: Operation, took: Duration, bytes: u64) {
        self.done.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let mut figures = self.figures.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Figure { latencies: Latencies::new(), bytes: 0 };
        let figure = figures.by_operation.entry(operation).or_insert_with(new);
        figure.latencies.add(took);
        figure.bytes += bytes;
    }

    pub(super) fn failed(&self, reason: String) {
        let mut figures = self.figures.lock().unwrap_or_else(PoisonError::into_inner);
        let known = figures.failures.len() < FAILURES_MAX || figures.failures.contains_key(&reason);
        *figures.failures.entry(if known { reason } else { "other".to_owned() }).or_default() += 1;
    }

    pub(super) fn figures(&self) -> Figures {
        self.figures.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// One line that says how far it is; `share` of the whole is done.
    fn line(&self, share: f64, elapsed: Duration) -> String {
        const WIDTH: usize = 24;
        let (done, moved) = (self.done.load(Ordering::Relaxed), self.bytes.load(Ordering::Relaxed));
        let seconds = elapsed.as_secs_f64().max(0.001);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Between 0 and WIDTH.
        let filled = (share.clamp(0.0, 1.0) * to_f64(WIDTH as u64)) as usize;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // For display.
        let rate = (to_f64(moved) / seconds) as u64;
        format!(
            "[{}{}] {:3.0} %  {done} requests, {:.0}/s, {}/s",
            "#".repeat(filled),
            " ".repeat(WIDTH - filled),
            share.clamp(0.0, 1.0) * 100.0,
            to_f64(done) / seconds,
            bytes(rate)
        )
    }
}

/// Shows on a terminal how far it is, until it is dropped.
pub(super) struct Progress(Option<tokio::task::JoinHandle<()>>);

impl Progress {
    /// `share` says from the time and the requests done how much of the whole
    /// that is.
    pub(super) fn show<M>(meter: Arc<M>, share: impl Fn(Duration, u64) -> f64 + Send + 'static) -> Self
    where
        M: AsRef<Meter> + Send + Sync + 'static,
    {
        if !std::io::stderr().is_terminal() {
            return Self(None);
        }
        let begun = Instant::now();
        Self(Some(tokio::spawn(async move {
            let mut tick = tokio::time::interval(Duration::from_millis(250));
            loop {
                tick.tick().await;
                let elapsed = begun.elapsed();
                let meter: &Meter = (*meter).as_ref();
                let line = meter.line(share(elapsed, meter.done.load(Ordering::Relaxed)), elapsed);
                // A terminal that went away does not matter.
                write!(std::io::stderr(), "\r\x1b[K{line}").ok();
            }
        })))
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
            write!(std::io::stderr(), "\r\x1b[K").ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_how_far_and_how_fast() {
        let meter = Meter::default();
        for _ in 0..20 {
            meter.done(Operation::Put, Duration::from_millis(1), 1 << 20);
        }
        let line = meter.line(0.5, Duration::from_secs(2));
        assert_eq!(line, "[############            ]  50 %  20 requests, 10/s, 10.0 MiB/s");
    }

    #[test]
    fn no_more_requests_begin_than_were_asked_for() {
        let meter = Meter::default();
        assert_eq!((0..5).filter(|_| meter.begin(Some(3)).is_some()).count(), 3);
        assert!(meter.begin(None).is_some());
    }

    #[test]
    fn reasons_of_failures_are_bounded() {
        let meter = Meter::default();
        (0..100).for_each(|n| meter.failed(n.to_string()));
        let failures = meter.figures().failures;
        assert!(failures.len() <= FAILURES_MAX + 1);
        assert_eq!(failures.values().sum::<u64>(), 100);
    }
}

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use mucura_runtime::Blocking;

use crate::choices::Choices;

/// What the site of a run is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) nodes: usize,
    /// Of each node.
    pub(crate) drives: usize,
    /// Bytes of log after which a snapshot is worth it: so few that there are
    /// many in a run.
    pub(crate) snapshot_log_bytes: u64,
}

impl Shape {
    pub(crate) fn of(seed: u64) -> Self {
        let mut choices = Choices::new(seed, "shape");
        let (nodes, drives) = match choices.below(20) {
            0..11 => (3, 2),  // 2+1
            11..14 => (3, 1), // 1+1
            14..18 => (5, 1), // 2+1, five voters
            _ => (4, 2),      // 4+2
        };
        Self { nodes, drives, snapshot_log_bytes: choices.within(2..24) << 10 }
    }
}

/// How long work on a machine takes; changed while it runs.
#[derive(Clone, Default)]
pub(crate) struct Pace {
    /// The most that work waits beyond the usual before it begins, and as much
    /// again before its result is known; at least half of it. ms.
    slow_ms: Arc<AtomicU64>,
}

impl Pace {
    pub(crate) fn set_slow(&self, most: Duration) {
        let most = u64::try_from(most.as_millis()).unwrap_or(u64::MAX);
        self.slow_ms.store(most, Ordering::Relaxed);
    }

    /// Blocking work at this pace: most of it at once, some of it after a few
    /// milliseconds, so that other work comes in between.
    pub(crate) fn blocking(&self, seed: u64, part: &str) -> Blocking {
        let (slow_ms, choices) = (self.slow_ms.clone(), Mutex::new(Choices::new(seed, part)));
        Blocking::paced(move || {
            let mut choices = choices.lock().unwrap();
            let usual = match choices.below(64) {
                0..54 => 0,
                54..62 => choices.within(1..3),
                _ => choices.within(3..20),
            };
            let slow = slow_ms.load(Ordering::Relaxed);
            let slow = if slow == 0 { 0 } else { choices.within(slow / 2..slow) };
            Duration::from_millis(usual + slow)
        })
    }
}

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::lifecycle::deed::Action;
use crate::store::Store;

/// What lifecycle rules did on this node since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LifecycleStatus {
    /// Objects that expired.
    pub objects_expired: u64,
    /// Noncurrent versions that were deleted.
    pub versions_expired: u64,
    /// Delete markers without versions that were removed.
    pub markers_removed: u64,
    /// Uploads that were aborted.
    pub uploads_aborted: u64,
    /// Versions that got another storage class.
    pub transitions: u64,
    /// Since the end of the last complete pass; none if this node does not lead,
    /// or there was none.
    pub pass_age: Option<Duration>,
}

/// Counts what is done.
#[derive(Default)]
pub(crate) struct LifecycleCounts {
    objects_expired: AtomicU64,
    versions_expired: AtomicU64,
    markers_removed: AtomicU64,
    uploads_aborted: AtomicU64,
    transitions: AtomicU64,
    /// When the last pass ended, milliseconds since 1970; 0 if none is known.
    passed_ms: AtomicU64,
}

impl LifecycleCounts {
    pub(super) fn count(&self, action: &Action) {
        let count = match action {
            Action::Expire { .. } => &self.objects_expired,
            Action::ExpireVersion { .. } => &self.versions_expired,
            Action::RemoveMarker { .. } => &self.markers_removed,
            Action::Transition { .. } => &self.transitions,
            Action::Abort { .. } => &self.uploads_aborted,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }

    /// A pass ended at this time, here or where the work was done before.
    pub(super) fn passed(&self, ended_ms: u64) {
        self.passed_ms.store(ended_ms, Ordering::Relaxed);
    }
}

impl Store {
    /// What lifecycle rules did on this node.
    pub fn lifecycle(&self) -> LifecycleStatus {
        let inner = self.inner();
        let counts = &inner.lifecycle;
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let leads = *inner.consensus.leader().borrow() == Some(inner.config.node);
        let passed_ms = Some(read(&counts.passed_ms)).filter(|ms| leads && *ms > 0);
        LifecycleStatus {
            objects_expired: read(&counts.objects_expired),
            versions_expired: read(&counts.versions_expired),
            markers_removed: read(&counts.markers_removed),
            uploads_aborted: read(&counts.uploads_aborted),
            transitions: read(&counts.transitions),
            pass_age: passed_ms
                .map(|ms| Duration::from_millis(inner.runtime.clock.now_ms().saturating_sub(ms))),
        }
    }
}

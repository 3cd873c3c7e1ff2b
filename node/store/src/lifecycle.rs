//! Carries out the lifecycle rules of buckets: passes over all versions and
//! uploads of the buckets that have some.
//!
//! Only the leader acts, page by page. What it finds in a page it decides by
//! the rules as they are when it reads the page, and a page ends with what is
//! done at once: so rules that are taken away do nothing more. Every change is
//! made under the condition that the version is what it was, has the tags that
//! the rule asks for and is where it was among those of its key: so nothing is
//! lost that came in between, and two who lead for a moment do no harm. How far it came is
//! kept in the metadata: whoever leads next goes on from there.

mod count;
mod deed;
mod page;
mod place;
mod walk;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use mucura_metadata::{Command, progress};
use mucura_s3_wire::config::lifecycle::DayLength;
use tokio::time::{Instant, sleep, sleep_until};

use crate::background::Rests;
use crate::error::StoreError;
use crate::lifecycle::deed::Deed;
use crate::lifecycle::page::{Look, Page, Section};
use crate::lifecycle::place::{Place, Progress};
use crate::store::Inner;

pub(crate) use count::LifecycleCounts;
pub use count::LifecycleStatus;

/// The name of the work in the metadata.
const WORK: &str = "lifecycle";
const REAL_DAY: Duration = Duration::from_secs(86_400);
/// Between the beginnings of two passes, at most.
const PERIOD_MAX: Duration = Duration::from_secs(3600);
const PERIOD_MIN: Duration = Duration::from_millis(200);
/// Between two looks whether a pass is due, at most.
const LOOK_MAX: Duration = Duration::from_secs(1);
/// Versions, uploads or buckets that are read in one go.
const PAGE: usize = 256;
/// Deeds that are done at once, at most.
const AT_ONCE: usize = 8;
/// How often it is noted how far a pass came. A page is cheaper to read again
/// than to note, and what was done in it is not done again.
const NOTE_PERIOD: Duration = Duration::from_secs(2);
/// The longest rest after a pass that failed.
const REST_MAX: Duration = Duration::from_secs(60);
const READ_TIMEOUT: Duration = Duration::from_secs(10);
const PROPOSE_TIMEOUT: Duration = Duration::from_secs(10);

/// How the lifecycle rules of buckets are carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LifecycleConfig {
    /// Whether they are, while this node leads.
    pub enabled: bool,
    /// How long a day of the rules is; another than a real one only in tests.
    pub day: Duration,
    /// Versions and uploads looked at in a second, at most. At least 1.
    pub looks_per_s: u32,
    /// Of those, how many are changed in a second, at most. At least 1.
    pub changes_per_s: u32,
}

impl Default for LifecycleConfig {
    fn default() -> Self {
        Self { enabled: true, day: REAL_DAY, looks_per_s: 5_000, changes_per_s: 200 }
    }
}

impl LifecycleConfig {
    fn day_length(&self) -> DayLength {
        let ms = u64::try_from(self.day.as_millis()).ok().and_then(std::num::NonZeroU64::new);
        match ms {
            Some(ms) if self.day != REAL_DAY => DayLength::Shortened(ms),
            _ => DayLength::Real,
        }
    }

    /// Between the beginnings of two passes.
    fn period(&self) -> Duration {
        (self.day / 4).clamp(PERIOD_MIN, PERIOD_MAX)
    }
}

impl Inner {
    /// Begins passes when they are due. Only the leader acts.
    pub(crate) async fn run_lifecycle(self: Arc<Self>) {
        if !self.config.lifecycle.enabled {
            return;
        }
        let mut rests = Rests::new(REST_MAX, self.health.returns());
        loop {
            sleep(LOOK_MAX.min(self.config.lifecycle.period() / 2)).await;
            let passed = match self.leads() {
                true => self.pass_if_due().await,
                false => Ok(()),
            };
            if let Err(error) = &passed {
                tracing::info!(%error, "carry out lifecycle rules; tried again soon");
            }
            rests.after(passed.is_err()).await;
        }
    }

    pub(crate) fn leads(&self) -> bool {
        *self.consensus.leader().borrow() == Some(self.config.node)
    }

    /// Goes on with the pass that was begun, or begins one if it is time.
    async fn pass_if_due(self: &Arc<Self>) -> Result<(), StoreError> {
        // These rows may lag: it is looked at again below.
        if self.due_pass().await?.is_none() {
            return Ok(());
        }
        self.consensus.linearize(READ_TIMEOUT).await?;
        match self.due_pass().await? {
            Some((begun_ms, place)) => self.pass(begun_ms, place).await,
            None => Ok(()),
        }
    }

    /// When the pass that is due began, and where it stands.
    async fn due_pass(&self) -> Result<Option<(u64, Place)>, StoreError> {
        let noted = self.read(|view| progress(view, WORK)).await?;
        let now_ms = self.runtime.clock.now_ms();
        let period_ms = u64::try_from(self.config.lifecycle.period().as_millis()).unwrap_or(u64::MAX);
        Ok(match noted.as_deref().and_then(Progress::decode) {
            Some(Progress::At { begun_ms, place }) => Some((begun_ms, place)),
            Some(Progress::Done { begun_ms, ended_ms }) => {
                self.lifecycle.passed(ended_ms);
                // A clock that was set back must not stop the work for long.
                (now_ms.abs_diff(begun_ms) >= period_ms).then(|| (now_ms, Place::default()))
            }
            None => Some((now_ms, Place::default())),
        })
    }

    async fn pass(self: &Arc<Self>, begun_ms: u64, mut place: Place) -> Result<(), StoreError> {
        let mut noted = Instant::now();
        while self.leads() {
            let begun = Instant::now();
            let Page { section, looked, next } = self.lifecycle_page(place).await?;
            if let Some(section) = section {
                self.carry_out(section).await?;
            }
            let Some(next) = next else {
                let ended_ms = self.runtime.clock.now_ms();
                self.note_progress(&Progress::Done { begun_ms, ended_ms }).await?;
                self.lifecycle.passed(ended_ms);
                return Ok(());
            };
            if noted.elapsed() >= NOTE_PERIOD {
                self.note_progress(&Progress::At { begun_ms, place: next.clone() }).await?;
                noted = Instant::now();
            }
            place = next;
            sleep_until(begun + share(looked, self.config.lifecycle.looks_per_s)).await;
        }
        Ok(())
    }

    async fn lifecycle_page(&self, place: Place) -> Result<Page, StoreError> {
        self.consensus.linearize(READ_TIMEOUT).await?;
        let day = self.config.lifecycle.day_length();
        let look = Look { now_ms: self.runtime.clock.now_ms(), day, rows: PAGE, deeds: self.burst() };
        self.read(move |view| page::read(view, place, look)).await
    }

    /// How many deeds are done at once, and then no more until it is read again
    /// what is to be done.
    fn burst(&self) -> usize {
        usize::try_from(self.config.lifecycle.changes_per_s / 4).unwrap_or(AT_ONCE).clamp(1, AT_ONCE)
    }

    /// Does what is to be done in a bucket; what is of one key in order.
    async fn carry_out(self: &Arc<Self>, section: Section) -> Result<(), StoreError> {
        let Section { bucket, deeds } = section;
        let begun = Instant::now();
        let by_key: Vec<Vec<Deed>> =
            deeds.chunk_by(|one, other| one.key == other.key).map(<[Deed]>::to_vec).collect();
        let mut done = stream::iter(by_key)
            .map(|deeds| async { self.carry_out_in_order(&bucket, deeds).await })
            .buffer_unordered(AT_ONCE);
        while let Some(result) = done.next().await {
            result?;
        }
        sleep_until(begun + share(deeds.len(), self.config.lifecycle.changes_per_s)).await;
        Ok(())
    }

    async fn carry_out_in_order(&self, bucket: &page::Owned, deeds: Vec<Deed>) -> Result<(), StoreError> {
        for deed in deeds {
            self.carry_out_deed(bucket, deed).await?;
        }
        Ok(())
    }

    async fn carry_out_deed(&self, bucket: &page::Owned, deed: Deed) -> Result<(), StoreError> {
        let command = deed.told_command(bucket);
        match self.gateway.repeatable(command, Instant::now() + PROPOSE_TIMEOUT).await {
            Ok(_) => {
                tracing::debug!(bucket = %bucket.name, ?deed, "a lifecycle rule was carried out");
                self.lifecycle.count(&deed.action);
                if deed.is_abortion() {
                    self.garbage_found.notify_one();
                }
                Ok(())
            }
            // It is another by now, or it is locked: a later pass sees.
            Err(StoreError::Rejected(rejection)) => {
                tracing::debug!(bucket = %bucket.name, ?deed, %rejection, "a lifecycle rule is not carried out");
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    async fn note_progress(&self, progress: &Progress) -> Result<(), StoreError> {
        let command = Command::NoteProgress { work: WORK.to_owned(), place: Bytes::from(progress.encode()) };
        self.gateway.repeatable(command, Instant::now() + PROPOSE_TIMEOUT).await.map(|_| ())
    }
}

/// How long so many take at this rate.
fn share(count: usize, per_s: u32) -> Duration {
    Duration::from_secs(u64::try_from(count).unwrap_or(u64::MAX)) / per_s.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passes_follow_each_other_by_the_hour_or_within_a_shortened_day() {
        let of = |day| LifecycleConfig { day, ..LifecycleConfig::default() };
        assert_eq!(of(REAL_DAY).period(), Duration::from_secs(3600));
        assert_eq!(of(REAL_DAY).day_length(), DayLength::Real);
        let short = of(Duration::from_secs(2));
        assert_eq!(short.period(), Duration::from_millis(500));
        assert_eq!(short.day_length().due_ms(5, 2), 4005);
    }

    #[test]
    fn work_takes_its_time() {
        assert_eq!(share(500, 5_000), Duration::from_millis(100));
        assert_eq!(share(8, 200), Duration::from_millis(40));
        assert!(share(usize::MAX, 0) > Duration::from_secs(1));
    }
}

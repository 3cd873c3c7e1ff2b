use std::time::Duration;

/// Slots between a power of two and the next: values are kept within 1/32.
const SLOTS: u64 = 32;
const SLOT_BITS: u32 = 5;

/// How long many requests took, in bounded memory.
#[derive(Clone)]
pub(super) struct Latencies {
    counts: Vec<u64>,
    total: u64,
    longest: Duration,
}

impl Latencies {
    pub(super) fn new() -> Self {
        Self { counts: vec![0; usize::try_from(SLOTS).unwrap_or(0) * 60], total: 0, longest: Duration::ZERO }
    }

    pub(super) fn add(&mut self, took: Duration) {
        let last = self.counts.len() - 1;
        self.counts[slot(micros(took)).min(last)] += 1;
        self.total += 1;
        self.longest = self.longest.max(took);
    }

    pub(super) fn count(&self) -> u64 {
        self.total
    }

    pub(super) fn longest(&self) -> Duration {
        self.longest
    }

    /// What so many of a thousand requests did not take longer than.
    pub(super) fn quantile(&self, per_mille: u64) -> Duration {
        let wanted = (self.total * per_mille).div_ceil(1000).max(1);
        let mut seen = 0;
        for (slot, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return Duration::from_micros(upper(slot)).min(self.longest);
            }
        }
        self.longest
    }
}

fn micros(took: Duration) -> u64 {
    u64::try_from(took.as_micros()).unwrap_or(u64::MAX)
}

/// Linear up to 32 µs, then 32 slots to each power of two.
fn slot(micros: u64) -> usize {
    let power = micros.max(1).ilog2();
    let slot = match power.checked_sub(SLOT_BITS) {
        None => micros,
        Some(shift) => SLOTS * u64::from(shift) + (micros >> shift),
    };
    usize::try_from(slot).unwrap_or(usize::MAX)
}

/// The largest value of a slot.
fn upper(slot: usize) -> u64 {
    let slot = slot as u64;
    match (slot / SLOTS).checked_sub(1) {
        None | Some(0) => slot,
        Some(shift) => ((slot - SLOTS * shift + 1) << shift) - 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_falls_into_a_slot_that_reaches_just_past_it() {
        let mut last = 0;
        for micros in (0..5000).chain((13..50).map(|power| 1u64 << power)) {
            let at = slot(micros);
            assert!(at >= last, "{micros}");
            last = at;
            assert!(upper(at) >= micros && upper(at) <= micros + micros / 32 + 1, "{micros}: {}", upper(at));
        }
    }

    #[test]
    fn quantiles_are_of_all_that_were_added() {
        let mut first = Latencies::new();
        (1..=1000).for_each(|ms| first.add(Duration::from_millis(ms)));
        assert_eq!((first.count(), first.longest()), (1000, Duration::from_secs(1)));
        for (per_mille, ms) in [(500, 500), (990, 990), (1000, 1000)] {
            let found = first.quantile(per_mille).as_millis();
            assert!(found >= ms && found <= ms + ms / 30, "{per_mille}: {found}");
        }
    }
}
